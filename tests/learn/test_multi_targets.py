"""Ridge regression on many targets with leave-one-group-out predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.learn import multi_targets
from curation.learn.multi_targets import PENALTIES, ridge_left_out
from curation.progress import Cancelled


def refitted(
    matrix: np.ndarray, targets: np.ndarray, groups: np.ndarray, penalty: float
) -> np.ndarray:
    """Fit once without each group, in float64, and predict it."""
    predictions = np.empty(targets.shape)
    for group in np.unique(groups):
        others = groups != group
        mean, prior = matrix[others].mean(axis=0), targets[others].mean(axis=0)
        centred = matrix[others] - mean
        gram = centred.T @ centred + penalty * np.eye(matrix.shape[1])
        weights = np.linalg.solve(gram, centred.T @ (targets[others] - prior))
        predictions[~others] = prior + (matrix[~others] - mean) @ weights
    return predictions


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(6, 30),
    columns=st.integers(1, 40),
    count=st.integers(1, 4),
    largest=st.integers(2, 30),
    power=st.floats(-2, 2),
    seed=st.integers(0, 1_000),
)
def test_leaving_groups_out_equals_refitting_without_each(
    rows: int, columns: int, count: int, largest: int, power: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    matrix = (random.normal(size=(rows, columns)) + 2).astype(np.float32)
    targets = random.normal(size=(rows, count)).astype(np.float32)
    groups = np.unique(random.integers(0, largest, rows), return_inverse=True)[1]
    groups[0] = groups.max() + 1
    groups = np.unique(groups, return_inverse=True)[1]
    fit = ridge_left_out(matrix, targets, groups=groups, penalties=(10.0**power,))
    expected = refitted(matrix.astype(np.float64), targets.astype(np.float64), groups, fit.penalty)
    np.testing.assert_allclose(
        fit.predictions, expected, rtol=0, atol=3e-3 * max(1, np.abs(expected).max())
    )
    np.testing.assert_allclose(
        fit.squared_error, np.square(targets - fit.predictions).mean(axis=0), rtol=1e-3, atol=1e-6
    )


def drawn(rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, 12)).astype(np.float32)
    targets = matrix[:, :2] + random.normal(size=(rows, 2)).astype(np.float32)
    return matrix, targets


def test_the_penalty_has_the_smallest_left_out_error() -> None:
    matrix, targets = drawn(60)
    losses = [
        (ridge_left_out(matrix, targets, penalties=(p,)).squared_error / targets.var(axis=0)).sum()
        for p in PENALTIES
    ]
    best = ridge_left_out(matrix, targets)
    assert (best.squared_error / targets.var(axis=0)).sum() == pytest.approx(min(losses), rel=1e-5)


def test_another_order_of_the_rows_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi_targets, "CHOSEN_ON", 100)
    matrix, targets = drawn()
    groups = np.arange(300) // 3
    order = np.random.default_rng(1).permutation(300)
    straight = ridge_left_out(matrix, targets, groups=groups)
    shuffled = ridge_left_out(matrix[order], targets[order], groups=groups[order])
    assert shuffled.penalty == pytest.approx(straight.penalty, rel=1e-4)
    np.testing.assert_allclose(shuffled.predictions, straight.predictions[order], atol=1e-4)


def test_small_blocks_give_the_same_as_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, targets = drawn()
    groups = np.arange(300) // 2
    whole = ridge_left_out(matrix, targets, groups=groups).predictions
    monkeypatch.setattr(multi_targets, "_BLOCK", 7)
    monkeypatch.setattr(multi_targets, "_CELLS", 100)
    blocks = ridge_left_out(matrix, targets, groups=groups).predictions
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_a_copy_in_the_same_group_teaches_nothing_about_its_twin() -> None:
    matrix, targets = drawn(40)
    wild = targets.copy()
    wild[0] += 100
    twice = (np.concatenate([matrix, matrix[:1]]), np.concatenate([wild, wild[:1]]))
    groups = np.append(np.arange(40), 0)
    apart = ridge_left_out(*twice, groups=groups, penalties=(0.1,)).predictions[0]
    together = ridge_left_out(*twice, penalties=(0.1,)).predictions[0]
    tame = ridge_left_out(matrix, targets, penalties=(0.1,)).predictions[0]
    np.testing.assert_allclose(apart, tame, atol=0.1)
    assert np.abs(together - tame).min() > 3


def test_constant_columns_predict_the_mean_of_the_others() -> None:
    targets = np.arange(6, dtype=np.float32)[:, None]
    found = ridge_left_out(np.ones((6, 3), dtype=np.float32), targets).predictions
    assert found[0, 0] == pytest.approx(3.0, abs=1e-4)


def test_it_can_be_cancelled() -> None:
    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ridge_left_out(*drawn(), progress=stop)

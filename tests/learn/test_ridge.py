"""Closed-form leave-one-out ridge regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from curation.learn import left_out, ridge
from curation.learn.blocks import Spilled
from curation.progress import Cancelled


def refitted(
    matrix: np.ndarray,
    codes: np.ndarray,
    classes: int,
    penalty: float,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Fit once without each group, in float64, and predict its rows."""
    groups = np.arange(len(codes)) if groups is None else groups
    targets = np.eye(classes)[np.maximum(codes, 0)]
    predictions = np.empty_like(targets)
    for group in np.unique(groups):
        others, rows = (groups != group) & (codes >= 0), groups == group
        mean, prior = matrix[others].mean(axis=0), targets[others].mean(axis=0)
        centred = matrix[others] - mean
        gram = centred.T @ centred + penalty * np.eye(matrix.shape[1])
        weights = np.linalg.solve(gram, centred.T @ (targets[others] - prior))
        predictions[rows] = prior + (matrix[rows] - mean) @ weights
    return predictions


@settings(deadline=None, max_examples=30)
@given(
    rows=st.integers(5, 30),
    columns=st.integers(1, 40),
    classes=st.integers(2, 5),
    power=st.floats(-2, 2),
    seed=st.integers(0, 1_000),
)
def test_leave_one_out_equals_refitting_without_each_row(
    rows: int, columns: int, classes: int, power: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    matrix = (random.normal(size=(rows, columns)) + 3).astype(np.float32)
    codes = random.integers(0, classes, rows)
    fit = ridge.leave_one_out(matrix, codes, classes, ridges=(10.0**power,))
    expected = refitted(matrix.astype(np.float64), codes, classes, fit.ridge)
    np.testing.assert_allclose(
        fit.scores, expected, rtol=0, atol=3e-3 * max(1, np.abs(expected).max())
    )


def test_the_ridge_has_the_smallest_leave_one_out_error() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(200, 30)).astype(np.float32)
    codes = (matrix[:, 0] + random.normal(size=200) > 0).astype(np.int64)
    errors = [
        ridge.leave_one_out(matrix, codes, 2, ridges=(r,)).squared_error for r in ridge.RIDGES
    ]
    best = ridge.leave_one_out(matrix, codes, 2)
    assert best.squared_error == pytest.approx(min(errors))
    assert errors.index(min(errors)) not in (0, len(errors) - 1)


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=12),
    columns=st.integers(1, 30),
    large=st.sampled_from([1, 4, 64]),
    power=st.floats(-2, 2),
    seed=st.integers(0, 1_000),
)
def test_leaving_a_group_out_equals_refitting_without_it(
    sizes: list[int], columns: int, large: int, power: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    matrix = (random.normal(size=(len(groups), columns)) + 3).astype(np.float32)
    codes = random.integers(-1, 3, len(groups))
    codes[[0, sizes[0], -1]] = [0, 1, 2]  # no group has all labels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_out, "MIN_LARGE", large)  # with few columns, by the downdate
        fit = ridge.leave_one_out(matrix, codes, 3, groups=groups, ridges=(10.0**power,))
    expected = refitted(matrix.astype(np.float64), codes, 3, fit.ridge, groups)
    np.testing.assert_allclose(
        fit.scores, expected, rtol=0, atol=5e-3 * max(1, np.abs(expected).max())
    )


@settings(deadline=None, max_examples=30)
@given(counts=st.lists(st.integers(1, 6), min_size=4, max_size=10), seed=st.integers(0, 1_000))
def test_identical_rows_are_left_out_together(counts: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    distinct = random.normal(size=(len(counts), 3)).astype(np.float32)
    place = random.permutation(np.repeat(np.arange(len(counts)), counts))
    codes = random.integers(-1, 2, len(place))
    codes[[np.flatnonzero(place == 0)[0], np.flatnonzero(place == 1)[0]]] = [0, 1]
    fit = ridge.leave_one_out(distinct, codes, 2, place=place, ridges=(0.1,))
    expected = refitted(distinct[place].astype(np.float64), codes, 2, fit.ridge, place)
    np.testing.assert_allclose(fit.scores[place], expected, atol=3e-3)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_the_ridge_for_groups_has_the_smallest_left_out_error(size: int) -> None:
    """Labels go by group, so what a group's own rows say would ask for less of a penalty."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(280 // size), size)
    matrix = (random.normal(size=(280, 20)) + 3 * random.normal(size=(280, 20))[groups]).astype(
        np.float32
    )
    codes = random.integers(0, 2, 280)[groups]
    errors = [
        ridge.leave_one_out(matrix, codes, 2, groups=groups, ridges=(r,)).squared_error
        for r in ridge.RIDGES
    ]
    found = ridge.leave_one_out(matrix, codes, 2, groups=groups)
    assert found.squared_error == pytest.approx(min(errors), rel=1e-3)
    predicted = np.square(found.scores - np.eye(2)[codes]).mean()
    assert found.squared_error == pytest.approx(predicted, rel=1e-4)


def test_rows_without_a_label_teach_nothing_and_are_predicted() -> None:
    random = np.random.default_rng(4)
    matrix = random.normal(size=(60, 5)).astype(np.float32)
    codes = (matrix[:, 0] > 0).astype(np.int64)
    codes[::3] = -1
    fit = ridge.leave_one_out(matrix, codes, 2)
    known = codes >= 0
    alone = ridge.leave_one_out(matrix[known], codes[known], 2)
    np.testing.assert_allclose(fit.scores[known], alone.scores, atol=1e-4)
    assert (fit.scores[~known].argmax(axis=1) == (matrix[~known, 0] > 0)).mean() > 0.8


def test_small_blocks_give_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    matrix, codes = random.normal(size=(2_000, 5)).astype(np.float32), random.integers(0, 3, 2_000)
    groups = np.sort(random.integers(0, 300, 2_000))
    for given_groups in (None, groups):
        whole = ridge.leave_one_out(matrix, codes, 3, groups=given_groups).scores
        with monkeypatch.context() as patch:
            patch.setattr(left_out, "BLOCK_BYTES", 1)  # blocks of 64 rows
            parts = ridge.leave_one_out(matrix, codes, 3, groups=given_groups).scores
        np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_a_sample_of_the_rows_chooses_nearly_the_same_ridge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(5)
    matrix = random.normal(size=(6_000, 40)).astype(np.float32)
    codes = (matrix[:, 0] + 2 * random.normal(size=6_000) > 0).astype(np.int64)
    groups = np.sort(random.integers(0, 2_000, 6_000))
    groups[:500] = 0  # one large group among small ones
    for given_groups in (None, np.sort(groups)):
        whole = ridge.leave_one_out(matrix, codes, 2, groups=given_groups)
        with monkeypatch.context() as patch:
            patch.setattr(ridge, "SAMPLE_ROWS", 1_500)
            some = ridge.leave_one_out(matrix, codes, 2, groups=given_groups)
        assert some.squared_error == pytest.approx(whole.squared_error, rel=0.05)
        assert 0.1 < some.ridge / whole.ridge < 10


def test_a_group_that_has_all_labels_gets_the_classes_shares() -> None:
    random = np.random.default_rng(6)
    matrix, codes = random.normal(size=(90, 3)).astype(np.float32), np.arange(90) % 3
    codes[80:] = -1
    for groups in (np.zeros(90, dtype=np.int64), (np.arange(90) >= 80).astype(np.int64)):
        scores = ridge.leave_one_out(matrix, codes, 3, groups=groups).scores
        np.testing.assert_allclose(
            scores[:80], np.tile([27 / 80, 27 / 80, 26 / 80], (80, 1)), atol=1e-5
        )
        assert np.isfinite(scores).all()


def test_a_matrix_in_a_file_gives_the_same_as_one_in_memory() -> None:
    random = np.random.default_rng(7)
    matrix = random.normal(size=(3_000, 20)).astype(np.float32)
    codes = (matrix[:, 0] + random.normal(size=3_000) > 0).astype(np.int64)
    groups = np.sort(random.integers(0, 1_000, 3_000))
    with Spilled(20) as spilled:
        for start in range(0, 3_000, 700):
            spilled.append(matrix[start : start + 700])
        found = ridge.leave_one_out(spilled, codes, 2, groups=groups).scores
    np.testing.assert_allclose(
        found, ridge.leave_one_out(matrix, codes, 2, groups=groups).scores, atol=2e-3
    )


def test_cancelling_comes_through_and_gives_the_threads_back() -> None:
    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    random = np.random.default_rng(8)
    matrix, codes = random.normal(size=(500, 5)).astype(np.float32), random.integers(0, 3, 500)

    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        ridge.leave_one_out(matrix, codes, 3, progress=cancel)
    now = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert now == threads


def test_scores_of_a_row_sum_to_one() -> None:
    random = np.random.default_rng(2)
    matrix, codes = random.normal(size=(50, 8)).astype(np.float32), random.integers(0, 4, 50)
    scores = ridge.leave_one_out(matrix, codes, 4).scores
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-4)


def test_a_matrix_without_variance_predicts_the_other_rows_shares() -> None:
    codes = np.array([0, 0, 0, 1, 1, 1])
    scores = ridge.leave_one_out(np.ones((6, 3), dtype=np.float32), codes, 2).scores
    np.testing.assert_allclose(scores[0], [2 / 5, 3 / 5], atol=1e-5)


def test_the_temperature_has_the_smallest_log_loss() -> None:
    random = np.random.default_rng(3)
    codes = random.integers(0, 3, 500)
    scores = (np.eye(3)[codes] + random.normal(size=(500, 3)) * 0.5).astype(np.float32)

    def log_loss(temperature: float) -> float:
        return float(-np.log(ridge.softmax(scores, temperature)[np.arange(500), codes]).mean())

    found = ridge.temperature(scores, codes)
    assert log_loss(found) <= min(log_loss(found * 1.1), log_loss(found / 1.1))


def test_probabilities_sum_to_one_even_when_cold() -> None:
    probabilities = ridge.softmax(np.array([[0.0, 1.0], [5.0, -5.0]], dtype=np.float32), 1e-3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)

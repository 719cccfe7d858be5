"""Closed-form leave-one-out ridge regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.learn import ridge


def refitted(matrix: np.ndarray, codes: np.ndarray, classes: int, penalty: float) -> np.ndarray:
    """Fit once without each row, in float64, and predict that row."""
    targets = np.eye(classes)[codes]
    predictions = np.empty_like(targets)
    for row in range(len(codes)):
        others = np.arange(len(codes)) != row
        mean, prior = matrix[others].mean(axis=0), targets[others].mean(axis=0)
        centred = matrix[others] - mean
        gram = centred.T @ centred + penalty * np.eye(matrix.shape[1])
        weights = np.linalg.solve(gram, centred.T @ (targets[others] - prior))
        predictions[row] = prior + (matrix[row] - mean) @ weights
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


def test_a_chunk_of_rows_gives_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    matrix, codes = random.normal(size=(100, 5)).astype(np.float32), random.integers(0, 3, 100)
    whole = ridge.leave_one_out(matrix, codes, 3).scores
    monkeypatch.setattr(ridge, "_CHUNK_BYTES", 1_000)
    np.testing.assert_allclose(ridge.leave_one_out(matrix, codes, 3).scores, whole, atol=1e-5)


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

"""Learners that compare a row with the sum of each class's other rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from curation.learn import class_sums
from curation.learn.score_calibration import probabilities_of_scores


def centroid_scores(
    matrix: np.ndarray, taught: np.ndarray, codes: np.ndarray, k: int, row: int
) -> np.ndarray:
    scores = np.full(k, -np.inf)
    for code in np.unique(codes[taught]):
        mean = matrix[taught & (codes == code)].sum(axis=0, dtype=np.float64)
        scores[code] = matrix[row] @ mean / np.linalg.norm(mean)
    return scores


def bayes_scores(
    matrix: np.ndarray, taught: np.ndarray, codes: np.ndarray, k: int, row: int
) -> np.ndarray:
    scores = np.full(k, -np.inf)
    for code in np.unique(codes[taught]):
        sums = matrix[taught & (codes == code)].sum(axis=0) + class_sums.SMOOTHING
        # The class's total and share are those of all its rows.
        total = (matrix[codes == code].sum(axis=0) + class_sums.SMOOTHING).sum()
        scores[code] = np.log((codes == code).sum()) + matrix[row] @ np.log(sums / total)
    return scores


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 12), st.booleans())
def test_left_out_predictions_are_those_of_a_fit_without_the_group(
    seed: int, classes: int, group_count: int, grouped: bool
) -> None:
    random = np.random.default_rng(seed)
    matrix = (random.random((14, 5)) * (random.random((14, 5)) < 0.6) + 0.01).astype(np.float32)
    codes = random.integers(-1, classes, 14)
    groups = random.integers(0, group_count, 14) if grouped else None
    of_row = np.arange(14) if groups is None else groups
    learners = [
        (class_sums.nearest_centroid(matrix, codes, classes, groups=groups), centroid_scores),
        (class_sums.naive_bayes(csr_matrix(matrix), codes, classes, groups=groups), bayes_scores),
    ]
    for found, brute in learners:
        scores = np.stack(
            [
                brute(matrix, (codes >= 0) & (of_row != of_row[row]), codes, classes, row)
                for row in range(14)
            ]
        )
        expected = probabilities_of_scores(scores.astype(np.float32), codes)
        np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("blocks_of", [3, 8_192])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, blocks_of: int) -> None:
    random = np.random.default_rng(0)
    matrix, codes = random.random((50, 6)).astype(np.float32), random.integers(0, 3, 50)
    groups = random.integers(0, 20, 50)
    whole = class_sums.naive_bayes(csr_matrix(matrix), codes, 3, groups=groups)
    monkeypatch.setattr(class_sums, "_ENTRIES", blocks_of)
    parts = class_sums.naive_bayes(csr_matrix(matrix), codes, 3, groups=groups)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_the_rarest_words_go_where_all_would_take_too_much_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    common = (random.random((60, 4)) < 0.7).astype(np.float32)
    rare = np.zeros((60, 30), dtype=np.float32)
    rare[np.arange(30), np.arange(30)] = 1
    codes = random.integers(0, 2, 60)
    monkeypatch.setattr(class_sums, "MOST_SUMS", 8)
    few = class_sums.naive_bayes(csr_matrix(np.hstack([rare, common])), codes, 2)
    np.testing.assert_allclose(few, class_sums.naive_bayes(csr_matrix(common), codes, 2), atol=1e-5)


def test_texts_without_a_word_and_classes_without_a_row_are_no_trouble() -> None:
    codes = np.array([0, 0, 1, 1, -1, 0])
    for found in (
        class_sums.naive_bayes(csr_matrix((6, 0), dtype=np.float32), codes, 3),
        class_sums.nearest_centroid(np.zeros((6, 4), dtype=np.float32), codes, 3),
    ):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert found[:, 2].max() == 0


def test_scores_of_any_unit_give_the_same_probabilities() -> None:
    random = np.random.default_rng(0)
    scores, codes = random.normal(size=(80, 3)).astype(np.float32), random.integers(0, 3, 80)
    scores[np.arange(80), codes] += 1
    large = probabilities_of_scores(1e5 * scores, codes)
    np.testing.assert_allclose(large, probabilities_of_scores(scores, codes), atol=1e-3)


def test_a_row_of_words_that_no_other_row_has_is_not_told_its_class_by_naive_bayes() -> None:
    words = np.kron(np.eye(20), np.ones((4, 3))).astype(np.float32)
    codes = np.repeat(np.arange(20) % 2, 4)
    groups = np.repeat(np.arange(20), 4)
    told = class_sums.naive_bayes(csr_matrix(words), codes, 2, groups=groups)
    np.testing.assert_allclose(told, 0.5, atol=1e-6)

"""Boosting that averages its stages."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from curation.learn.boosting import boosted
from curation.progress import Cancelled


def noisy(classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix, true = make_classification(
        800, 8, n_informative=6, n_redundant=0, n_classes=classes, flip_y=0, random_state=seed
    )
    wrong = random.random(800) < 0.1
    codes = np.where(wrong, (true + 1) % classes, true)
    return matrix.astype(np.float32), codes, wrong


@pytest.mark.parametrize("classes", [2, 3])
def test_the_mean_over_stages_finds_errors_that_the_last_stage_has_learned(classes: int) -> None:
    matrix, codes, wrong = noisy(classes)
    rows = np.arange(len(codes))
    over_stages = boosted(matrix, codes, classes)[rows, codes]
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
    last = model.fit(matrix, codes).predict_proba(matrix)[rows, codes]
    found = average_precision_score(wrong, -over_stages)
    assert found > average_precision_score(wrong, -last) + 0.02
    assert found > 0.6


def test_rows_without_a_label_teach_nothing_and_are_predicted() -> None:
    matrix, codes, _ = noisy()
    unlabelled = np.arange(len(codes)) % 4 == 0
    hidden = np.where(unlabelled, -1, codes)
    probabilities = boosted(matrix, hidden, 3)
    alone = boosted(matrix[~unlabelled], codes[~unlabelled], 3)
    np.testing.assert_allclose(probabilities[~unlabelled], alone, atol=1e-6)
    assert (probabilities[unlabelled].argmax(axis=1) == codes[unlabelled]).mean() > 0.6


def test_a_wrong_label_is_believed_less_where_copies_are_known_to_be_a_group() -> None:
    matrix, codes, wrong = noisy()
    copied = int(np.flatnonzero(wrong)[0])
    many = np.concatenate([np.arange(len(codes)), np.full(60, copied)])
    alone = boosted(matrix, codes, 3)[copied, codes[copied]]
    in_group = boosted(matrix[many], codes[many], 3, groups=many)[copied, codes[copied]]
    on_their_own = boosted(matrix[many], codes[many], 3)[copied, codes[copied]]
    assert on_their_own > 0.8
    assert in_group - alone < 0.7 * (on_their_own - alone)


def test_rows_sum_to_one_with_gaps_and_absent_and_single_row_classes() -> None:
    matrix, codes, _ = noisy()
    matrix[::3, 0] = np.nan
    codes[0] = 4
    probabilities = boosted(matrix, codes, 5)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities[:, 3].max() == 0


def test_one_class_alone_is_certain() -> None:
    matrix, codes, _ = noisy()
    probabilities = boosted(matrix, np.where(codes == 1, 1, -1), 3)
    np.testing.assert_array_equal(probabilities[:, 1], 1)


def test_a_person_can_stop_between_stages() -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.1:
            raise Cancelled

    matrix, codes, _ = noisy()
    with pytest.raises(Cancelled):
        boosted(matrix, codes, 3, progress=stop)

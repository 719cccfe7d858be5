"""Scores of classes as probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from curation.learn import calibration
from curation.learn.calibration import calibrated


def test_it_is_the_logistic_curve_through_the_scores() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(3_000, 3)).astype(np.float32)
    members = random.random((3_000, 3)) < 1 / (1 + np.exp(1 - 2 * scores))
    found = calibrated(scores, members)
    for place in range(3):
        column = scores[:, place : place + 1]
        model = LogisticRegression(C=1e6, tol=1e-8).fit(column, members[:, place])
        np.testing.assert_allclose(found[:, place], model.predict_proba(column)[:, 1], atol=3e-3)


@given(
    rows=st.integers(1, 30),
    classes=st.integers(1, 4),
    scale=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    seed=st.integers(0, 99),
)
def test_any_scores_give_rising_probabilities(
    rows: int, classes: int, scale: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    scores = (random.normal(size=(rows, classes)) * scale).astype(np.float32)
    members = random.random((rows, classes)) < random.random()
    found = calibrated(scores, members)
    assert np.isfinite(found).all()
    assert ((found > 0) & (found < 1)).all()
    for place in range(classes):
        order = np.argsort(scores[:, place])
        assert (np.diff(found[order, place]) >= -1e-6).all()


def test_classes_told_apart_wholly_stay_below_one() -> None:
    scores = np.concatenate([np.zeros(50), np.ones(50)]).astype(np.float32)[:, None]
    found = calibrated(scores, scores > 0.5)
    assert 0.95 < found[-1, 0] < 1
    assert 0 < found[0, 0] < 0.05


def test_scores_that_fall_where_the_class_is_know_nothing() -> None:
    members = np.arange(100)[:, None] < 30
    found = calibrated(np.where(members, -0.01, 0.01).astype(np.float32), members)
    np.testing.assert_allclose(found, 0.3, atol=0.01)


def test_blocks_of_classes_give_the_same(monkeypatch: object) -> None:
    random = np.random.default_rng(1)
    scores = random.normal(size=(50, 7)).astype(np.float32)
    members = random.random((50, 7)) < 0.4
    whole = calibrated(scores, members)
    monkeypatch.setattr(calibration, "_CELLS", 100)  # type: ignore[attr-defined]
    np.testing.assert_allclose(calibrated(scores, members), whole, atol=1e-6)

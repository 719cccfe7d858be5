"""Words are judged on texts that they were not counted in; agreement is set against chance."""

from __future__ import annotations

import numpy as np
import pytest

from curation.finders.word_evidence import NaiveBayes, agreement, count_words, crossed, word_gains

RANDOM = np.random.default_rng(0)
SIZE, CLASSES = 400, 10
CODES = RANDOM.integers(0, CLASSES, SIZE)
FIRST = RANDOM.random(SIZE) < 0.5
NOISE = [" ".join(RANDOM.choice([f"w{i}" for i in range(30)], 5)) for _ in range(SIZE)]


def test_words_by_chance_gain_nothing_and_a_word_for_a_class_does() -> None:
    texts = [f"{text} zebra" if code < 5 else text for text, code in zip(NOISE, CODES, strict=True)]
    words = count_words(texts, CLASSES)
    assert words is not None
    gains, deviations = word_gains(words, CODES, CLASSES, FIRST)
    zebra = words.names.index("zebra")
    assert gains[zebra] > 0.2
    assert deviations[zebra] > 6
    others = np.delete(gains, zebra)
    assert others.max() < 0.01
    assert others.mean() < 0


def test_without_a_word_that_comes_ten_times_there_are_none() -> None:
    assert count_words([f"only{i}" for i in range(50)], 2) is None
    assert count_words([""] * 50, 2) is None


def test_agreement_is_set_against_chance() -> None:
    truth = np.array([0, 1] * 50)
    assert agreement(truth, truth, 2).kappa == 1
    assert agreement(1 - truth, truth, 2).kappa == -1
    assert agreement(np.zeros(100, dtype=np.int64), truth, 2).kappa == pytest.approx(0)
    assert agreement(np.zeros(9, dtype=np.int64), np.zeros(9, dtype=np.int64), 2).kappa == 0


def test_words_are_not_tried_on_what_they_were_learned_from() -> None:
    words = count_words(NOISE, CLASSES)
    assert words is not None
    everything = np.ones(SIZE, dtype=np.bool_)
    assert abs(crossed(words, CODES, CLASSES, FIRST, everything).kappa) < 0.1
    taught = NaiveBayes.fit(words.matrix, CODES, CLASSES)
    assert agreement(taught.guess(words.matrix), CODES, CLASSES).kappa > 0.15
    assert taught.probabilities(words.matrix).sum(axis=1) == pytest.approx(1, abs=1e-5)

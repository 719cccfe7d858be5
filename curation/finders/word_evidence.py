"""What single words say of the label, and whether all words together agree with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Flags, Vector

_MAX_WORDS = 5_000
_MAX_CELLS = 20_000_000
_LEAST_TEXTS = 10


@dataclass(frozen=True)
class Words:
    """Which words come in which texts.

    Attributes:
        matrix: sparse, shape (n, v), 1 where the word comes in the text.
        names: the v words.
        vectorizer: makes such a matrix of other texts.
    """

    matrix: Any
    names: list[str]
    vectorizer: Any


def count_words(texts: Sequence[str], classes: int) -> Words | None:
    """Return the words that come in at least ten of n texts, or None where there are none.

    Args:
        texts: n texts.
        classes: how many classes they will be counted by, which bounds the number of words.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    most = max(min(_MAX_WORDS, _MAX_CELLS // max(classes, 1)), 100)
    vectorizer = CountVectorizer(
        binary=True, min_df=_LEAST_TEXTS, max_features=most, dtype=np.float32
    )
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # sklearn's word for "no word is left"
        return None
    return Words(matrix.tocsr(), list(vectorizer.get_feature_names_out()), vectorizer)


def word_gains(words: Words, codes: Codes, classes: int, first: Flags) -> tuple[Vector, Vector]:
    """Return what each word alone says of the label, out of sample: see `column_power.Power`.

    Args:
        words: v words of n texts.
        codes: shape (n,), the texts' classes, 0 to `classes` - 1.
        classes: k.
        first: shape (n,), which texts are in the first of two halves.

    Returns:
        Shape (v,): the share of the label's uncertainty that the word takes away; and shape (v,):
        how many of its standard errors that is.
    """
    size, total, squares, uncertainty = len(codes), 0.0, 0.0, 0.0
    for learn in (first, ~first):
        with_word, without = _tables(words.matrix, codes, classes, learn)
        tried, tried_without = _tables(words.matrix, codes, classes, ~learn)
        usual = _mix(codes[learn], classes)
        uncertainty -= float((np.bincount(codes[~learn], minlength=classes) * np.log(usual)).sum())
        for table, test in ((with_word, tried), (without, tried_without)):
            gain = np.log((table + usual) / (table.sum(axis=1, keepdims=True) + 1)) - np.log(usual)
            total = total + (test * gain).sum(axis=1)
            squares = squares + (test * np.square(gain)).sum(axis=1)
    mean = np.asarray(total) / size
    error = np.sqrt(np.maximum(np.asarray(squares) / size - np.square(mean), 1e-12) / size)
    return mean * size / max(uncertainty, 1e-12), mean / error


@dataclass(frozen=True)
class NaiveBayes:
    """How often each word comes in each class; for a guess of the class from all words."""

    words: Any
    prior: Vector

    @classmethod
    def fit(cls, matrix: Any, codes: Codes, classes: int) -> NaiveBayes:
        """Count words (n, v) by class."""
        counts = (matrix.T @ _indicators(codes, classes)).toarray()
        sizes = np.bincount(codes, minlength=classes)
        return cls(np.log((counts + 0.5) / (sizes + 1.0)), np.log(_mix(codes, classes)))

    def probabilities(self, matrix: Any) -> Vector:
        """Return class probabilities: shape (n, k), each row summing to 1."""
        evidence = np.asarray(matrix @ self.words) + self.prior
        evidence -= evidence.max(axis=1, keepdims=True)
        likely = np.exp(evidence)
        found: Vector = likely / likely.sum(axis=1, keepdims=True)
        return found

    def guess(self, matrix: Any) -> Codes:
        """Return the most likely class of each text: shape (n,)."""
        found: Codes = np.argmax(np.asarray(matrix @ self.words) + self.prior, axis=1)
        return found


@dataclass(frozen=True)
class Agreement:
    """How well a guess from words agrees with the labels of some texts.

    Attributes:
        right: share of texts whose label is the guess.
        kappa: Cohen's kappa (1960): 1 = always, 0 = as by chance, below 0 = less than by chance.
        error: standard error of kappa where the labels and the guesses have nothing in common.
    """

    right: float
    kappa: float
    error: float


def agreement(guess: Codes, truth: Codes, classes: int) -> Agreement:
    """Compare n guesses with n labels."""
    size = len(truth)
    right = float((guess == truth).mean())
    mix = (
        np.bincount(guess, minlength=classes) / size * np.bincount(truth, minlength=classes) / size
    )
    chance = float(mix.sum())
    if chance >= 1:
        return Agreement(right, 0.0, 1.0)
    return Agreement(
        right, (right - chance) / (1 - chance), float(np.sqrt(chance / (1 - chance) / size))
    )


def crossed(words: Words, codes: Codes, classes: int, first: Flags, among: Flags) -> Agreement:
    """Return how well words tell the labels among some texts, each guessed from the other half."""
    guess = np.zeros(len(codes), dtype=np.int64)
    for learn in (first, ~first):
        taught = NaiveBayes.fit(words.matrix[learn & among], codes[learn & among], classes)
        guess[~learn & among] = taught.guess(words.matrix[~learn & among])
    return agreement(guess[among], codes[among], classes)


def _tables(matrix: Any, codes: Codes, classes: int, among: Flags) -> tuple[Vector, Vector]:
    """Return how many texts of each class have each word, and have not: two of shape (v, k)."""
    having = (matrix[among].T @ _indicators(codes[among], classes)).toarray().astype(np.float64)
    return having, np.bincount(codes[among], minlength=classes) - having


def _indicators(codes: Codes, classes: int) -> Any:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(codes), dtype=np.float32)
    return csr_matrix((ones, codes, np.arange(len(codes) + 1)), shape=(len(codes), classes))


def _mix(codes: Codes, classes: int) -> Vector:
    found: Vector = (np.bincount(codes, minlength=classes) + 1.0) / (len(codes) + classes)
    return found

"""Learners that know of a class no more than the sum of its rows.

Leaving a row out of what it is judged by is then a subtraction, and so is leaving out its group:
neither needs a second fit. With wrong labels in the data their plainness is a strength. A sum of
many rows moves little with some wrong ones, while a model that minimises its error bends to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.learn.score_calibration import probabilities_of_scores
from curation.progress import Progress, no_progress

SMOOTHING = 0.1
"""What is added to each class's sum of each word."""
MOST_SUMS = 2**27
"""Classes times words may be so many (1 GB); the words in the fewest rows are left out."""

_ENTRIES = 8_192


def nearest_centroid(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    groups: Codes | None = None,
    progress: Progress = no_progress,
) -> Matrix:
    """Return class probabilities by the cosine to each class's mean: shape (n, k), float32.

    The row's group is left out of the means. Rocchio's classifier (Rocchio 1971; Manning, Raghavan
    and Schütze 2008, Introduction to Information Retrieval, section 14.2), with the cosines
    calibrated by a softmax. A class without rows outside the group has probability 0.

    Args:
        matrix: shape (n, d), float32, finite, rows of about equal length.
        codes: shape (n,), 0 to `classes` - 1, or -1: teaches nothing, has a prediction.
        classes: k.
        groups: shape (n,): rows of a number are left out together; each for itself by default.
        progress: told the fraction done; may raise between blocks of rows.
    """
    members = _Members.of(codes, classes, groups)
    sums = np.asarray(members.of_class @ matrix, dtype=np.float64)
    lengths = np.linalg.norm(sums, axis=1)
    directions = sums / np.where(lengths > 0, lengths, 1.0)[:, None]
    scores: Matrix = matrix @ directions.T.astype(np.float32)
    scores[:, members.counts == 0] = -np.inf
    for rows, pairs, block in members.blocks(progress):
        own = np.asarray(members.of_pair[pairs] @ matrix, dtype=np.float64)
        rest = sums[members.code[pairs]] - own
        rest /= np.maximum(np.linalg.norm(rest, axis=1), 1e-12)[:, None]
        cosines = np.einsum("ij,ij->i", matrix[rows], rest[block])
        scores[rows, members.code[pairs][block]] = np.where(
            members.left[pairs][block] > 0, cosines, -np.inf
        )
    return probabilities_of_scores(scores, codes)


def naive_bayes(
    weights: Any,
    codes: Codes,
    classes: int,
    *,
    groups: Codes | None = None,
    progress: Progress = no_progress,
) -> Matrix:
    """Return multinomial naive Bayes' class probabilities: shape (n, k), float32.

    The words of the row's group are left out of its class; the class's total of words and its share
    of the rows stay those of all rows, as a new row meets them. Were they to shrink, a row without
    a known word would be told its own class by that alone. A class without rows outside the group
    has probability 0. Naive Bayes is far too sure of itself, so its scores are calibrated.

    Weights of words in place of counts, brought to length 1: Rennie, Shih, Teevan and Karger 2003,
    International Conference on Machine Learning, section 4.

    Args:
        weights: scipy sparse matrix (n, v), not negative: how much of each word is in each row.
        codes: shape (n,), 0 to `classes` - 1, or -1: teaches nothing, has a prediction.
        classes: k.
        groups: shape (n,): rows of a number are left out together; each for itself by default.
        progress: told the fraction done; may raise between blocks of rows.

    Holds two matrices of k by v, float64.
    """
    weights = _frequent(weights.tocsr(), MOST_SUMS // max(classes, 1))
    members = _Members.of(codes, classes, groups)
    sums = np.asarray((members.of_class @ weights).todense(), dtype=np.float64)
    smoothed, all_words = SMOOTHING * max(weights.shape[1], 1), sums.sum(axis=1)
    logs = np.log(sums + SMOOTHING)
    amount = np.asarray(weights.sum(axis=1), dtype=np.float64).ravel()
    scores: Matrix = np.asarray(weights @ logs.T.astype(np.float32), dtype=np.float32)
    for each, (words, rows_of) in enumerate(zip(all_words, members.counts, strict=True)):
        # One class at a time, so that there is no second matrix of n by k.
        prior = np.log(rows_of) if rows_of else -np.inf
        scores[:, each] += (prior - amount * np.log(words + smoothed)).astype(np.float32)
    for rows, pairs, block in members.blocks(progress):
        own, code = members.of_pair[pairs] @ weights, members.code[pairs][block]
        there, gone = _shared_entries(weights[rows], own[block])
        word, entry = gone.indices, np.repeat(np.arange(len(rows)), np.diff(gone.indptr))
        rest = np.maximum(sums[code[entry], word] - gone.data, 0)
        change = there.data * (np.log(rest + SMOOTHING) - logs[code[entry], word])
        left = members.left[pairs][block]
        scores[rows, code] += np.bincount(entry, weights=change, minlength=len(rows))
        scores[rows[left == 0], code[left == 0]] = -np.inf
    return probabilities_of_scores(scores, codes)


@dataclass(frozen=True)
class _Members:
    """Which rows are in which class, and in which pair of group and class.

    Attributes:
        of_class: csr_matrix (k, n), 1 for each labelled row of a class.
        of_pair: csr_matrix (p, n), 1 for each labelled row of a pair; pairs in order of group.
        code: shape (p,), the class of each pair.
        left: shape (p,), rows of that class outside the group.
        counts: shape (k,), labelled rows of each class.
        entry_rows: shape (e,), rows, for every pair of a row's group.
        entry_pairs: shape (e,), these pairs; never falling.
    """

    of_class: Any
    of_pair: Any
    code: Codes
    left: Codes
    counts: Codes
    entry_rows: Codes
    entry_pairs: Codes

    @classmethod
    def of(cls, codes: Codes, classes: int, groups: Codes | None) -> _Members:
        labelled = np.flatnonzero(codes >= 0)
        if groups is None:
            group = np.arange(len(codes))
        else:
            group = np.unique(groups, return_inverse=True)[1]
        keys, pair = np.unique(group[labelled] * classes + codes[labelled], return_inverse=True)
        of_group, code = np.divmod(keys, classes)
        counts = np.bincount(codes[labelled], minlength=classes)
        first = np.searchsorted(of_group, group, side="left")
        many = np.searchsorted(of_group, group, side="right") - first
        rows = np.repeat(np.arange(len(codes)), many)
        before = np.cumsum(many) - many
        pairs = np.repeat(first - before, many) + np.arange(len(rows))
        order = np.argsort(pairs, kind="stable")
        return cls(
            _indicator(codes[labelled], labelled, classes, len(codes)),
            _indicator(pair, labelled, len(keys), len(codes)),
            code, counts[code] - np.bincount(pair, minlength=len(keys)), counts,
            rows[order], pairs[order],
        )  # fmt: skip

    def blocks(self, progress: Progress) -> Iterator[tuple[Codes, slice, Codes]]:
        """Yield rows (b,), a slice of pairs, and the place in the slice of each row's pair (b,)."""
        for start in range(0, len(self.entry_rows), _ENTRIES):
            progress(start / len(self.entry_rows), "leaving out what belongs together")
            pairs = self.entry_pairs[start : start + _ENTRIES]
            first = int(pairs[0])
            there = slice(first, int(pairs[-1]) + 1)
            yield self.entry_rows[start : start + _ENTRIES], there, pairs - first
        progress(1.0, "left out what belongs together")


def _indicator(line: Codes, column: Codes, lines: int, columns: int) -> Any:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(line), dtype=np.float32)
    return csr_matrix((ones, (line, column)), shape=(lines, columns))


def _frequent(weights: Any, most: int) -> Any:
    """Return the columns that most rows have, at most so many."""
    if weights.shape[1] <= most:
        return weights
    rows = np.bincount(weights.indices, minlength=weights.shape[1])
    return weights[:, np.sort(np.argsort(-rows, kind="stable")[:most])]


def _shared_entries(first: Any, second: Any) -> tuple[Any, Any]:
    """Return both sparse matrices with only the entries that both have, in the same places."""
    both_first = first.multiply(second.sign()).tocsr()
    both_second = second.multiply(first.sign()).tocsr()
    for one in (both_first, both_second):
        one.eliminate_zeros()
        one.sort_indices()
    return both_first, both_second

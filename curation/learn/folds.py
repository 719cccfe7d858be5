"""Rows in folds: stratified by class, and with all rows of a group in one."""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes

FOLDS = 5


def fold_of_each_row(
    codes: Codes, groups: Codes | None = None, *, folds: int = FOLDS, seed: int = 0
) -> Codes:
    """Return the fold of each labelled row: shape (n,), 0 to at most `folds` - 1; -1 without label.

    Groups are dealt in turn, those of one class after another and the large ones first, so that the
    folds are alike in classes and in size, and every fold has a group while there are enough.
    A group's class is the one that most of its rows have.

    Args:
        codes: shape (n,), or -1 for a row without a label.
        groups: shape (n,); by default each row is one.
        folds: how many, at least 2.
        seed: shuffles the groups of one class and size.
    """
    fold = np.full(len(codes), -1, dtype=np.int64)
    labelled = np.flatnonzero(codes >= 0)
    if not len(labelled):
        return fold
    own = np.arange(len(labelled)) if groups is None else groups[labelled]
    _, group, sizes = np.unique(own, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = np.lexsort((shuffled, -sizes, _usual_class(codes[labelled], group)))
    of_group = np.empty(len(sizes), dtype=np.int64)
    of_group[order] = np.arange(len(sizes)) % folds
    fold[labelled] = of_group[group]
    return fold


def _usual_class(codes: Codes, group: Codes) -> Codes:
    """Return the class that most rows of each group have, of equally frequent ones the first."""
    classes = int(codes.max()) + 1
    pairs, counts = np.unique(group * classes + codes, return_counts=True)
    of_pair, code = np.divmod(pairs, classes)
    order = np.lexsort((-code, counts, of_pair))
    usual: Codes = np.empty(int(group.max()) + 1, dtype=np.int64)
    usual[of_pair[order]] = code[order]  # the last of a group is the most frequent
    return usual

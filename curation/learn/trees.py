"""Extremely randomised trees, with the prediction for each row from the trees that did not see it.

Geurts, Ernst and Wehenkel 2006, Machine Learning 63(1); out-of-bag: Breiman 2001, section 3.1.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.learn.warning_filters import clean_warning_filters
from curation.progress import Progress, no_progress

TREES = 200
MIN_LEAF = 7
"""Rows in a leaf, at least: with noisy labels, small leaves learn the noise."""


def out_of_bag(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    groups: Codes | None = None,
    trees: int = TREES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Matrix:
    """Return out-of-bag class probabilities: shape (n, k), float32, every row sums to 1.

    A tree draws groups and not rows, so a row's trees saw no row of its group. A row that every
    tree saw (next to impossible with 200 trees and many groups) gets the classes' shares.

    Args:
        matrix: shape (n, d), float32; NaN is missing.
        codes: shape (n,), 0 to `classes` - 1, or -1 for a row without a label: it teaches nothing,
            and every tree that saw none of its group predicts it.
        classes: k.
        groups: shape (n,), 0 or more: rows of one number are drawn together; each row for itself
            by default.
        trees: how many trees; each leaves out about 37% of the groups.
        seed: the same seed, rows and order give the same result.
        progress: told the fraction done; may raise between two lots of trees.
    """
    units = _Units(codes, groups)
    totals = np.zeros((len(codes), classes), dtype=np.float32)
    grow = partial(_grown, matrix, codes, units, seed)
    cores = os.cpu_count() or 1
    with clean_warning_filters(), ThreadPoolExecutor(cores) as pool:
        for start in range(0, trees, 2 * cores):
            progress(start / trees, f"growing trees: {start} of {trees}")
            # In the order of the trees, so that the sum is the same whichever ends first.
            for found in pool.map(grow, range(start, min(start + 2 * cores, trees))):
                if found is not None:
                    rows, present, unseen = found
                    totals[np.ix_(rows, present)] += unseen
    progress(1.0, f"grew {trees} trees")
    sums = totals.sum(axis=1, keepdims=True)
    totals[sums[:, 0] == 0] = np.bincount(codes[units.labelled], minlength=classes)
    totals /= totals.sum(axis=1, keepdims=True)
    return totals


class _Units:
    """What a tree draws: the groups that have a label, or the labelled rows.

    Attributes:
        labelled: the places of the labelled rows.
        count: how many units there are.
        of_row: shape (n,), the unit of each row; `count` for a row of no unit.
    """

    def __init__(self, codes: Codes, groups: Codes | None) -> None:
        self.labelled = np.flatnonzero(codes >= 0)
        own = np.arange(len(codes)) if groups is None else groups
        teaching = np.unique(own[self.labelled])
        self.count = len(teaching)
        number = np.full(int(own.max(initial=-1)) + 1, self.count, dtype=np.int64)
        number[teaching] = np.arange(self.count)
        self.of_row = number[own]

    def draw(self, random: np.random.RandomState) -> Codes:
        """Return how often each row is drawn, shape (n,), in a bootstrap sample of the units."""
        drawn = np.bincount(random.randint(0, self.count, self.count), minlength=self.count + 1)
        return drawn[self.of_row]


def _grown(
    matrix: Matrix, codes: Codes, units: _Units, seed: int, number: int
) -> tuple[Codes, Codes, Matrix] | None:
    """Grow one tree on a bootstrap sample; return the rows it left out, its classes, its guess.

    None where it left out no row. ExtraTreesClassifier grows the same trees, but in scikit-learn's
    own threads, which can empty the warning filters of the process for good.
    """
    from sklearn.tree import ExtraTreeClassifier

    random = np.random.RandomState([seed, number])
    drawn = units.draw(random)
    tree = ExtraTreeClassifier(
        max_features="sqrt", min_samples_leaf=MIN_LEAF, random_state=random.randint(2**31 - 1)
    )
    seen, rows = units.labelled, np.flatnonzero(drawn == 0)
    if not len(rows):
        return None
    if len(seen) < len(codes):
        tree.fit(matrix[seen], codes[seen], sample_weight=drawn[seen].astype(np.float64))
    else:
        tree.fit(matrix, codes, sample_weight=drawn.astype(np.float64))
    return rows, tree.classes_, tree.predict_proba(matrix[rows]).astype(np.float32)

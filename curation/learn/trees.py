"""Extremely randomised trees, with the prediction for each row from the trees that did not see it.

Geurts, Ernst and Wehenkel 2006, Machine Learning 63(1); out-of-bag: Breiman 2001, section 3.1.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.progress import Progress, no_progress

TREES = 200
MIN_LEAF = 7
"""Rows in a leaf, at least: with noisy labels, small leaves learn the noise."""

_BATCH = 20


def out_of_bag(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    trees: int = TREES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Matrix:
    """Return out-of-bag class probabilities: shape (n, k), float32, every row sums to 1.

    A row that every tree saw (next to impossible with 200 trees) gets the classes' shares.

    Args:
        matrix: shape (n, d), float32; NaN is missing.
        codes: shape (n,), 0 to `classes` - 1.
        classes: k.
        trees: how many trees; each leaves out about 37% of the rows.
        seed: the same seed, rows and order give the same result.
        progress: told the fraction done; may raise between two lots of trees.
    """
    totals = np.zeros((len(codes), classes), dtype=np.float64)
    grow = partial(_grown, matrix, codes, seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, trees, _BATCH):
            progress(start / trees, f"growing trees: {start} of {trees}")
            # In the order of the trees, so that the sum is the same whichever ends first.
            for rows, present, unseen in pool.map(grow, range(start, min(start + _BATCH, trees))):
                totals[np.ix_(rows, present)] += unseen
    progress(1.0, f"grew {trees} trees")
    totals[totals.sum(axis=1) == 0] = np.bincount(codes, minlength=classes)
    probabilities: Matrix = (totals / totals.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def _grown(matrix: Matrix, codes: Codes, seed: int, number: int) -> tuple[Codes, Codes, Any]:
    """Grow one tree on a bootstrap sample; return the rows it left out, its classes, its guess.

    ExtraTreesClassifier grows the same trees, but in scikit-learn's own threads, each of which
    swaps the warning filters of the process (`warnings.catch_warnings`). Where two overlap, as
    sessions do, the filters can be lost for good.
    """
    from sklearn.tree import ExtraTreeClassifier

    random = np.random.RandomState([seed, number])
    drawn = np.bincount(random.randint(0, len(codes), len(codes)), minlength=len(codes))
    tree = ExtraTreeClassifier(
        max_features="sqrt", min_samples_leaf=MIN_LEAF, random_state=random.randint(2**31 - 1)
    ).fit(matrix, codes, sample_weight=drawn.astype(np.float64))
    rows = np.flatnonzero(drawn == 0)
    unseen = tree.predict_proba(matrix[rows]) if len(rows) else np.zeros((0, len(tree.classes_)))
    return rows, tree.classes_, unseen

"""Extremely randomised trees, with the prediction for each row from the trees that did not see it.

Geurts, Ernst and Wehenkel 2006, Machine Learning 63(1); out-of-bag: Breiman 2001, section 3.1.
"""

from __future__ import annotations

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
    from sklearn.ensemble import ExtraTreesClassifier

    totals = np.zeros((len(codes), classes), dtype=np.float64)
    for start in range(0, trees, _BATCH):
        progress(start / trees, f"growing trees: {start} of {trees}")
        forest = ExtraTreesClassifier(
            min(_BATCH, trees - start),
            min_samples_leaf=MIN_LEAF,
            bootstrap=True,
            n_jobs=-1,
            random_state=np.random.RandomState([seed, start]),
        ).fit(matrix, codes)
        _add_unseen(forest, matrix, totals)
    progress(1.0, f"grew {trees} trees")
    totals[totals.sum(axis=1) == 0] = np.bincount(codes, minlength=classes)
    probabilities: Matrix = (totals / totals.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def _add_unseen(forest: Any, matrix: Matrix, totals: Any) -> None:
    """Add each tree's probabilities for the rows that it did not see; in the order of the trees."""
    from sklearn.utils.parallel import Parallel, delayed

    def predict(tree: Any, seen: Codes) -> tuple[Codes, Any]:
        out = np.ones(len(matrix), dtype=np.bool_)
        out[seen] = False
        rows = np.flatnonzero(out)
        return rows, tree.predict_proba(matrix[rows], check_input=False)

    pairs = zip(forest.estimators_, forest.estimators_samples_, strict=True)
    found = Parallel(n_jobs=-1, require="sharedmem", return_as="generator")(
        delayed(predict)(tree, seen) for tree, seen in pairs
    )
    for rows, probabilities in found:
        totals[np.ix_(rows, forest.classes_)] += probabilities

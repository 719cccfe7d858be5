"""Gradient boosting whose prediction for a row is the mean of all its stages, from one fit.

Early stages learn what most rows say, late ones what single rows say. A wrong label is learned late
or never, so the mean over the stages speaks against it: the area under the margin (Pleiss et al.
2020, Advances in Neural Information Processing Systems 33, section 3), with boosting stages in the
place of epochs.

The model sees the rows that it judges, so this is not out of sample. The mean over the stages
lowers what a row's own label can do to its prediction and does not take it away: a given label's
probability is too high on average, the more so the fewer rows there are. It ranks rows; a
threshold, a log loss, or a weight that is chosen by log loss, would trust it too much: averaged
with others at equal weights it leaves the ranking as good and the flagged rows far fewer.
"""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector
from curation.progress import Progress, no_progress

STAGES = 50
LEAVES = 31
MIN_LEAF = 20

_STEP = 0.1
_AT_ONCE = 10


def boosted(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    groups: Codes | None = None,
    stages: int = STAGES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Matrix:
    """Return class probabilities from the mean scores of all stages: shape (n, k), float32.

    Every row sums to 1. They are in-sample for labelled rows (see the module), and out of sample
    for rows without a label. A class without a labelled row has probability 0.

    Args:
        matrix: shape (n, d), float32; NaN is missing.
        codes: shape (n,), 0 to `classes` - 1, or -1 for a row without a label: it teaches nothing.
        classes: k.
        groups: shape (n,); the rows of a group together weigh as much as one row, so that a label
            is believed less for having been copied. They still teach each other.
        stages: boosting iterations; each grows a tree a class (one where there are two classes).
        seed: for scikit-learn, which draws rows for the bins of columns with very many values.
        progress: told the fraction done; may raise after every tenth stage.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    labelled = np.flatnonzero(codes >= 0)
    present, targets = np.unique(codes[labelled], return_inverse=True)
    if len(present) < 2:
        only: Matrix = np.zeros((len(codes), classes), dtype=np.float32)
        only[:, present] = 1
        return only
    model = HistGradientBoostingClassifier(
        learning_rate=_STEP, max_leaf_nodes=LEAVES,
        min_samples_leaf=min(MIN_LEAF, max(1, len(labelled) // 20)),
        early_stopping=False, warm_start=True, random_state=seed,
    )  # fmt: skip
    taught, weights = matrix[labelled], _weights(groups, labelled)
    for done in range(0, stages, _AT_ONCE):
        progress(0.9 * done / stages, f"boosting: {done} of {stages} stages")
        model.set_params(max_iter=min(done + _AT_ONCE, stages))
        model.fit(taught, targets, sample_weight=weights)
    totals = np.zeros((len(codes), len(present)))
    for scores in model.staged_decision_function(matrix):
        # With two classes a stage has one score: the second class's, above the first's.
        totals += scores if scores.ndim == 2 else np.stack([-scores / 2, scores / 2], axis=1)
    totals /= stages
    totals -= totals.max(axis=1, keepdims=True)
    np.exp(totals, out=totals)
    probabilities = np.zeros((len(codes), classes), dtype=np.float32)
    probabilities[:, present] = totals / totals.sum(axis=1, keepdims=True)
    progress(1.0, f"boosted {stages} stages")
    return probabilities


def _weights(groups: Codes | None, rows: Codes) -> Vector | None:
    """Return a weight a row with mean 1, such that every group weighs the same."""
    if groups is None:
        return None
    _, place, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
    weights: Vector = 1.0 / sizes[place]
    weights *= len(rows) / weights.sum()
    return weights

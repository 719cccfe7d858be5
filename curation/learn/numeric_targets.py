"""Numbers predicted for each row from rows of other groups: ridge, nearest rows, and trees.

The same serves one number a row and one column of 0 and 1 for each class that a row may have.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from curation.errors import DataError
from curation.learn.alike import leave_out_groups
from curation.learn.arrays import Codes, Matrix, row_hashes
from curation.learn.multi_targets import ridge_left_out
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

TREES, LEAST_TREES = 200, 40
MANY_ROWS = 20_000
"""With more rows, each tree is grown on a draw of about so many, and there are fewer trees."""
MOST_FOR_TREES = 64
"""With more targets than this only the ridge regression is fitted."""
MIN_LEAF = 5
"""Rows in a leaf, at least: a leaf of one row repeats its error."""

_BATCH = 20
_MIN_GAIN = 0.005
"""A second learner that lowers the squared error by a smaller share is not worth its words."""


@dataclass(frozen=True)
class Predicted:
    """What a model that did not see a row, nor its group, says of it.

    Attributes:
        values: shape (m, q), float32, in units of the targets.
        learner: what predicted, in words for a person.
        notes: what was left out of the content.
    """

    values: Matrix
    learner: str
    notes: list[str] = field(default_factory=list)


def predict_left_out(
    shared: Shared,
    rows: Codes,
    targets: Matrix,
    *,
    groups: Codes,
    progress: Progress = no_progress,
) -> Predicted:
    """Return predictions of some rows' targets by models that saw neither the row nor its group.

    Ridge regression on the shared feature space; for texts and vectors the mean of the nearest rows
    beside it, for feature columns extremely randomised trees, out-of-bag. They are averaged with
    the weights of the smallest squared error.

    Args:
        shared: n rows.
        rows: shape (m,), which of them have targets; only these teach.
        targets: shape (m, q), float32, finite.
        groups: shape (m,), 0 to g - 1, two or more, from `groups_of`.
        progress: told the fraction done; may raise.

    Raises:
        UsageError: no column can be learned from.
    """
    progress(0.0, "reading columns")
    content = shared.content
    space = shared.features(part(progress, 0.0, 0.2))[rows]
    ridge = ridge_left_out(space, targets, groups=groups, progress=part(progress, 0.2, 0.5))
    found, learner = ridge.predictions, "leave-one-out ridge"
    if content.texts is not None or content.vectors:
        graph = shared.neighbours(part(progress, 0.5, 0.6))
        near = neighbours_left_out(graph.indices, rows, targets, groups)
        found, learner = _blended(targets, (found, learner), (near, "nearest rows"))
    if content.features is not None and targets.shape[1] <= MOST_FOR_TREES:
        trees = max(LEAST_TREES, min(TREES, TREES * MANY_ROWS // len(rows)))
        grown = trees_left_out(
            content.features[rows], targets, groups=groups, trees=trees, seed=shared.settings.seed,
            progress=part(progress, 0.6, 1.0),
        )  # fmt: skip
        forest = f"ExtraTrees, {trees} trees, out-of-bag"
        found, learner = _blended(targets, (found, learner), (grown, forest))
    return Predicted(found, learner, list(content.notes))


def groups_of(shared: Shared, rows: Codes) -> tuple[Codes, list[str]]:
    """Return which of some rows must not teach each other: shape (m,), 0 to g - 1; and notes.

    Raises:
        DataError: all rows are of one group.
    """
    no_classes = np.full(shared.table.num_rows, -1, dtype=np.int64)
    alike = leave_out_groups(shared.table, no_classes, shared.roles, shared.content)
    groups = np.unique(alike.groups[rows], return_inverse=True)[1].astype(np.int64)
    if len(rows) and not groups.any():
        raise DataError(
            f"All {len(rows):,} rows are of one group or have the same content, so no model can be "
            "learned without a row's own group. Choose another group column, or other content."
        )
    return groups, alike.notes


def neighbours_left_out(
    indices: npt.NDArray[np.int32], rows: Codes, targets: Matrix, groups: Codes
) -> Matrix:
    """Return the mean target of each row's nearest rows of other groups: shape (m, q), float32.

    Where none of them has a target it is the mean of all.

    Args:
        indices: shape (n, k), the nearest other rows of all n rows.
        rows: shape (m,), which of the n have targets; rising.
        targets: shape (m, q), float32.
        groups: shape (m,).
    """
    place = np.full(len(indices), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    totals = np.zeros_like(targets)
    counts = np.zeros(len(rows), dtype=np.float32)
    for column in indices.T:
        other = place[column[rows]]
        teaches = (other >= 0) & (groups[other] != groups)
        totals[teaches] += targets[other[teaches]]
        counts += teaches
    alone = counts == 0
    totals /= np.maximum(counts, 1)[:, None]
    totals[alone] = targets.mean(axis=0)
    return totals


def trees_left_out(
    matrix: Matrix,
    targets: Matrix,
    *,
    groups: Codes,
    trees: int = TREES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Matrix:
    """Return each row's mean prediction by the trees that drew no row of its group.

    Shape (m, q), float32. A group that every tree drew (next to impossible with 200 trees, unless
    there are few groups) gets the mean of the targets.

    Extremely randomised trees: Geurts, Ernst and Wehenkel 2006, Machine Learning 63(1).

    Args:
        matrix: shape (m, d), float32; NaN is missing.
        targets: shape (m, q), float32.
        groups: shape (m,), 0 to g - 1; drawn as a whole, with replacement.
        trees: how many; each leaves out about 37% of the groups, more where there are many rows.
        seed: the same seed, rows and order give the same result.
        progress: told the fraction done; may raise between two lots of trees.
    """
    # By content, so that the order in which rows came makes no difference.
    order = np.lexsort((*targets.T[:3], row_hashes(matrix)))
    inputs, wanted = matrix[order], targets[order]
    totals, seen = np.zeros(targets.shape), np.zeros(len(targets), dtype=np.int64)
    grow = partial(_grown, inputs, wanted, groups[order], seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, trees, _BATCH):
            progress(start / trees, f"growing trees: {start} of {trees}")
            # In the order of the trees, so that the sum is the same whichever ends first.
            for unseen, guess in pool.map(grow, range(start, min(start + _BATCH, trees))):
                totals[unseen] += guess
                seen[unseen] += 1
    progress(1.0, f"grew {trees} trees")
    totals[seen == 0] = targets.mean(axis=0)
    means = np.empty(targets.shape, dtype=np.float32)
    means[order] = totals / np.maximum(seen, 1)[:, None]
    return means


def _grown(
    matrix: Matrix, targets: Matrix, groups: Codes, seed: int, number: int
) -> tuple[Codes, Matrix]:
    """Grow one tree on a bootstrap sample of groups; return the rows left out, and its guess."""
    from sklearn.tree import ExtraTreeRegressor

    random = np.random.RandomState([seed, number])
    count = int(groups.max()) + 1
    draws = min(count, max(1, count * MANY_ROWS // len(groups)))
    drawn = np.bincount(random.randint(0, count, draws), minlength=count)[groups]
    known = np.flatnonzero(drawn)
    tree = ExtraTreeRegressor(
        max_features=max(1, -(-matrix.shape[1] // 3)),
        min_samples_leaf=MIN_LEAF,
        random_state=random.randint(2**31 - 1),
    ).fit(matrix[known], targets[known], sample_weight=drawn[known].astype(np.float64))
    rows = np.flatnonzero(drawn == 0)
    if not len(rows):
        return rows, np.zeros((0, targets.shape[1]), dtype=np.float32)
    return rows, tree.predict(matrix[rows]).reshape(len(rows), -1)


def _blended(
    targets: Matrix, first: tuple[Matrix, str], second: tuple[Matrix, str]
) -> tuple[Matrix, str]:
    """Return two predictions' mean with the weights of the smallest squared error, and its name.

    Each target counts by the inverse of its variance. Where one of the two adds next to nothing it
    is left out.
    """
    scale = 1.0 / np.maximum(targets.var(axis=0, dtype=np.float64), 1e-12)
    error, apart = second[0] - targets, second[0] - first[0]
    # The loss is a parabola in the first one's weight.
    length = float(np.square(apart).sum(axis=0, dtype=np.float64) @ scale)
    along = float(np.einsum("ij,ij->j", error, apart, dtype=np.float64) @ scale)
    loss = float(np.square(error).sum(axis=0, dtype=np.float64) @ scale)
    share = round(min(max(along / length, 0.0), 1.0), 2) if length > 0 else 1.0

    def loss_at(weight: float) -> float:
        return loss - 2 * weight * along + weight * weight * length

    if min(loss_at(0.0), loss_at(1.0)) * (1 - _MIN_GAIN) <= loss_at(share):
        return first if loss_at(1.0) <= loss_at(0.0) else second
    mixed = np.float32(share) * first[0] + np.float32(1 - share) * second[0]
    return mixed, f"{share:.0%} ({first[1]}); {1 - share:.0%} {second[1]}"

"""Ridge regression on any number of targets at once, each row predicted without its own group.

For a linear smoother with hat matrix H, the errors of a group of rows G under the fit without G
follow from the one fit on all rows: e_G = (I - H_GG)⁻¹ (y_G - f_G), here with an intercept that is
not shrunk (Golub, Heath and Wahba 1979, Technometrics 21(2), section 2, for one row; Rao et al.
2008, Linear Models and Generalizations, section 7.3, for several). One fit takes the place of one
for each group, and one decomposition serves every target and every penalty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.learn.arrays import Codes, Matrix, Vector, row_hashes
from curation.progress import Progress, no_progress, part

PENALTIES: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-4.0, 2.01, 0.5))
"""Candidate penalties, as multiples of the mean variance of a direction times the rows."""
CHOSEN_ON = 20_000
"""The penalty is chosen on the groups of about so many rows, drawn by a hash of their content."""

_BLOCK = 8_192
_CELLS = 2**22
_MIN_REMAINDER = 1e-6

Dense = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LeftOut:
    """Predictions for every row, each from a fit on the rows of all other groups.

    Attributes:
        predictions: shape (n, q), float32, in units of the targets.
        penalty: what was taken, in units of the Gram matrix.
        squared_error: shape (q,), mean squared error of the predictions for each target.
    """

    predictions: Matrix
    penalty: float
    squared_error: Vector


def ridge_left_out(
    matrix: Matrix,
    targets: Matrix,
    *,
    groups: Codes | None = None,
    penalties: tuple[float, ...] = PENALTIES,
    progress: Progress = no_progress,
) -> LeftOut:
    """Return leave-one-group-out predictions with the penalty of the smallest squared error.

    A target's weight in that choice is the inverse of its variance. The result does not depend on
    the order of the rows, but for rounding.

    Args:
        matrix: shape (n, d), float32, finite. Not changed.
        targets: shape (n, q), float32, finite; 0/1 for membership in classes, or any numbers.
        groups: shape (n,), 0 to g - 1, two groups or more: rows of a group do not teach each other;
            by default every row is its own.
        penalties: candidates, as multiples of trace(Gram) / rank.
        progress: told the fraction done; may raise.

    Costs O(n·d·(d + q)) with d at most n; holds one block of rows beside the matrix, and for a
    group of g rows a matrix of min(g, d)².
    """
    rows, count = len(matrix), targets.shape[1]
    numbers = np.arange(rows, dtype=np.int64) if groups is None else groups
    fit = _Fit(matrix, targets, part(progress, 0.0, 0.5))
    penalty = penalties[0] * fit.scale
    if len(penalties) > 1:
        batches = list(_batches(*_drawn(matrix, numbers), fit.width))
        weights = 1.0 / np.maximum(targets.var(axis=0, dtype=np.float64), 1e-12)
        losses = np.zeros(len(penalties))
        for done, batch in enumerate(batches):
            rotated = fit.rotated(batch)
            for i, candidate in enumerate(penalties):
                errors = fit.errors(batch, rotated, candidate * fit.scale)
                losses[i] += float(np.square(errors).sum(axis=0) @ weights)
            progress(0.5 + 0.25 * (done + 1) / len(batches), "choosing the penalty")
        penalty = penalties[int(losses.argmin())] * fit.scale
    predictions = np.empty((rows, count), dtype=np.float32)
    squared, done = np.zeros(count), 0
    for batch in _batches(np.arange(rows), numbers, fit.width):
        errors = fit.errors(batch, fit.rotated(batch), penalty)
        predictions[batch.ravel()] = targets[batch.ravel()] - errors
        squared += np.square(errors).sum(axis=0)
        done += batch.size
        progress(0.75 + 0.25 * done / rows, "predicting rows that were left out")
    return LeftOut(predictions, float(penalty), squared / rows)


class _Fit:
    """One decomposition of the rows; any penalty is a division."""

    def __init__(self, matrix: Matrix, targets: Matrix, progress: Progress) -> None:
        self.mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.prior: Vector = targets.mean(axis=0, dtype=np.float64)
        self.matrix, self.targets, self.rows = matrix, targets, len(matrix)
        if matrix.shape[1] > self.rows:  # as many directions as rows are enough
            centred = (matrix - self.mean).astype(np.float64)
            values, vectors = np.linalg.eigh(centred @ centred.T)
            self.values = np.clip(values, 0.0, None)
            self.matrix = (vectors * np.sqrt(self.values)).astype(np.float32)
            self.mean, self.vectors = np.zeros(self.rows, dtype=np.float32), None
            moments = self.matrix.T.astype(np.float64) @ (targets - self.prior)
        else:
            gram, moments = self._products(progress)
            values, self.vectors = np.linalg.eigh(gram)
            self.values = np.clip(values, 0.0, None)
            moments = self.vectors.T @ moments
        self.moments: Dense = moments
        self.width = len(self.values)
        self.scale = float(self.values.sum() / max(self.width, 1)) or 1.0

    def _products(self, progress: Progress) -> tuple[Dense, Dense]:
        """Return the Gram matrix of the centred rows, and their products with the targets."""
        width = self.matrix.shape[1]
        gram, moments = np.zeros((width, width)), np.zeros((width, self.targets.shape[1]))
        prior = self.prior.astype(np.float32)
        for start in range(0, self.rows, _BLOCK):
            progress(start / self.rows, "fitting the ridge regression")
            block = self.matrix[start : start + _BLOCK] - self.mean
            gram += block.T @ block
            moments += block.T @ (self.targets[start : start + _BLOCK] - prior)
        return gram, moments

    def rotated(self, batch: Codes) -> Dense:
        """Return rows in the directions of the Gram matrix: shape (*batch.shape, width)."""
        centred = self.matrix[batch.ravel()] - self.mean
        turned = centred if self.vectors is None else centred @ self.vectors.astype(np.float32)
        exact: Dense = turned.astype(np.float64).reshape(*batch.shape, self.width)
        return exact

    def errors(self, batch: Codes, rotated: Dense, penalty: float) -> Dense:
        """Return target minus left-out prediction of b groups of g rows: shape (b·g, q)."""
        shrink = 1.0 / (self.values + penalty)
        fitted = rotated @ (self.moments * shrink[:, None]) + self.prior
        residual = self.targets[batch] - fitted
        size = batch.shape[1]
        if size == 1:
            leverage = np.square(rotated) @ shrink + 1 / self.rows
            residual /= np.maximum(1 - leverage, _MIN_REMAINDER)[..., None]
            lone_rows: Dense = residual.reshape(batch.size, -1)
            return lone_rows
        # H_GG = U Uᵀ, the intercept being one direction more.
        lone = np.full((*batch.shape, 1), self.rows**-0.5)
        u = np.concatenate([rotated * np.sqrt(shrink), lone], axis=2)
        if size <= self.width:
            remainder = _safe(np.eye(size) - u @ u.transpose(0, 2, 1))
            errors: Dense = np.linalg.solve(remainder, residual)
        else:  # (I - UUᵀ)⁻¹ = I + U (I - UᵀU)⁻¹ Uᵀ
            remainder = _safe(np.eye(self.width + 1) - u.transpose(0, 2, 1) @ u)
            errors = residual + u @ np.linalg.solve(remainder, u.transpose(0, 2, 1) @ residual)
        flat: Dense = errors.reshape(batch.size, -1)
        return flat


def _safe(remainders: Dense) -> Dense:
    """Keep matrices from being singular where a group alone holds some direction."""
    remainders[..., np.arange(remainders.shape[-1]), np.arange(remainders.shape[-1])] += (
        _MIN_REMAINDER
    )
    return remainders


def _drawn(matrix: Matrix, groups: Codes) -> tuple[Codes, Codes]:
    """Return the rows of whole groups, about `CHOSEN_ON` of them, and these rows' groups."""
    rows = np.arange(len(groups))
    if len(groups) <= CHOSEN_ON:
        return rows, groups
    lowest = np.full(int(groups.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(lowest, groups, row_hashes(matrix))
    limit = np.partition(lowest[groups], CHOSEN_ON)[CHOSEN_ON]
    kept = lowest[groups] <= limit
    return rows[kept], groups[kept]


def _batches(rows: Codes, groups: Codes, width: int) -> Iterator[Codes]:
    """Yield groups of one size together: positions of rows, shape (groups, size)."""
    order = np.argsort(groups, kind="stable")
    rows, groups = rows[order], groups[order]
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    sizes = np.diff(starts, append=len(groups))
    for size in np.unique(sizes):
        first = starts[sizes == size]
        # Memory of a batch: rows in all directions, and one matrix a group.
        at_once = max(1, _CELLS // (int(size) * width + min(int(size), width) ** 2))
        for start in range(0, len(first), at_once):
            yield rows[first[start : start + at_once, None] + np.arange(size)]

"""Ridge regression on one-hot labels, with the prediction for each row from all the others.

For a linear smoother, the prediction for row i of a model fitted without row i follows from the one
fit on all rows: f₋ᵢ = (fᵢ - hᵢyᵢ) / (1 - hᵢ), with hᵢ the leverage, here with an intercept that is
not shrunk (Golub, Heath and Wahba 1979, Technometrics 21(2), section 2; Rifkin and Lippert 2007,
MIT-CSAIL-TR-2007-025). One fit takes the place of n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector
from curation.progress import Progress, no_progress, part

RIDGES: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-4.0, 2.01, 0.25))
"""Candidate ridges, as multiples of the mean variance of a direction times the rows."""

_CHUNK_BYTES = 64 * 2**20
_MIN_REMAINDER = 1e-6
_TEMPERATURES = (1e-3, 10.0)


@dataclass(frozen=True)
class LeaveOneOut:
    """Predictions for every row, each from a fit on all other rows.

    Attributes:
        scores: shape (n, k), float32: about 0 to 1, a row sums to 1; not probabilities.
        ridge: the penalty that was taken, in units of the Gram matrix.
        squared_error: mean squared leave-one-out error over rows and classes.
    """

    scores: Matrix
    ridge: float
    squared_error: float


def leave_one_out(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    ridges: tuple[float, ...] = RIDGES,
    progress: Progress = no_progress,
) -> LeaveOneOut:
    """Return leave-one-out predictions with the ridge that makes their squared error smallest.

    Args:
        matrix: shape (n, d), float32, finite. Not changed.
        codes: shape (n,), int, 0 to `classes` - 1.
        classes: k.
        ridges: candidates, as multiples of trace(Gram) / rank.
        progress: told the fraction done; may raise.

    Costs O(n·min(n, d)²) once and O(n·min(n, d)·k) a candidate; holds two more matrices of n by
    min(n, d).
    """
    fit = _Fit(matrix, codes, classes, part(progress, 0.0, 0.6))
    errors = np.zeros(len(ridges))
    chunks = list(fit.chunks(len(ridges)))
    for done, rows in enumerate(chunks):
        for i, ridge in enumerate(ridges):
            residual = fit.predict(rows, ridge * fit.scale)
            residual[np.arange(len(residual)), codes[rows]] -= 1
            errors[i] += float(np.einsum("ij,ij->", residual, residual, dtype=np.float64))
        progress(0.6 + 0.35 * (done + 1) / len(chunks), "choosing the ridge")
    best = int(errors.argmin())
    ridge = ridges[best] * fit.scale
    scores = np.concatenate([fit.predict(rows, ridge) for rows in chunks])
    return LeaveOneOut(scores, ridge, float(errors[best] / (len(codes) * classes)))


class _Fit:
    """The rows in the directions of the Gram matrix's eigenvectors: any ridge is a division."""

    def __init__(self, matrix: Matrix, codes: Codes, classes: int, progress: Progress) -> None:
        self.rows, self.codes, self.classes = len(codes), codes, classes
        self.prior = np.bincount(codes, minlength=classes) / self.rows
        progress(0.0, "fitting the ridge regression")
        self.rotated, self.values = _rotate(matrix)
        progress(1.0, "fitting the ridge regression")
        self.scale = float(self.values.sum() / max(len(self.values), 1)) or 1.0
        # Rᵀ(Y - prior): the columns of R sum to 0, so the prior falls out.
        targets = np.zeros((self.rotated.shape[1], classes))
        for code in range(classes):
            targets[:, code] = self.rotated[codes == code].sum(axis=0, dtype=np.float64)
        self.targets = targets

    def chunks(self, candidates: int) -> Iterator[slice]:
        """Yield slices of rows small enough that a chunk's predictions stay in some 64 MB."""
        size = max(1, _CHUNK_BYTES // (4 * max(self.classes, self.rotated.shape[1], candidates)))
        for start in range(0, self.rows, size):
            yield slice(start, min(start + size, self.rows))

    def predict(self, rows: slice, ridge: float) -> Matrix:
        """Return the leave-one-out predictions of some rows: shape (rows, k), float32."""
        shrink = 1.0 / (self.values + ridge)
        block = self.rotated[rows]
        fitted = block @ (self.targets * shrink[:, None]).astype(np.float32)
        fitted += self.prior.astype(np.float32)
        leverage = np.square(block) @ shrink.astype(np.float32) + np.float32(1 / self.rows)
        leverage = np.minimum(leverage, np.float32(1 - _MIN_REMAINDER))
        fitted[np.arange(len(fitted)), self.codes[rows]] -= leverage
        fitted /= (1 - leverage)[:, None]
        return fitted


def _rotate(matrix: Matrix) -> tuple[Matrix, Vector]:
    """Return the centred rows in the eigenvectors' directions, and the Gram matrix's eigenvalues.

    The smaller of the two Gram matrices is taken: d by d, or n by n when there are fewer rows.
    """
    centred = matrix - matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    if len(centred) > centred.shape[1]:
        values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        return centred @ vectors.astype(np.float32), np.clip(values, 0.0, None)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    values = np.clip(values, 0.0, None)
    return (vectors * np.sqrt(values)).astype(np.float32), values


def temperature(scores: Matrix, codes: Codes) -> float:
    """Return the softmax temperature with the smallest log loss on the given labels.

    Args:
        scores: shape (n, k), leave-one-out predictions.
        codes: shape (n,), the given classes.
    """
    from scipy.optimize import minimize_scalar

    margins = scores - scores[np.arange(len(codes)), codes][:, None]

    def log_loss(log_temperature: float) -> float:
        scaled = margins / np.float32(np.exp(log_temperature))
        top = scaled.max(axis=1)
        total = np.exp(scaled - top[:, None]).sum(axis=1, dtype=np.float64)
        return float((np.log(total) + top).mean())

    low, high = (float(np.log(bound)) for bound in _TEMPERATURES)
    found: Any = minimize_scalar(
        log_loss, bounds=(low, high), method="bounded", options={"xatol": 0.01}
    )
    return float(np.exp(found.x))


def softmax(scores: Matrix, temperature: float) -> Matrix:
    """Return probabilities: shape (n, k), float32, every row sums to 1."""
    exponents: Matrix = (scores - scores.max(axis=1, keepdims=True)) / np.float32(temperature)
    np.exp(exponents, out=exponents)
    exponents /= exponents.sum(axis=1, keepdims=True)
    return exponents

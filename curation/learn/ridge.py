"""Ridge regression on one-hot labels, with the prediction for each row from all rows but its group.

For a linear smoother with hat matrix H, the prediction for the rows of a group from a model fitted
without them follows from the one fit on all rows: f₋ = (I - H_GG)⁻¹ (f_G - H_GG y_G). For a single
row that is (f - h y) / (1 - h), with h its leverage (Golub, Heath and Wahba 1979, Technometrics
21(2), section 2; Rifkin and Lippert 2007, MIT-CSAIL-TR-2007-025; for groups Cook and Weisberg 1982,
Residuals and Influence in Regression, section 3.6). The intercept is not shrunk. One fit takes the
place of n. Rows are read twice, block by block: for the Gram matrix, and for the predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.learn.blocks import Blocks, InMemory
from curation.learn.left_out import Leaver
from curation.learn.teaching import Teaching
from curation.learn.threads import single_threaded_blas
from curation.progress import Progress, no_progress, part

RIDGES: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-4.0, 2.01, 0.25))
"""Candidate ridges, as multiples of the mean variance of a direction times the rows."""

SAMPLE_ROWS = 20_000
"""The ridge is chosen by the error on at most so many labelled rows, evenly spaced."""
SAMPLE_LABELS = 50_000
"""The temperature is chosen by the log loss of at most so many labels, evenly spaced."""

_SAMPLE_NUMBERS = 2**25
_TEMPERATURES = (1e-3, 10.0)
_SOFTMAX_NUMBERS = 2**20


@dataclass(frozen=True)
class LeaveOneOut:
    """Predictions for every distinct row, each from a fit on the rows of all other groups.

    Attributes:
        scores: shape (m, k), float32: about 0 to 1, a row sums to 1; not probabilities.
        ridge: the penalty that was taken, in units of the Gram matrix.
        squared_error: mean squared left-out error over classes and the rows it was chosen on.
    """

    scores: Matrix
    ridge: float
    squared_error: float


def leave_one_out(
    source: Matrix | Blocks,
    codes: Codes,
    classes: int,
    *,
    place: Codes | None = None,
    groups: Codes | None = None,
    ridges: tuple[float, ...] = RIDGES,
    progress: Progress = no_progress,
) -> LeaveOneOut:
    """Return left-out predictions with the ridge that makes their squared error smallest.

    Args:
        source: m rows of d numbers, float32, finite. Not changed.
        codes: shape (n,), int, 0 to `classes` - 1, or -1 for a row without a label, which teaches
            nothing.
        classes: k.
        place: shape (n,), the row of `source` that each row with a label is; by default n = m, in
            order. Rows of one place are left out together.
        groups: shape (m,), 0 or more, never falling: rows of one number are left out together; each
            for itself by default. A group that has all labels gets the classes' shares.
        ridges: candidates, as multiples of trace(Gram) / rank.
        progress: told the fraction done; may raise.

    Costs O(m·d²) once and O(d²·k) a candidate beside the sample; with fewer rows than columns, the
    m by m Gram matrix takes the place of the d by d one. Holds d by d and k by d matrices, the
    (m, k) result and some blocks.
    """
    blocks = source if isinstance(source, Blocks) else InMemory(source)
    if blocks.rows < blocks.width:
        blocks = _rotated(blocks)
    progress(0.0, "fitting the ridge regression")
    with single_threaded_blas():
        teaching = Teaching.of(codes, classes, blocks.rows, place)
        leaver = Leaver(blocks, teaching, groups, part(progress, 0.0, 0.4))
        scale = float(leaver.values.sum() / max(len(leaver.values), 1)) or 1.0
        most = min(SAMPLE_ROWS, max(1_000, _SAMPLE_NUMBERS // max(classes, blocks.width)))
        errors = leaver.errors([ridge * scale for ridge in ridges], most, part(progress, 0.4, 0.6))
        best = int(errors.argmin())
        scores = leaver.predict(ridges[best] * scale, part(progress, 0.6, 1.0))
    return LeaveOneOut(scores, ridges[best] * scale, float(errors[best]))


def _rotated(blocks: Blocks) -> Blocks:
    """Return m rows with the same distances in m columns, for matrices with more columns."""
    matrix = blocks.read(0, blocks.rows)
    centred = matrix - matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    return InMemory((vectors * np.sqrt(np.clip(values, 0.0, None))).astype(np.float32))


def temperature(scores: Matrix, codes: Codes) -> float:
    """Return the softmax temperature with the smallest log loss on the given labels.

    Args:
        scores: shape (n, k), left-out predictions.
        codes: shape (n,), the given classes.
    """
    from scipy.optimize import minimize_scalar

    margins = scores - scores[np.arange(len(codes)), codes][:, None]

    def log_loss(log_temperature: float) -> float:
        scaled = margins / np.float32(np.exp(log_temperature))
        top = scaled.max(axis=1)
        scaled -= top[:, None]
        np.exp(scaled, out=scaled)
        total = scaled.sum(axis=1, dtype=np.float64)
        return float((np.log(total) + top).mean())

    low, high = (float(np.log(bound)) for bound in _TEMPERATURES)
    found: Any = minimize_scalar(
        log_loss, bounds=(low, high), method="bounded", options={"xatol": 0.01}
    )
    return float(np.exp(found.x))


def softmax(scores: Matrix, temperature: float) -> Matrix:
    """Return probabilities: shape (n, k), float32, every row sums to 1."""
    probabilities = scores.astype(np.float32)
    softmax_in_place(probabilities, temperature)
    return probabilities


def softmax_in_place(scores: Matrix, temperature: float) -> None:
    """Turn scores, shape (n, k), into probabilities without a copy of them."""
    size = max(1, _SOFTMAX_NUMBERS // max(scores.shape[1], 1))
    for start in range(0, len(scores), size):
        block = scores[start : start + size]
        block -= block.max(axis=1, keepdims=True)
        block /= np.float32(temperature)
        np.exp(block, out=block)
        block /= block.sum(axis=1, keepdims=True)


def calibrating_rows(codes: Codes, classes: int, place: Codes) -> Codes:
    """Return the rows by whose labels the temperature is chosen, whatever their order.

    Args:
        codes: shape (n,), the given classes, or -1.
        classes: k.
        place: shape (n,), the row of the matrix that each is.
    """
    labelled = np.flatnonzero(codes >= 0)
    most = min(SAMPLE_LABELS, max(2_000, _SAMPLE_NUMBERS // 2 // classes))
    if len(labelled) > most:
        step = len(labelled) / most
        by_place = labelled[np.lexsort((codes[labelled], place[labelled]))]
        labelled = by_place[(np.arange(most) * step).astype(np.int64)]
    return labelled

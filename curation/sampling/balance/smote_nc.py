"""The arithmetic of SMOTE-NC on the rows of one class: distances and votes over nominal values.

Chawla, Bowyer, Hall and Kegelmeyer 2002, SMOTE: Synthetic Minority Over-sampling Technique,
sections 4.2 (SMOTE) and 6.1 (SMOTE-NC).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.learn.neighbours import nearest_neighbours
from curation.progress import Progress, no_progress

MOST_INDICATORS = 64
"""A column of up to so many values gets one number for each, which makes distances exact."""


def nearest_rows(
    numbers: Matrix,
    codes: Codes,
    values: Sequence[Sequence[str | None]],
    k: int,
    penalty: float,
    *,
    progress: Progress = no_progress,
) -> Codes:
    """Return each row's nearest other rows, the nearest first: shape (n, min(k, n - 1)).

    A row without any other is its own neighbour.

    Args:
        numbers: shape (n, d), the numeric columns on one scale, finite.
        codes: shape (n, c), places in ``values``.
        values: the distinct values of each nominal column; None is a missing one.
        k: 1 or more.
        penalty: how far apart two different nominal values are, above 0.
        progress: told between batches of rows.
    """
    if len(numbers) < 2:
        return np.zeros((len(numbers), 1), dtype=np.int64)
    nominal = [
        _apart(of_column, penalty)[codes[:, place]] for place, of_column in enumerate(values)
    ]
    matrix = np.concatenate([numbers, *nominal], axis=1, dtype=np.float32)
    return nearest_neighbours(matrix, k, progress=progress).indices.astype(np.int64)


def penalty_of(deviations: Sequence[float]) -> float:
    """Return how far apart two different nominal values are: above 0.

    The median of the standard deviations of the class's numeric columns, to three digits so that a
    new row seldom changes it; 1 where that is 0.
    """
    middle = float(np.median(deviations)) if deviations else 0.0
    return float(f"{middle:.3g}") or 1.0


def voted(codes: Codes, near: Codes) -> Codes:
    """Return the value that most neighbours have: shape (m, c).

    Of values that equally many have, that of the nearest neighbour is taken.

    Args:
        codes: shape (n, c), nominal values.
        near: shape (m, k), the neighbours of m rows, the nearest first.
    """
    chosen = np.empty((len(near), codes.shape[1]), dtype=np.int64)
    for place in range(codes.shape[1]):
        of_neighbours = codes[:, place][near]
        votes = (of_neighbours[:, :, None] == of_neighbours[:, None, :]).sum(axis=2)
        first = votes.argmax(axis=1)
        chosen[:, place] = np.take_along_axis(of_neighbours, first[:, None], 1)[:, 0]
    return chosen


def _apart(values: Sequence[str | None], penalty: float) -> Matrix:
    """Return a row of numbers for each value, all of them ``penalty`` apart: shape (v, w).

    One number for each value makes that exact. Many values get 64 signs by their hash, with which
    it holds on average, with a standard deviation of an eighth for the squared distance.
    """
    if len(values) <= MOST_INDICATORS:
        exact: Matrix = np.eye(len(values), dtype=np.float32) * np.float32(penalty / np.sqrt(2))
        return exact
    digests = [
        hashlib.md5(("=" + value if value is not None else "").encode()).digest()[:8]  # noqa: S324
        for value in values
    ]
    bits = np.unpackbits(np.frombuffer(b"".join(digests), dtype=np.uint8)).reshape(len(values), -1)
    signs: Matrix = (bits.astype(np.float32) * 2 - 1) * np.float32(
        penalty / np.sqrt(2 * MOST_INDICATORS)
    )
    return signs

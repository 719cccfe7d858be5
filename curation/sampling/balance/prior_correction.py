"""Probabilities of a model that was trained on another class mix, put right for the true one.

A model that learned from rebalanced rows believes that classes are as frequent as it saw them. As
long as the rows of each class are like those that it will meet, p' ∝ p · π_true / π_sampled gives
the probabilities under the true frequencies: Elkan 2001, "The Foundations of Cost-Sensitive
Learning", theorem 2; for more than two classes Saerens, Latinne and Decaestecker 2002, Neural
Computation 14(1), equation 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curation.errors import DataError, UsageError
from curation.learn.arrays import Vector

Numbers = npt.NDArray[np.floating]
ROUNDING = 1e-3
"""Probabilities of one row, or of the classes, may miss the sum 1 by so much."""
_MOST_NAMED = 5


def correct_priors(
    probabilities: npt.ArrayLike,
    sampled: npt.ArrayLike,
    true: npt.ArrayLike,
    *,
    classes: Sequence[str] | None = None,
) -> Numbers:
    """Return the probabilities under the true class shares: shape (n, k), every row sums to 1.

    float32 stays float32, all else becomes float64. A class that is truly absent gets 0.

    Args:
        probabilities: shape (n, k), from 0 to 1, rows sum to 1; n may be 0.
        sampled: shape (k,), the shares of the classes in the rows that taught the model, by weight
            where they were weighted; above 0 wherever `true` is.
        true: shape (k,), the shares of the classes where the model is used.
        classes: k names for messages; their places by default.

    Raises:
        UsageError: shapes that do not fit together.
        DataError: numbers that are no probabilities, shares of 0 where a class truly occurs, or a
            row all of whose probability lies on classes that are truly absent.
    """
    matrix = _matrix(probabilities)
    named = [str(place) for place in range(matrix.shape[1])] if classes is None else list(classes)
    if len(named) != matrix.shape[1]:
        raise UsageError(
            f"There are {len(named):,} class names for {matrix.shape[1]:,} columns of "
            "probabilities. Give one name for each column."
        )
    before, after = _shares(sampled, "sampled", named), _shares(true, "true", named)
    untaught = np.flatnonzero((before == 0) & (after > 0))
    if len(untaught):
        raise DataError(
            f"{_listed(untaught, named)} occur{'s' if len(untaught) == 1 else ''} with a share "
            "above 0, and the model was taught no row of it: no factor can mend a probability of "
            "0. Leave at least one row of each class when you rebalance."
        )
    ratios = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    # In float64, since a small probability times a small ratio may be 0 as a float32.
    corrected = matrix * ratios
    sums = corrected.sum(axis=1, keepdims=True)
    lost = np.flatnonzero(sums[:, 0] <= 0)
    if len(lost):
        raise DataError(
            f"Row {lost[0]:,} gives all its probability to classes whose true share is 0, so "
            f"nothing is left of it ({len(lost):,} of {len(matrix):,} rows). "
            "Give the classes their true shares."
        )
    corrected /= sums
    return corrected.astype(matrix.dtype)


def class_shares(counts: npt.ArrayLike) -> Vector:
    """Return the share of each class, from rows or weights a class: shape (k,), sums to 1.

    Raises:
        DataError: a number that is negative or not finite, or a sum of 0.
    """
    rows: Vector = np.asarray(counts, dtype=np.float64)
    total = rows.sum()
    if rows.ndim != 1 or not np.isfinite(rows).all() or (rows < 0).any() or total <= 0:
        raise DataError(
            "Class shares need one number of rows for each class, 0 or more, not all 0; got "
            f"{rows.tolist() if rows.size <= 10 else f'an array of shape {rows.shape}'}."
        )
    shares: Vector = rows / total
    return shares


def _matrix(probabilities: npt.ArrayLike) -> Numbers:
    given = np.asarray(probabilities)
    if given.ndim != 2 or not given.shape[1]:
        raise UsageError(
            f"Probabilities have one row a record and one column a class; got shape {given.shape}."
        )
    if given.dtype.kind not in "fiu":
        raise DataError(f"Probabilities are numbers; got {given.dtype}.")
    matrix: Numbers = given if given.dtype == np.float32 else given.astype(np.float64)
    wrong = np.flatnonzero((~np.isfinite(matrix) | (matrix < 0) | (matrix > 1)).any(axis=1))
    if len(wrong):
        raise DataError(
            f"Row {wrong[0]:,} of the probabilities holds a number that is not from 0 to 1 "
            f"({len(wrong):,} of {len(matrix):,} rows). Give probabilities, not scores."
        )
    sums = matrix.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > ROUNDING)
    if len(wrong):
        raise DataError(
            f"Row {wrong[0]:,} of the probabilities sums to {sums[wrong[0]]:.4g}, not to 1 "
            f"({len(wrong):,} of {len(matrix):,} rows). Give all classes of each row."
        )
    return matrix


def _shares(values: npt.ArrayLike, which: str, classes: list[str]) -> Vector:
    shares: Vector = np.array(values, dtype=np.float64)
    if shares.shape != (len(classes),):
        raise UsageError(
            f"The {which} shares have shape {shares.shape}; there are {len(classes):,} classes, so "
            f"give ({len(classes)},): one share for each."
        )
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise DataError(f"The {which} shares hold a number that is negative or not finite.")
    if abs(shares.sum() - 1) > ROUNDING:
        raise DataError(
            f"The {which} shares sum to {shares.sum():.4g}, not to 1. `class_shares` makes shares "
            "of rows or weights a class."
        )
    shares /= shares.sum()
    return shares


def _listed(places: npt.NDArray[np.intp], classes: list[str]) -> str:
    names = ", ".join(f"'{classes[place]}'" for place in places[:_MOST_NAMED])
    more = f" and {len(places) - _MOST_NAMED:,} more" if len(places) > _MOST_NAMED else ""
    return f"Class{'' if len(places) == 1 else 'es'} {names}{more}"

"""Class probabilities that the user's own model made, read from columns of the data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.errors import DataError, UsageError, suggest
from curation.learn.arrays import Matrix, Vector

ROUNDING = 1e-3
"""A row's sum may be off by so much without a word: IMDB's published ones reach 1.00001."""
MOST_OFF = 0.05
"""A row's sum that is off by more is no rounding."""


def given_probabilities(
    table: pa.Table, prefix: str, classes: list[str]
) -> tuple[Matrix, list[str]]:
    """Return the user's class probabilities: shape (n, k), float32, rows sum to 1; and notes.

    The columns are `<prefix><class>` for each class, or `<prefix>0` to `<prefix>k-1` in the order
    of `classes`. They should be out-of-sample: made by a model that did not see the row.

    Raises:
        UsageError: there are no such columns, or one is missing.
        DataError: a value that is missing, not a number or negative, or a row that sums to less
            than 0.95 or more than 1.05.
    """
    columns = _columns(table.column_names, prefix, classes)
    matrix = np.stack([_numbers(table, name) for name in columns], axis=1)
    _check_values(matrix, columns)
    sums = matrix.sum(axis=1)
    off = np.abs(sums - 1)
    worst = int(off.argmax()) if len(off) else 0
    if len(off) and off[worst] > MOST_OFF:
        raise DataError(
            f"The probabilities '{prefix}…' of row {worst} sum to {sums[worst]:.4g}; a row must "
            f"sum to 1. {int((off > MOST_OFF).sum()):,} of {len(off):,} rows are off by more than "
            f"{MOST_OFF}. Give one column for each class, of probabilities and not scores."
        )
    notes = []
    mended = int((off > ROUNDING).sum())
    if mended:
        notes.append(
            f"The given probabilities of {mended:,} row{'s were' if mended > 1 else ' was'} "
            "scaled to sum to 1."
        )
    matrix = np.clip(matrix, 0, None)
    matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix.astype(np.float32), notes


def _columns(names: list[str], prefix: str, classes: list[str]) -> list[str]:
    by_class = [f"{prefix}{name}" for name in classes]
    by_place = [f"{prefix}{place}" for place in range(len(classes))]
    known = set(names)
    if known.issuperset(by_class):
        return by_class
    numbered = [
        name for name in names if name.startswith(prefix) and name[len(prefix) :].isdecimal()
    ]
    if known.issuperset(by_place) and len(numbered) == len(classes):
        return by_place
    if numbered and len(numbered) != len(classes):
        raise UsageError(
            f"There are {len(numbered):,} columns '{prefix}0', '{prefix}1', …, but "
            f"{len(classes):,} classes. Name them '{prefix}<class>', or give "
            "one for each class, in sorted order."
        )
    missing = [name for name in by_class if name not in known]
    hint = suggest(missing[0], known)
    raise UsageError(
        f"There is no column '{missing[0]}' of given probabilities. {hint}With the prefix "
        f"'{prefix}' there must be '{prefix}<class>' for each of the {len(classes):,} classes, "
        f"or '{by_place[0]}' to '{by_place[-1]}'."
    )


def _numbers(table: pa.Table, name: str) -> Vector:
    values = table.column(name)
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise DataError(f"Column '{name}' of given probabilities holds {values.type}, not numbers.")
    numbers: Vector = values.cast(pa.float64()).to_numpy()
    return numbers


def _check_values(matrix: npt.NDArray[np.float64], columns: list[str]) -> None:
    bad = ~np.isfinite(matrix) | (matrix < -ROUNDING)
    if bad.any():
        row, place = (int(position) for position in np.argwhere(bad)[0])
        raise DataError(
            f"Column '{columns[place]}' of given probabilities holds {matrix[row, place]} in "
            f"row {row}; a probability is a number from 0 to 1. "
            f"{int(bad.any(axis=1).sum()):,} rows are not."
        )

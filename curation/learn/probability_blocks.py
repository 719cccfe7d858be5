"""Class probabilities, read in blocks of rows: checked, mended, and never copied as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from curation.errors import DataError
from curation.learn.arrays import Codes, Matrix
from curation.learn.given import ROUNDING
from curation.progress import Progress, no_progress

_BLOCK = 2**18
"""Probabilities in a block: what a processor's own cache holds."""
_GATHERED = 2**24
"""Probabilities of one given class that are gathered at a time, at most: 64 MiB."""
_FLOAT32 = 1e-6
"""A float32 row's sum may be off by so much from rounding alone; such a row is left as it is."""


class ProbabilityBlocks:
    """Probabilities that are read in blocks of rows, checked, and mended on the way.

    Attributes:
        width: k, the number of classes.
    """

    def __init__(self, matrix: Matrix, classes: Sequence[object] | None = None) -> None:
        self._matrix = np.asarray(matrix)  # a view: indexing it makes no memory-mapped arrays
        shape = self._matrix.shape
        if len(shape) != 2 or not shape[1] or (classes is not None and shape[1] != len(classes)):
            known = "" if classes is None else f", but there are {len(classes):,} classes"
            raise DataError(
                f"The probabilities have the shape {shape}{known}. "
                "Give one row for each label, and one column for each class."
            )
        if not np.issubdtype(self._matrix.dtype, np.floating):
            raise DataError(f"The probabilities are {self._matrix.dtype}. Give them as float32.")
        self.width = shape[1]
        self._classes = range(self.width) if classes is None else classes
        self._sums: npt.NDArray[np.float32] | None = None
        self._has_negative = False

    def check_rows(self, labels: int) -> None:
        """Check that there is a row for each label."""
        if len(self._matrix) != labels:
            raise DataError(
                f"There are {labels:,} labels, but probabilities of {len(self._matrix):,} rows. "
                "Give one row of probabilities for each label, in the same order."
            )

    def blocks(
        self, progress: Progress, message: str, *, check: bool = False
    ) -> Iterator[tuple[slice, Matrix]]:
        """Yield all rows in turn; the first pass has to check them, the others rely on it."""
        total, step = len(self._matrix), max(1, _BLOCK // self.width)
        for start in range(0, total, step):
            progress(start / total, message)
            place = slice(start, start + step)
            block = np.ascontiguousarray(self._matrix[place], dtype=np.float32)
            if check:
                self._check(block, start)
            yield place, self._mended(block, place)

    def take(self, rows: Codes) -> Iterator[tuple[Codes, Matrix]]:
        """Yield some rows, a block at a time."""
        step = max(1, _BLOCK // self.width)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            yield some, self._mended(self._matrix[some].astype(np.float32, copy=False), some)

    def columns(self, rows: Codes, wanted: Codes) -> Iterator[tuple[int, Matrix]]:
        """Yield some classes, which rise, with their probabilities in some rows.

        Columns that lie together are read together, since they share the lines of the cache.
        """
        step = min(64, max(1, _GATHERED // max(1, len(rows))))
        for group in np.unique(wanted // step):
            first = int(group) * step
            block = self._matrix[:, first : first + step][rows].astype(np.float32, copy=False)
            block = self._mended(block, rows)
            for code in wanted[wanted // step == group].tolist():
                yield code, block[:, code - first]

    def _mended(self, block: Matrix, place: slice | Codes) -> Matrix:
        if self._has_negative:
            block = np.maximum(block, np.float32(0))
        if self._sums is not None:
            block = block / self._sums[place][:, None]
        return block

    def _check(self, block: Matrix, start: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            sums, lowest = block.sum(axis=1), block.min()
        if not np.isfinite(sums).all() or lowest < -ROUNDING:
            wrong = ~np.isfinite(block) | (block < -ROUNDING)
            row, place = (int(position) for position in np.argwhere(wrong)[0])
            raise DataError(
                f"The probability of class {self._classes[place]!r} in row {start + row} is "
                f"{block[row, place]}; a probability is a number from 0 to 1."
            )
        if lowest < 0:
            self._has_negative = True
            sums = np.maximum(block, np.float32(0)).sum(axis=1)
        off = np.abs(sums - 1)
        worst = int(off.argmax())
        if off[worst] > ROUNDING:
            raise DataError(
                f"The probabilities of row {start + worst} sum to {sums[worst]:.4g}; a row must "
                "sum to 1. Give one column for each class, of probabilities and not scores."
            )
        if off[worst] > _FLOAT32:
            if self._sums is None:
                self._sums = np.ones(len(self._matrix), dtype=np.float32)
            self._sums[start : start + len(block)] = np.where(off > _FLOAT32, sums, 1)


def check_probabilities(
    probabilities: Matrix,
    classes: Sequence[object],
    *,
    labels: int | None = None,
    progress: Progress = no_progress,
) -> None:
    """Say what is wrong with probabilities, in one pass over them.

    Args:
        probabilities: shape (n, k); may be memory-mapped.
        classes: the k classes.
        labels: how many labels there are, where that is known.
        progress: told the fraction done; may raise `Cancelled` between blocks.

    Raises:
        DataError: not one row for each label or one column for each class, a value that is not a
            number or less than -0.001, or a row whose sum is off 1 by more than 0.001.
    """
    source = ProbabilityBlocks(probabilities, classes)
    if labels is not None:
        source.check_rows(labels)
    for _ in source.blocks(progress, "checking probabilities", check=True):
        pass

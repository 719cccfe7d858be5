"""Matrices that are read block by block, so that learning needs no room for all rows at once."""

from __future__ import annotations

import os
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import WorkspaceError
from curation.learn.arrays import Codes, Matrix

Halves = npt.NDArray[np.float16]

BLOCK_BYTES = 8 * 2**20
"""A block has about so many bytes."""


class Blocks(ABC):
    """A matrix of finite float32 numbers that may be read as often as wanted, by any thread.

    Iterating gives all of it in order, as pairs of a slice of rows and the block of these rows.

    Attributes:
        rows: n.
        width: d.
    """

    rows: int
    width: int

    def read(self, start: int, stop: int) -> Matrix:
        """Return rows `start` to `stop`: shape (stop - start, d). Not to be changed."""
        return self._read(start, stop)

    def take(self, places: Codes) -> Matrix:
        """Return some rows: shape (len(places), d). Not to be changed."""
        return self._take(places)

    @abstractmethod
    def _read(self, start: int, stop: int) -> Matrix: ...

    @abstractmethod
    def _take(self, places: Codes) -> Matrix: ...

    def __iter__(self) -> Iterator[tuple[slice, Matrix]]:
        size = block_rows(self.width)
        for start in range(0, self.rows, size):
            rows = slice(start, min(start + size, self.rows))
            yield rows, self.read(rows.start, rows.stop)


def block_rows(width: int) -> int:
    """Return how many rows of so many columns make a block."""
    return max(256, BLOCK_BYTES // (4 * max(width, 1)))


class InMemory(Blocks):
    """A matrix that is there already.

    Args:
        matrix: shape (n, d), float32, finite.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self.rows, self.width = matrix.shape

    def _read(self, start: int, stop: int) -> Matrix:
        return self._matrix[start:stop]

    def _take(self, places: Codes) -> Matrix:
        return self._matrix[places]


class Gathered(Blocks):
    """Rows of a matrix in another order, or more than once, without a copy of them.

    Args:
        matrix: shape (m, d), float32, finite.
        places: shape (n,), which of its rows, in which order.
    """

    def __init__(self, matrix: Matrix, places: Codes) -> None:
        self._matrix, self._places = matrix, places
        self.rows, self.width = len(places), matrix.shape[1]

    def _read(self, start: int, stop: int) -> Matrix:
        return self._matrix[self._places[start:stop]]

    def _take(self, places: Codes) -> Matrix:
        return self._matrix[self._places[places]]


class Standardised(Gathered):
    """Gathered rows, centred, with length 1 in the root mean square.

    A number that is missing or not finite takes the mean of its column, which is 0 then.
    """

    def __init__(self, matrix: Matrix, places: Codes) -> None:
        super().__init__(matrix, places)
        self._mean, self._factor = np.zeros(self.width, dtype=np.float32), np.float32(1)
        total, present = np.zeros(self.width), np.zeros(self.width)
        size = block_rows(self.width)
        for start in range(0, self.rows, size):
            block = super()._read(start, start + size)
            finite = np.isfinite(block)
            total += np.where(finite, block, np.float32(0)).sum(axis=0, dtype=np.float64)
            present += finite.sum(axis=0)
        self._mean = (total / np.maximum(present, 1)).astype(np.float32)
        squares = sum(
            float(np.einsum("ij,ij->", block, block, dtype=np.float64)) for _, block in self
        )
        if squares > 0:
            self._factor = np.float32(1 / np.sqrt(squares / self.rows))

    def _read(self, start: int, stop: int) -> Matrix:
        return self._scaled(super()._read(start, stop))

    def _take(self, places: Codes) -> Matrix:
        return self._scaled(super()._take(places))

    def _scaled(self, block: Matrix) -> Matrix:
        missing = ~np.isfinite(block)
        block[missing] = 0
        block -= self._mean
        block *= self._factor
        block[missing] = 0
        return block


class Joined(Blocks):
    """Matrices with the same rows, side by side."""

    def __init__(self, parts: Sequence[Blocks]) -> None:
        assert len({part.rows for part in parts}) == 1
        self._parts = parts
        self.rows, self.width = parts[0].rows, sum(part.width for part in parts)

    def _read(self, start: int, stop: int) -> Matrix:
        return np.concatenate([part.read(start, stop) for part in self._parts], axis=1)

    def _take(self, places: Codes) -> Matrix:
        return np.concatenate([part.take(places) for part in self._parts], axis=1)


class Spilled(Blocks, AbstractContextManager["Spilled"]):
    """A matrix in a temporary file, as float16: numbers up to 65,504 with three digits.

    The file is gone when the context is left, also by an error, and when the process dies.

    Args:
        width: d.
    """

    def __init__(self, width: int) -> None:
        self.rows, self.width = 0, width
        self._lock = threading.Lock()
        # Closed in `__exit__`.
        self._file: Any = tempfile.TemporaryFile(prefix="curation-", buffering=0)  # noqa: SIM115

    def append(self, block: Matrix) -> None:
        """Write rows after those that are there.

        Raises:
            WorkspaceError: no room for the file.
        """
        assert block.shape[1] == self.width
        rest = block.astype(np.float16).reshape(-1).view(np.uint8).data
        try:
            self._file.seek(0, os.SEEK_END)
            while len(rest):
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise WorkspaceError(
                f"The folder for temporary files, {tempfile.gettempdir()}, cannot take "
                f"{(self.rows + len(block)) * self.width * 2 / 2**30:.1f} GB: {error.strerror}. "
                "Make room there, or set TMPDIR to a folder with room."
            ) from error
        self.rows += len(block)

    def _read(self, start: int, stop: int) -> Matrix:
        halves: Halves = np.empty((stop - start, self.width), dtype=np.float16)
        self._fill(halves, start)
        return halves.astype(np.float32)

    def _take(self, places: Codes) -> Matrix:
        halves: Halves = np.empty((len(places), self.width), dtype=np.float16)
        breaks = (np.flatnonzero(np.diff(places) != 1) + 1).tolist()
        for start, stop in zip([0, *breaks], [*breaks, len(places)], strict=True):
            if start < stop:
                self._fill(halves[start:stop], int(places[start]))
        return halves.astype(np.float32)

    def _fill(self, halves: Halves, start: int) -> None:
        rest = halves.reshape(-1).view(np.uint8).data
        with self._lock:
            self._file.seek(2 * self.width * start)
            while len(rest):
                count = self._file.readinto(rest)
                assert count, "the file ends where it was written to"
                rest = rest[count:]

    def __exit__(self, *_: object) -> None:
        self._file.close()

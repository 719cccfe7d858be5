"""Names for the arrays that go between encoders, learners and finders, and a hash of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
"""Shape (rows, columns), float32."""
Vector = npt.NDArray[np.float64]
"""Shape (n,), float64."""
Codes = npt.NDArray[np.int64]
"""Shape (n,), int64: the class of each row, or a position of each row."""
Flags = npt.NDArray[np.bool_]
"""Shape (n,), bool."""

Hashes = npt.NDArray[np.uint64]
"""Shape (n,), uint64."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 4_096


def row_hashes(matrix: Matrix) -> Hashes:
    """Return a hash of the bits of each row: shape (n,), the same wherever the row stands."""
    columns = np.arange(1, matrix.shape[1] + 1, dtype=np.uint64)
    factors = mixed_bits(columns) | np.uint64(1)
    hashes = np.zeros(len(matrix), dtype=np.uint64)
    for start in range(0, len(matrix), _CHUNK):
        block = np.ascontiguousarray(matrix[start : start + _CHUNK], dtype=np.float32)
        bits: Any = (block + np.float32(0)).view(np.uint32).astype(np.uint64)  # + 0: -0 becomes 0
        hashes[start : start + _CHUNK] = (mixed_bits(bits + columns) * factors).sum(
            axis=1, dtype=np.uint64
        )
    return hashes


def mixed_bits(values: Any) -> Any:
    """Return splitmix64 of unsigned 64-bit numbers (Steele, Lea and Flood 2014)."""
    values = values * _ODD
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

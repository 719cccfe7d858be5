"""Columns that hold a vector a row (embeddings, pixels) as a matrix."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import DataError
from curation.learn.arrays import Matrix


def is_vector(kind: pa.DataType) -> bool:
    """Say whether a type is a list of numbers, or a list of lists of numbers (an image's lines)."""
    depth = 0
    while (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        kind, depth = kind.value_type, depth + 1
    return depth > 0 and bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def encode_vectors(table: pa.Table, column: str) -> Matrix:
    """Return a column of vectors: shape (n, d), float32; NaN is missing.

    Raises:
        DataError: vectors of different lengths.
    """
    values = table.column(column).combine_chunks()
    present = pc.is_valid(values).to_numpy(zero_copy_only=False)
    numbers = values.drop_null()
    while not (pa.types.is_integer(numbers.type) or pa.types.is_floating(numbers.type)):
        numbers = pc.list_flatten(numbers)
    flat = pc.fill_null(numbers.cast(pa.float32(), safe=False), float("nan"))
    width = _width(column, values.drop_null(), len(flat))
    matrix = np.full((len(values), width), np.nan, dtype=np.float32)
    matrix[present] = flat.to_numpy(zero_copy_only=False).reshape(int(present.sum()), width)
    return matrix


def _width(column: str, vectors: pa.Array, numbers: int) -> int:
    if not len(vectors):
        return 0
    lengths = pc.list_value_length(vectors)
    shortest, longest = (int(v.as_py()) for v in pc.min_max(lengths).values())
    if shortest != longest or numbers % len(vectors):
        raise DataError(
            f"Column '{column}' holds vectors of {shortest:,} to {longest:,} numbers; all must "
            "have the same length. Give the column the role 'ignore', or mend its vectors."
        )
    return numbers // len(vectors)


def scaled(matrix: Matrix) -> Matrix:
    """Return vectors centred, with rows of length 1 in the root mean square.

    A vector or number that is missing or not finite takes the mean, which is 0 then.
    """
    finite = np.isfinite(matrix)
    matrix = np.where(finite, matrix, np.float32(0))
    mean = matrix.sum(axis=0, dtype=np.float64) / np.maximum(finite.sum(axis=0), 1)
    matrix -= mean.astype(np.float32)
    matrix[~finite] = 0
    length = float(
        np.sqrt(np.einsum("ij,ij->", matrix, matrix, dtype=np.float64) / max(len(matrix), 1))
    )
    if length > 0:
        matrix /= np.float32(length)
    return matrix

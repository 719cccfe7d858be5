"""Columns of a table as a matrix of numbers for trees: one pass a column, nothing row by row.

How a value is written never depends on the order of the rows, and never on the labels.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.learn.arrays import Flags, Matrix

MAX_INDICATORS = 12
"""Up to so many categories each get a column of their own."""

_BIG = 1e30


def encode_features(table: pa.Table, columns: list[str]) -> Matrix:
    """Return the columns as numbers: shape (n, at least len(columns)), float32; NaN is missing.

    - numbers and booleans: as they are; infinities become 1e30 and -1e30;
    - dates and times: days since 1970, and beside it the month, weekday and hour where they vary;
    - categories, up to 12: one column each, 1 or 0; a missing value is 0 in all;
    - more: the category's place in order of text (so that what starts alike is near), how
      often it comes, and its length.

    Columns with one value, and types that no number can be made of (`can_encode`), give nothing.
    """
    parts = [
        _encode(table.column(name)) for name in columns if can_encode(table.schema.field(name).type)
    ]
    blocks = [part[:, _varies(part)] for part in parts]
    if not blocks:
        return np.zeros((table.num_rows, 0), dtype=np.float32)
    return np.concatenate(blocks, axis=1)


def can_encode(kind: pa.DataType) -> bool:
    """Say whether a column of this type can be written as numbers."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(_is_number(kind) or _is_time(kind) or _is_text(kind) or pa.types.is_boolean(kind))


def _encode(values: pa.ChunkedArray) -> Matrix:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if _is_time(values.type):
        return _times(values)
    if _is_text(values.type):
        return _categories(values)
    return _numbers(values)[:, None]


def _numbers(values: pa.ChunkedArray) -> Matrix:
    """Return a column of numbers: shape (n,)."""
    wide = values.cast(pa.float64(), safe=False)
    numbers = pc.fill_null(wide, float("nan")).to_numpy()
    clipped: Matrix = np.clip(numbers, -_BIG, _BIG).astype(np.float32)
    return clipped


def _times(values: pa.ChunkedArray) -> Matrix:
    if pa.types.is_duration(values.type):
        return (_numbers(values.cast(pa.int64())))[:, None]
    if pa.types.is_time(values.type):
        clock = [pc.hour(values), pc.minute(values)]
        return np.stack([_numbers(part) for part in clock], axis=1)
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    seconds = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False).cast(pa.int64())
    days = pc.divide(seconds.cast(pa.float64(), safe=False), 86_400e6)
    parts = [days, pc.month(values), pc.day_of_week(values), pc.hour(values)]
    return np.stack([_numbers(part) for part in parts], axis=1)


def _categories(values: pa.ChunkedArray) -> Matrix:
    coded = pc.dictionary_encode(values.cast(pa.large_string())).combine_chunks()
    words = coded.dictionary.to_numpy(zero_copy_only=False).astype(object)
    indices = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    order = np.argsort(words, kind="stable")
    if len(words) <= MAX_INDICATORS:
        indicators: Matrix = (indices[:, None] == order[None, :]).astype(np.float32)
        return indicators
    per_word = np.full((len(words) + 1, 3), np.nan, dtype=np.float32)
    per_word[order, 0] = np.arange(len(words))
    per_word[:-1, 1] = np.bincount(indices, minlength=len(words) + 1)[:-1]
    per_word[:-1, 2] = pc.utf8_length(coded.dictionary).to_numpy(zero_copy_only=False)
    spelled: Matrix = per_word[indices]
    return spelled


def _varies(matrix: Matrix) -> Flags:
    """Say which columns hold two different values; missing is a value."""
    if not len(matrix):
        return np.zeros(matrix.shape[1], dtype=np.bool_)
    same = (matrix == matrix[:1]) | (np.isnan(matrix) & np.isnan(matrix[:1]))
    varies: Flags = ~same.all(axis=0)
    return varies


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind) and not pa.types.is_interval(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )

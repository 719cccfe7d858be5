"""Data frames of other libraries as Arrow tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from curation.errors import DataError, UsageError


def as_table(data: Any) -> pa.Table:
    """Return a pyarrow Table of a pandas or polars frame, or of anything with an Arrow stream.

    A pandas index is left out.

    Raises:
        UsageError: `data` is no table.
        DataError: two columns have one name, or a column mixes types.
    """
    if isinstance(data, pa.Table):
        table = data
    elif type(data).__module__.partition(".")[0] == "pandas":
        table = _from_pandas(data)
    elif hasattr(data, "__arrow_c_stream__"):
        table = pa.table(data)
    else:
        raise UsageError(
            f"Got {type(data).__name__}; the data must be a pyarrow Table or a pandas or polars "
            "data frame."
        )
    names = table.column_names
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(
            f"The data have more than one column '{doubled[0]}'. Rename or drop all but one."
        )
    return _without_views(table)


def _without_views(table: pa.Table) -> pa.Table:
    """Write string views (polars, DuckDB) as strings: Arrow cannot take rows from them yet."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    schema = pa.schema(fields)
    return table if schema.types == table.schema.types else table.cast(schema)


def _from_pandas(frame: Any) -> pa.Table:
    if getattr(frame, "ndim", 0) != 2:
        raise UsageError(
            f"Got a pandas {type(frame).__name__}; the data must be a data frame with the label in "
            "it."
        )
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise DataError(
            f"The data have more than one column '{doubled[0]}'. Rename or drop all but one."
        )
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        raise DataError(
            f"The data frame cannot be read: {error}. Give each column one type."
        ) from error

"""What identifies a record, and what tells that its content changed: both as SQL.

The **record key** is the key column's value (several are joined by a separator), else a hash of the
content. The **fingerprint** is the hash of the content columns, so that a label decided for one
record is not applied to another text that took its key.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from curation import sql
from curation.lake.roles import Roles

KEY_SEPARATOR = "\x1f"
_FIELD_SEPARATOR = "\x1e"
_NULL = "\x18"

KEY_COLUMN = "_curation_key"
FINGERPRINT_COLUMN = "_curation_fingerprint"
ROW_COLUMN = "_curation_row"
SOURCE_COLUMN = "_curation_label_source"
INTERNAL_COLUMNS = (KEY_COLUMN, FINGERPRINT_COLUMN, ROW_COLUMN, SOURCE_COLUMN)
"""Columns that a run carries beside the data. No source may have them."""


def key_sql(roles: Roles) -> str:
    """Return the SQL of the record key: text, never null."""
    keys = roles.having("key")
    if not keys:
        return fingerprint_sql(roles)
    return _joined(keys, KEY_SEPARATOR)


def key_equals_sql(roles: Roles, columns: Mapping[str, str]) -> str:
    """Return the SQL that finds a record by its key, which it takes as its one parameter.

    Where the key is one text or whole number, the column itself is compared, so that the lake skips
    the files and row groups that cannot have it.
    """
    keys = roles.having("key")
    kind = columns[keys[0]].upper() if len(keys) == 1 else ""
    if kind == "VARCHAR":
        return f"{sql.identifier(keys[0])} = ?"
    if kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT"):
        return f"{sql.identifier(keys[0])} = TRY_CAST(? AS {kind})"
    return f"{key_sql(roles)} = ?"


def fingerprint_sql(roles: Roles) -> str:
    """Return the SQL of the record fingerprint: 32 hexadecimal digits."""
    # What is ignored may be missing tomorrow, so it never identifies a record.
    columns = roles.content or sorted(set(roles.columns) - {roles.label, *roles.having("ignore")})
    return f"md5({_joined(columns, _FIELD_SEPARATOR)})" if columns else "md5('')"


def record_keys(table: pa.Table, roles: Roles) -> pa.ChunkedArray:
    """Return the record key of every row of an Arrow table, in its order: text of length n."""
    with duckdb.connect() as connection:
        connection.register("source", table)
        reader = connection.execute(f"SELECT {key_sql(roles)} AS key FROM source")
        keys: pa.ChunkedArray = reader.to_arrow_table().column("key")
        return keys


def _joined(columns: list[str], separator: str) -> str:
    parts = [
        f"coalesce(CAST({sql.identifier(column)} AS VARCHAR), {sql.literal(_NULL)})"
        for column in columns
    ]
    return (
        parts[0] if len(parts) == 1 else f"concat_ws({sql.literal(separator)}, {', '.join(parts)})"
    )


def label_sql(column: str, type_name: str, of: str = "") -> str:
    """Return the SQL of a label as text; missing (null, blank or not a number) is null.

    Args:
        column: the label column.
        type_name: its DuckDB type.
        of: what the query calls the rows, needed where it reads others beside them.
    """
    name = f"{of}.{sql.identifier(column)}" if of else sql.identifier(column)
    if type_name.upper() in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({name}) THEN NULL ELSE CAST({name} AS VARCHAR) END"
    if type_name.upper() == "VARCHAR":
        return f"CASE WHEN trim({name}) <> '' THEN {name} END"
    return f"CAST({name} AS VARCHAR)"

"""How rows get into a dataset's table: as a change of what is there, where that is little.

A table that is replaced is written as a whole, and the lake's change feed ends there. So rows that
stay keep their row id, and only what differs is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from curation import sql
from curation.lake.records import ROW_COLUMN

MOST_CHANGED = 1 / 3
"""Of the rows that are there, the part that may be changed or removed in place. Beyond it the
table is replaced: reading it would have to put too many pieces together."""

# No source has a column of these names.
_ROW = sql.identifier(ROW_COLUMN)
_ROW_ID = sql.identifier("_curation_row_id")
_DIFFERS = sql.identifier("_curation_differs")
_PAIRS = "curation_put_pairs"


@dataclass(frozen=True)
class Put:
    """What was written."""

    is_replaced: bool
    """Whether all rows were written; then the figures below are 0."""
    added: int = 0
    removed: int = 0
    changed: int = 0


_REPLACED = Put(is_replaced=True)


def put_rows(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    source: str,
    columns: Mapping[str, str],
    keys: Sequence[str] = (),
) -> Put:
    """Make a dataset's table hold exactly a source's rows, in the source's order.

    Rows are paired by key, or by position where there is no key. They are updated in place if those
    that stay are in the same order, new ones come after them, and few differ; else the table is
    replaced. Either way ``ORDER BY rowid`` gives the source's order. To be called in a transaction.

    Args:
        cursor: of the transaction.
        name: the dataset.
        source: SQL of a table, or a SELECT in parentheses; read several times, so its rows and
            their order must be the same each time.
        columns: the source's columns and DuckDB types, in order.
        keys: the columns that identify a row; where they repeat, the table is replaced.
    """
    table = f"lake.data.{sql.identifier(name)}"
    if _columns_there(cursor, name) == list(columns.items()):
        _pair(cursor, table, source, columns, keys)
        change = _change(cursor)
        if not change.is_replaced:
            _write(cursor, table, source, columns, change)
        cursor.execute(f"DROP TABLE {_PAIRS}")
        if not change.is_replaced:
            return change
    cursor.execute(f"CREATE OR REPLACE TABLE {table} AS {in_order(source)}")
    return _REPLACED


def in_order(source: str) -> str:
    """Return the SELECT of a source's rows that writes them to the lake in the source's order.

    Several threads write a table, and whichever is done first comes first, even after ORDER BY. A
    window without an order is computed by one thread, in the order of what it reads.
    """
    return f"SELECT * EXCLUDE ({_ROW}) FROM {_numbered(source)} WHERE {_ROW} > 0"


def _numbered(source: str) -> str:
    return f"(SELECT *, row_number() OVER () AS {_ROW} FROM {source})"


def _columns_there(cursor: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    """Return the columns and types of a dataset's table; none where there is no table."""
    return cursor.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake' "
        "AND schema_name = 'data' AND table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()


def _pair(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    source: str,
    columns: Mapping[str, str],
    keys: Sequence[str],
) -> None:
    """Make the table of pairs: position in the source, row id in the table, whether they differ."""
    old = f"(SELECT rowid AS {_ROW_ID}, * FROM {table})"
    pairing = " AND ".join(f"old.{k} = new.{k}" for k in map(sql.identifier, keys))
    if not keys:
        old = _numbered(f"(SELECT rowid AS {_ROW_ID}, * FROM {table} ORDER BY rowid)")
        pairing = f"old.{_ROW} = new.{_ROW}"
    differs = " OR ".join(_differs_sql(column, kind) for column, kind in columns.items())
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_PAIRS} AS
        SELECT new.{_ROW}, old.{_ROW_ID},
            new.{_ROW} IS NOT NULL AND old.{_ROW_ID} IS NOT NULL AND ({differs}) AS {_DIFFERS}
        FROM {_numbered(source)} new FULL JOIN {old} old ON {pairing}"""
    )


def _differs_sql(column: str, kind: str) -> str:
    """Return whether two values are not the same; NULL is like NULL and NaN like NaN.

    0.0 and -0.0 are the same, since the lake's Parquet files may not tell them apart either.
    """
    name = sql.identifier(column)
    old, new = f"old.{name}", f"new.{name}"
    if "INTERVAL" in kind.upper():  # 1 month and 30 days are equal and yet not the same
        old, new = f"{old}::VARCHAR", f"{new}::VARCHAR"
    return f"{old} IS DISTINCT FROM {new}"


def _change(cursor: duckdb.DuckDBPyConnection) -> Put:
    """Return what is to be changed, or that the table is to be replaced."""
    # A key that is there twice pairs one position with two rows, or one row with two positions.
    row = cursor.execute(
        f"""
        WITH kept AS (
            SELECT {_ROW} AS position, {_ROW_ID} AS row_id,
                lag(position) OVER ordered AS position_before,
                lag(row_id) OVER ordered AS row_before
            FROM {_PAIRS} WHERE {_ROW} IS NOT NULL AND {_ROW_ID} IS NOT NULL
            WINDOW ordered AS (ORDER BY position, row_id)),
        counts AS (
            SELECT count(*) FILTER ({_ROW_ID} IS NULL) AS added,
                count(*) FILTER ({_ROW} IS NULL) AS removed,
                count(*) FILTER ({_DIFFERS}) AS changed,
                count({_ROW_ID}) AS rows_before,
                min({_ROW}) FILTER ({_ROW_ID} IS NULL) AS first_added
            FROM {_PAIRS})
        SELECT added, removed, changed, rows_before,
            coalesce(first_added < (SELECT max(position) FROM kept), false) OR EXISTS (
                FROM kept WHERE position <= position_before OR row_id <= row_before)
        FROM counts"""
    ).fetchone()
    assert row is not None, "an aggregate gives a row"
    added, removed, changed, rows_before, is_out_of_order = row
    if is_out_of_order or removed + changed > MOST_CHANGED * rows_before:
        return _REPLACED
    return Put(is_replaced=False, added=added, removed=removed, changed=changed)


def _write(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    source: str,
    columns: Mapping[str, str],
    change: Put,
) -> None:
    numbered = _numbered(source)
    if change.changed:
        values = ", ".join(f"{c} = changed.{c}" for c in map(sql.identifier, columns))
        cursor.execute(
            f"""
            UPDATE {table} AS old SET {values}
            FROM (FROM {_PAIRS} JOIN {numbered} USING ({_ROW}) WHERE {_DIFFERS}) changed
            WHERE old.rowid = changed.{_ROW_ID}"""
        )
    if change.removed:
        cursor.execute(
            f"DELETE FROM {table} WHERE rowid IN "
            f"(SELECT {_ROW_ID} FROM {_PAIRS} WHERE {_ROW} IS NULL)"
        )
    if change.added:
        first = f"(SELECT min({_ROW}) FROM {_PAIRS} WHERE {_ROW_ID} IS NULL)"
        new = f"(SELECT {sql.identifiers(columns)} FROM {numbered} WHERE {_ROW} >= {first})"
        cursor.execute(f"INSERT INTO {table} {in_order(new)}")

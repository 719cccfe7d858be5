"""Which rows changed between two snapshots, from what the lake noted as they were written.

DuckLake's change feed gives every row that was inserted, deleted or updated, with the row as it was
and as it became (DuckLake documentation, "Data Change Feed"). It ends where a table was replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from curation import sql
from curation.lake.workspace import METADATA

_FEED = "curation_feed"
# No source has a column of these names.
_SNAPSHOT, _ROW_ID, _KIND = "_curation_snapshot", "_curation_row_id", "_curation_kind"
_COMING = ("insert", "update_postimage")
_COMES = f"({_KIND} IN {_COMING})"


def reaches(cursor: duckdb.DuckDBPyConnection, name: str, old: int, new: int) -> bool:
    """Say whether the feed has all that changed in a dataset's table from one snapshot to another.

    It has not where the table was replaced or got another column, or where a snapshot in between
    was forgotten, since the files of its rows may be gone with it.
    """
    tables = {_table_id(cursor, name, snapshot) for snapshot in (old, new)}
    if len(tables) > 1 or None in tables:
        return False
    snapshots, altered = _row(
        cursor,
        f"""
        SELECT (SELECT count(*) FROM {METADATA}.ducklake_snapshot
                WHERE snapshot_id BETWEEN $old AND $new),
            (SELECT count(*) FROM {METADATA}.ducklake_column WHERE table_id = $table
                AND ((begin_snapshot > $old AND begin_snapshot <= $new)
                    OR (end_snapshot > $old AND end_snapshot <= $new)))""",
        {"old": old, "new": new, "table": tables.pop()},
    )
    return bool(snapshots == new - old + 1 and altered == 0)


@dataclass(frozen=True)
class RowChange:
    """A row that came or went; an update is a row that went and one that came."""

    snapshot: int
    row_id: int
    comes: bool
    values: dict[str, Any]


def changes_of(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    condition: str,
    value: str,
    old: int,
    new: int,
) -> list[RowChange]:
    """Return all that happened to some rows after one snapshot until another, in its order.

    Args:
        cursor: to ask with.
        name: the dataset.
        columns: all of its table, in order.
        condition: SQL over them that takes one parameter.
        value: the parameter.
        old: the snapshot before the first change.
        new: the last snapshot.
    """
    rows = cursor.execute(
        f"SELECT * FROM {_feed_sql(name, columns, old, new)} WHERE {condition} "
        f"ORDER BY {_SNAPSHOT}, {_COMES}, {_ROW_ID}",
        [value],
    ).fetchall()
    return [
        RowChange(snapshot, row_id, kind in _COMING, dict(zip(columns, values, strict=True)))
        for snapshot, row_id, kind, *values in rows
    ]


def changed_rows_sql(
    cursor: duckdb.DuckDBPyConnection, name: str, columns: Iterable[str], old: int, new: int
) -> tuple[str, str]:
    """Return two SELECTs: what changed as it was at the older snapshot, and as it is at the newer.

    Rows that came or went are in one of them only. Both read a temporary table of the cursor.
    """
    listed = sql.identifiers(columns)
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE {_FEED} AS FROM {_feed_sql(name, columns, old, new)}"
    )
    was, is_now = (
        f"""SELECT {listed} FROM (
            FROM {_FEED} QUALIFY row_number() OVER (
                PARTITION BY {_ROW_ID} ORDER BY {_SNAPSHOT} {order}, {_COMES} {order}) = 1)
        WHERE {condition} {_COMES}"""
        for order, condition in (("ASC", "NOT"), ("DESC", ""))
    )
    return was, is_now


def _feed_sql(name: str, columns: Iterable[str], old: int, new: int) -> str:
    named = sql.identifiers((_SNAPSHOT, _ROW_ID, _KIND, *columns))
    table = sql.literal(name)
    return f"ducklake_table_changes('lake', 'data', {table}, {old + 1}, {new}) AS feed({named})"


def _table_id(cursor: duckdb.DuckDBPyConnection, name: str, snapshot: int) -> int | None:
    row = cursor.execute(
        f"""
        SELECT t.table_id FROM {METADATA}.ducklake_table t
            JOIN {METADATA}.ducklake_schema s USING (schema_id)
        WHERE s.schema_name = 'data' AND t.table_name = $name AND t.begin_snapshot <= $at
            AND (t.end_snapshot IS NULL OR t.end_snapshot > $at)""",
        {"name": name, "at": snapshot},
    ).fetchone()
    return row[0] if row else None


def _row(cursor: duckdb.DuckDBPyConnection, query: str, values: object) -> tuple[Any, ...]:
    row = cursor.execute(query, values).fetchone()
    assert row is not None, "an aggregate gives a row"
    return row

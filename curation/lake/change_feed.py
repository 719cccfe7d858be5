"""Which rows changed between two snapshots, from what the lake noted as they were written.

DuckLake's change feed gives every row that was inserted, deleted or updated, with the row as it was
and as it became (DuckLake documentation, "Data Change Feed"). It ends where a table was replaced.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb

from curation import sql
from curation.lake.workspace import METADATA

_FEED = "curation_feed"
# No source has a column of these names.
_SNAPSHOT, _ROW_ID, _KIND = "_curation_snapshot", "_curation_row_id", "_curation_kind"


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


def changed_rows_sql(
    cursor: duckdb.DuckDBPyConnection, name: str, columns: Iterable[str], old: int, new: int
) -> tuple[str, str]:
    """Return two SELECTs: what changed as it was at the older snapshot, and as it is at the newer.

    Rows that came or went are in one of them only. Both read a temporary table of the cursor.
    """
    listed = sql.identifiers(columns)
    head = sql.identifiers((_SNAPSHOT, _ROW_ID, _KIND))
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_FEED} AS
        SELECT *, {_KIND} IN ('insert', 'update_postimage') AS _curation_comes
        FROM ducklake_table_changes('lake', 'data', {sql.literal(name)}, {old + 1}, {new})
            AS feed({head}, {listed})"""
    )
    was, is_now = (
        f"""SELECT {listed} FROM (
            FROM {_FEED} QUALIFY row_number() OVER (
                PARTITION BY {_ROW_ID} ORDER BY {_SNAPSHOT} {order}, _curation_comes {order}) = 1)
        WHERE {condition} _curation_comes"""
        for order, condition in (("ASC", "NOT"), ("DESC", ""))
    )
    return was, is_now


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

"""Workspaces with a history, and all that can be read from one: what upkeep must leave as it is."""

from __future__ import annotations

import random
from typing import Any

import duckdb

from curation import sql
from curation.lake.annotations import annotate
from curation.lake.imports import import_table
from curation.lake.workspace import METADATA, Workspace


def give_history(workspace: Workspace, *, seed: int = 1, changes: int = 14) -> None:
    """Write a dataset with small and large changes, one that is replaced, and annotations."""
    import pyarrow as pa

    draw = random.Random(seed)
    rows = {"key": [f"k{n}" for n in range(300)], "kind": ["a", "b", "c"] * 100}
    import_table(workspace, pa.table(rows), "mail", roles=ROLES, author="ada", message="First")
    for number in range(changes):
        workspace.write(
            lambda cursor, n=number: _change(cursor, draw.random(), n),
            author="ada", message=f"Change {number}", operation="append", dataset="mail",
            rows=1, classes=3,
        )  # fmt: skip
    kinds = {
        "key": ["x\x00y", "é", "z"], "kind": ["a", None, "b"], "f": [1.5, float("nan"), None],
        "l": [[1.0], [], None], "b": [True, False, None], "raw": [b"\x00\xff", b"", None],
    }  # fmt: skip
    table = pa.table(kinds)
    import_table(workspace, table, "odd", roles=ROLES, author="bob", message="Odd values")
    import_table(workspace, table.slice(0, 2), "odd", author="bob", message="Replaced")
    import_table(workspace, pa.table({"key": ["x", "z"], "kind": ["a", "b"]}), "kinds",
                 roles=ROLES, author="bob")  # fmt: skip
    for key in ("x", "z"):
        annotate(workspace, "kinds", key, "confirm", annotator="bob")
    workspace.write(
        lambda cursor: cursor.execute(
            "INSERT INTO lake.curation.tags VALUES ('v1', 4, 'ada', 'kept', now()::TIMESTAMP)"
        ),
        author="ada", message="Tagged", operation="tag",
    )  # fmt: skip


ROLES: dict[str, Any] = {"key": "key", "kind": "label"}


def _change(cursor: duckdb.DuckDBPyConnection, draw: float, number: int) -> None:
    mail = "lake.data.mail"
    if draw < 0.35:
        cursor.execute(f"INSERT INTO {mail} SELECT 's{number}-' || range, 'a' FROM range(3)")
    elif draw < 0.55:
        cursor.execute(f"INSERT INTO {mail} SELECT 'l{number}-' || range, 'b' FROM range(40)")
    elif draw < 0.8:
        cursor.execute(f"UPDATE {mail} SET kind = 'c' WHERE rowid % 17 = {number % 17}")
    else:
        cursor.execute(f"DELETE FROM {mail} WHERE rowid % 23 = {number % 23}")


def all_versions(workspace: Workspace) -> dict[int, dict[str, str]]:
    """Return every table's rows, row ids and order at every snapshot, with its record."""
    found: dict[int, dict[str, str]] = {}
    with workspace.cursor() as cursor:
        records = cursor.execute(
            f"SELECT s.snapshot_id, s.snapshot_time::TIMESTAMP, author, commit_message, "
            f"commit_extra_info FROM {METADATA}.ducklake_snapshot s "
            f"LEFT JOIN {METADATA}.ducklake_snapshot_changes USING (snapshot_id) ORDER BY 1"
        ).fetchall()
        for snapshot, *record in records:
            found[snapshot] = {"record": repr(record)}
            tables = cursor.execute(
                f"SELECT s.schema_name, t.table_name FROM {METADATA}.ducklake_table t JOIN "
                f"{METADATA}.ducklake_schema s USING (schema_id) WHERE t.begin_snapshot <= ? AND "
                "(t.end_snapshot IS NULL OR t.end_snapshot > ?) AND "
                "(s.schema_name = 'data' OR list_contains(?, t.table_name))",
                [snapshot, snapshot, ["datasets", "annotations", "tags"]],
            ).fetchall()
            for schema, table in tables:
                name = f"{sql.identifier(schema)}.{sql.identifier(table)}"
                rows = cursor.execute(
                    f"SELECT rowid, * FROM lake.{name} AT (VERSION => {snapshot}) ORDER BY rowid"
                ).fetchall()
                found[snapshot][name] = repr(rows)
    return found

"""One record's rows in every snapshot of its dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import duckdb

from curation.lake import change_feed
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.records import key_equals_sql
from curation.lake.roles import Roles
from curation.lake.snapshots import Snapshot, log
from curation.lake.workspace import Workspace

Row = dict[str, Any]


@dataclass(frozen=True)
class RecordVersion:
    """A record as it is from a snapshot on."""

    snapshot: Snapshot
    rows: tuple[Row, ...]
    """Empty where the dataset has not the record; several where rows share a record key."""


def record_versions(workspace: Workspace, dataset: str, record_key: str) -> list[RecordVersion]:
    """Return the snapshots at which a record's rows may have changed, the oldest first.

    The record key is that of the newest roles; older snapshots that lack its columns are left out.
    Where the change feed reaches, the table is read once and not for each snapshot.

    Raises:
        UnknownNameError: no such dataset.
    """
    roles = get_dataset(workspace, dataset).roles
    history = sorted(log(workspace, dataset), key=lambda each: each.snapshot)
    with workspace.cursor() as cursor:
        return [
            version
            for piece in _pieces(cursor, dataset, history)
            for version in _versions(workspace, cursor, roles, piece, record_key, dataset)
        ]


def _pieces(
    cursor: duckdb.DuckDBPyConnection, dataset: str, history: list[Snapshot]
) -> Iterator[list[Snapshot]]:
    """Cut a history where the change feed ends."""
    piece: list[Snapshot] = []
    for snapshot in history:
        if piece and not change_feed.reaches(
            cursor, dataset, piece[-1].snapshot, snapshot.snapshot
        ):
            yield piece
            piece = []
        piece.append(snapshot)
    if piece:
        yield piece


def _versions(
    workspace: Workspace,
    cursor: duckdb.DuckDBPyConnection,
    roles: Roles,
    piece: list[Snapshot],
    record_key: str,
    dataset: str,
) -> Iterator[RecordVersion]:
    first = get_dataset(workspace, dataset, piece[0].snapshot)
    if not _identifying(roles) <= set(first.columns):
        return
    rows = _rows(cursor, first, roles, record_key)
    yield RecordVersion(piece[0], tuple(rows.values()))
    if len(piece) == 1:
        return
    changes = change_feed.changes_of(
        cursor, dataset, list(first.columns), key_equals_sql(roles, first.columns), record_key,
        piece[0].snapshot, piece[-1].snapshot,
    )  # fmt: skip
    for number, together in groupby(changes, key=lambda change: change.snapshot):
        for change in together:
            if change.comes:
                rows[change.row_id] = change.values
            else:
                rows.pop(change.row_id, None)
        # What changed a table without saying so belongs to whoever did next.
        after = next((each for each in piece if each.snapshot >= number), piece[-1])
        yield RecordVersion(after, tuple(row for _, row in sorted(rows.items())))


def _rows(
    cursor: duckdb.DuckDBPyConnection, at: Dataset, roles: Roles, record_key: str
) -> dict[int, Row]:
    """Return row id to row of a record at a snapshot."""
    found = cursor.execute(
        f"SELECT rowid, * FROM {table_sql(at.name, at.snapshot)} "
        f"WHERE {key_equals_sql(roles, at.columns)} ORDER BY rowid",
        [record_key],
    ).fetchall()
    return {row_id: dict(zip(at.columns, row, strict=True)) for row_id, *row in found}


def _identifying(roles: Roles) -> set[str]:
    """Return the columns that the record key is made of; see `records.key_sql`."""
    others = set(roles.columns) - {roles.label, *roles.having("ignore")}
    return set(roles.having("key") or roles.content or others)

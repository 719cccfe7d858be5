"""Tags: names for snapshots of the lake. A tag pins data, annotations and documents together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import duckdb

from curation.errors import UnknownNameError, UsageError
from curation.lake.datasets import get_dataset
from curation.lake.snapshots import log
from curation.lake.workspace import METADATA, Workspace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,99}")


@dataclass(frozen=True)
class Tag:
    """A name for a snapshot of the lake."""

    name: str
    snapshot: int
    author: str
    message: str
    created_at: datetime
    """UTC, without a zone."""


def tag(
    workspace: Workspace,
    name: str,
    snapshot: int | None = None,
    *,
    author: str,
    message: str = "",
) -> Tag:
    """Give a snapshot of the lake a name.

    Args:
        workspace: where.
        name: 1 to 100 letters, digits, spaces, dots, dashes and underscores; not a number, since
            snapshots have numbers.
        snapshot: which; the newest without one.
        author: who.
        message: what for, one line.

    Raises:
        UsageError: a name that cannot be one or is taken, or no such snapshot.
    """
    _check_name(name)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        # Asked in the transaction, so that of two who take a name at once one is told.
        taken = cursor.execute(
            "SELECT name, snapshot FROM lake.curation.tags WHERE lower(name) = lower(?)", [name]
        ).fetchone()
        if taken is not None:
            raise UsageError(
                f"There is a tag '{taken[0]}' already, of snapshot {taken[1]}. Choose another "
                f"name, or remove it: curation tag '{taken[0]}' --remove"
            )
        cursor.execute(
            "INSERT INTO lake.curation.tags (name, snapshot, author, message, created_at) "
            "VALUES (?, ?, ?, ?, now()::TIMESTAMP)",
            [name, _lake_snapshot(cursor, snapshot), author, message],
        )

    workspace.write(
        change, author=author, message=f"Tag {name}" + (f": {message}" if message else ""),
        operation="tag",
    )  # fmt: skip
    return get_tag(workspace, name)


def untag(workspace: Workspace, name: str, *, author: str) -> None:
    """Remove a tag; the snapshot that it named stays, until it is expired.

    Raises:
        UnknownNameError: there is no such tag.
    """
    get_tag(workspace, name)
    workspace.write(
        lambda cursor: cursor.execute("DELETE FROM lake.curation.tags WHERE name = ?", [name]),
        author=author, message=f"Tag {name} removed", operation="untag",
    )  # fmt: skip


def list_tags(workspace: Workspace) -> list[Tag]:
    """Return all tags, the newest snapshot first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT name, snapshot, author, message, created_at FROM lake.curation.tags "
            "ORDER BY snapshot DESC, name"
        ).fetchall()
    return [Tag(*row) for row in rows]


def get_tag(workspace: Workspace, name: str) -> Tag:
    """Return a tag by its name.

    Raises:
        UnknownNameError: there is none.
    """
    known = list_tags(workspace)
    found = next((known_tag for known_tag in known if known_tag.name == name), None)
    if found is None:
        raise UnknownNameError("tag", name, [known_tag.name for known_tag in known])
    return found


def resolve_snapshot(workspace: Workspace, dataset: str, which: str | int) -> int:
    """Return a dataset's snapshot by its number, or the one that was in force at a tag.

    Raises:
        UnknownNameError: no such dataset or tag.
        UsageError: no such snapshot of the dataset, or it was not there yet at the tag.
    """
    if str(which).isdecimal():
        return get_dataset(workspace, dataset, int(which)).snapshot
    newest = get_dataset(workspace, dataset)
    known = list_tags(workspace)
    found = next((known_tag for known_tag in known if known_tag.name == which), None)
    if found is None:
        # A person may have meant either.
        names = [known_tag.name for known_tag in known]
        raise UnknownNameError("tag", str(which), names, f"'{dataset}': give a snapshot or a tag. ")
    before = [s.snapshot for s in log(workspace, newest.name) if s.snapshot <= found.snapshot]
    if not before:
        raise UsageError(
            f"'{dataset}' was not there yet at the tag '{found.name}' (snapshot {found.snapshot} "
            "of the workspace). Name a later tag, or one of its snapshots: "
            f"curation log '{dataset}'"
        )
    return before[0]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.isdecimal():
        raise UsageError(
            f"'{name[:120]}' cannot be a tag's name. Allowed: 1 to 100 letters, digits, spaces, "
            "dots, dashes and underscores, beginning with a letter or digit, and not a number."
        )


def _lake_snapshot(cursor: duckdb.DuckDBPyConnection, snapshot: int | None) -> int:
    rows = cursor.execute(
        f"SELECT max(snapshot_id), count(*) FILTER (snapshot_id = ?) "
        f"FROM {METADATA}.ducklake_snapshot",
        [snapshot],
    ).fetchall()
    [(newest, there)] = rows
    if snapshot is None:
        return int(newest)
    if not there:
        raise UsageError(
            f"The workspace has no snapshot {snapshot}; the newest is {newest}. "
            "Leave it out to tag the newest, or see: curation log DATASET"
        )
    return snapshot

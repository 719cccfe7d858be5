"""Tidying a workspace: fewer and larger files, and no files that nothing needs.

What rows a snapshot has, their row ids and their order stay as they were. DuckLake's rewriting of
files with many deleted rows is left out: a later flush of inlined rows then doubles rows of older
snapshots.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from curation.errors import UsageError
from curation.lake import file_hashes
from curation.lake.catalogs import METADATA
from curation.lake.checking import orphans
from curation.lake.snapshots import DATA_OPERATIONS
from curation.lake.workspace import Workspace
from curation.lake.workspace_info import inlined_rows
from curation.progress import Progress, no_progress

GRACE = timedelta(days=1)
"""How long a file that nothing needs stays, since somebody may be reading or writing it."""

_SNAPSHOT = re.compile(r"snapshot", re.IGNORECASE)


@dataclass(frozen=True)
class CompactReport:
    """What was tidied, or would be."""

    flushed_rows: int
    """Versions of rows that went from the catalog into files."""
    files_before: int
    files_after: int
    """The same as before in a dry run, which cannot tell."""
    expired: list[int]
    """Snapshots that are gone."""
    kept: dict[int, str]
    """Snapshots that are old enough to go, and why they stay."""
    removed_files: int
    is_dry_run: bool


def compact(
    workspace: Workspace,
    *,
    keep_days: float | None = None,
    dry_run: bool = False,
    author: str,
    progress: Progress = no_progress,
) -> CompactReport:
    """Tidy a workspace.

    Args:
        workspace: which.
        keep_days: forget the snapshots that are older than this many days and that nothing refers
            to: no dataset's newest, no tag, finding, branch, recipe or run. Without it, none.
        dry_run: only say what would be done.
        author: who does it.
        progress: told how far it is.

    Raises:
        UsageError: a negative number of days.
        WorkspaceError: it cannot be written.
    """
    if keep_days is not None and not keep_days >= 0:
        raise UsageError(f"Snapshots cannot be kept for {keep_days} days. Give 0 or more.")
    with workspace.cursor() as cursor:
        before = len(file_hashes.lake_files(cursor, workspace.data))
        rows = inlined_rows(cursor)
        expired, kept = _expired(cursor, keep_days)
    if not dry_run:
        progress(0.1, "Writing larger files")
        _merge(workspace, author)
        progress(0.7, "Forgetting snapshots")
        if expired:
            _expire(workspace, expired, author)
        with workspace.cursor() as cursor:  # merged files carry the numbers of old snapshots
            file_hashes.record(cursor, workspace.data, workspace.path)
    progress(0.9, "Removing files")
    removed = _clean(workspace, dry_run=dry_run)
    with workspace.cursor() as cursor:
        after = len(file_hashes.lake_files(cursor, workspace.data))
    progress(1.0, "Tidied")
    return CompactReport(rows, before, after, expired, kept, removed, dry_run)


def _merge(workspace: Workspace, author: str) -> None:
    for function in ("ducklake_flush_inlined_data", "ducklake_merge_adjacent_files"):

        def change(cursor: duckdb.DuckDBPyConnection, function: str = function) -> None:
            # Read to the end: the call works while its rows are fetched.
            cursor.execute(f"SELECT count(*) FROM {function}('lake')").fetchall()

        workspace.write(change, author=author, message="Tidied the files", operation="compact")


def _expire(workspace: Workspace, snapshots: list[int], author: str) -> None:
    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        numbers = ", ".join(map(str, snapshots))
        cursor.execute(
            f"SELECT count(*) FROM ducklake_expire_snapshots('lake', versions => [{numbers}])"
        ).fetchall()

    workspace.write(
        change, author=author, message=f"Forgot {len(snapshots)} snapshots", operation="expire"
    )


def _expired(
    cursor: duckdb.DuckDBPyConnection, keep_days: float | None
) -> tuple[list[int], dict[int, str]]:
    """Return the snapshots to forget, and those that are as old and stay, with the reason."""
    if keep_days is None:
        return [], {}
    limit = (datetime.now(UTC) - timedelta(days=keep_days)).replace(tzinfo=None)
    old = cursor.execute(
        f"SELECT snapshot_id FROM {METADATA}.ducklake_snapshot "
        "WHERE snapshot_time::TIMESTAMP < ? ORDER BY snapshot_id",
        [limit],
    ).fetchall()
    needed = _needed(cursor)
    expired = [number for (number,) in old if number not in needed]
    return expired, {number: needed[number] for (number,) in old if number in needed}


def _needed(cursor: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Return the snapshots that must stay, and why."""
    needed: dict[int, str] = {}
    for query, why in (
        ("SELECT snapshot, name FROM lake.curation.tags", "tag"),
        ("SELECT snapshot, finding_id FROM lake.curation.findings", "finding"),
        ("SELECT base_snapshot, branch FROM lake.curation.branches", "branch"),
    ):
        needed |= {n: f"{why} {name}" for n, name in cursor.execute(query).fetchall()}
    for table, column in (("runs", "manifest"), ("documents", "text"), ("findings", "parameters")):
        for (text,) in cursor.execute(f"SELECT {column} FROM lake.curation.{table}").fetchall():
            needed |= dict.fromkeys(_mentioned(text or ""), f"named in {table}")
    newest: dict[str, int] = {}
    for number, extra in cursor.execute(
        f"SELECT snapshot_id, commit_extra_info FROM {METADATA}.ducklake_snapshot_changes "
        "WHERE commit_extra_info IS NOT NULL ORDER BY snapshot_id"
    ).fetchall():
        details = json.loads(extra)
        if details.get("operation") in DATA_OPERATIONS and details.get("dataset"):
            newest[details["dataset"]] = number
    needed |= {number: f"newest of {dataset}" for dataset, number in newest.items()}
    (last,) = cursor.execute(
        f"SELECT max(snapshot_id) FROM {METADATA}.ducklake_snapshot"
    ).fetchall()
    return needed | {last[0]: "newest"}


def _mentioned(text: str) -> set[int]:
    """Return every number under a key with ``snapshot`` in its name; too many rather than too few.

    The text is JSON, or YAML, of which any number after such a key on its line is taken.
    """
    try:
        return set(_numbers(json.loads(text), under=False))
    except ValueError:
        lines = (line for line in text.splitlines() if _SNAPSHOT.search(line))
        return {int(number) for line in lines for number in re.findall(r"\d+", line)}


def _numbers(value: Any, *, under: bool) -> list[int]:
    if isinstance(value, dict):
        parts = [_numbers(v, under=under or bool(_SNAPSHOT.search(k))) for k, v in value.items()]
        return [number for part in parts for number in part]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item, under=under)]
    return [value] if under and isinstance(value, int) and not isinstance(value, bool) else []


def _clean(workspace: Workspace, *, dry_run: bool) -> int:
    """Remove the files that nothing has needed for a day; return how many."""
    limit = datetime.now(UTC) - GRACE
    with workspace.cursor() as cursor:
        row = cursor.execute(
            "SELECT count(*) FROM ducklake_cleanup_old_files('lake', "
            f"older_than => ?::TIMESTAMPTZ, dry_run => {str(dry_run).lower()})",
            [limit],
        ).fetchone()
        files = file_hashes.lake_files(cursor, workspace.data)
    assert row is not None, "an aggregate gives a row"
    left = [p for p in orphans(workspace, files) if p.stat().st_mtime < limit.timestamp()]
    if not dry_run:
        for path in left:
            path.unlink(missing_ok=True)
        _forget_hashes(workspace)
    return int(row[0]) + len(left)


def _forget_hashes(workspace: Workspace) -> None:
    """Remove the recorded hashes of files that are gone."""
    folder = workspace.path / "hashes"
    for kept in file_hashes.files_below(folder):
        name = kept.relative_to(folder).with_suffix("")
        if not (Path(workspace.data) / name).exists():
            kept.unlink(missing_ok=True)

"""Whether everything that the catalog names is there and is what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation import sql
from curation.errors import WorkspaceError
from curation.lake.catalogs import METADATA
from curation.lake.file_hashes import (
    LakeFile,
    files_below,
    hash_file,
    kept_hash,
    lake_files,
    sha256,
    write_hash,
)
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress

_REFERENCES = {
    "a decision that is taken back is not there":
        "SELECT annotation_id FROM lake.curation.annotations WHERE decision = 'revert' "
        "AND reverts NOT IN (SELECT annotation_id FROM lake.curation.annotations UNION ALL "
        "SELECT action_id FROM lake.curation.annotations WHERE action_id IS NOT NULL)",
    "a document that is taken back is not there":
        "SELECT document_id FROM lake.curation.documents "
        "WHERE reverts NOT IN (SELECT document_id FROM lake.curation.documents)",
    "the finding of a ranked row is not there":
        "SELECT DISTINCT finding_id FROM lake.curation.finding_rows "
        "WHERE finding_id NOT IN (SELECT finding_id FROM lake.curation.findings)",
    "a merged annotation is not there":
        "SELECT merge_id FROM lake.curation.merged WHERE annotation_id NOT IN "
        "(SELECT annotation_id FROM lake.curation.annotations)",
    "a dataset has no table":
        "SELECT name FROM lake.curation.datasets WHERE name NOT IN (SELECT table_name "
        "FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'data')",
    "the snapshot of a tag is not there":
        f"SELECT name FROM lake.curation.tags WHERE snapshot NOT IN "
        f"(SELECT snapshot_id FROM {METADATA}.ducklake_snapshot)",
    "the snapshot that a branch began from is not there":
        f"SELECT branch FROM lake.curation.branches WHERE base_snapshot NOT IN "
        f"(SELECT snapshot_id FROM {METADATA}.ducklake_snapshot)",
    "the snapshot of a finding is not there":
        f"SELECT finding_id FROM lake.curation.findings WHERE snapshot NOT IN "
        f"(SELECT snapshot_id FROM {METADATA}.ducklake_snapshot)",
}  # fmt: skip
"""What is wrong, and the SELECT of what is wrong so."""
_MOST_NAMED = 5


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written."""

    message: str
    file: str | None = None
    table: str | None = None
    """Schema and name, as in ``data.tickets``."""
    snapshots: tuple[int, int] | None = None
    """The first and the last snapshot that need the file."""


@dataclass(frozen=True)
class CheckReport:
    """What a check looked at and found."""

    files: int
    bytes: int
    problems: list[Problem]
    orphans: list[str]
    """Files that no snapshot needs: a write that was killed left them. They do no harm."""
    notes: list[str]


def check(workspace: Workspace, *, progress: Progress = no_progress) -> CheckReport:
    """Look at every file and every reference of a workspace.

    Every file must be there with the size that the catalog says and the SHA-256 that was recorded
    when it was written. A file without a recorded one (its writer was killed in that moment, or was
    not this program) is read as a whole, and its hash recorded for the next time.
    """
    with workspace.cursor() as cursor:
        files = lake_files(cursor, workspace.data)
        snapshots = [
            number
            for (number,) in cursor.execute(
                f"SELECT snapshot_id FROM {METADATA}.ducklake_snapshot ORDER BY snapshot_id"
            ).fetchall()
        ]
        problems = list(_catalog_problems(workspace, cursor))
        unrecorded = 0
        for number, file in enumerate(files):
            progress(number / len(files), "Reading the files")
            message, was_recorded = _wrong_with(workspace, cursor, file)
            unrecorded += not was_recorded
            if message is not None:
                problems.append(Problem(message, file.path, file.table, _needed(file, snapshots)))
        problems += _reference_problems(cursor)
    notes = []
    if "://" in workspace.data:
        notes.append("The data are not on this machine: only their sizes and contents were read.")
    elif unrecorded:
        notes.append(f"{unrecorded:,} files had no recorded hash; it is recorded from now on.")
    progress(1.0, "Checked")
    return CheckReport(
        files=len(files),
        bytes=sum(file.bytes for file in files),
        problems=problems,
        orphans=[str(path) for path in orphans(workspace, files)],
        notes=notes,
    )


def orphans(workspace: Workspace, files: list[LakeFile]) -> Iterator[Path]:
    """Yield the data files that the catalog does not name, nor has scheduled for removal."""
    if "://" in workspace.data:
        return
    with workspace.cursor() as cursor:
        scheduled = cursor.execute(
            f"SELECT path FROM {METADATA}.ducklake_files_scheduled_for_deletion"
        ).fetchall()
    folder = Path(workspace.data)
    # Joined as paths: the catalog writes some with a slash too many.
    known = {Path(file.path) for file in files} | {folder / path for (path,) in scheduled}
    yield from (path for path in files_below(folder) if path not in known)


def _wrong_with(
    workspace: Workspace, cursor: duckdb.DuckDBPyConnection, file: LakeFile
) -> tuple[str | None, bool]:
    """Return what is wrong with a file, and whether its hash had been recorded."""
    if "://" in workspace.data:
        return _unreadable(cursor, file), False
    path = Path(file.path)
    try:
        size = path.stat().st_size
        if size != file.bytes:
            return f"It has {size:,} bytes; {file.bytes:,} were written.", True
        kept = hash_file(file.path, workspace.data, workspace.path)
        written, now = kept_hash(kept), sha256(path)
    except FileNotFoundError:
        return "It is not there.", True
    except OSError as error:
        return f"It cannot be read: {error.strerror}.", True
    if written is not None:
        return (None if written == now else "Its bytes are not those that were written."), True
    message = _unreadable(cursor, file)
    if message is None:
        write_hash(kept, now)
    return message, False


def _unreadable(cursor: duckdb.DuckDBPyConnection, file: LakeFile) -> str | None:
    source = f"read_parquet({sql.literal(file.path)})"
    try:
        # COLUMNS(*) is computed of every column, so every page is read.
        cursor.execute(f"SELECT count(COLUMNS(*)) FROM {source}").fetchall()
    except WorkspaceError as error:  # what a check is for
        return _first_line(error)
    return None


def _needed(file: LakeFile, snapshots: list[int]) -> tuple[int, int] | None:
    needing = [n for n in snapshots if n >= file.begin and (file.end is None or n < file.end)]
    return (needing[0], needing[-1]) if needing else None


def _catalog_problems(workspace: Workspace, cursor: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    if workspace.catalog.kind == "sqlite":
        file = workspace.catalog.file
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            said = [line for (line,) in connection.execute("PRAGMA quick_check(5)").fetchall()]
        yield from (
            Problem(f"The catalog is damaged: {line}", str(file)) for line in said if line != "ok"
        )
    named = cursor.execute(
        f"SELECT table_name FROM {METADATA}.ducklake_inlined_data_tables ORDER BY table_name"
    ).fetchall()
    for (name,) in named:
        try:
            cursor.execute(f"SELECT count(*) FROM {METADATA}.{sql.identifier(name)}").fetchall()
        except duckdb.CatalogException:
            yield Problem(f"The catalog lacks its table '{name}'.")


def _reference_problems(cursor: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    for message, query in _REFERENCES.items():
        try:
            wrong = [str(name) for (name,) in cursor.execute(query).fetchall()]
        except (WorkspaceError, duckdb.CatalogException) as error:  # among the problems already
            yield Problem(f"It could not be seen whether {message}: {_first_line(error)}")
            continue
        if wrong:
            named = ", ".join(wrong[:_MOST_NAMED])
            more = f" and {len(wrong) - _MOST_NAMED:,} more" if len(wrong) > _MOST_NAMED else ""
            yield Problem(f"{message[0].upper()}{message[1:]}: {named}{more}.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

"""What a workspace is made of: where it lies, how much is in it, and what made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from curation import sql
from curation.lake.catalogs import METADATA
from curation.lake.file_hashes import lake_files
from curation.lake.workspace import Workspace

_EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner")


@dataclass(frozen=True)
class WorkspaceInfo:
    """The figures of a workspace."""

    name: str
    """Folder, or address without a password."""
    catalog: str
    """``sqlite`` or ``postgres``."""
    data: str
    """Where the data files are."""
    format: str
    """Version of DuckLake's format."""
    datasets: int
    snapshots: int
    newest_snapshot: int
    files: int
    bytes: int
    """Of those files."""
    inlined_rows: int
    """Versions of rows that are in the catalog itself, since they came a few at a time."""
    versions: dict[str, str]
    """Of DuckDB and its extensions."""


def workspace_info(workspace: Workspace) -> WorkspaceInfo:
    """Return the figures of a workspace, at its newest snapshot and over its whole history."""
    with workspace.cursor() as cursor:
        snapshots, newest = _row(
            cursor, f"SELECT count(*), max(snapshot_id) FROM {METADATA}.ducklake_snapshot"
        )
        (datasets,) = _row(cursor, "SELECT count(*) FROM lake.curation.datasets")
        (version,) = _row(
            cursor, f"SELECT value FROM {METADATA}.ducklake_metadata WHERE key = 'version'"
        )
        files = lake_files(cursor, workspace.data)
        return WorkspaceInfo(
            name=workspace.name,
            catalog=workspace.catalog.kind,
            data=workspace.data,
            format=version,
            datasets=datasets,
            snapshots=snapshots,
            newest_snapshot=newest,
            files=len(files),
            bytes=sum(file.bytes for file in files),
            inlined_rows=inlined_rows(cursor),
            versions=_versions(cursor),
        )


def inlined_rows(cursor: duckdb.DuckDBPyConnection) -> int:
    """Return how many versions of rows the catalog itself holds."""
    names = cursor.execute(
        f"SELECT table_name FROM {METADATA}.ducklake_inlined_data_tables"
    ).fetchall()
    counts = [f"(SELECT count(*) FROM {METADATA}.{sql.identifier(name)})" for (name,) in names]
    (rows,) = _row(cursor, f"SELECT {' + '.join(counts) or '0'}")
    return int(rows)


def _versions(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = cursor.execute(
        "SELECT extension_name, extension_version FROM duckdb_extensions() "
        "WHERE loaded AND list_contains(?, extension_name) ORDER BY extension_name",
        [list(_EXTENSIONS)],
    ).fetchall()
    return {"duckdb": duckdb.__version__, **dict(rows)}


def _row(cursor: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = cursor.execute(query).fetchone()
    assert row is not None, "an aggregate gives a row"
    return row

"""The SHA-256 of every data file, since DuckLake keeps only sizes: how a changed byte is found.

Each file of the lake has a small file of the same path under ``hashes/`` beside the data. It is
written right after the commit that made the file, while its bytes are still in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation.lake.catalogs import METADATA


@dataclass(frozen=True)
class LakeFile:
    """A Parquet file that the catalog names."""

    path: str
    """Whole, as DuckDB would open it."""
    table: str
    """Schema and name, as in ``data.tickets``."""
    kind: str
    """``data``, or ``delete`` for the rows of a data file that are gone."""
    bytes: int
    begin: int
    """The first snapshot that needs it."""
    end: int | None
    """The first snapshot that no longer does."""


def lake_files(
    connection: duckdb.DuckDBPyConnection,
    data: str,
    *,
    snapshot: int | None = None,
    metadata: str = METADATA,
) -> list[LakeFile]:
    """Return the files of all snapshots, or those that a snapshot brought, by path.

    The catalog's tables and how their paths join are those of the DuckLake specification.

    Args:
        connection: where the catalog is attached.
        data: where the data files are.
        snapshot: which brought them; all without it.
        metadata: what SQL calls the catalog's database.
    """
    chosen = "" if snapshot is None else f"WHERE {snapshot} IN (begin_snapshot, partial_max)"
    columns = "table_id, path, path_is_relative, file_size_bytes, begin_snapshot, end_snapshot"
    rows = connection.execute(
        f"""
        WITH files AS (
            SELECT 'data' AS kind, {columns} FROM {metadata}.ducklake_data_file {chosen}
            UNION ALL
            SELECT 'delete', {columns} FROM {metadata}.ducklake_delete_file {chosen}
        ), named AS (
            SELECT t.table_id,
                max_by(s.schema_name || '.' || t.table_name, t.begin_snapshot) AS name,
                max_by(CASE WHEN NOT t.path_is_relative THEN t.path
                    WHEN NOT s.path_is_relative THEN s.path || t.path
                    ELSE ? || s.path || t.path END, t.begin_snapshot) AS folder
            FROM {metadata}.ducklake_table t
                JOIN {metadata}.ducklake_schema s ON s.schema_id = t.schema_id
            WHERE t.table_id IN (SELECT table_id FROM files) GROUP BY t.table_id
        )
        SELECT CASE WHEN f.path_is_relative THEN n.folder || f.path ELSE f.path END AS path, n.name,
            f.kind, f.file_size_bytes, f.begin_snapshot, f.end_snapshot
        FROM files f JOIN named n ON n.table_id = f.table_id ORDER BY path
        """,
        [data],
    ).fetchall()
    return [LakeFile(*row) for row in rows]


def record(
    connection: duckdb.DuckDBPyConnection, data: str, folder: Path, snapshot: int | None = None
) -> None:
    """Write the hashes of the files that a snapshot brought, or of all that have none.

    Raises:
        OSError: a file cannot be read, or its hash not written.
    """
    if "://" in data:
        return
    for file in lake_files(connection, data, snapshot=snapshot):
        kept = hash_file(file.path, data, folder)
        if not kept.exists():
            write_hash(kept, sha256(Path(file.path)))


def hash_file(path: str, data: str, folder: Path) -> Path:
    """Return the file that keeps a data file's hash, whether or not it is there."""
    return folder / "hashes" / f"{path.removeprefix(data).lstrip('/')}.sha256"


def kept_hash(kept: Path) -> str | None:
    """Return a hash that was written before; None without one."""
    try:
        text = kept.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    return text or None


def write_hash(kept: Path, digest: str) -> None:
    """Keep a hash; a reader sees all of it or none."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.part")
    part.write_text(f"{digest}\n", encoding="ascii")
    part.replace(kept)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file under a folder, in order of its path; none where there is no folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())

"""Copying a workspace to another place or another kind of catalog, with all of its history.

The catalog's own tables are copied row by row, so snapshots keep their numbers, rows their ids, and
time travel gives what it gave. The copy appears only once all of it is there.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from curation import sql
from curation.errors import UsageError, WorkspaceError
from curation.lake import catalogs, file_hashes
from curation.lake.catalog_rows import HELD, hold, put
from curation.lake.catalogs import Catalog
from curation.lake.checking import check
from curation.lake.conflicts import first_line
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress

_UNFINISHED = "curation_copying"
"""Folder, and schema, of a copy that is not complete; the next one to that place begins anew."""


@dataclass(frozen=True)
class CopyReport:
    """What was copied."""

    source: str
    target: str
    snapshots: int
    files: int
    bytes: int


def copy(
    source: str | Path,
    target: str | Path,
    *,
    data: Path | None = None,
    progress: Progress = no_progress,
) -> CopyReport:
    """Copy a workspace; others may go on writing to it, and the copy is of one moment.

    Args:
        source: folder or address of the workspace.
        target: folder or address where there is none yet.
        data: for a PostgreSQL target, the folder that gets the data.
        progress: told how far it is.

    Raises:
        UsageError: the target is taken, or its ``data`` is missing.
        WorkspaceError: no workspace at the source, it is damaged, or the target cannot be written;
            then there is no workspace at the target.
    """
    old, new = catalogs.locate(source), catalogs.locate(target)
    folder = _target_folder(old, new, data)
    if not catalogs.exists(old):
        raise WorkspaceError(f"There is no workspace in '{old.name}', so nothing was copied.")
    made = not folder.exists()
    with closing(catalogs.connect(old)) as connection:
        try:
            catalogs.load_extensions(connection, new.kind)
            hold(connection, old)
            if (folder / _UNFINISHED).is_dir():
                _clear(folder)
            (folder / _UNFINISHED).mkdir(parents=True)
            try:
                sizes = _copy_files(connection, old, folder, progress)
                _publish(connection, old, new, f"{folder / 'data'}/")
                shutil.rmtree(folder / _UNFINISHED)
                _verify(new)
            except BaseException:
                _withdraw(new, folder, is_ours=made)
                raise
            snapshots = _held(connection, "SELECT count(*) FROM held.ducklake_snapshot")
        except (OSError, duckdb.Error) as error:
            raise WorkspaceError(
                f"'{old.name}' could not be copied to '{new.name}', where nothing is left of it: "
                f"{first_line(error)}"
            ) from error
    progress(1.0, "Copied")
    return CopyReport(old.name, new.name, int(snapshots), len(sizes), sum(sizes))


def _target_folder(old: Catalog, new: Catalog, data: Path | None) -> Path:
    if new.kind == "postgres" and data is None:
        raise UsageError("A copy in PostgreSQL needs a folder for its data: --data DIR")
    if new.kind == "sqlite" and data is not None:
        raise UsageError("A workspace in a folder keeps its data there; leave out --data.")
    folder = data.resolve() if data is not None else new.folder
    assert folder is not None
    if old.folder is not None and (folder == old.folder or old.folder in folder.parents):
        raise UsageError(f"'{folder}' is in the workspace that is copied. Name another place.")
    is_left = (folder / _UNFINISHED).is_dir()
    if catalogs.exists(new) or (not is_left and any(file_hashes.files_below(folder / "data"))):
        raise UsageError(f"There is a workspace in '{new.name}' already, or data in '{folder}'.")
    return folder


def _copy_files(
    connection: duckdb.DuckDBPyConnection, old: Catalog, folder: Path, progress: Progress
) -> list[int]:
    """Copy the data files with their hashes; return their sizes."""
    if old.folder is not None:
        old_data = f"{old.folder / 'data'}/"
    else:
        query = "SELECT value FROM held.ducklake_metadata WHERE key = 'data_path'"
        old_data = _held(connection, query)
    if "://" in old_data:
        raise UsageError(f"The data of '{old.name}' are not on this machine: {old_data}")
    beside, sizes = catalogs.local_folder(old, old_data), []
    paths = [file.path for file in file_hashes.lake_files(connection, old_data, metadata=HELD)]
    for number, path in enumerate(paths):
        progress(0.9 * number / len(paths), "Copying files")
        if not path.startswith(old_data):
            raise WorkspaceError(f"The file {path} lies outside of the workspace's data.")
        target = folder / "data" / path.removeprefix(old_data).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        digest = file_hashes.sha256(target)
        written = file_hashes.kept_hash(file_hashes.hash_file(path, old_data, beside))
        if digest != (written or file_hashes.sha256(Path(path))):
            raise WorkspaceError(
                f"The file {path} is not what was written, so the workspace was not copied.\n"
                "See what needs it: curation workspace check"
            )
        file_hashes.write_hash(
            file_hashes.hash_file(str(target), f"{folder / 'data'}/", folder), digest
        )
        sizes.append(target.stat().st_size)
    if (beside / "refused").is_dir():
        shutil.copytree(beside / "refused", folder / "refused", dirs_exist_ok=True)
    return sizes


def _publish(connection: duckdb.DuckDBPyConnection, old: Catalog, new: Catalog, data: str) -> None:
    """Write the catalog where nobody looks for one, then put it into its place at once."""
    if new.folder is not None:
        part = catalogs.locate(new.folder / _UNFINISHED)
        _make(part, data)
        put(connection, part, (old.kind, new.kind), schema="main", data=data)
        # Closing the last connection moved all of it from the journal into this one file.
        part.file.replace(new.file)
        return
    _on_server(new, f"DROP SCHEMA IF EXISTS {_UNFINISHED} CASCADE")
    _make(new, data, schema=_UNFINISHED)
    put(connection, new, (old.kind, new.kind), schema=_UNFINISHED, data=data)
    moves = [
        f"ALTER TABLE {_UNFINISHED}.{sql.identifier(name)} SET SCHEMA public"
        for name in _tables(new, _UNFINISHED)
    ]
    # PostgreSQL runs the statements of one call in one transaction.
    _on_server(new, "; ".join([*moves, f"DROP SCHEMA {_UNFINISHED}"]))


def _make(catalog: Catalog, data: str, schema: str | None = None) -> None:
    """Let DuckLake make its tables, with the keys that keep two writers apart."""
    with closing(catalogs.connect(catalog)) as connection:
        catalogs.attach(connection, catalog, data=data, schema=schema, create=True)


def _verify(new: Catalog) -> None:
    """Look at every file and reference of the copy.

    Raises:
        WorkspaceError: something is wrong with it.
    """
    with Workspace.open(new.address or new.folder, create=False) as workspace:
        problems = check(workspace).problems
    if problems:
        raise WorkspaceError(
            f"The copy would not be in order, so there is none: {problems[0].message}\n"
            "See what is wrong with the source: curation workspace check"
        )


def _withdraw(new: Catalog, folder: Path, *, is_ours: bool) -> None:
    """Remove what a failed copy left."""
    if new.folder is None:
        drops = [f"DROP TABLE public.{sql.identifier(name)}" for name in _tables(new, "public")]
        _on_server(new, "; ".join([f"DROP SCHEMA IF EXISTS {_UNFINISHED} CASCADE", *drops]))
    else:
        new.file.unlink(missing_ok=True)
    _clear(folder)
    if is_ours:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    for name in ("data", "hashes", "refused", "spill", _UNFINISHED):
        shutil.rmtree(folder / name, ignore_errors=True)


def _tables(catalog: Catalog, schema: str) -> list[str]:
    """Return the lake's own tables in a schema of a PostgreSQL database."""
    with closing(catalogs.connect(catalog)) as connection:
        catalogs.attach_tables(connection, catalog, "target", read_only=True)
        rows = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'target' "
            "AND schema_name = ? AND table_name LIKE 'ducklake%' ORDER BY table_name",
            [schema],
        ).fetchall()
    return [name for (name,) in rows]


def _held(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None, "the catalog of a lake has it"
    return str(row[0])


def _on_server(catalog: Catalog, statements: str) -> None:
    """Run statements in PostgreSQL's own SQL."""
    with closing(catalogs.connect(catalog)) as connection:
        catalogs.attach_tables(connection, catalog, "target", read_only=False)
        connection.execute("CALL postgres_execute('target', ?)", [statements])

"""From a file or a data frame to a snapshot, with every refused row accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import ContractError
from curation.lake import source_files
from curation.lake.datasets import (
    Dataset,
    check_name,
    check_roles,
    columns_of,
    get_dataset,
    list_datasets,
    store_roles,
    table_sql,
)
from curation.lake.diffs import Diff, diff
from curation.lake.profile import profile_relation
from curation.lake.roles import Role, Roles, detect_roles
from curation.lake.source_files import RefusedRow, Staged
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress

Mode = Literal["replace", "append"]

MAX_REFUSED = 0.01
"""Of a file's rows, the part that may be refused before the import as a whole is."""
_SAMPLE_ROWS = 20


@dataclass(frozen=True)
class ImportPreview:
    """What an import would take, before anything is written."""

    name: str
    rows: int
    columns: dict[str, str]
    roles: Roles
    refused: list[RefusedRow]
    """The first refused rows."""
    refused_count: int
    sample: pa.Table
    """The first 20 rows."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ImportReport:
    """What an import took, refused and detected."""

    dataset: str
    snapshot: int
    rows: int
    """Rows in the dataset now."""
    taken: int
    """Rows taken from the source."""
    columns: dict[str, str]
    roles: Roles
    refused: list[RefusedRow]
    refused_count: int
    refused_file: Path | None
    """Where all refused rows lie, with their line numbers and reasons."""
    notes: list[str]
    diff: Diff | None
    """Against the snapshot before; None for a new dataset."""


def preview_file(
    path: str | Path,
    *,
    name: str | None = None,
    encoding: str | None = None,
    roles: Mapping[str, Role] | None = None,
) -> ImportPreview:
    """Read a file and say what an import would take; nothing is written.

    Args:
        path: the file.
        name: what to call it in messages, where the path is a temporary one.
        encoding: of a text file that is not UTF-8.
        roles: roles that are known; the others are detected.

    Raises:
        SourceFileError: it cannot be read as what its name says.
    """
    with duckdb.connect() as cursor:
        # Every refused row is shown before the import, so none stops the preview.
        staged = source_files.stage_file(
            cursor, Path(path), encoding=encoding, name=name, max_refused=1.0
        )
        sample = cursor.execute(f"FROM {staged.table} LIMIT {_SAMPLE_ROWS}").to_arrow_table()
        return ImportPreview(
            name=name or Path(path).name,
            rows=staged.rows,
            columns=staged.columns,
            roles=_roles(cursor, staged, roles or {}),
            refused=staged.refused,
            refused_count=staged.refused_count,
            sample=sample,
            notes=staged.notes,
        )


def import_file(
    workspace: Workspace,
    path: str | Path,
    dataset: str,
    *,
    name: str | None = None,
    roles: Mapping[str, Role] | None = None,
    mode: Mode = "replace",
    encoding: str | None = None,
    max_refused: float = MAX_REFUSED,
    author: str,
    message: str | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Import a file as a new dataset, or as a new snapshot of one that is there.

    Args:
        workspace: where to.
        path: CSV, TSV, JSON Lines, Parquet, Arrow or Feather.
        dataset: its name.
        name: what to call the file in messages, where the path is a temporary one.
        roles: roles that are known; the others are those of the dataset, else detected.
        mode: ``replace`` makes the file the dataset's content; ``append`` adds its rows, and rows
            whose key is there already take the place of the old ones. Older snapshots stay.
        encoding: of a text file that is not UTF-8.
        max_refused: how many rows may be refused; below 1 it is a fraction of the rows.
        author: who does it.
        message: why, kept with the snapshot.
        progress: told how far it is.

    Raises:
        SourceFileError: the file cannot be read, or too many of its rows cannot.
        ContractError: rows to append do not have the dataset's columns.
        UsageError, LabelError: a role that a column cannot have.
    """
    check_name(dataset)
    source = name or Path(path).name
    with workspace.cursor() as cursor:
        staged = source_files.stage_file(
            cursor, Path(path), encoding=encoding, name=source, max_refused=max_refused,
            progress=progress,
        )  # fmt: skip
        report = _import_staged(
            workspace, cursor, staged, dataset, roles or {}, mode, author,
            message or f"Imported {source}", progress,
        )  # fmt: skip
        return report


def import_table(
    workspace: Workspace,
    table: Any,
    dataset: str,
    *,
    roles: Mapping[str, Role] | None = None,
    mode: Mode = "replace",
    author: str,
    message: str | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Import a pandas, polars or Arrow table; see `import_file`."""
    check_name(dataset)
    with workspace.cursor() as cursor:
        staged = source_files.stage_table(cursor, table)
        return _import_staged(
            workspace, cursor, staged, dataset, roles or {}, mode, author,
            message or "Imported a table", progress,
        )  # fmt: skip


def _import_staged(
    workspace: Workspace,
    cursor: duckdb.DuckDBPyConnection,
    staged: Staged,
    name: str,
    given_roles: Mapping[str, Role],
    mode: Mode,
    author: str,
    message: str,
    progress: Progress,
) -> ImportReport:
    before = next((d for d in list_datasets(workspace) if d.name == name), None)
    progress(0.6, "Looking at the columns")
    roles = _roles(cursor, staged, given_roles, before)
    check_roles(cursor, staged.table, staged.columns, roles)
    progress(0.8, "Writing the snapshot")
    if mode == "append" and before is not None:
        _check_same_columns(staged, before)
        operation, put = "append", _append(staged, before, roles)
    else:
        operation, put = "import", _replace(staged, name)

    # Rows and classes after an append are known only once it is done, so they are counted on a
    # union of what stays and what comes, in the same connection, before the transaction.
    rows, classes = _size_after(cursor, staged, before, roles, operation)

    def change(transaction: duckdb.DuckDBPyConnection) -> None:
        for statement in put:
            transaction.execute(statement)
        store_roles(transaction, name, roles)

    _, snapshot = workspace.write(
        change, author=author, message=message, operation=operation, dataset=name,
        cursor=cursor, rows=rows, classes=classes,
    )  # fmt: skip
    refused_file = _keep_refused(workspace, staged, name, snapshot)
    progress(1.0, "Imported")
    return ImportReport(
        dataset=name,
        snapshot=snapshot,
        rows=rows,
        taken=staged.rows,
        columns=columns_of(cursor, table_sql(name)),
        roles=roles,
        refused=staged.refused,
        refused_count=staged.refused_count,
        refused_file=refused_file,
        notes=staged.notes,
        diff=diff(workspace, name, before.snapshot, snapshot) if before else None,
    )


def _roles(
    cursor: duckdb.DuckDBPyConnection,
    staged: Staged,
    given: Mapping[str, Role],
    before: Dataset | None = None,
) -> Roles:
    """Return the given roles, then those of the dataset, then the detected ones."""
    roles = detect_roles(profile_relation(cursor, staged.table))
    if before is not None:
        kept = {c: role for c, role in before.roles.columns.items() if c in staged.columns}
        roles = Roles(columns={**roles.columns, **kept}, sensitive=before.roles.sensitive)
    return roles.with_roles(given)


def _replace(staged: Staged, name: str) -> list[str]:
    return [f"CREATE OR REPLACE TABLE {table_sql(name)} AS SELECT * FROM {staged.table}"]


def _append(staged: Staged, before: Dataset, roles: Roles) -> list[str]:
    table = table_sql(before.name)
    keys = sql.identifiers(roles.having("key"))
    values = ", ".join(
        f"CAST({sql.identifier(column)} AS {kind}) AS {sql.identifier(column)}"
        for column, kind in before.columns.items()
    )
    insert = f"INSERT INTO {table} SELECT {values} FROM {staged.table}"
    if not keys:
        return [insert]
    return [f"DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {staged.table})", insert]


def _check_same_columns(staged: Staged, before: Dataset) -> None:
    missing = sorted(set(before.columns) - set(staged.columns))
    extra = sorted(set(staged.columns) - set(before.columns))
    if missing or extra:
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has {', '.join(extra)} beyond them"] if extra else []
        raise ContractError(
            f"The rows cannot be appended to '{before.name}': the source {' and '.join(said)}.\n"
            f"Columns of '{before.name}': {', '.join(before.columns)}. "
            "Mend the source, or import it with mode 'replace'."
        )


def _size_after(
    cursor: duckdb.DuckDBPyConnection,
    staged: Staged,
    before: Dataset | None,
    roles: Roles,
    operation: str,
) -> tuple[int, int | None]:
    union = f"SELECT * FROM {staged.table}"
    if operation == "append" and before is not None:
        keys = sql.identifiers(roles.having("key"))
        kept = f"WHERE ({keys}) NOT IN (SELECT {keys} FROM {staged.table})" if keys else ""
        union += f" UNION ALL BY NAME SELECT * FROM {table_sql(before.name)} {kept}"
    source = f"({union})"
    row = cursor.execute(f"SELECT count(*) FROM {source}").fetchone()
    assert row is not None
    return int(row[0]), check_roles(cursor, source, staged.columns, roles)


def _keep_refused(workspace: Workspace, staged: Staged, name: str, snapshot: int) -> Path | None:
    if not staged.refused_count:
        return None
    path = workspace.path / "refused" / f"{name}-{snapshot}.csv"
    path.parent.mkdir(exist_ok=True)
    source_files.write_refused(staged, path)
    return path

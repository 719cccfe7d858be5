"""From a file or a data frame to a snapshot, with every refused row accounted for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import ContractError, UsageError
from curation.lake import source_files, taxonomies
from curation.lake.datasets import (
    Dataset,
    check_name,
    check_roles,
    columns_of,
    list_datasets,
    store_roles,
    table_sql,
)
from curation.lake.diffs import Diff, diff
from curation.lake.profile import profile_relation
from curation.lake.putting import in_order, put_rows
from curation.lake.records import label_sql
from curation.lake.roles import SINGLE, Role, Roles, detect_roles
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
            cursor, Path(path), encoding=encoding, name=name, max_refused=math.inf
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
        return _import_staged(
            workspace, cursor, staged, dataset, roles or {}, mode, author,
            message or f"Imported {source}", progress, source,
        )  # fmt: skip


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
    file: str | None = None,
) -> ImportReport:
    before = _before(workspace, name)
    progress(0.6, "Looking at the columns")
    roles = _roles(cursor, staged, given_roles, before)
    if mode == "append" and before is not None:
        operation = "append"
        source = _as_before(cursor, staged, before)
        append, after = _append(source, before, roles)
    else:
        operation, after, append = "import", staged.table, []
    # Counted before the transaction: what an append leaves is the union of what stays and comes.
    rows, classes = _size(cursor, after, staged.columns, roles)
    progress(0.8, "Writing the snapshot")
    taxonomy_version = _taxonomy_version(workspace, cursor, staged, roles, before)

    def change(transaction: duckdb.DuckDBPyConnection) -> None:
        if operation == "import":
            put_rows(transaction, name, staged.table, staged.columns, roles.having("key"))
        for statement in append:
            transaction.execute(statement)
        store_roles(transaction, name, roles, taxonomy_version)

    _, snapshot = workspace.write(
        change, author=author, message=message, operation=operation, dataset=name,
        cursor=cursor, rows=rows, classes=classes, file=file, taken=staged.rows,
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
        notes=[*staged.notes, *_label_notes(cursor, staged, roles)],
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
    if before is None:
        return roles.with_named(given)
    return kept_roles(roles, before.roles).with_named(given)


def kept_roles(detected: Roles, before: Roles) -> Roles:
    """Return the roles that a dataset's columns keep, and those detected for new columns."""
    kept = {c: role for c, role in before.columns.items() if c in detected.columns}
    # A new column does not become a second label, nor a part of the key that there is.
    taken = (SINGLE | {"key"}) & set(kept.values())
    found = {c: "ignore" if role in taken else role for c, role in detected.columns.items()}
    columns: dict[str, Role] = {**found, **kept}
    return Roles(columns=columns, sensitive=before.sensitive)


def _before(workspace: Workspace, name: str) -> Dataset | None:
    """Return the dataset of that name, if there is one; refuse a name that differs only in case."""
    there = list_datasets(workspace)
    for dataset in there:
        if dataset.name != name and dataset.name.lower() == name.lower():
            raise UsageError(
                f"There is a dataset '{dataset.name}' already; '{name}' differs from it only in "
                "upper and lower case. Use its name, or another one."
            )
    return next((dataset for dataset in there if dataset.name == name), None)


def _append(source: str, before: Dataset, roles: Roles) -> tuple[list[str], str]:
    """Return the statements that append a source, and the SQL of the rows that there are then."""
    table = table_sql(before.name)
    insert = f"INSERT INTO {table} {in_order(source)}"
    if not roles.having("key"):
        return [insert], f"(FROM {table} UNION ALL FROM {source})"
    keys = sql.identifiers(roles.having("key"))
    replaced = f"({keys}) IN (SELECT ({keys}) FROM {source})"
    return (
        [f"DELETE FROM {table} WHERE {replaced}", insert],
        f"(FROM {table} WHERE NOT {replaced} UNION ALL FROM {source})",
    )


def _as_before(cursor: duckdb.DuckDBPyConnection, staged: Staged, before: Dataset) -> str:
    """Return the SQL of the staged rows with the columns and types of the dataset.

    Raises:
        ContractError: other columns, or values that another type would lose.
    """
    _check_same_columns(staged, before)
    values, lossy = [], []
    for column, kind in before.columns.items():
        name, comes = sql.identifier(column), staged.columns[column]
        cast = f"TRY_CAST({name} AS {kind})"
        values.append(name if comes == kind else f"{cast} AS {name}")
        if comes != kind:
            lossy.append(
                f"count(*) FILTER (WHERE {name} IS DISTINCT FROM TRY_CAST({cast} AS {comes}))"
            )
    if lossy:
        _check_types(cursor, staged, before, lossy)
    return f"(SELECT {', '.join(values)} FROM {staged.table})"


def _check_types(
    cursor: duckdb.DuckDBPyConnection, staged: Staged, before: Dataset, lossy: list[str]
) -> None:
    others = [column for column, kind in before.columns.items() if staged.columns[column] != kind]
    counts = cursor.execute(f"SELECT {', '.join(lossy)} FROM {staged.table}").fetchone()
    assert counts is not None
    for column, count in zip(others, counts, strict=True):
        if count:
            raise ContractError(
                f"The rows cannot be appended to '{before.name}': column '{column}' is "
                f"{before.columns[column]} there and {staged.columns[column]} in the source, and "
                f"{count:,} of its values do not fit.\n"
                "Mend the source, or import it with mode 'replace'."
            )


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


def _size(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], roles: Roles
) -> tuple[int, int | None]:
    """Return rows and classes of a table that SQL names, if its roles can be what they should."""
    row = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0]), check_roles(cursor, table, dict(columns), roles)


def _taxonomy_version(
    workspace: Workspace,
    cursor: duckdb.DuckDBPyConnection,
    staged: Staged,
    roles: Roles,
    before: Dataset | None,
) -> int:
    """Return the taxonomy version that the labels of a source are classes of."""
    if before is None or roles.label is None:
        return 1
    history = taxonomies.history(workspace, before.name, roles.label)
    if len(history.versions) == 1:
        return 1
    label = label_sql(roles.label, staged.columns[roles.label])
    rows = cursor.execute(f"SELECT DISTINCT {label} FROM {staged.table}").fetchall()
    labels = {name for (name,) in rows if name is not None}
    return history.closest(labels, before.taxonomy_version)


def _label_notes(cursor: duckdb.DuckDBPyConnection, staged: Staged, roles: Roles) -> list[str]:
    """Say what is odd about the label and yet no error."""
    if roles.label is None:
        return ["No column was taken for the label. Give one the role label to find label issues."]
    label = label_sql(roles.label, staged.columns[roles.label])
    row = cursor.execute(f"SELECT count(*) - count({label}) FROM {staged.table}").fetchone()
    missing = row[0] if row else 0
    return [f"{missing:,} of {staged.rows:,} rows have no label."] if missing else []


def _keep_refused(workspace: Workspace, staged: Staged, name: str, snapshot: int) -> Path | None:
    if not staged.refused_count:
        return None
    path = workspace.path / "refused" / f"{name}-{snapshot}.csv"
    path.parent.mkdir(exist_ok=True)
    source_files.write_refused(staged, path)
    return path

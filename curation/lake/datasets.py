"""The datasets of a workspace: what is there, their roles, and going back to an older snapshot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from curation import sql
from curation.errors import LabelError, UnknownNameError, UsageError
from curation.lake.putting import put_rows
from curation.lake.records import label_sql
from curation.lake.roles import Roles
from curation.lake.snapshots import Snapshot, log
from curation.lake.workspace import Workspace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,99}")
MAX_CLASSES = 2_000
"""More classes than this look like an identifier or a number, and a model of them says nothing."""


@dataclass(frozen=True)
class Dataset:
    """A dataset at one snapshot."""

    name: str
    roles: Roles
    snapshot: int
    rows: int
    columns: dict[str, str]
    """Column name to DuckDB type, in the order of the source."""
    classes: int | None
    """How many labels occur; None without a label column."""
    taxonomy_version: int = 1
    """The version of the taxonomy that the labels in the data are classes of."""


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """Return all datasets at their newest snapshot, by name."""
    with workspace.cursor() as cursor:
        names = cursor.execute("SELECT name FROM lake.curation.datasets ORDER BY name").fetchall()
    return [get_dataset(workspace, name) for (name,) in names]


def get_dataset(workspace: Workspace, name: str, snapshot: int | None = None) -> Dataset:
    """Return a dataset at its newest snapshot, or at the one asked for.

    Raises:
        UnknownNameError: there is no such dataset.
        UsageError: it has no such snapshot.
    """
    if snapshot is not None:
        return workspace.keep(
            (name, snapshot), lambda: _at(workspace, name, _snapshot(workspace, name, snapshot))
        )
    newest = _history(workspace, name)[0]
    return workspace.keep((name, newest.snapshot), lambda: _at(workspace, name, newest))


def _snapshot(workspace: Workspace, name: str, snapshot: int) -> Snapshot:
    history = _history(workspace, name)
    found = next((s for s in history if s.snapshot == snapshot), None)
    if found is None:
        known = ", ".join(str(s.snapshot) for s in history)
        raise UsageError(f"'{name}' has no snapshot {snapshot}. It has, newest first: {known}.")
    return found


def _at(workspace: Workspace, name: str, found: Snapshot) -> Dataset:
    with workspace.cursor() as cursor:
        # Before a workspace was brought up to date, the table had no taxonomy version.
        [stored] = (
            cursor.execute(
                f"SELECT * FROM lake.curation.datasets AT (VERSION => {found.snapshot}) "
                "WHERE name = ?",
                [name],
            )
            .to_arrow_table()
            .to_pylist()
        )
        columns = columns_of(cursor, table_sql(name, found.snapshot))
    return Dataset(
        name=name,
        roles=Roles.model_validate_json(stored["roles"]),
        snapshot=found.snapshot,
        rows=found.rows or 0,
        columns=columns,
        classes=found.classes,
        taxonomy_version=stored.get("taxonomy_version") or 1,
    )


def set_roles(workspace: Workspace, name: str, roles: Roles, author: str) -> int:
    """Give a dataset other roles; return the snapshot that has them.

    Raises:
        UnknownNameError: a role for a column that the dataset lacks.
        LabelError, UsageError: a label or key column that cannot be one.
    """
    dataset = get_dataset(workspace, name)
    for column in roles.columns:
        if column not in dataset.columns:
            raise UnknownNameError("column", column, dataset.columns)
    with workspace.cursor() as cursor:
        classes = check_roles(cursor, table_sql(name), dataset.columns, roles)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        store_roles(cursor, name, roles, dataset.taxonomy_version)

    _, snapshot = workspace.write(
        change, author=author, message="Roles changed", operation="roles",
        dataset=name, rows=dataset.rows, classes=classes,
    )  # fmt: skip
    return snapshot


def restore(workspace: Workspace, name: str, snapshot: int, author: str) -> int:
    """Make an older snapshot the newest again; return the new snapshot. Nothing is deleted."""
    old = get_dataset(workspace, name, snapshot)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        source = f"(SELECT * FROM {table_sql(name, snapshot)} ORDER BY rowid)"
        put_rows(cursor, name, source, old.columns, old.roles.having("key"))
        store_roles(cursor, name, old.roles, old.taxonomy_version)

    _, new = workspace.write(
        change, author=author, message=f"Restored snapshot {snapshot}", operation="restore",
        dataset=name, rows=old.rows, classes=old.classes, restored=snapshot,
    )  # fmt: skip
    return new


def class_counts(workspace: Workspace, name: str, snapshot: int | None = None) -> dict[str, int]:
    """Return how many rows each label has, the largest class first; rows without one are left out.

    Raises:
        UsageError: the dataset has no label column.
    """
    dataset = get_dataset(workspace, name, snapshot)
    label = dataset.roles.label
    if label is None:
        raise UsageError(f"'{name}' has no label column. Give one column the role label.")
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""
            SELECT class, count(*)
            FROM (SELECT {label_sql(label, dataset.columns[label])} AS class
                FROM {table_sql(name, dataset.snapshot)})
            WHERE class IS NOT NULL GROUP BY class ORDER BY count(*) DESC, class"""
        ).fetchall()
    return dict(rows)


def table_sql(name: str, snapshot: int | None = None) -> str:
    """Return the SQL that names a dataset's table, at a snapshot if one is given."""
    at = "" if snapshot is None else f" AT (VERSION => {int(snapshot)})"
    return f"lake.data.{sql.identifier(name)}{at}"


def columns_of(cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns and DuckDB types of a table that SQL names."""
    return {
        name: str(kind)
        for name, kind, *_ in cursor.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    }


def check_name(name: str) -> str:
    """Return the name of a new dataset, or say why it cannot be one.

    Raises:
        UsageError: it is empty, too long, or has characters that are not allowed.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name[:120]}' cannot be a dataset's name. Allowed: 1 to 100 letters, digits, "
            "spaces, dots, dashes and underscores, beginning with a letter or digit."
        )
    return name


def store_roles(
    cursor: duckdb.DuckDBPyConnection, name: str, roles: Roles, taxonomy_version: int = 1
) -> None:
    """Write a dataset's roles and the taxonomy of its labels, inside a transaction."""
    cursor.execute("DELETE FROM lake.curation.datasets WHERE name = ?", [name])
    cursor.execute(
        "INSERT INTO lake.curation.datasets (name, roles, created_at, taxonomy_version) "
        "VALUES (?, ?, now()::TIMESTAMP, ?)",
        [name, roles.model_dump_json(), taxonomy_version],
    )


def check_roles(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], roles: Roles
) -> int | None:
    """Return the number of classes, after a look at whether label and key can be what they should.

    Raises:
        LabelError: the label column is empty, or has so many values that it is not a label.
        UsageError: the key columns repeat or are missing in some rows.
    """
    _check_key(cursor, table, roles.having("key"))
    if roles.label is None:
        return None
    label = label_sql(roles.label, columns[roles.label])
    distinct, labelled, rows = _one_row(
        cursor.execute(f"SELECT count(DISTINCT {label}), count({label}), count(*) FROM {table}")
    )
    check_label(roles.label, distinct, labelled, rows)
    return distinct


def check_label(column: str, distinct: int, labelled: int, rows: int) -> None:
    """Refuse a label column from which nothing can be learned.

    Raises:
        LabelError: it has no value, or so many different ones that it is not a label.
    """
    if labelled == 0:
        raise LabelError(
            f"The label column '{column}' is empty in all {rows:,} rows. "
            "Name another column as label, or none."
        )
    if distinct > MAX_CLASSES or (distinct > 20 and distinct > labelled / 2):
        raise LabelError(
            f"The label column '{column}' has {distinct:,} different values in {labelled:,} rows: "
            "it looks like an identifier or a number, not a label.\n"
            f"Allowed: up to {MAX_CLASSES:,} classes with two rows each on average. "
            "Name another column as label."
        )


def _check_key(cursor: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> None:
    if not keys:
        return
    names = sql.identifiers(keys)
    nulls = " OR ".join(f"{sql.identifier(key)} IS NULL" for key in keys)
    (missing,) = _one_row(cursor.execute(f"SELECT count(*) FROM {table} WHERE {nulls}"))
    (repeated,) = _one_row(
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {names} HAVING count(*) > 1)"
        )
    )
    if missing or repeated:
        raise UsageError(
            f"{', '.join(keys)} cannot be the key: {repeated:,} values occur more than once and "
            f"{missing:,} rows have none.\nA key has one value for each row. Name another column, "
            "or none: then rows are known by their content."
        )


def _history(workspace: Workspace, name: str) -> list[Snapshot]:
    history = log(workspace, name)
    if not history:
        with workspace.cursor() as cursor:
            names = cursor.execute("SELECT name FROM lake.curation.datasets").fetchall()
        raise UnknownNameError("dataset", name, [known for (known,) in names])
    return history


def _one_row(cursor: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row

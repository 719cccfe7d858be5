"""What differs between two snapshots of a dataset, or of two datasets.

Rows that both sides have as often are left out first. What remains is paired by record key under
the newer side's roles; where several have the same key, the first with the first in the order of
their values. So it makes no difference whether all rows are looked at or only those that the lake's
change feed names, which takes a fraction of a second where the table was not replaced in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from curation import sql
from curation.lake import change_feed
from curation.lake.column_changes import ColumnChange, column_changes
from curation.lake.datasets import Dataset, class_counts, get_dataset, table_sql
from curation.lake.records import key_sql, label_sql
from curation.lake.roles import Roles
from curation.lake.workspace import Workspace

_PAIRS = "curation_diff"


@dataclass(frozen=True)
class LabelChange:
    """How many records went from one label to another. None stands for no label."""

    before: str | None
    after: str | None
    rows: int


@dataclass(frozen=True)
class TypeChange:
    """The DuckDB type of a column that both sides have."""

    before: str
    after: str


@dataclass(frozen=True)
class Diff:
    """The records that two snapshots do not share, and those that changed."""

    old: int
    new: int
    added: int
    removed: int
    changed: int
    """Records in both whose columns differ, the label included."""
    labels_changed: int
    label_changes: list[LabelChange] = field(default_factory=list)
    """All of them, most frequent first."""
    cells_changed: dict[str, int] = field(default_factory=dict)
    """Column to changed records in which it differs; only columns that both sides have."""
    columns_added: dict[str, str] = field(default_factory=dict)
    """Column to type."""
    columns_removed: dict[str, str] = field(default_factory=dict)
    types_changed: dict[str, TypeChange] = field(default_factory=dict)
    classes_before: dict[str, int] = field(default_factory=dict)
    """Label to rows, the largest class first."""
    classes_after: dict[str, int] = field(default_factory=dict)
    distributions: list[ColumnChange] | None = None
    """What became of the values of each content column; None where nobody asked."""


CHANGED_ROWS = pa.schema([(n, pa.string()) for n in ("record_key", "column", "before", "after")])
"""A row for each cell that changed; values as text, a missing label as null."""


def diff(
    workspace: Workspace,
    name: str,
    old: int,
    new: int,
    *,
    other: str | None = None,
    distributions: bool = False,
    compare_all: bool = False,
) -> Diff:
    """Compare two snapshots record by record; see the module for how records are paired.

    A column that only one side has does not count as a change, nor does a missing label that is
    written in another way. Columns with another type are compared as text.

    Args:
        workspace: where.
        name: the dataset.
        old: its snapshot to compare from.
        new: its snapshot to compare to.
        other: the dataset that ``new`` is a snapshot of, if that is another one.
        distributions: also say what became of the values of each content column; reads all rows.
        compare_all: read all rows of both sides, even where the change feed names those to read.

    Raises:
        UnknownNameError, UsageError: no such dataset or snapshot.
    """
    before, after = get_dataset(workspace, name, old), get_dataset(workspace, other or name, new)
    with _paired(workspace, before, after, compare_all) as (cursor, columns):
        added, removed, changed, relabelled, *cells = _counts(cursor, columns)
        labels = _label_changes(cursor)
    label = _shared_roles(before, after).label
    cells_changed = ({label: relabelled} if label else {}) | dict(zip(columns, cells, strict=True))
    was, is_now = before.columns, after.columns
    return Diff(
        old, new, added, removed, changed, relabelled, labels,
        cells_changed={column: count for column, count in cells_changed.items() if count},
        columns_added={c: kind for c, kind in is_now.items() if c not in was},
        columns_removed={c: kind for c, kind in was.items() if c not in is_now},
        types_changed={
            c: TypeChange(was[c], kind) for c, kind in is_now.items() if was.get(c, kind) != kind
        },
        classes_before=_classes(workspace, before),
        classes_after=_classes(workspace, after),
        distributions=column_changes(workspace, before, after) if distributions else None,
    )  # fmt: skip


def changed_rows(
    workspace: Workspace,
    name: str,
    old: int,
    new: int,
    *,
    limit: int,
    after: str | None = None,
) -> pa.Table:
    """Return the cells that changed, ordered by record key: the columns of `CHANGED_ROWS`.

    It gives values out, so pages ask the gate for it.

    Args:
        workspace: where.
        name: the dataset.
        old: its snapshot to compare from.
        new: its snapshot to compare to.
        limit: how many record keys; all cells of a record come together.
        after: the last record key of the page before.

    Raises:
        UnknownNameError, UsageError: no such dataset or snapshot.
    """
    was, is_now = get_dataset(workspace, name, old), get_dataset(workspace, name, new)
    label = _shared_roles(was, is_now).label
    with _paired(workspace, was, is_now, compare_all=False) as (cursor, columns):
        cells = [(label, "label_before", "label_after")] if label else []
        cells += [(c, f"before_{at}", f"after_{at}") for at, c in enumerate(columns)]
        listed = ", ".join(
            f"{{'column': {sql.literal(column)}, 'before': {b}::VARCHAR, 'after': {a}::VARCHAR, "
            f"'differs': {b} IS DISTINCT FROM {a}}}"
            for column, b, a in cells
        )
        return cursor.execute(
            f"""
            WITH changed AS (
                FROM {_PAIRS} WHERE was AND is_now AND (key > $after OR $after IS NULL)),
            page AS (SELECT DISTINCT key FROM changed ORDER BY key LIMIT $limit)
            SELECT key AS record_key, cell.column AS "column", cell.before AS before,
                cell.after AS after
            FROM (
                SELECT key, occurrence, unnest([{listed}]) AS cell,
                    generate_subscripts([{listed}], 1) AS position
                FROM changed WHERE key IN (FROM page))
            WHERE cell.differs ORDER BY key, occurrence, position""",
            {"after": after, "limit": limit},
        ).to_arrow_table().cast(CHANGED_ROWS)  # fmt: skip


@contextmanager
def _paired(
    workspace: Workspace, before: Dataset, after: Dataset, compare_all: bool
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """Yield a cursor that has the pairs that differ, and the shared columns without the label.

    The pairs' table has ``key``, ``occurrence``, ``was``, ``is_now``, ``label_before``,
    ``label_after``, and ``before_n`` and ``after_n`` for the n-th shared column.
    """
    roles = _shared_roles(before, after)
    columns = [c for c in after.columns if c in before.columns and c != roles.label]
    with workspace.cursor() as cursor:
        from_feed = None if compare_all else _from_feed(cursor, before, after)
        tables = [f"FROM {table_sql(side.name, side.snapshot)}" for side in (before, after)]
        was, is_now = from_feed or tables
        both = f"""(
            SELECT {_values(before, after, roles, columns)}, -1 AS sign FROM ({was}) UNION ALL
            SELECT {_values(after, before, roles, columns)}, 1 AS sign FROM ({is_now}))"""
        values = ["label", *(f"value_{at}" for at in range(len(columns)))]
        if from_feed is None:
            both = _without_equal_rows(cursor, both, values)
        _pair(cursor, both, values)
        yield cursor, columns


def _from_feed(
    cursor: duckdb.DuckDBPyConnection, before: Dataset, after: Dataset
) -> tuple[str, str] | None:
    """Return the SELECTs of the rows that may differ on each side, where the lake knows them."""
    older, newer = sorted((before, after), key=lambda side: side.snapshot)
    if older.name != newer.name or older.columns != newer.columns:
        return None
    if older.snapshot == newer.snapshot:
        none = f"FROM {table_sql(older.name, older.snapshot)} LIMIT 0"
        return none, none
    if not change_feed.reaches(cursor, older.name, older.snapshot, newer.snapshot):
        return None
    was, is_now = change_feed.changed_rows_sql(
        cursor, older.name, older.columns, older.snapshot, newer.snapshot
    )
    return (was, is_now) if older is before else (is_now, was)


def _values(side: Dataset, other: Dataset, roles: Roles, columns: list[str]) -> str:
    """Return the SQL of one side's values under names that are the same on both sides."""
    label = label_sql(roles.label, side.columns[roles.label]) if roles.label else "NULL::VARCHAR"
    values = [f"{key_sql(roles)} AS key", f"{label} AS label"]
    for at, column in enumerate(columns):
        cast = "" if side.columns[column] == other.columns[column] else "::VARCHAR"
        values.append(f"{sql.identifier(column)}{cast} AS value_{at}")
    return ", ".join(values)


def _without_equal_rows(cursor: duckdb.DuckDBPyConnection, both: str, values: list[str]) -> str:
    """Return the SELECT of those rows that one side has more often than the other.

    Rows are told by a 64-bit hash, so that not all of them have to be in memory. Two rows that
    differ and have the same one are one in 10^19.
    """
    row_hash = f"hash(key, {', '.join(values)})"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE curation_diff_hashes AS
        SELECT row_hash FROM (SELECT {row_hash} AS row_hash, sign FROM {both})
        GROUP BY row_hash HAVING sum(sign) <> 0"""
    )
    return f"(FROM {both} WHERE {row_hash} IN (SELECT row_hash FROM curation_diff_hashes))"


def _pair(cursor: duckdb.DuckDBPyConnection, both: str, values: list[str]) -> None:
    listed = ", ".join(values)
    pairs = ", ".join(
        f"o.{value} AS {value.replace('value', 'before')}, n.{value} AS "
        f"{value.replace('value', 'after')}"
        for value in values[1:]
    )
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_PAIRS} AS
        WITH differing AS (
            SELECT key, {listed}, sum(sign)::BIGINT AS surplus FROM {both}
            GROUP BY ALL HAVING surplus <> 0),
        single AS (
            SELECT *, row_number() OVER (PARTITION BY key, surplus > 0 ORDER BY {listed})
                AS occurrence
            FROM (SELECT *, unnest(range(abs(surplus))) AS copy FROM differing))
        SELECT coalesce(o.key, n.key) AS key, coalesce(o.occurrence, n.occurrence) AS occurrence,
            o.key IS NOT NULL AS was, n.key IS NOT NULL AS is_now,
            o.label AS label_before, n.label AS label_after{", " if pairs else ""}{pairs}
        FROM (FROM single WHERE surplus < 0) o FULL JOIN (FROM single WHERE surplus > 0) n
            ON o.key = n.key AND o.occurrence = n.occurrence"""
    )


def _counts(cursor: duckdb.DuckDBPyConnection, columns: list[str]) -> tuple[int, ...]:
    """Return rows added, removed and changed, labels changed, and cells changed by column."""
    cells = [f"before_{at} IS DISTINCT FROM after_{at}" for at in range(len(columns))]
    differing = ["TRUE", "label_before IS DISTINCT FROM label_after", *cells]
    in_both = ", ".join(f"count(*) FILTER (was AND is_now AND {each})" for each in differing)
    row = cursor.execute(
        f"SELECT count(*) FILTER (NOT was), count(*) FILTER (NOT is_now), {in_both} FROM {_PAIRS}"
    ).fetchone()
    assert row is not None, "an aggregate gives a row"
    return row


def _label_changes(cursor: duckdb.DuckDBPyConnection) -> list[LabelChange]:
    rows = cursor.execute(
        f"""
        SELECT label_before, label_after, count(*) FROM {_PAIRS}
        WHERE was AND is_now AND label_before IS DISTINCT FROM label_after
        GROUP BY ALL ORDER BY count(*) DESC, label_before, label_after"""
    ).fetchall()
    return [LabelChange(*row) for row in rows]


def _classes(workspace: Workspace, side: Dataset) -> dict[str, int]:
    return class_counts(workspace, side.name, side.snapshot) if side.roles.label else {}


def _shared_roles(before: Dataset, after: Dataset) -> Roles:
    """Return the newer side's roles on the columns that both sides have."""
    shared = {
        column: role for column, role in after.roles.columns.items() if column in before.columns
    }
    if not set(after.roles.having("key")) <= set(shared):
        shared = {column: role for column, role in shared.items() if role != "key"}
    return Roles(columns=shared)

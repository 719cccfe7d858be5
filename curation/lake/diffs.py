"""What differs between two snapshots of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from curation import sql
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.records import key_sql, label_sql
from curation.lake.roles import Roles
from curation.lake.workspace import Workspace


@dataclass(frozen=True)
class LabelChange:
    """How many records went from one label to another. None stands for no label."""

    before: str | None
    after: str | None
    rows: int


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
    """Most frequent first, at most 100."""


def diff(workspace: Workspace, name: str, old: int, new: int) -> Diff:
    """Compare two snapshots record by record.

    Records are paired by record key under the newer snapshot's roles; where several have the same
    key, the first with the first. A column that only one side has does not count as a change.

    Raises:
        UnknownNameError, UsageError: no such dataset or snapshot.
    """
    before, after = get_dataset(workspace, name, old), get_dataset(workspace, name, new)
    roles = _shared_roles(before, after)
    query = f"""
        WITH old AS ({_keyed(before, roles)}), new AS ({_keyed(after, roles)}),
        paired AS (
            SELECT old.occurrence AS was, new.occurrence AS now_, old.content AS old_content,
                   new.content AS new_content, old.label AS old_label, new.label AS new_label
            FROM old FULL JOIN new ON old.key = new.key AND old.occurrence = new.occurrence)
    """
    with workspace.cursor() as cursor:
        counts = cursor.execute(
            query
            + """
            SELECT count(*) FILTER (WHERE was IS NULL), count(*) FILTER (WHERE now_ IS NULL),
                count(*) FILTER (WHERE was IS NOT NULL AND now_ IS NOT NULL
                    AND (old_content <> new_content OR old_label IS DISTINCT FROM new_label)),
                count(*) FILTER (WHERE was IS NOT NULL AND now_ IS NOT NULL
                    AND old_label IS DISTINCT FROM new_label)
            FROM paired"""
        ).fetchone()
        labels = cursor.execute(
            query
            + """
            SELECT old_label, new_label, count(*) FROM paired
            WHERE was IS NOT NULL AND now_ IS NOT NULL AND old_label IS DISTINCT FROM new_label
            GROUP BY ALL ORDER BY count(*) DESC, old_label, new_label LIMIT 100"""
        ).fetchall()
    assert counts is not None
    added, removed, changed, labels_changed = counts
    changes = [LabelChange(*row) for row in labels]
    return Diff(old, new, added, removed, changed, labels_changed, changes)


def _shared_roles(before: Dataset, after: Dataset) -> Roles:
    """Return the newer side's roles on the columns that both sides have."""
    shared = {
        column: role for column, role in after.roles.columns.items() if column in before.columns
    }
    if not set(after.roles.having("key")) <= set(shared):
        shared = {column: role for column, role in shared.items() if role != "key"}
    return Roles(columns=shared)


def _keyed(side: Dataset, roles: Roles) -> str:
    """Return the SQL of one side: key, its occurrence, a hash of the shared columns, the label."""
    key = key_sql(roles)
    label = label_sql(roles.label, side.columns[roles.label]) if roles.label else "NULL"
    others = sorted(set(roles.columns) - {roles.label})
    values = ", ".join(f"coalesce(CAST({sql.identifier(c)} AS VARCHAR), '\x18')" for c in others)
    content = f"md5(concat_ws('\x1e', {values}))" if others else "''"
    return f"""
        SELECT {key} AS key, {label} AS label, {content} AS content,
            row_number() OVER (PARTITION BY {key} ORDER BY {label}, {content}) AS occurrence
        FROM {table_sql(side.name, side.snapshot)}"""

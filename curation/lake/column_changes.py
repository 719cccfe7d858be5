"""What became of the values of each content column, in words that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curation import sql
from curation.lake.datasets import Dataset, table_sql
from curation.lake.roles import is_numeric
from curation.lake.workspace import Workspace

MOVED = 0.05
"""A share of rows that changed by less is not worth a word."""


@dataclass(frozen=True)
class ColumnValues:
    """What one scan says of a column's values."""

    rows: int
    missing: int
    most_common: str | None
    """As text; of several that are as common, one. None for text, lists and other long values."""
    smallest: float | None
    """Of numbers; NaN left out."""
    largest: float | None


@dataclass(frozen=True)
class ColumnChange:
    """A column before and after. It holds values of rows, so pages ask the gate for it."""

    column: str
    before: ColumnValues
    after: ColumnValues
    summary: str
    """What changed, or that little did."""


def column_changes(workspace: Workspace, before: Dataset, after: Dataset) -> list[ColumnChange]:
    """Return what became of the content columns that both sides have; one scan of each side."""
    columns = [c for c in after.roles.content if c in before.columns]
    if not columns:
        return []
    was, is_now = (_values(workspace, side, columns, after) for side in (before, after))
    return [ColumnChange(c, was[c], is_now[c], _summary(c, was[c], is_now[c])) for c in columns]


def _values(
    workspace: Workspace, side: Dataset, columns: list[str], newer: Dataset
) -> dict[str, ColumnValues]:
    selected = ["count(*)"]
    for column in columns:
        kind = side.columns[column].upper()
        has_mode = newer.roles.role_of(column) == "feature" and "[" not in kind
        selected += _values_sql(sql.identifier(column), kind, has_mode)
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"SELECT {', '.join(selected)} FROM {table_sql(side.name, side.snapshot)}"
        ).fetchone()
    assert row is not None, "an aggregate gives a row"
    rows, *found = row
    return {c: ColumnValues(rows, *found[4 * at : 4 * at + 4]) for at, c in enumerate(columns)}


def _values_sql(name: str, kind: str, has_mode: bool) -> list[str]:
    """Return the aggregates of one column: missing, most common, smallest, largest."""
    present = f"nullif({name}, 'NaN')" if kind in ("FLOAT", "DOUBLE") else name
    missing = f"trim({name}) = '' OR {name} IS NULL" if kind == "VARCHAR" else f"{present} IS NULL"
    least, most = "NULL", "NULL"
    if is_numeric(kind) and "[" not in kind:
        least, most = f"min({present})::DOUBLE", f"max({present})::DOUBLE"
    common = f"mode({present})::VARCHAR" if has_mode else "NULL"
    return [f"count(*) FILTER ({missing})", common, least, most]


def _summary(column: str, was: ColumnValues, is_now: ColumnValues) -> str:
    said = []
    before, after = _share(was), _share(is_now)
    if abs(after - before) >= MOVED or (before == 0) != (after == 0):
        said.append(
            f"missing in {is_now.missing:,} of {is_now.rows:,} rows ({after:.0%}), "
            f"before in {was.missing:,} of {was.rows:,} ({before:.0%})"
        )
    if was.most_common != is_now.most_common and was.most_common and is_now.most_common:
        said.append(f"most often '{is_now.most_common}', before '{was.most_common}'")
    if _has(is_now.smallest, was.smallest) and is_now.smallest < was.smallest:  # type: ignore[operator]
        said.append(f"goes down to {is_now.smallest:g}, before to {was.smallest:g}")
    if _has(is_now.largest, was.largest) and is_now.largest > was.largest:  # type: ignore[operator]
        said.append(f"goes up to {is_now.largest:g}, before to {was.largest:g}")
    if not said:
        return f"{column}: about as before."
    return f"{column}: {'; '.join(said)}."


def _share(values: ColumnValues) -> float:
    return values.missing / values.rows if values.rows else 0.0


def _has(*values: Any) -> bool:
    return None not in values

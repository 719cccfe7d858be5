"""What finders found, kept by snapshot and parameters: the same question is answered once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import UnknownNameError
from curation.lake.workspace import Workspace

ROW_SCHEMA = pa.schema(
    [
        ("row_number", pa.int64()),
        ("record_key", pa.string()),
        ("fingerprint", pa.string()),
        ("given_label", pa.string()),
        ("label_quality", pa.float64()),
        ("is_label_issue", pa.bool_()),
        ("suggested_label", pa.string()),
        ("given_label_probability", pa.float64()),
        ("probabilities", pa.list_(pa.float32())),
    ]
)
"""The rows of a stored finding. ``row_number`` is the lake's stable row id; probabilities are in
the order of the finding's classes."""


@dataclass(frozen=True)
class FindingSummary:
    """A stored finding without its rows."""

    finding_id: str
    dataset: str
    snapshot: int
    finder: str
    parameters: dict[str, Any]
    created_at: datetime
    rows: int
    """Rows with a label, each of which was scored."""
    classes: list[str]
    flagged: int
    estimated_errors: int
    seconds: float
    learner: str
    notes: list[str]


_SUMMARY = ("rows", "classes", "flagged", "estimated_errors", "seconds", "learner", "notes")


def store_finding(workspace: Workspace, summary: FindingSummary, rows: pa.Table) -> None:
    """Keep a finding and its rows (`ROW_SCHEMA`)."""
    details = {name: value for name, value in asdict(summary).items() if name in _SUMMARY}
    rows = rows.select(ROW_SCHEMA.names).cast(ROW_SCHEMA)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(
            "INSERT INTO lake.curation.findings VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                summary.finding_id, summary.dataset, summary.snapshot, summary.finder,
                json.dumps(summary.parameters, sort_keys=True), json.dumps(details),
                summary.created_at,
            ],
        )  # fmt: skip
        cursor.register("finding", rows)
        cursor.execute(
            "INSERT INTO lake.curation.finding_rows SELECT ? AS finding_id, * FROM finding",
            [summary.finding_id],
        )
        cursor.unregister("finding")

    workspace.write(
        change,
        author=summary.finder,
        message=f"{summary.flagged:,} of {summary.rows:,} rows flagged",
        operation="find",
        dataset=summary.dataset,
    )


def find_stored(
    workspace: Workspace, dataset: str, snapshot: int, finder: str, parameters: dict[str, Any]
) -> FindingSummary | None:
    """Return the finding of the same question about the same snapshot, or None."""
    return _first(
        workspace,
        "dataset = ? AND snapshot = ? AND finder = ? AND parameters = ?",
        [dataset, snapshot, finder, json.dumps(parameters, sort_keys=True)],
    )


def latest_finding(
    workspace: Workspace, dataset: str, snapshot: int | None = None, *, finder: str = "label"
) -> FindingSummary | None:
    """Return a finder's newest finding about a dataset, or about one snapshot of it, or None."""
    if snapshot is None:
        return _first(workspace, "dataset = ? AND finder = ?", [dataset, finder])
    return _first(
        workspace, "dataset = ? AND finder = ? AND snapshot = ?", [dataset, finder, snapshot]
    )


def finding_rows(workspace: Workspace, finding_id: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of a stored finding's rows (`ROW_SCHEMA`), in the order of the data."""
    with workspace.cursor() as cursor:
        return cursor.execute(
            f"SELECT {sql.identifiers(columns)} FROM lake.curation.finding_rows "
            "WHERE finding_id = ? ORDER BY row_number",
            [finding_id],
        ).to_arrow_table()


def get_finding(workspace: Workspace, finding_id: str) -> FindingSummary:
    """Return a finding by its id.

    Raises:
        UnknownNameError: there is none.
    """
    found = _first(workspace, "finding_id = ?", [finding_id])
    if found is None:
        raise UnknownNameError("finding", finding_id, [])
    return found


def _first(workspace: Workspace, where: str, values: list[Any]) -> FindingSummary | None:
    with workspace.cursor() as cursor:
        row = cursor.execute(
            "SELECT finding_id, dataset, snapshot, finder, parameters, created_at, summary "
            f"FROM lake.curation.findings WHERE {where} "
            "ORDER BY created_at DESC, finding_id DESC LIMIT 1",
            values,
        ).fetchone()
    if row is None:
        return None
    *head, summary = row
    head[4] = json.loads(head[4])
    return FindingSummary(*head, **json.loads(summary))

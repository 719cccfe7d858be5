"""What finders found, kept by snapshot and parameters: the same question is answered once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import UnknownNameError
from curation.lake.datasets import table_sql
from curation.lake.workspace import Workspace

ROW_SCHEMA = pa.schema(
    [
        ("row_number", pa.int64()),
        ("record_key", pa.string()),
        ("fingerprint", pa.string()),
        ("given_label", pa.string()),
        ("score", pa.float64()),
        ("is_issue", pa.bool_()),
        ("suggestion", pa.string()),
        ("given_label_probability", pa.float64()),
        ("probabilities", pa.list_(pa.float32())),
        ("group_number", pa.int64()),
        ("explanation", pa.string()),
    ]
)
"""The rows of a stored finding. ``row_number`` is the lake's stable row id; probabilities are in
the order of the finding's classes."""

SUBJECT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("score", pa.float64()),
        ("is_issue", pa.bool_()),
        ("rows", pa.int64()),
        ("explanation", pa.string()),
    ]
)
"""What a stored finding says of columns, classes, slices or the whole dataset."""


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
    """Rows that were scored."""
    classes: list[str]
    """Empty for a finder that does not look at labels."""
    flagged: int
    estimated_errors: int | None
    """None from a finder that estimates none."""
    seconds: float
    learner: str
    notes: list[str]
    subjects_flagged: int = 0
    """Columns, classes, slices that look like an issue."""
    info: dict[str, Any] = field(default_factory=dict)
    """What else a page may draw, as JSON has it."""


_ONLY_STORED = ("row_number", "record_key", "fingerprint", "probabilities")
_HEAD = ("finding_id", "dataset", "snapshot", "finder", "parameters", "created_at")


def store_finding(
    workspace: Workspace,
    summary: FindingSummary,
    rows: pa.Table,
    subjects: pa.Table | None = None,
) -> None:
    """Keep a finding, its rows (`ROW_SCHEMA`) and its subjects (`SUBJECT_SCHEMA`)."""
    details = {name: value for name, value in asdict(summary).items() if name not in _HEAD}
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
        _insert(cursor, "finding_rows", summary.finding_id, rows)
        if subjects is not None and subjects.num_rows:
            _insert(cursor, "finding_subjects", summary.finding_id, subjects.cast(SUBJECT_SCHEMA))

    workspace.write(
        change,
        author=summary.finder,
        message=f"{summary.finder}: {summary.flagged:,} of {summary.rows:,} rows flagged",
        operation="find",
        dataset=summary.dataset,
    )


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, finding_id: str, rows: pa.Table) -> None:
    cursor.register("finding", rows)
    cursor.execute(
        f"INSERT INTO lake.curation.{table} BY NAME SELECT ? AS finding_id, * FROM finding",
        [finding_id],
    )
    cursor.unregister("finding")


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


def finding_table(workspace: Workspace, finding: FindingSummary) -> pa.Table:
    """Return a stored finding's rows as its finder made them: the place in the data for the id."""
    named = {"group_number": "group"}
    columns = [name for name in ROW_SCHEMA.names if name not in _ONLY_STORED]
    listed = ", ".join(
        f"f.{sql.identifier(name)} AS {sql.identifier(named.get(name, name))}" for name in columns
    )
    with workspace.cursor() as cursor:
        return cursor.execute(
            f"""SELECT f.record_key, r.place AS "row", {listed}
            FROM lake.curation.finding_rows f JOIN (
                SELECT rowid AS id, row_number() OVER (ORDER BY rowid) - 1 AS place
                FROM {table_sql(finding.dataset, finding.snapshot)}) r ON r.id = f.row_number
            WHERE f.finding_id = ? ORDER BY r.place""",
            [finding.finding_id],
        ).to_arrow_table()


def finding_subjects(workspace: Workspace, finding_id: str) -> pa.Table:
    """Return a stored finding's subjects (`SUBJECT_SCHEMA`), the worst first."""
    with workspace.cursor() as cursor:
        return cursor.execute(
            f"SELECT {sql.identifiers(SUBJECT_SCHEMA.names)} FROM lake.curation.finding_subjects "
            "WHERE finding_id = ? ORDER BY score, kind, subject",
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

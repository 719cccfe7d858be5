"""What was said about records' labels: events that are only ever added.

The label in force is a fold over a record's events: the newest decision that was not taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal, get_args

import duckdb

from curation.errors import UnknownNameError, UsageError
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.records import fingerprint_sql, key_sql, label_sql
from curation.lake.workspace import Workspace

Decision = Literal["relabel", "confirm", "exclude", "unsure", "revert"]

TAXONOMY_VERSION = 1
WORKFLOW_VERSION = 1

_IN_FORCE = """
    SELECT * FROM lake.curation.annotations
    WHERE dataset = ? AND label_column = ? AND decision <> 'revert' AND annotation_id NOT IN (
        SELECT reverts FROM lake.curation.annotations
        WHERE dataset = ? AND decision = 'revert')
    QUALIFY row_number() OVER (
        PARTITION BY record_key ORDER BY created_at DESC, annotation_id DESC) = 1
"""


@dataclass(frozen=True)
class Annotation:
    """One event: someone or something said something about one record's label."""

    annotation_id: str
    dataset: str
    label_column: str
    record_key: str
    fingerprint: str
    given: str | None
    """The label that the record had when this was said."""
    decision: Decision
    value: str | None
    """The label that it should have, for ``relabel`` and ``confirm``."""
    annotator: str
    source: str
    """A person, a finder with its version, an import or a recipe run."""
    taxonomy_version: int
    workflow_version: int
    reason: str | None
    seconds: float | None
    suggestion: str | None
    score: float | None
    created_at: datetime
    reverts: str | None
    """The annotation that this one takes back, for ``revert``."""


_COLUMNS = ", ".join(field.name for field in fields(Annotation))


def annotate(
    workspace: Workspace,
    dataset: str,
    record_key: str,
    decision: Decision,
    *,
    value: str | None = None,
    annotator: str,
    source: str = "person",
    finding_id: str | None = None,
    given: str | None = None,
    reason: str | None = None,
    seconds: float | None = None,
) -> Annotation:
    """Store one decision about one record.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        record_key: which record.
        decision: ``relabel`` needs a value; ``confirm`` keeps the given label; ``exclude`` takes
            the record out; ``unsure`` leaves it to someone else.
        value: the right label, for ``relabel``.
        annotator: who decided.
        source: what the decision came from.
        finding_id: the finding that led to the record; its suggestion and score are kept.
        given: the label that the annotator saw, where rows with the same content have several.
        reason: in words.
        seconds: spent on it.

    Raises:
        UnknownNameError: no such dataset or record.
        UsageError: a relabel without a value, with one that the label column cannot hold, or a
            decision that is not one.
    """
    if decision not in get_args(Decision) or decision == "revert":
        raise UnknownNameError("decision", decision, ("relabel", "confirm", "exclude", "unsure"))
    if (decision == "relabel") != bool(value):
        raise UsageError("A relabel needs the new label, and only a relabel has one.")
    found = get_dataset(workspace, dataset)
    label = found.roles.label
    if label is None:
        raise UsageError(f"'{dataset}' has no label column, so there is no label to decide about.")
    with workspace.cursor() as cursor:
        _check_value(cursor, label, found.columns[label], value)
        fingerprint, given, suggestion, score = _record(
            cursor, found, label, record_key, finding_id, given
        )
    return _append(
        workspace,
        {
            "dataset": dataset, "label_column": label, "record_key": record_key,
            "fingerprint": fingerprint, "given": given, "decision": decision,
            "value": given if decision == "confirm" else value, "annotator": annotator,
            "source": source, "reason": reason, "seconds": seconds, "suggestion": suggestion,
            "score": score,
        },
    )  # fmt: skip


def undo(workspace: Workspace, dataset: str, annotator: str) -> Annotation | None:
    """Take back an annotator's newest decision by a revert event; return what was taken back.

    Returns None when nothing of theirs is left to take back.
    """
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM lake.curation.annotations
            WHERE dataset = ? AND annotator = ? AND decision <> 'revert' AND annotation_id NOT IN (
                SELECT reverts FROM lake.curation.annotations
                WHERE dataset = ? AND decision = 'revert')
            ORDER BY created_at DESC, annotation_id DESC LIMIT 1""",
            [dataset, annotator, dataset],
        ).fetchone()
    if row is None:
        return None
    taken_back = Annotation(*row)
    _append(
        workspace,
        {
            "dataset": dataset, "label_column": taken_back.label_column,
            "record_key": taken_back.record_key, "fingerprint": taken_back.fingerprint,
            "given": taken_back.given, "decision": "revert", "annotator": annotator,
            "source": "person", "reverts": taken_back.annotation_id,
        },
    )  # fmt: skip
    return taken_back


def decisions(workspace: Workspace, dataset: str, *, label: str | None = None) -> list[Annotation]:
    """Return the decision in force for each record that has one, the oldest first.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        label: the label column that they are about; without one, the dataset's newest.
    """
    label = label or get_dataset(workspace, dataset).roles.label
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {_COLUMNS} FROM ({_IN_FORCE}) ORDER BY created_at, annotation_id",
            [dataset, label, dataset],
        ).fetchall()
    return [Annotation(*row) for row in rows]


def events(workspace: Workspace, dataset: str) -> list[Annotation]:
    """Return everything that was ever said about a dataset's records, the oldest first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {_COLUMNS} FROM lake.curation.annotations WHERE dataset = ? "
            "ORDER BY created_at, annotation_id",
            [dataset],
        ).fetchall()
    return [Annotation(*row) for row in rows]


def in_force_sql() -> str:
    """Return the SQL of the decisions in force; parameters: dataset, label column, dataset."""
    return _IN_FORCE


def _check_value(
    cursor: duckdb.DuckDBPyConnection, label: str, kind: str, value: str | None
) -> None:
    row = cursor.execute(f"SELECT TRY_CAST(? AS {kind}) IS NULL", [value]).fetchone()
    if value is not None and row == (True,):
        raise UsageError(
            f"'{value}' does not fit the label column '{label}', which is {kind}. "
            "Give such a value, or import the column as text."
        )


def _record(
    cursor: duckdb.DuckDBPyConnection,
    found: Dataset,
    label: str,
    record_key: str,
    finding_id: str | None,
    given: str | None,
) -> tuple[str, str | None, str | None, float | None]:
    """Return fingerprint, given label, suggestion and score of one record."""
    if finding_id is not None:
        row = cursor.execute(
            """SELECT fingerprint, given_label, suggested_label, label_quality
            FROM lake.curation.finding_rows WHERE finding_id = ? AND record_key = ?
            ORDER BY given_label IS DISTINCT FROM ?, label_quality, given_label LIMIT 1""",
            [finding_id, record_key, given],
        ).fetchone()
        if row is not None:
            return row[0], row[1], row[2], row[3]
    row = cursor.execute(
        f"""SELECT fingerprint, given FROM (
            SELECT {fingerprint_sql(found.roles)} AS fingerprint,
                {label_sql(label, found.columns[label])} AS given
            FROM {table_sql(found.name, found.snapshot)} WHERE {key_sql(found.roles)} = ?)
        ORDER BY given IS DISTINCT FROM ?, given LIMIT 1""",
        [record_key, given],
    ).fetchone()
    if row is None:
        raise UsageError(f"There is no record '{record_key}' in '{found.name}'.")
    return row[0], row[1], None, None


def _append(workspace: Workspace, values: dict[str, object]) -> Annotation:
    stored = {
        "taxonomy_version": TAXONOMY_VERSION,
        "workflow_version": WORKFLOW_VERSION,
        **dict.fromkeys(("value", "reason", "seconds", "suggestion", "score", "reverts")),
        **values,
    }
    names = [field.name for field in fields(Annotation)]
    slots = ", ".join(
        {"annotation_id": "uuidv7()::VARCHAR", "created_at": "now()::TIMESTAMP"}.get(
            name, f"${name}"
        )
        for name in names
    )

    def change(cursor: duckdb.DuckDBPyConnection) -> Annotation:
        row = cursor.execute(f"SELECT {slots}", stored).fetchone()
        assert row is not None
        marks = ", ".join("?" * len(row))
        cursor.execute(f"INSERT INTO lake.curation.annotations ({_COLUMNS}) VALUES ({marks})", row)
        return Annotation(*row)

    annotation, _ = workspace.write(
        change,
        author=str(values["annotator"]),
        message=f"{values['decision']} {values['record_key']}",
        operation="annotate",
        dataset=str(values["dataset"]),
    )
    return annotation

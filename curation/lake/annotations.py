"""What was said about records' labels: events that are only ever added.

`lake.fold` says which of them are in force, `lake.actions` takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

import duckdb
import pyarrow as pa

from curation.errors import UnknownNameError, UsageError
from curation.lake import documents
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.records import fingerprint_sql, key_equals_sql, key_sql, label_sql
from curation.lake.workspace import Workspace

Decision = Literal["relabel", "confirm", "exclude", "unsure", "revert"]
VERDICTS = ("relabel", "confirm", "exclude", "unsure")
"""What a person may say; ``revert`` comes from taking something back."""
MAIN = "main"
"""The branch that everybody works on who does not name another."""


@dataclass(frozen=True)
class Annotation:
    """One event: someone or something said something about one record's label."""

    annotation_id: str
    dataset: str
    label_column: str
    record_key: str | None
    """None for a ``revert`` that takes back what was said about several records."""
    fingerprint: str | None
    given: str | None
    """The label that the record had in the data when this was said."""
    decision: Decision
    value: str | None
    """The label that it should have, for ``relabel`` and ``confirm``."""
    annotator: str
    source: str
    """A person, a finder with its version, an import or a recipe run."""
    taxonomy_version: int
    """The version of the taxonomy that ``value`` is a class of."""
    workflow_version: int
    reason: str | None
    seconds: float | None
    suggestion: str | None
    score: float | None
    created_at: datetime
    reverts: str | None
    """The action that this event takes back, for ``revert``."""
    action_id: str
    """What was said with one press has one action, and is taken back as one."""
    branch: str
    given_version: int
    """The version of the taxonomy that ``given`` is a class of."""


@dataclass(frozen=True)
class Seen:
    """What an annotator had before them, so that nothing is looked up when they decide."""

    snapshot: int
    fingerprint: str
    given: str | None
    suggestion: str | None = None
    score: float | None = None
    taxonomy_version: int | None = None
    """The version whose classes they chose from; looked up without it."""
    workflow_version: int | None = None


@dataclass(frozen=True)
class Verdict:
    """One of many decisions that are stored together."""

    record_key: str
    decision: Decision
    value: str | None = None
    given: str | None = None
    """The label that the annotator saw, where rows with the same content have several."""


_NAMES = [field.name for field in fields(Annotation)]
COLUMNS_SQL = ", ".join(
    {
        # Events that were written before these columns were there.
        "action_id": "coalesce(action_id, annotation_id) AS action_id",
        "branch": f"coalesce(branch, '{MAIN}') AS branch",
        "given_version": "coalesce(given_version, taxonomy_version) AS given_version",
    }.get(name, name)
    for name in _NAMES
)
"""The columns of an `Annotation`, in its order, out of ``lake.curation.annotations``."""


def annotate(
    workspace: Workspace,
    dataset: str,
    record_key: str,
    decision: Decision,
    *,
    value: str | None = None,
    annotator: str,
    source: str = "person",
    seen: Seen | None = None,
    given: str | None = None,
    reason: str | None = None,
    seconds: float | None = None,
    branch: str = MAIN,
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
        seen: the record as the annotator saw it; without it, as it is in the newest snapshot.
        given: the label that the annotator saw, where rows with the same content have several.
        reason: in words.
        seconds: spent on it.
        branch: whose line of work it belongs to.

    Raises:
        UnknownNameError: no such dataset, record or decision.
        UsageError: a relabel without a value, with one that the label column cannot hold, or a
            decision that is not one.
    """
    found = get_dataset(workspace, dataset, seen.snapshot if seen else None)
    label = label_column(found)
    check_verdict(decision, value)
    with workspace.cursor() as cursor:
        check_values(cursor, label, found.columns[label], [value])
        if seen is None:
            [seen] = _records(cursor, found, label, [Verdict(record_key, decision, given=given)])
    common = _common(workspace, found, label, annotator, source, branch, seen)
    row = {
        **common, "record_key": record_key, "fingerprint": seen.fingerprint, "given": seen.given,
        "decision": decision, **_value(decision, value, seen, common), "reason": reason,
        "seconds": seconds, "suggestion": seen.suggestion, "score": seen.score,
    }  # fmt: skip
    return write_events(workspace, [row], message=f"{decision} {record_key}")[0]


def annotate_many(
    workspace: Workspace,
    dataset: str,
    verdicts: Sequence[Verdict],
    *,
    annotator: str,
    source: str = "person",
    reason: str | None = None,
    branch: str = MAIN,
) -> str:
    """Store decisions about many records in one transaction, as one action.

    Returns:
        The id of the action; `lake.actions.undo` takes all of them back at once.

    Raises:
        UnknownNameError, UsageError: as `annotate`; nothing is stored then.
    """
    found = get_dataset(workspace, dataset)
    label = label_column(found)
    for verdict in verdicts:
        check_verdict(verdict.decision, verdict.value)
    with workspace.cursor() as cursor:
        check_values(cursor, label, found.columns[label], [v.value for v in verdicts])
        records = _records(cursor, found, label, verdicts)
        action_id = _new_id(cursor)
    common = _common(workspace, found, label, annotator, source, branch)
    rows = [
        {
            **common, "record_key": verdict.record_key, "fingerprint": seen.fingerprint,
            "given": seen.given, "decision": verdict.decision, "reason": reason,
            **_value(verdict.decision, verdict.value, seen, common), "action_id": action_id,
        }
        for verdict, seen in zip(verdicts, records, strict=True)
    ]  # fmt: skip
    if rows:
        write_events(workspace, rows, message=f"{len(rows):,} decisions")
    return action_id


def events(
    workspace: Workspace, dataset: str, *, record_key: str | None = None
) -> list[Annotation]:
    """Return everything that was ever said about a dataset's records, or one, the oldest first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {COLUMNS_SQL} FROM lake.curation.annotations WHERE dataset = ? "
            "AND (record_key = ? OR ? IS NULL) ORDER BY created_at, annotation_id",
            [dataset, record_key, record_key],
        ).fetchall()
    return [Annotation(*row) for row in rows]


def annotator_names(workspace: Workspace, dataset: str) -> list[str]:
    """Return everybody who ever said something about a dataset's labels, by name."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT DISTINCT annotator FROM lake.curation.annotations WHERE dataset = ? ORDER BY 1",
            [dataset],
        ).fetchall()
    return [name for (name,) in rows]


def label_column(dataset: Dataset) -> str:
    """Return the column that decisions are about.

    Raises:
        UsageError: there is none.
    """
    if dataset.roles.label is None:
        raise UsageError(
            f"'{dataset.name}' has no label column, so there is no label to decide about."
        )
    return dataset.roles.label


def check_verdict(decision: str, value: str | None) -> None:
    """Refuse what is no decision, a relabel without a label, and a label without a relabel.

    Raises:
        UnknownNameError, UsageError: says which.
    """
    if decision not in get_args(Decision) or decision == "revert":
        raise UnknownNameError("decision", decision, VERDICTS)
    if (decision == "relabel") != bool(value):
        raise UsageError("A relabel needs the new label, and only a relabel has one.")


def check_values(
    cursor: duckdb.DuckDBPyConnection, label: str, kind: str, values: Sequence[str | None]
) -> None:
    """Refuse labels that the label column cannot hold.

    Raises:
        UsageError: names the first.
    """
    row = cursor.execute(
        "SELECT value FROM (SELECT unnest(?::VARCHAR[]) AS value) "
        f"WHERE value IS NOT NULL AND TRY_CAST(value AS {kind}) IS NULL LIMIT 1",
        [sorted({value for value in values if value is not None})],
    ).fetchone()
    if row is not None:
        raise UsageError(
            f"'{row[0]}' does not fit the label column '{label}', which is {kind}. "
            "Give such a value, or import the column as text."
        )


def write_events(
    workspace: Workspace, rows: Sequence[Mapping[str, Any]], *, message: str
) -> list[Annotation]:
    """Add events in one transaction; what a row does not give is made here or null.

    Rows need ``dataset``, ``label_column``, ``decision`` and ``annotator``.
    """

    def change(cursor: duckdb.DuckDBPyConnection) -> list[Annotation]:
        made = cursor.execute(
            "SELECT uuidv7()::VARCHAR, now()::TIMESTAMP FROM range(?)", [len(rows)]
        ).fetchall()
        written = [_event(row, *ours) for row, ours in zip(rows, made, strict=True)]
        if len(written) == 1:
            marks = ", ".join("?" * len(_NAMES))
            cursor.execute(
                f"INSERT INTO lake.curation.annotations ({', '.join(_NAMES)}) VALUES ({marks})",
                [getattr(written[0], name) for name in _NAMES],
            )
            return written
        cursor.register("incoming_events", _table(written))
        cursor.execute(
            f"INSERT INTO lake.curation.annotations ({', '.join(_NAMES)}) "
            f"SELECT {', '.join(_NAMES)} FROM incoming_events"
        )
        cursor.unregister("incoming_events")
        return written

    written, _ = workspace.write(
        change,
        author=str(rows[0]["annotator"]),
        message=message,
        operation="annotate",
        dataset=str(rows[0]["dataset"]),
    )
    return written


def _common(
    workspace: Workspace,
    found: Dataset,
    label: str,
    annotator: str,
    source: str,
    branch: str,
    seen: Seen | None = None,
) -> dict[str, Any]:
    if seen is not None and seen.taxonomy_version and seen.workflow_version:
        said = {"taxonomy": seen.taxonomy_version, "workflow": seen.workflow_version}
    else:
        said = documents.versions_in_force(workspace, found.name, label)
    return {
        "dataset": found.name, "label_column": label, "annotator": annotator, "source": source,
        "branch": branch, "taxonomy_version": said.get("taxonomy", 1),
        "workflow_version": said.get("workflow", 1), "given_version": found.taxonomy_version,
    }  # fmt: skip


def _value(
    decision: str, value: str | None, seen: Seen, common: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the label and the taxonomy version it is a class of; a kept label has the data's."""
    if decision == "confirm":
        return {"value": seen.given, "taxonomy_version": common["given_version"]}
    return {"value": value}


def _records(
    cursor: duckdb.DuckDBPyConnection, found: Dataset, label: str, verdicts: Sequence[Verdict]
) -> list[Seen]:
    """Return each record as it is in the dataset; where several share a key, the one seen."""
    columns = f"""{fingerprint_sql(found.roles)} AS fingerprint,
        {label_sql(label, found.columns[label])} AS given"""
    table = table_sql(found.name, found.snapshot)
    if len(verdicts) == 1:
        condition = key_equals_sql(found.roles, found.columns)
        rows = cursor.execute(
            f"SELECT ? AS record_key, {columns} FROM {table} WHERE {condition}",
            [verdicts[0].record_key, verdicts[0].record_key],
        ).fetchall()
    else:
        wanted = pa.table({"wanted": [verdict.record_key for verdict in verdicts]})
        cursor.register("wanted_keys", wanted)
        rows = cursor.execute(
            f"SELECT {key_sql(found.roles)} AS record_key, {columns} FROM {table} "
            f"WHERE {key_sql(found.roles)} IN (SELECT wanted FROM wanted_keys)"
        ).fetchall()
        cursor.unregister("wanted_keys")
    there: dict[str, list[tuple[str, str | None]]] = {}
    for key, fingerprint, given in rows:
        there.setdefault(key, []).append((fingerprint, given))
    records = []
    for verdict in verdicts:
        if verdict.record_key not in there:
            raise UsageError(f"There is no record '{verdict.record_key}' in '{found.name}'.")
        alike = sorted(
            there[verdict.record_key],
            key=lambda pair: (pair[1] != verdict.given, pair[1] is None, pair[1] or ""),
        )
        fingerprint, given = alike[0]
        records.append(Seen(found.snapshot, fingerprint, given))
    return records


def _event(row: Mapping[str, Any], annotation_id: str, created_at: datetime) -> Annotation:
    defaults = {
        "annotation_id": annotation_id, "created_at": created_at, "action_id": annotation_id,
        "source": "person", "taxonomy_version": 1, "workflow_version": 1, "branch": MAIN,
        "given_version": 1,
    }  # fmt: skip
    return Annotation(**{**dict.fromkeys(_NAMES), **defaults, **row})


def _table(written: Sequence[Annotation]) -> pa.Table:
    kinds: dict[str, pa.DataType] = {
        "taxonomy_version": pa.int32(), "workflow_version": pa.int32(),
        "given_version": pa.int32(), "seconds": pa.float64(), "score": pa.float64(),
        "created_at": pa.timestamp("us"),
    }  # fmt: skip
    return pa.table(
        {
            name: pa.array(
                [getattr(event, name) for event in written], kinds.get(name, pa.string())
            )
            for name in _NAMES
        }
    )


def _new_id(cursor: duckdb.DuckDBPyConnection) -> str:
    row = cursor.execute("SELECT uuidv7()::VARCHAR").fetchone()
    assert row is not None
    return str(row[0])

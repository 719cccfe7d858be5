"""All that happened to one record: its snapshots, what was said of it, what found or built it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from curation.errors import UsageError
from curation.lake.annotations import COLUMNS_SQL, Annotation
from curation.lake.datasets import Dataset, get_dataset
from curation.lake.decisions import Decided, active_events_sql, in_force_sql, readings
from curation.lake.fold import EVERYTHING
from curation.lake.record_versions import RecordVersion, Row, record_versions
from curation.lake.workspace import Workspace

Kind = Literal["appeared", "changed", "vanished", "annotation", "revert", "finding", "run"]


@dataclass(frozen=True)
class LifeEvent:
    """Something that happened to a record. It holds its values, so pages ask the gate for it."""

    time: datetime
    """UTC, without a zone."""
    kind: Kind
    who: str
    what: str
    """In words."""
    snapshot: int | None = None
    """Of the dataset."""
    event_id: str | None = None
    """Of the annotation, finding or run."""
    columns: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Column to value before and after, where some changed."""
    label: str | None = None
    """The label that it gave, as it was said then."""
    reads_now: str | None = None
    """That label under the taxonomy in force; None where it has none or a person has to decide."""
    is_taken_back: bool = False


@dataclass(frozen=True)
class RecordLife:
    """A record from its first snapshot until now."""

    dataset: str
    record_key: str
    rows: int
    """How many rows of the newest snapshot are this record; 0 where it is no longer there."""
    label: str | None
    """The label now, under the taxonomy in force: what was decided, else that of the data."""
    is_excluded: bool
    """Whether it was decided that the record is left out."""
    decided: Decided | None
    """The decision in force, if there is one."""
    events: list[LifeEvent]
    """The oldest first."""


def record_life(workspace: Workspace, dataset: str, record_key: str) -> RecordLife:
    """Return everything that is known to have happened to a record.

    Where several rows share the key, their labels must agree to be the record's.

    Raises:
        UnknownNameError: no such dataset.
        UsageError: no snapshot has the record, and nobody said anything about it.
    """
    found = get_dataset(workspace, dataset)
    versions = record_versions(workspace, dataset, record_key)
    said = _events_about(workspace, dataset, record_key)
    if not said and not any(version.rows for version in versions):
        raise UsageError(
            f"There is no record '{record_key}' in any snapshot of '{dataset}'. A record key is "
            f"the value of {', '.join(found.roles.having('key')) or 'the content, hashed'}."
        )
    reading = _Reading(workspace, found)
    events = [
        *_of_data(versions, reading),
        *_of_annotations(workspace, found, record_key, said, reading),
        *_of_findings(workspace, dataset, record_key, reading),
        *_of_runs(workspace, dataset, record_key, versions),
    ]
    rows = versions[-1].rows if versions else ()
    decided = decision_about(workspace, found, record_key)
    is_excluded = decided is not None and (
        decided.standing == "excluded"
        or (decided.standing == "in_force" and decided.decision == "exclude")
    )
    return RecordLife(
        dataset=dataset,
        record_key=record_key,
        rows=len(rows),
        label=_label_now(decided, rows, found, reading),
        is_excluded=is_excluded,
        decided=decided,
        events=sorted(events, key=lambda event: event.time),
    )


def decision_about(workspace: Workspace, found: Dataset, record_key: str) -> Decided | None:
    """Return the decision in force about a record, or None."""
    if found.roles.label is None:
        return None
    query = in_force_sql(workspace, found.name, found.roles.label)
    names = ", ".join(Decided.__dataclass_fields__)
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"SELECT {names} FROM ({query}) WHERE record_key = ?", [record_key]
        ).fetchone()
    return Decided(*row) if row else None


class _Reading:
    """What labels mean under the taxonomy in force."""

    def __init__(self, workspace: Workspace, found: Dataset) -> None:
        self.column = found.roles.label
        self._version = found.taxonomy_version
        self._readings = readings(workspace, found.name, self.column) if self.column else None

    def __call__(self, label: str | None, version: int | None = None) -> str | None:
        if label is None or self._readings is None:
            return label
        read, _ = self._readings.get((version or self._version, label), (None, "queue"))
        return read

    def label_of(self, row: Row) -> str | None:
        """Return the label of a row as text, None for one that is missing."""
        value = row.get(self.column) if self.column else None
        text = "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN
        if isinstance(value, bool):
            text = text.lower()
        return text if text.strip(" ") else None


def _label_now(
    decided: Decided | None, rows: Sequence[Row], found: Dataset, reading: _Reading
) -> str | None:
    if decided is not None and decided.standing == "in_force" and decided.value_read is not None:
        return decided.value_read
    if decided is not None and decided.standing in ("queue", "excluded"):
        return None
    labels = {reading.label_of(row) for row in rows}
    return reading(labels.pop(), found.taxonomy_version) if len(labels) == 1 else None


def _of_data(versions: list[RecordVersion], reading: _Reading) -> Iterator[LifeEvent]:
    none: tuple[Row, ...] = ()
    steps = [(none, version) for version in versions[:1]]
    steps += [(old.rows, new) for old, new in pairwise(versions)]
    for before, version in steps:
        change = _change(before, version.rows)
        if change is None:
            continue
        kind, columns = change
        snapshot = version.snapshot
        label = None
        if kind == "appeared" or reading.column in columns:
            label = reading.label_of(version.rows[0])
        copies = f", in {len(version.rows)} rows" if len(version.rows) > 1 else ""
        named = f" ({', '.join(columns)})" if columns else ""
        yield LifeEvent(
            snapshot.time, kind, snapshot.author,
            f"{kind}{named} with snapshot {snapshot.snapshot}{copies}: {snapshot.message}",
            snapshot=snapshot.snapshot, columns=columns, label=label, reads_now=reading(label),
        )  # fmt: skip


def _change(
    before: Sequence[Row], after: Sequence[Row]
) -> tuple[Literal["appeared", "changed", "vanished"], dict[str, tuple[Any, Any]]] | None:
    """Return what became of a record's rows and the columns that differ, or None."""
    if not before or not after:
        if len(before) == len(after):
            return None
        return ("appeared", {}) if after else ("vanished", {})
    columns = {
        column: (old[column], new[column])
        for old, new in zip(before, after, strict=False)
        for column in new
        if column in old and repr(old[column]) != repr(new[column])
    }
    return ("changed", columns) if columns or len(before) != len(after) else None


def _of_annotations(
    workspace: Workspace,
    found: Dataset,
    record_key: str,
    said: list[Annotation],
    reading: _Reading,
) -> Iterator[LifeEvent]:
    active = active_events_sql(workspace, found.name, None, EVERYTHING)
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT annotation_id FROM ({active}) WHERE record_key = ?", [record_key]
        ).fetchall()
    standing = {annotation_id for (annotation_id,) in rows}
    actions = {event.action_id for event in said if event.decision != "revert"}
    for event in said:
        by_model = event.source if event.source != "person" else ""
        details = [by_model, f"branch {event.branch}" if event.branch != "main" else "",
                   event.reason or ""]  # fmt: skip
        words = {
            "relabel": f"relabel '{event.given or ''}' to '{event.value}'",
            "confirm": f"confirm '{event.value}'",
            "revert": "taken back" if event.reverts in actions else "brought back",
        }.get(event.decision, event.decision)
        yield LifeEvent(
            event.created_at, "revert" if event.decision == "revert" else "annotation",
            event.annotator, "; ".join(filter(None, [words, *details])),
            event_id=event.annotation_id, label=event.value,
            reads_now=reading(event.value, event.taxonomy_version),
            is_taken_back=event.decision != "revert" and event.annotation_id not in standing
            and event.branch == "main",
        )  # fmt: skip


def _events_about(workspace: Workspace, dataset: str, record_key: str) -> list[Annotation]:
    """Return what was said about a record, and what took that back or brought it back."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""
            WITH about AS (SELECT {COLUMNS_SQL} FROM lake.curation.annotations WHERE dataset = $d),
            said AS (FROM about WHERE record_key = $k AND decision <> 'revert'),
            undone AS (FROM about WHERE reverts IN (SELECT action_id FROM said)),
            redone AS (FROM about WHERE reverts IN (SELECT action_id FROM undone))
            SELECT * FROM (FROM said UNION FROM undone UNION FROM redone)
            ORDER BY created_at, annotation_id""",
            {"d": dataset, "k": record_key},
        ).fetchall()
    return [Annotation(*row) for row in rows]


def _of_findings(
    workspace: Workspace, dataset: str, record_key: str, reading: _Reading
) -> Iterator[LifeEvent]:
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT DISTINCT f.created_at, f.finder, f.snapshot, f.finding_id, r.given_label,
                r.suggestion, r.score
            FROM lake.curation.finding_rows r JOIN lake.curation.findings f USING (finding_id)
            WHERE f.dataset = ? AND r.record_key = ? AND r.is_issue""",
            [dataset, record_key],
        ).fetchall()
    for time, finder, snapshot, finding_id, given, suggested, quality in rows:
        yield LifeEvent(
            time, "finding", finder,
            f"flagged in snapshot {snapshot}: '{given}' looks like '{suggested}' "
            f"(label quality {quality:.2f})",
            snapshot=snapshot, event_id=finding_id, label=suggested, reads_now=reading(suggested),
        )  # fmt: skip


def _of_runs(
    workspace: Workspace, dataset: str, record_key: str, versions: list[RecordVersion]
) -> Iterator[LifeEvent]:
    """Say which runs took the record in, which of their steps touched it, and where it waits."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT run_id, dataset, manifest, created_at FROM lake.curation.runs "
            "WHERE contains(manifest, ?) ORDER BY created_at",
            [json.dumps(dataset, ensure_ascii=False)],
        ).fetchall()
        touched = cursor.execute(
            "SELECT run_id, step, what, before, after FROM lake.curation.touched "
            "WHERE record_key = ?",
            [record_key],
        ).fetchall()
    for run_id, into, text, time in rows:
        manifest = json.loads(text)
        source = manifest.get("coordinates") or manifest.get("input") or {}
        if source.get("dataset") != dataset or not _has(versions, source.get("snapshot")):
            continue
        steps = [
            _step_did(step, what, before, after)
            for run, step, what, before, after in touched
            if run == run_id
        ]
        waited = [
            f"waits at step {conflict.get('step')}: {conflict.get('reason')}"
            for conflict in manifest.get("conflicts", [])
            if conflict.get("record_key") == record_key
        ]
        went = f"went into a {manifest.get('kind', 'run')} of '{into}'"
        yield LifeEvent(
            time, "run", manifest.get("author", ""), "; ".join([went, *steps, *waited]),
            snapshot=source.get("snapshot"), event_id=run_id,
        )  # fmt: skip


def _step_did(step: str, what: str, before: str | None, after: str | None) -> str:
    if what == "left out":
        return f"{step} left it out"
    if what == "made":
        return f"{step} made it"
    if before == after:
        return f"{step} changed it"
    return f"{step} gave it {after or 'no label'} instead of {before or 'no label'}"


def _has(versions: list[RecordVersion], snapshot: int | None) -> bool:
    """Say whether a snapshot has the record."""
    before = [v for v in versions if snapshot is not None and v.snapshot.snapshot <= snapshot]
    return bool(before and before[-1].rows)

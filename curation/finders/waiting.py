"""Records that wait for a person for another reason than a likely label error.

Each queue is a finding, so that it is reviewed like label issues: records of a class that was split
or retired, records that annotators dispute, records whose next label would teach most, and records
that changed since they were decided about.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from curation import sql
from curation.errors import UnknownNameError, UsageError
from curation.finders.consensus import decided, probabilities, vote_table
from curation.finders.crowd import label_next
from curation.lake import taxonomies
from curation.lake.annotations import label_column
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.decisions import in_force_sql, said_until_now, votes, votes_in_force_sql
from curation.lake.findings import (
    ROW_SCHEMA,
    FindingSummary,
    find_stored,
    latest_finding,
    store_finding,
)
from curation.lake.records import fingerprint_sql, key_sql, label_sql
from curation.lake.translation import TaxonomyHistory
from curation.lake.workspace import Workspace
from curation.learn.predictions import predict
from curation.progress import Progress, no_progress

Queue = Literal["reclassify", "disputed", "label_next"]
QUEUES: tuple[Queue, ...] = get_args(Queue)

MOST_TO_LABEL_NEXT = 1_000


@dataclass
class Waiting:
    """Records that wait, the first to decide about first, and what is suggested for them."""

    keys: list[str]
    scores: list[float]
    """0 to 1; the lowest is decided first."""
    suggestions: list[str | None]
    likely: list[dict[str, float]]
    """For each record, its classes with their probabilities."""
    learner: str = ""
    notes: list[str] = field(default_factory=list)
    rows: list[int] | None = None
    """The lake's row id of each; None where a record key says enough."""


def find_waiting(
    workspace: Workspace, dataset: str, queue: Queue, *, progress: Progress = no_progress
) -> FindingSummary:
    """Find the records of a queue and keep them as a finding; it may have none.

    Nothing is computed again while nothing was said since.

    Raises:
        UnknownNameError: there is no such queue.
        UsageError: a dataset without a label column, or a queue that needs label issues first.
    """
    if queue not in QUEUES:
        raise UnknownNameError("queue", queue, QUEUES)
    found = get_dataset(workspace, dataset)
    label_column(found)
    issues = latest_finding(workspace, dataset, found.snapshot)
    parameters = {
        "said": said_until_now(workspace, dataset), "issues": issues and issues.finding_id,
    }  # fmt: skip
    stored = find_stored(workspace, dataset, found.snapshot, queue, parameters)
    if stored is not None:
        return stored
    start = perf_counter()
    makers: Mapping[Queue, Callable[[Workspace, Dataset, Progress], Waiting]] = {
        "reclassify": _to_reclassify, "disputed": _disputed, "label_next": _to_label_next,
    }  # fmt: skip
    waiting = makers[queue](workspace, found, progress)
    rows, classes = _rows(workspace, found, waiting)
    summary = FindingSummary(
        finding_id=uuid.uuid4().hex, dataset=dataset, snapshot=found.snapshot, finder=queue,
        parameters=parameters, created_at=datetime.now(UTC).replace(tzinfo=None), rows=len(rows),
        classes=classes, flagged=len(rows), estimated_errors=len(rows),
        seconds=perf_counter() - start, learner=waiting.learner, notes=waiting.notes,
    )  # fmt: skip
    store_finding(workspace, summary, rows)
    return summary


def count_waiting(workspace: Workspace, dataset: str) -> dict[Queue, int]:
    """Return how many records wait in each queue that can be counted at once."""
    found = get_dataset(workspace, dataset)
    if found.roles.label is None:
        return {}
    said = votes_in_force_sql(workspace, dataset, found.roles.label)
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"""SELECT count(*) FROM (
                SELECT record_key FROM ({said})
                WHERE decision = 'exclude' OR (decision <> 'unsure' AND value_read IS NOT NULL)
                GROUP BY record_key
                HAVING count(DISTINCT if(decision = 'exclude', chr(24), value_read)) > 1)"""
        ).fetchone()
    assert row is not None
    return {"reclassify": len(_split_rows(workspace, found)), "disputed": row[0]}


def _to_reclassify(workspace: Workspace, found: Dataset, progress: Progress) -> Waiting:
    """Records of a split or retired class, those the model is least sure of first."""
    rows = _split_rows(workspace, found)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[row["candidates"]].append(place)
    score, likely = [1.0] * len(rows), [dict[str, float]() for _ in rows]
    notes: list[str] = []
    for candidates, places in sorted(groups.items()):
        ids = [rows[place]["row_id"] for place in places]
        guessed, trained = _guess(workspace, found, candidates, ids, progress)
        if guessed is None:
            notes.append(
                f"{len(places):,} records may be {' or '.join(candidates) or 'of no class now'}; "
                "a model ranks them once two of each are decided."
                if candidates
                else f"{len(places):,} records are of a class that was retired."
            )
        else:
            notes.append(f"ranked by a model of {trained:,} decided records")
        for number, place in enumerate(places):
            share = (
                dict.fromkeys(candidates, 1 / len(candidates))
                if guessed is None and candidates
                else {}
                if guessed is None
                else dict(zip(candidates, map(float, guessed[number]), strict=True))
            )
            likely[place] = share
            score[place] = max(share.values(), default=1.0)
    # Without a model all candidates are as likely, and none is suggested.
    suggestions = [_top(share) if len(set(share.values())) > 1 else None for share in likely]
    return Waiting(
        keys=[row["record_key"] for row in rows], scores=score, suggestions=suggestions,
        likely=likely, learner="logistic regression on those already decided", notes=notes,
        rows=[row["row_id"] for row in rows],
    )  # fmt: skip


def _split_rows(workspace: Workspace, found: Dataset) -> list[dict[str, Any]]:
    """Return row_id, record_key and candidates of the rows that need a class under the taxonomy."""
    label = label_column(found)
    if not taxonomies.is_stored(workspace, found.name, label):
        return []
    history = taxonomies.history(workspace, found.name, label)
    own = label_sql(label, found.columns[label])
    with workspace.cursor() as cursor:
        rows: list[dict[str, Any]] = (
            cursor.execute(
                f"""WITH decided AS ({in_force_sql(workspace, found.name, label)}),
                own AS (
                    SELECT rowid AS row_id, {key_sql(found.roles)} AS record_key, {own} AS own
                    FROM {table_sql(found.name, found.snapshot)}),
                waiting(own) AS (SELECT unnest(?::VARCHAR[]))
                SELECT o.row_id, o.record_key, coalesce(d.value, o.own) AS label,
                    coalesce(d.taxonomy_version, ?) AS version
                FROM own o LEFT JOIN decided d ON d.record_key = o.record_key
                WHERE d.standing = 'queue'
                    OR (d.record_key IS NULL AND o.own IN (SELECT own FROM waiting))
                ORDER BY o.row_id""",
                [_waiting_labels(history, found.taxonomy_version), found.taxonomy_version],
            )
            .to_arrow_table()
            .to_pylist()
        )
    now = history.current.version
    for row in rows:
        row["candidates"] = history.reading(row["label"], row["version"], now).classes
    return rows


def _waiting_labels(history: TaxonomyHistory, version: int) -> list[str]:
    readings = history.table(history.current.version).get(version, {})
    return [name for name, reading in readings.items() if reading.status == "queue"]


def _guess(
    workspace: Workspace,
    found: Dataset,
    candidates: Sequence[str],
    waiting: Sequence[int],
    progress: Progress,
) -> tuple[Any | None, int]:
    """Return each waiting row's probabilities of the candidates, and how many rows taught them."""
    label = label_column(found)
    with workspace.cursor() as cursor:
        taught = cursor.execute(
            f"""WITH decided AS ({in_force_sql(workspace, found.name, label)})
            SELECT r.row_id, d.value_read FROM (
                SELECT rowid AS row_id, {key_sql(found.roles)} AS record_key
                FROM {table_sql(found.name, found.snapshot)}) r
            JOIN decided d ON d.record_key = r.record_key
            WHERE d.standing = 'in_force' AND list_contains(?::VARCHAR[], d.value_read)""",
            [list(candidates)],
        ).fetchall()
        if len({value for _, value in taught}) < 2 or not found.roles.content:
            return None, 0
        wanted = pa.table({"row_id": pa.array([*(row for row, _ in taught), *waiting], pa.int64())})
        cursor.register("wanted_rows", wanted)
        rows = cursor.execute(
            f"SELECT rowid AS _curation_row, {sql.identifiers(found.roles.content)} "
            f"FROM {table_sql(found.name, found.snapshot)} "
            "WHERE rowid IN (SELECT row_id FROM wanted_rows) ORDER BY rowid"
        ).to_arrow_table()
        cursor.unregister("wanted_rows")
    place = {name: number for number, name in enumerate(candidates)}
    known = {row: place[value] for row, value in taught}
    ids = rows["_curation_row"].to_pylist()
    codes = np.array([known.get(row, -1) for row in ids], dtype=np.int64)
    guessed = predict(
        rows.drop_columns("_curation_row"), codes, len(candidates), found.roles, progress=progress
    )
    if guessed is None:
        return None, 0
    at = {row: number for number, row in enumerate(r for r in ids if r not in known)}
    return guessed[[at[row] for row in waiting]], len(taught)


def _disputed(workspace: Workspace, found: Dataset, progress: Progress) -> Waiting:
    """Records on which annotators are not at one, the most divided first."""
    del progress
    label = label_column(found)
    standing = {one.record_key: one for one in decided(workspace, found)}
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for one in votes(workspace, found.name, label):
        verdict = "exclude" if one.decision == "exclude" else one.value_read
        if one.decision != "unsure" and verdict is not None and one.record_key is not None:
            said[one.record_key][verdict] += 1
    keys = sorted(
        (key for key, tally in said.items() if len(tally) > 1),
        key=lambda key: (max(said[key].values()) / said[key].total(), -said[key].total(), key),
    )
    likely = [
        {name: count / said[key].total() for name, count in said[key].most_common()} for key in keys
    ]
    leading = [standing[key] for key in keys]
    return Waiting(
        keys=keys,
        scores=[max(share.values()) for share in likely],
        suggestions=[one.value_read if one.standing == "in_force" else None for one in leading],
        likely=[{n: p for n, p in share.items() if n != "exclude"} for share in likely],
        learner="the annotators' votes",
    )


def _to_label_next(workspace: Workspace, found: Dataset, progress: Progress) -> Waiting:
    """Records whose next label teaches most, by ActiveLab."""
    table = vote_table(workspace, found)
    matrix, records, classes = probabilities(workspace, found, table["label"].to_pylist())
    progress(0.3, "Probabilities read")
    here = set(records)
    kept = table.filter(pa.array([key in here for key in table["record_key"].to_pylist()]))
    if len(classes) < 2:
        raise UsageError("There is one class only, so no label teaches more than another.")
    ranked = label_next(kept, matrix, records, classes).slice(0, MOST_TO_LABEL_NEXT)
    keys = ranked["record_key"].to_pylist()
    place = {key: number for number, key in enumerate(records)}
    likely = [dict(zip(classes, map(float, matrix[place[key]]), strict=True)) for key in keys]
    return Waiting(
        keys=keys, scores=ranked["score"].to_pylist(), likely=likely,
        suggestions=[_top(share) for share in likely],
        learner="ActiveLab",
    )  # fmt: skip


def _top(share: Mapping[str, float]) -> str:
    return max(share, key=share.__getitem__)


def _rows(workspace: Workspace, found: Dataset, waiting: Waiting) -> tuple[pa.Table, list[str]]:
    """Return the rows of the finding as the lake keeps them, and its classes."""
    label = label_column(found)
    classes = sorted({name for share in waiting.likely for name in share})
    wanted = pa.table(
        {
            "place": pa.array(range(len(waiting.keys)), pa.int64()),
            "key": pa.array(waiting.keys, pa.string()),
            "row_id": pa.array(waiting.rows or pa.nulls(len(waiting.keys)), pa.int64()),
        }
    )
    with workspace.cursor() as cursor:
        cursor.register("wanted_records", wanted)
        records = (
            cursor.execute(
                f"""SELECT w.place, r.* FROM wanted_records w JOIN (
                    SELECT rowid AS row_number, {key_sql(found.roles)} AS record_key,
                        {fingerprint_sql(found.roles)} AS fingerprint,
                        {label_sql(label, found.columns[label])} AS given_label
                    FROM {table_sql(found.name, found.snapshot)}) r
                ON r.record_key = w.key AND r.row_number = coalesce(w.row_id, r.row_number)
                ORDER BY w.place, r.row_number"""
            )
            .to_arrow_table()
            .to_pylist()
        )
        cursor.unregister("wanted_records")
    rows = []
    for record in records:
        place = record.pop("place")
        share = waiting.likely[place]
        rows.append(
            {
                **record,
                "score": waiting.scores[place],
                "is_issue": True,
                "suggestion": waiting.suggestions[place],
                "given_label_probability": share.get(record["given_label"], 0.0),
                "probabilities": [share.get(name, 0.0) for name in classes],
            }
        )
    return pa.Table.from_pylist(rows, schema=ROW_SCHEMA), classes

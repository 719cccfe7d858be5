"""What becomes of everything that was ever said about a dataset's labels, on some of its rows.

Nothing is written: a replay says what a run would apply, what it would leave for a person, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UsageError
from curation.finders.consensus import decided as decisions_of
from curation.lake.annotations import Annotation
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.decisions import Decided, active_events_sql
from curation.lake.fold import EVERYTHING, Cut, Policy, visible_sql
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    fingerprint_sql,
    key_sql,
    label_sql,
)
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress
from curation.recipe.near import like_records
from curation.recipe.said import SaidAboutData, said_about
from curation.steps.matching import (
    OUTCOMES,
    REASONS,
    decision_table,
    outcomes_sql,
    pairs_sql,
    reading_table,
)

NOT_IN_FORCE = {
    "outvoted": "replaced by newer or more",
    "taken_back": "taken back",
    "revert": "undo or redo of others",
    "not_counted": "of a workflow, time or set that does not count",
}
"""Outcomes of events that decide nothing."""

_LABEL = sql.identifier("_curation_given")
_SCHEMA = pa.schema(
    [
        ("annotation_id", pa.string()),
        ("outcome", pa.string()),
        ("record_key", pa.string()),
        ("key_now", pa.string()),
        ("given", pa.string()),
        ("label_now", pa.string()),
        ("decision", pa.string()),
        ("value", pa.string()),
        ("annotator", pa.string()),
        ("created_at", pa.timestamp("us")),
        ("likeness", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Replay:
    """What becomes of each event on the rows of one snapshot."""

    snapshot: int
    rows: pa.Table
    """One row for each event: annotation_id, outcome, record_key, key_now (the record that it
    meets, if it does), given, label_now, decision, value (the label under the taxonomy in force),
    annotator, created_at, likeness (0 to 1, for ``near``)."""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Events by outcome; together they are all events there are."""
        counted = {
            row["values"]: row["counts"] for row in self.rows["outcome"].value_counts().to_pylist()
        }
        return {name: counted.get(name, 0) for name in (*OUTCOMES, *NOT_IN_FORCE)}

    def having(self, *outcomes: str) -> pa.Table:
        """Return the rows with one of these outcomes."""
        wanted = set(outcomes)
        return self.rows.filter(
            pa.array([outcome in wanted for outcome in self.rows["outcome"].to_pylist()])
        )

    @property
    def waiting(self) -> pa.Table:
        """The rows that wait for a person."""
        return self.having(*REASONS)


def replay(
    workspace: Workspace,
    dataset: str,
    *,
    onto: int | None = None,
    onto_dataset: str | None = None,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    progress: Progress = no_progress,
) -> Replay:
    """Say what becomes of everything that was said about a dataset on a snapshot.

    Args:
        workspace: where the dataset is; it is not changed.
        dataset: whose annotations.
        onto: the snapshot whose rows they meet; the newest without one.
        onto_dataset: another dataset with the same columns, whose rows they meet instead.
        policy: how several decisions become one; the workflow's without one.
        cut: which annotations count.
        progress: told how far it is.

    Raises:
        UsageError: a dataset without a label column.
    """
    source = get_dataset(workspace, dataset)
    target = get_dataset(workspace, onto_dataset or dataset, onto)
    if source.roles.label is None or target.roles.label is None:
        raise UsageError(
            "Annotations are about labels, and one of the datasets has no label column."
        )
    decided = decisions_of(workspace, source, policy=policy, cut=cut)
    about = said_about(workspace, source.name, target, decided)
    progress(0.2, f"{len(decided):,} decisions read")
    with DuckDBEngine() as engine:
        rows = _rows_in_question(workspace, engine, target, decided)
        progress(0.6, "Rows found")
        met, notes = _meet(workspace, engine, source, target, rows, about)
    return Replay(target.snapshot, _all_events(workspace, source, decided, met, cut), notes)


def _rows_in_question(
    workspace: Workspace, engine: DuckDBEngine, target: Dataset, decided: Sequence[Decided]
) -> Relation:
    """Return key, fingerprint, row and label of the rows that some decision can be about.

    The rest of the data never leaves the lake, so that a replay onto many rows stays small.
    """
    label = target.roles.label or ""
    wanted = pa.table(
        {
            "key": pa.array([one.record_key for one in decided], pa.string()),
            "print": pa.array([one.fingerprint for one in decided], pa.string()),
        }
    )
    with workspace.cursor() as cursor:
        cursor.register("decided_records", wanted)
        found = cursor.execute(
            f"""SELECT * FROM (
                SELECT {key_sql(target.roles)} AS {sql.identifier(KEY_COLUMN)},
                    {fingerprint_sql(target.roles)} AS {sql.identifier(FINGERPRINT_COLUMN)},
                    rowid AS {sql.identifier(ROW_COLUMN)},
                    {label_sql(label, target.columns[label])} AS {_LABEL}
                FROM {table_sql(target.name, target.snapshot)})
            WHERE {sql.identifier(KEY_COLUMN)} IN (SELECT key FROM decided_records)
                OR {sql.identifier(FINGERPRINT_COLUMN)} IN (SELECT print FROM decided_records)"""
        ).to_arrow_table()
        cursor.unregister("decided_records")
    return engine.put(found)


def _meet(
    workspace: Workspace,
    engine: DuckDBEngine,
    source: Dataset,
    target: Dataset,
    rows: Relation,
    about: SaidAboutData,
) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Return for each decision its outcome and the record that it meets, and what was left out."""
    given = f"r.{_LABEL}"
    read = given
    if about.readings is not None:
        readings = engine.put(reading_table(about.readings))
        read = f"(SELECT t.read FROM {readings.name} t WHERE t.label = {given})"
    table = engine.put(decision_table(about.decisions))
    pairs = engine.select(pairs_sql(rows, table, given, read))
    outcomes = engine.select(outcomes_sql(table, pairs))
    met = engine.table(
        f"""SELECT o.number, o.outcome, min(r.{sql.identifier(KEY_COLUMN)}) AS key_now,
            min_by({given}, r.{sql.identifier(ROW_COLUMN)}) AS label_now
        FROM {outcomes.name} o LEFT JOIN {pairs.name} p ON p.number = o.number
            LEFT JOIN {rows.name} r ON r.{sql.identifier(ROW_COLUMN)} = p.row_
        GROUP BY ALL ORDER BY o.number"""
    ).to_pylist()
    gone = [row["number"] for row in met if row["outcome"] == "gone"]
    near, notes = like_records(
        workspace, source, target, [about.decisions[n].fingerprint for n in gone]
    )
    for number, (key, label, likeness) in zip(gone, near, strict=True):
        if key is not None:
            met[number] |= {
                "outcome": "near", "key_now": key, "label_now": label, "likeness": likeness
            }  # fmt: skip
    return met, notes


def _all_events(
    workspace: Workspace,
    source: Dataset,
    decided: Sequence[Decided],
    met: Sequence[dict[str, object]],
    cut: Cut,
) -> pa.Table:
    """Give every event of the branch exactly one outcome."""
    everything = Cut(branch=cut.branch, snapshot=cut.snapshot)
    with workspace.cursor() as cursor:
        label = source.roles.label
        events = [
            Annotation(*row)
            for row in cursor.execute(
                f"{visible_sql(workspace, source.name, label, everything)} "
                "ORDER BY created_at, annotation_id"
            ).fetchall()
        ]
        counted = _ids(cursor, visible_sql(workspace, source.name, label, cut))
        active = _ids(cursor, active_events_sql(workspace, source.name, label, cut))
    places = {one.annotation_id: number for number, one in enumerate(decided)}
    rows = []
    for event in events:
        at = places.get(event.annotation_id)
        row: dict[str, object] = {
            "annotation_id": event.annotation_id, "record_key": event.record_key,
            "given": event.given, "decision": event.decision, "value": event.value,
            "annotator": event.annotator, "created_at": event.created_at,
        }  # fmt: skip
        if at is not None:
            row |= met[at] | {"value": decided[at].value_read}
        elif event.annotation_id not in counted:
            row["outcome"] = "not_counted"
        elif event.decision == "revert":
            row["outcome"] = "revert"
        else:
            row["outcome"] = "outvoted" if event.annotation_id in active else "taken_back"
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _ids(cursor: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    rows = cursor.execute(f"SELECT annotation_id FROM ({query})").fetchall()
    return {one for (one,) in rows}

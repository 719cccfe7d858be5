"""Apply what people decided about labels, on this data or on tomorrow's."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.errors import ContractError
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    label_sql,
)
from curation.steps.base import Step, StepContext, StepResult, row_count

OUTCOMES = ("applied", "moved", "contradiction", "content_changed", "gone", "unsure")
"""Every decision ends in exactly one of these, so the counts add up to the decisions."""

_DECISIONS = pa.schema(
    [
        ("number", pa.int64()),
        ("record_key", pa.string()),
        ("fingerprint", pa.string()),
        ("given", pa.string()),
        ("decision", pa.string()),
        ("value", pa.string()),
    ]
)
_KEY, _PRINT = sql.identifier(KEY_COLUMN), sql.identifier(FINGERPRINT_COLUMN)
_ROW, _SOURCE = sql.identifier(ROW_COLUMN), sql.identifier(SOURCE_COLUMN)


class ApplyAnnotations(Step):
    """Apply the decisions about labels, by record key and content.

    Same key and content: applied. Same content under another key: applied, and counted as moved.
    Same key, other content: left for a person. The source's own label changed since: a
    contradiction, left for a person, and neither side is overwritten. Every decision ends in
    exactly one of these counts, or in gone or unsure.
    """

    name: ClassVar[str] = "apply_annotations"
    title: ClassVar[str] = "Apply decisions"
    needs_label: ClassVar[bool] = True
    state: ClassVar[Literal["frozen"]] = "frozen"

    step: Literal["apply_annotations"] = "apply_annotations"

    def describe(self) -> str:
        """Say what is applied."""
        return "the decisions made in review"

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Relabel, confirm or leave out the rows that were decided about."""
        engine, label = context.engine, context.label()
        kind = relation.columns[label]
        given = label_sql(label, kind, of="r")
        decided = engine.put(_decision_table(context))
        _check_values(context, decided, label, kind)
        pairs = engine.select(_pairs_sql(relation, decided, given))
        outcomes = engine.select(_outcomes_sql(decided, pairs))
        changed = engine.select(_changed_rows_sql(relation, pairs, outcomes, given))
        result = engine.select(_result_sql(relation, changed, label, kind))
        counts = dict.fromkeys(OUTCOMES, 0) | {
            row["outcome"]: row["rows"]
            for row in engine.table(
                f'SELECT outcome, count(*) AS "rows" FROM {outcomes.name} GROUP BY outcome'
            ).to_pylist()
        }
        relabelled = engine.values(f"SELECT count(*) FROM {changed.name} WHERE is_new_label")[0]
        dropped = row_count(engine, relation) - row_count(engine, result)
        queue = engine.table(_queue_sql(relation, pairs, outcomes, given))
        return StepResult(
            relation=result,
            touched=relabelled + dropped,
            counts={**counts, "relabelled": relabelled, "dropped": dropped},
            note=_note(counts),
            queue=queue,
        )


def _decision_table(context: StepContext) -> pa.Table:
    rows = [
        {
            "number": number,
            **{name: getattr(decision, name) for name in _DECISIONS.names[1:]},
        }
        for number, decision in enumerate(context.decisions)
    ]
    return pa.Table.from_pylist(rows, schema=_DECISIONS)


def _check_values(context: StepContext, decided: Relation, label: str, kind: str) -> None:
    bad = context.engine.table(
        f"SELECT DISTINCT value FROM {decided.name} WHERE decision = 'relabel' "
        f"AND TRY_CAST(value AS {kind}) IS NULL ORDER BY value LIMIT 5"
    )["value"].to_pylist()
    if bad:
        raise ContractError(
            f"The decisions give labels that do not fit the label column '{label}' ({kind}): "
            f"{', '.join(map(repr, bad))}. Import the column as text, or mend the decisions."
        )


def _pairs_sql(relation: Relation, decided: Relation, label: str) -> str:
    """Pair decisions with rows: by key, else by content; say whether the row's label agrees."""
    agrees = f"""CASE WHEN {label} IS NOT DISTINCT FROM d.given THEN 'as_given'
            WHEN d.decision = 'relabel' AND {label} = d.value THEN 'already' ELSE 'other' END"""
    return f"""
        WITH by_key AS (
            SELECT d.number, r.{_ROW} AS row_, {agrees} AS label_is,
                CASE WHEN r.{_PRINT} = d.fingerprint THEN 'same' ELSE 'changed' END AS match
            FROM {decided.name} d JOIN {relation.name} r ON r.{_KEY} = d.record_key
            WHERE d.decision <> 'unsure'),
        by_content AS (
            SELECT d.number, r.{_ROW} AS row_, {agrees} AS label_is, 'moved' AS match
            FROM {decided.name} d JOIN {relation.name} r ON r.{_PRINT} = d.fingerprint
            WHERE d.decision <> 'unsure' AND d.number NOT IN (SELECT number FROM by_key)
                AND r.{_ROW} NOT IN (SELECT row_ FROM by_key WHERE match = 'same'))
        SELECT * FROM by_key UNION ALL SELECT * FROM by_content"""


def _outcomes_sql(decided: Relation, pairs: Relation) -> str:
    return f"""
        SELECT d.number, any_value(d.decision) AS decision, any_value(d.value) AS value,
            CASE WHEN any_value(d.decision) = 'unsure' THEN 'unsure'
                WHEN bool_or(p.match = 'same' AND p.label_is <> 'other') THEN 'applied'
                WHEN bool_or(p.match = 'moved' AND p.label_is <> 'other') THEN 'moved'
                WHEN bool_or(p.match IN ('same', 'moved')) THEN 'contradiction'
                WHEN bool_or(p.match = 'changed') THEN 'content_changed'
                ELSE 'gone' END AS outcome
        FROM {decided.name} d LEFT JOIN {pairs.name} p ON p.number = d.number
        GROUP BY d.number"""


def _changed_rows_sql(relation: Relation, pairs: Relation, outcomes: Relation, label: str) -> str:
    """One row for each record that a decision reaches; the newest decision wins."""
    return f"""
        SELECT p.row_, o.decision, o.value,
            o.decision = 'relabel' AND {label} IS DISTINCT FROM o.value AS is_new_label
        FROM {pairs.name} p JOIN {outcomes.name} o ON o.number = p.number
            JOIN {relation.name} r ON r.{_ROW} = p.row_
        WHERE o.outcome IN ('applied', 'moved') AND p.match <> 'changed' AND p.label_is <> 'other'
        QUALIFY row_number() OVER (PARTITION BY p.row_ ORDER BY p.number DESC) = 1"""


def _result_sql(relation: Relation, changed: Relation, label: str, kind: str) -> str:
    name = sql.identifier(label)
    return f"""
        SELECT r.* REPLACE (
            CASE WHEN c.decision = 'relabel' THEN CAST(c.value AS {kind}) ELSE r.{name} END
                AS {name},
            CASE WHEN c.row_ IS NOT NULL THEN 'person' ELSE r.{_SOURCE} END AS {_SOURCE})
        FROM {relation.name} r LEFT JOIN {changed.name} c ON c.row_ = r.{_ROW}
        WHERE c.decision IS DISTINCT FROM 'exclude'"""


def _queue_sql(relation: Relation, pairs: Relation, outcomes: Relation, label: str) -> str:
    return f"""
        SELECT r.{_KEY} AS record_key, {label} AS given_label, o.value AS suggested_label,
            CASE o.outcome WHEN 'contradiction' THEN 'the source gives another label than at review'
                ELSE 'the content changed since review' END AS reason
        FROM {pairs.name} p JOIN {outcomes.name} o ON o.number = p.number
            JOIN {relation.name} r ON r.{_ROW} = p.row_
        WHERE o.outcome IN ('contradiction', 'content_changed')
        ORDER BY record_key, given_label"""


def _note(counts: dict[str, int]) -> str:
    words = {
        "applied": "applied", "moved": "found under another key",
        "contradiction": "contradicted by the source", "content_changed": "with changed content",
        "gone": "not in the data", "unsure": "unsure",
    }  # fmt: skip
    said = [f"{counts[name]:,} {text}" for name, text in words.items() if counts[name]]
    if not said:
        return "no decisions"
    return f"{sum(counts[name] for name in OUTCOMES):,} decisions: {', '.join(said)}"

"""Which rows of some data a decision is about, and what becomes of it there: SQL and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.lake.fold import Standing
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.steps.base import Said

OUTCOMES: Mapping[str, str] = {
    "applied": "applied",
    "moved": "found under another key",
    "contradiction": "contradicted by the source",
    "content_changed": "with changed content",
    "near": "like a record that is there",
    "gone": "not in the data",
    "unsure": "unsure",
    "disputed": "in dispute",
    "reclassify": "of a class that was split or retired",
}
"""Every decision ends in exactly one of these, so the counts add up to the decisions."""

REASONS: Mapping[str, str] = {
    "contradiction": "the source gives another label than at review",
    "content_changed": "the content changed since review",
    "near": "much like a record that was reviewed and is gone",
    "disputed": "annotators disagree",
    "reclassify": "its class was split or retired",
    "unknown": "its label is no class of the taxonomy",
}
"""Why a record waits for a person."""

_DECISIONS = pa.schema(
    [
        ("number", pa.int64()),
        ("record_key", pa.string()),
        ("fingerprint", pa.string()),
        ("givens", pa.list_(pa.string())),
        ("decision", pa.string()),
        ("value", pa.string()),
        ("standing", pa.string()),
    ]
)
_READINGS = pa.schema([("label", pa.string()), ("read", pa.string()), ("standing", pa.string())])
_KEY, _PRINT = sql.identifier(KEY_COLUMN), sql.identifier(FINGERPRINT_COLUMN)
_ROW = sql.identifier(ROW_COLUMN)


def decision_table(decisions: Sequence[Said]) -> pa.Table:
    """Return decisions as rows; ``number`` is their place, the oldest first."""
    rows = [
        {
            "number": number,
            "givens": [decision.given, *decision.also_given],
            **{
                name: getattr(decision, name)
                for name in ("record_key", "fingerprint", "decision", "value", "standing")
            },
        }
        for number, decision in enumerate(decisions)
    ]
    return pa.Table.from_pylist(rows, schema=_DECISIONS)


def reading_table(readings: Mapping[str, tuple[str | None, Standing]]) -> pa.Table:
    """Return how each label of the data reads under the wanted taxonomy, as rows."""
    rows = [
        {"label": label, "read": read, "standing": standing}
        for label, (read, standing) in readings.items()
    ]
    return pa.Table.from_pylist(rows, schema=_READINGS)


def pairs_sql(relation: Relation, decided: Relation, label: str, read: str) -> str:
    """Return the SELECT that pairs decisions with rows: by key, else by content.

    Args:
        relation: the rows, called ``r``, with record key, fingerprint and row number.
        decided: `decision_table` in the engine.
        label: the SQL of a row's own label.
        read: the SQL of that label under the wanted taxonomy.

    Returns:
        ``number``, ``row_``, ``match`` (same, changed, moved) and ``label_is`` (as_given, already,
        other): whether the row's label is still what it was when the decision was made.
    """
    agrees = f"""CASE WHEN list_contains(list_transform(d.givens, lambda x: coalesce(x, chr(24))),
                coalesce({label}, chr(24))) THEN 'as_given'
            WHEN d.decision = 'relabel' AND {read} = d.value THEN 'already' ELSE 'other' END"""
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


def outcomes_sql(decided: Relation, pairs: Relation, near: Relation | None = None) -> str:
    """Return the SELECT of each decision's one outcome.

    Args:
        decided: `decision_table` in the engine.
        pairs: `pairs_sql` in the engine.
        near: ``number`` and ``row_`` of decisions whose record is gone and has a likeness.
    """
    likeness = "FALSE" if near is None else f"d.number IN (SELECT number FROM {near.name})"
    return f"""
        SELECT d.number, any_value(d.decision) AS decision, any_value(d.value) AS value,
            any_value(d.standing) AS standing,
            CASE WHEN any_value(d.decision) = 'unsure' THEN 'unsure'
                WHEN any_value(d.standing) = 'disputed' THEN 'disputed'
                WHEN bool_or(p.match IN ('same', 'moved')) AND any_value(d.standing) = 'queue'
                    THEN 'reclassify'
                WHEN bool_or(p.match = 'same' AND p.label_is <> 'other') THEN 'applied'
                WHEN bool_or(p.match = 'moved' AND p.label_is <> 'other') THEN 'moved'
                WHEN bool_or(p.match IN ('same', 'moved')) THEN 'contradiction'
                WHEN bool_or(p.match = 'changed') THEN 'content_changed'
                WHEN any_value({likeness}) THEN 'near'
                ELSE 'gone' END AS outcome
        FROM {decided.name} d LEFT JOIN {pairs.name} p ON p.number = d.number
        GROUP BY d.number"""


def note(counts: Mapping[str, int]) -> str:
    """Say what became of the decisions in one line."""
    said = [f"{counts[name]:,} {text}" for name, text in OUTCOMES.items() if counts[name]]
    if not said:
        return "no decisions"
    return f"{sum(counts[name] for name in OUTCOMES):,} decisions: {', '.join(said)}"

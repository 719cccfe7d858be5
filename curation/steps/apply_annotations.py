"""Apply what people decided about labels, on this data or on tomorrow's."""

from __future__ import annotations

from typing import ClassVar, Literal

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import ContractError
from curation.lake.records import KEY_COLUMN, ROW_COLUMN, SOURCE_COLUMN, label_sql
from curation.steps.base import Step, StepContext, StepResult, row_count
from curation.steps.matching import (
    OUTCOMES,
    REASONS,
    decision_table,
    note,
    outcomes_sql,
    pairs_sql,
    reading_table,
)

_KEY = sql.identifier(KEY_COLUMN)
_ROW, _SOURCE = sql.identifier(ROW_COLUMN), sql.identifier(SOURCE_COLUMN)


class ApplyAnnotations(Step):
    """Apply the decisions about labels, by record key and content.

    Same key and content: applied. Same content under another key: applied, and counted as moved.
    Same key, other content: left for a person. The source's own label changed since: a
    contradiction, left for a person, and neither side is overwritten. Every decision ends in
    exactly one of these counts, or in gone, unsure or disputed. Where the taxonomy changed, all
    labels are read under the version in force: a renamed or merged class gets its new name, and a
    record of a split or retired class loses its label and waits for a person.
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
        relation, read = _with_readings(relation, context, given)
        decided = engine.put(decision_table(context.decisions))
        _check_values(context, decided, label, kind)
        pairs = engine.select(pairs_sql(relation, decided, given, read))
        outcomes = engine.select(outcomes_sql(decided, pairs))
        changed = engine.select(_changed_rows_sql(relation, pairs, outcomes, read))
        result = engine.select(_result_sql(relation, changed, label, kind, context))
        counts = dict.fromkeys(OUTCOMES, 0) | {
            row["outcome"]: row["rows"]
            for row in engine.table(
                f'SELECT outcome, count(*) AS "rows" FROM {outcomes.name} GROUP BY outcome'
            ).to_pylist()
        }
        relabelled = engine.values(f"SELECT count(*) FROM {changed.name} WHERE is_new_label")[0]
        translated = _translated(engine, relation, changed, given, context)
        dropped = row_count(engine, relation) - row_count(engine, result)
        return StepResult(
            relation=result,
            touched=relabelled + translated + dropped,
            counts={
                **counts, "relabelled": relabelled, "translated": translated, "dropped": dropped,
            },
            note=note(counts) + (f"; {translated:,} labels translated" if translated else ""),
            queue=engine.table(_queue_sql(relation, pairs, outcomes, changed, given, context)),
        )  # fmt: skip


def _with_readings(relation: Relation, context: StepContext, given: str) -> tuple[Relation, str]:
    """Give rows what their label reads under the wanted taxonomy; return the SQL of that."""
    if context.readings is None:
        return relation, given
    readings = context.engine.put(reading_table(context.readings))
    # A label that no version knows may be new in the source: it stays, and a person looks at it.
    joined = context.engine.select(
        f"""SELECT r.*, CASE WHEN t.label IS NULL THEN {given} ELSE t.read END AS {_READ},
            CASE WHEN {given} IS NULL THEN 'in_force' ELSE coalesce(t.standing, 'unknown') END
                AS {_STANDING}
        FROM {relation.name} r LEFT JOIN {readings.name} t ON t.label = {given}"""
    )
    return joined, f"r.{_READ}"


_READ = sql.identifier("_curation_read")
_STANDING = sql.identifier("_curation_standing")


def _check_values(context: StepContext, decided: Relation, label: str, kind: str) -> None:
    bad = context.engine.table(
        f"SELECT DISTINCT value FROM {decided.name} WHERE decision = 'relabel' "
        f"AND value IS NOT NULL AND TRY_CAST(value AS {kind}) IS NULL ORDER BY value LIMIT 5"
    )["value"].to_pylist()
    if bad:
        raise ContractError(
            f"The decisions give labels that do not fit the label column '{label}' ({kind}): "
            f"{', '.join(map(repr, bad))}. Import the column as text, or mend the decisions."
        )


def _changed_rows_sql(relation: Relation, pairs: Relation, outcomes: Relation, read: str) -> str:
    """One row for each record that a decision reaches; the newest decision wins."""
    return f"""
        SELECT p.row_, o.decision, o.value, o.standing,
            o.standing = 'in_force' AND o.decision = 'relabel'
                AND {read} IS DISTINCT FROM o.value AS is_new_label
        FROM {pairs.name} p JOIN {outcomes.name} o ON o.number = p.number
            JOIN {relation.name} r ON r.{_ROW} = p.row_
        WHERE o.outcome IN ('applied', 'moved', 'reclassify') AND p.match <> 'changed'
            AND p.label_is <> 'other'
        QUALIFY row_number() OVER (PARTITION BY p.row_ ORDER BY p.number DESC) = 1"""


def _result_sql(
    relation: Relation, changed: Relation, label: str, kind: str, context: StepContext
) -> str:
    """The rows with the label that was decided, else with their own as the taxonomy reads it."""
    name, extra, own, kept = sql.identifier(label), "", f"r.{sql.identifier(label)}", ""
    if context.readings is not None:
        extra, own = f"EXCLUDE ({_READ}, {_STANDING}) ", f"CAST(r.{_READ} AS {kind})"
        kept = f" AND (c.row_ IS NOT NULL OR r.{_STANDING} <> 'excluded')"
    return f"""
        SELECT r.* {extra}REPLACE (
            CASE WHEN c.standing = 'queue' THEN NULL
                WHEN c.decision IN ('relabel', 'confirm') AND c.value IS NOT NULL
                    THEN CAST(c.value AS {kind})
                ELSE {own} END AS {name},
            CASE WHEN c.standing = 'in_force' THEN 'person' ELSE r.{_SOURCE} END AS {_SOURCE})
        FROM {relation.name} r LEFT JOIN {changed.name} c ON c.row_ = r.{_ROW}
        WHERE (c.decision IS DISTINCT FROM 'exclude' AND c.standing IS DISTINCT FROM 'excluded')
            {kept}"""


def _translated(
    engine: Engine, relation: Relation, changed: Relation, label: str, context: StepContext
) -> int:
    """Count the rows that nobody decided about and whose label reads otherwise, or not at all."""
    if context.readings is None:
        return 0
    return int(
        engine.values(
            f"""SELECT count(*) FROM {relation.name} r
            WHERE r.{_READ} IS DISTINCT FROM {label} AND r.{_STANDING} <> 'excluded'
                AND r.{_ROW} NOT IN (SELECT row_ FROM {changed.name})"""
        )[0]
    )


def _queue_sql(
    relation: Relation,
    pairs: Relation,
    outcomes: Relation,
    changed: Relation,
    label: str,
    context: StepContext,
) -> str:
    reasons = " ".join(
        f"WHEN {sql.literal(outcome)} THEN {sql.literal(reason)}"
        for outcome, reason in REASONS.items()
    )
    by_decision = f"""
        SELECT DISTINCT r.{_KEY} AS record_key, {label} AS given_label, o.value AS suggested_label,
            CASE o.outcome {reasons} END AS reason
        FROM {pairs.name} p JOIN {outcomes.name} o ON o.number = p.number
            JOIN {relation.name} r ON r.{_ROW} = p.row_
        WHERE o.outcome IN ({", ".join(map(sql.literal, REASONS))})"""
    if context.readings is None:
        return f"{by_decision} ORDER BY ALL"
    return f"""
        {by_decision}
        UNION ALL
        SELECT r.{_KEY}, {label}, NULL, CASE r.{_STANDING}
            WHEN 'queue' THEN {sql.literal(REASONS["reclassify"])}
            ELSE {sql.literal(REASONS["unknown"])} END
        FROM {relation.name} r
        WHERE r.{_STANDING} IN ('queue', 'unknown')
            AND r.{_ROW} NOT IN (SELECT row_ FROM {changed.name})
        ORDER BY ALL"""


__all__ = ["OUTCOMES", "ApplyAnnotations"]

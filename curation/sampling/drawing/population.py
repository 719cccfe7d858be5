"""Which rows a rule may draw, and which it always keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UnknownNameError, UsageError, suggest
from curation.lake.records import KEY_COLUMN, label_sql
from curation.lake.roles import Roles
from curation.progress import Progress
from curation.sampling.drawing.columns import data_columns
from curation.sampling.drawing.strata import column_named
from curation.sampling.rules.rule import Rule

_KEY = sql.identifier(KEY_COLUMN)
_MOST_TOLD = 5


@dataclass(frozen=True)
class Population:
    """The rows of a rule, in terms of one relation."""

    rows: Relation
    """The rows that came in, and what the rule must know of each beside its columns."""
    scope: str
    """SQL: whether a row may be drawn; never null."""
    kept: str
    """SQL: whether a row is always kept, in scope or not; never null."""
    notes: list[str] = field(default_factory=list)


def population(
    engine: Engine, relation: Relation, rule: Rule, roles: Roles, progress: Progress
) -> Population:
    """Return which rows a rule may draw.

    Raises:
        UnknownNameError: a column is not there, or none of the classes.
        UsageError: the rule asks for what these data do not have, such as a label.
        ExpressionError: an expression cannot be read.
    """
    rows, conditions, notes = _with_signals(engine, relation, rule, roles, progress)
    if rule.where is not None:
        conditions.append(condition_sql(rule.where, relation))
    if rule.classes:
        conditions.append(_classes_sql(engine, relation, rule, roles, notes))
    kept = kept_sql(engine, relation, rule, notes)
    scope = " AND ".join(conditions)
    return Population(rows, f"coalesce({scope}, FALSE)" if scope else "TRUE", kept, notes)


def kept_sql(engine: Engine, relation: Relation, rule: Rule, notes: list[str]) -> str:
    """Return the SQL of whether a row is always kept; keys that are not there join the notes."""
    parts = []
    if rule.keep is not None:
        parts.append(f"coalesce({condition_sql(rule.keep, relation)}, FALSE)")
    if rule.keep_keys:
        wanted = engine.put(pa.table({"key": pa.array(sorted(set(rule.keep_keys)), pa.string())}))
        found = f"SELECT {_KEY} FROM {relation.name}"
        missing = engine.table(
            f"SELECT key FROM {wanted.name} WHERE key NOT IN ({found}) ORDER BY key"
        )
        notes += _told_missing(missing["key"].to_pylist())
        parts.append(f"{_KEY} IN (SELECT key FROM {wanted.name})")
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def condition_sql(expression: str, relation: Relation) -> str:
    """Return the SQL of a user's condition over a relation's own columns."""
    return f"({sql.scalar_expression(expression, data_columns(relation))})"


def number_sql(expression: str, relation: Relation) -> str:
    """Return the SQL of a user's expression as a number."""
    return f"CAST({condition_sql(expression, relation)} AS DOUBLE)"


def label_of(roles: Roles, relation: Relation, what: str) -> str:
    """Return the SQL of a row's class, null where it is missing.

    Raises:
        UsageError: the data have no label.
    """
    if roles.label is None:
        raise UsageError(f"{what} needs a label column, and none has the role label.")
    column = column_named(roles.label, relation)
    return label_sql(column, relation.columns[column])


def _with_signals(
    engine: Engine, relation: Relation, rule: Rule, roles: Roles, progress: Progress
) -> tuple[Relation, list[str], list[str]]:
    """Return the rows with what a model says of them, and the conditions on that."""
    # Models and finders are slow to load, and most rules need none.
    from curation.sampling.drawing import signals

    if not signals.needed_signals(rule):
        return relation, [], []
    rows = signals.with_signals(engine, relation, rule, roles, progress)
    conditions = []
    if rule.issue is not None and rule.issue_below is None:
        conditions.append(sql.identifier(signals.ISSUE_COLUMN))
    if rule.issue_below is not None:
        score = sql.identifier(signals.ISSUE_SCORE_COLUMN)
        conditions.append(f"{score} < {sql.literal(float(rule.issue_below))}")
    if rule.uncertain_above is not None:
        uncertainty = sql.identifier(signals.UNCERTAINTY_COLUMN)
        conditions.append(f"{uncertainty} > {sql.literal(float(rule.uncertain_above))}")
    if rule.clusters_of:
        numbers = signals.cluster_numbers(engine, rows, rule.clusters_of)
        cluster = sql.identifier(signals.CLUSTER_COLUMN)
        listed = ", ".join(sql.literal(number) for number in numbers)
        conditions.append(f"{cluster} IN ({listed})" if numbers else "FALSE")
    return rows, conditions, []


def _classes_sql(
    engine: Engine, relation: Relation, rule: Rule, roles: Roles, notes: list[str]
) -> str:
    label = label_of(roles, relation, "classes")
    found = engine.table(
        f"SELECT DISTINCT {label} AS name FROM {relation.name} WHERE {label} IS NOT NULL"
    )
    known = set(found["name"].to_pylist())
    unknown = [name for name in rule.classes if name not in known]
    if known and len(unknown) == len(rule.classes):
        raise UnknownNameError("class", unknown[0], known)
    notes += [
        f"No row is of the class '{name}'. {suggest(name, known)}".strip() for name in unknown
    ]
    return f"{label} IN ({', '.join(map(sql.literal, rule.classes))})"


def _told_missing(keys: list[str]) -> list[str]:
    if not keys:
        return []
    more = f" and {len(keys) - _MOST_TOLD:,} more" if len(keys) > _MOST_TOLD else ""
    listed = ", ".join(f"'{key}'" for key in keys[:_MOST_TOLD])
    return [f"Not in the data, though always kept: {listed}{more}."]

"""How a split finds each row's side; the step `split` says what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curation import sql
from curation.engines.base import Relation
from curation.errors import DataError, UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, label_sql
from curation.lake.roles import CONTENT
from curation.sampling.balance.plan import COPY, MADE_COLUMN, SYNTHETIC
from curation.sampling.drawing.hashing import unit_sql
from curation.sampling.splits import sides as splits
from curation.sampling.splits import split_strata, split_times
from curation.sampling.splits.sides import SIDES
from curation.steps.base import StepContext, check_columns, data_columns, row_count

if TYPE_CHECKING:
    from curation.steps.split import Split

MOST_FROZEN_STRATA = 1_000
"""Thresholds of so many strata are written out; nobody reads or keeps more."""
_KEY, _PRINT = sql.identifier(KEY_COLUMN), sql.identifier(FINGERPRINT_COLUMN)
_STRATUM, _UNIT = sql.identifier("_curation_stratum"), sql.identifier("_curation_unit")


@dataclass(frozen=True)
class Placed:
    """The rows with their sides."""

    relation: Relation
    column: str
    sides: dict[str, int]
    """Rows of each side."""
    group: list[str] = field(default_factory=list)
    """The columns that say the group, where the split goes by it."""
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Way:
    """A query's parts that give each row, called r, its side; and what to say of it."""

    side: str
    source: str
    hidden: str = ""
    """Leaves out what only the query needs."""
    group: list[str] = field(default_factory=list)
    kin: str = ""
    """What rows that must stay together have in common, where there is such a thing."""
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def place(step: Split, relation: Relation, context: StepContext) -> Placed:
    """Return the rows with the column of sides.

    Raises:
        UsageError, DataError: see `Split.apply`.
    """
    engine = context.engine
    _refuse_made(relation, context)
    column = _existing(step, relation, context)
    way = _WAYS[step.by](step, relation, context)
    if column is None:
        column = step.column
        columns = f"r.*{way.hidden}, {way.side} AS {sql.identifier(column)}"
    else:
        given = label_sql(column, relation.columns[column], of="r")
        known = f"{given}, {_side_of_kin(given, way.kin)}" if way.kin else given
        columns = (
            f"r.*{way.hidden} REPLACE (coalesce({known}, {way.side}) AS {sql.identifier(column)})"
        )
    placed = engine.select(f"SELECT {columns} FROM {way.source}")
    counted = engine.table(
        f"SELECT {sql.identifier(column)} AS side, count(*) AS size FROM {placed.name} GROUP BY 1"
    ).to_pylist()
    sizes = {row["side"]: row["size"] for row in counted}
    sides: dict[str, int] = {side: int(sizes.get(side, 0)) for side in SIDES}
    return Placed(placed, column, sides, way.group, way.notes, way.counts)


def _side_of_kin(given: str, kin: str) -> str:
    """Return the SQL of the one side that rows of its kind were given, or null."""
    over = f"OVER (PARTITION BY {kin})"
    return f"CASE WHEN min({given}) {over} = max({given}) {over} THEN min({given}) {over} END"


def cutoffs_of(step: Split, relation: Relation, context: StepContext) -> list[str]:
    """Return when validation and test begin, fitted to the rows; see `frozen_form`."""
    column = _timestamp(step, relation, context)
    split_times.check_times(context.engine, relation, column)
    return split_times.fitted_cutoffs(context.engine, relation, column, step.shares)


def thresholds_of(
    step: Split, relation: Relation, context: StepContext
) -> dict[str, tuple[float, float]]:
    """Return the thresholds of every stratum, fitted to the rows; see `frozen_form`."""
    fitted = _fitted(step, relation, context)
    strata = row_count(context.engine, fitted)
    if strata > MOST_FROZEN_STRATA:
        raise UsageError(
            f"There are {strata:,} strata; thresholds of {MOST_FROZEN_STRATA:,} at most are "
            "frozen. Name columns with fewer values under 'per', or split by: hash, which has none."
        )
    return split_strata.in_memory(context.engine, fitted)


def _by_hash(step: Split, relation: Relation, context: StepContext) -> _Way:
    key = _PRINT if step.leakage == "together" else _KEY
    unit = _unit(step, context, key)
    kin = _PRINT if step.leakage == "together" else ""
    return _Way(splits.unit_side_sql(unit, step.shares), f"{relation.name} r", kin=kin)


def _by_group(step: Split, relation: Relation, context: StepContext) -> _Way:
    columns = _actual(step.group, relation) or _columns_of_role("group", relation, context)
    if not columns:
        raise UsageError(_no_column("group", "the group", relation))
    if not step.group and len(columns) > 1:
        raise UsageError(
            f"{len(columns)} columns have the role group ({', '.join(columns)}). Say under 'group' "
            "which one is not to be on two sides; several name the groups together."
        )
    without = splits.check_groups(context.engine, relation, columns, step.shares)
    key = splits.group_or_key_sql(columns, relation.columns)
    unit = _unit(step, context, key)
    return _Way(
        splits.unit_side_sql(unit, step.shares), f"{relation.name} r", group=columns, kin=key,
        notes=[f"{_rows(without)} without a group went by their key"] if without else [],
        counts={"without_group": without},
    )  # fmt: skip


def _by_time(step: Split, relation: Relation, context: StepContext) -> _Way:
    column = _timestamp(step, relation, context)
    without = split_times.check_times(context.engine, relation, column)
    cutoffs, notes = list(step.cutoffs), []
    if not cutoffs and row_count(context.engine, relation) == 0:
        return _Way("'train'", f"{relation.name} r")
    if not cutoffs:
        cutoffs = split_times.fitted_cutoffs(context.engine, relation, column, step.shares)
        notes.append(f"cutoffs fitted to these rows; freeze them: [{', '.join(cutoffs)}]")
    if without:
        notes.append(f"{_rows(without)} without a time are in train")
    side = split_times.time_side_sql(column, relation.columns[column], cutoffs, step.shares)
    return _Way(side, f"{relation.name} r", notes=notes, counts={"without_time": without})


def _by_stratum(step: Split, relation: Relation, context: StepContext) -> _Way:
    engine, notes, counts = context.engine, [], {}
    if step.thresholds:
        bounds = split_strata.given_thresholds(engine, step.thresholds)
    else:
        bounds = _fitted(step, relation, context)
        counts["could_move"] = split_strata.off_plain_shares(engine, bounds, step.shares)
        notes.append(
            f"bounds fitted to these rows, about {counts['could_move']:,} of which are on another "
            "side than their hash alone gives; freeze the thresholds to keep all where they are"
        )
    stratum, unit = _stratum(step, relation, context), _unit(step, context, _KEY)
    rows = f"(SELECT *, {stratum} AS {_STRATUM}, {unit} AS {_UNIT} FROM {relation.name}) r"
    joined = f"{rows} LEFT JOIN {bounds.name} b ON b.stratum_ = r.{_STRATUM}"
    if step.thresholds:
        counts["in_new_strata"] = int(
            engine.values(f"SELECT count(*) FROM {joined} WHERE b.stratum_ IS NULL")[0]
        )
        if counts["in_new_strata"]:
            notes.append(f"{_rows(counts['in_new_strata'])} in strata that the thresholds lack")
    side = split_strata.strata_side_sql(f"r.{_UNIT}", step.shares, "b")
    hidden = f" EXCLUDE ({_STRATUM}, {_UNIT})"
    return _Way(side, joined, hidden, notes=notes, counts=counts)


_WAYS = {"hash": _by_hash, "group": _by_group, "time": _by_time, "stratified": _by_stratum}


def _unit(step: Split, context: StepContext, key: str) -> str:
    return unit_sql(context.seed, step.step_id, key)


def _fitted(step: Split, relation: Relation, context: StepContext) -> Relation:
    unit = _unit(step, context, _KEY)
    stratum = _stratum(step, relation, context)
    return split_strata.fitted_thresholds(context.engine, relation, stratum, unit, step.shares)


def _stratum(step: Split, relation: Relation, context: StepContext) -> str:
    per = _actual(step.per or [context.label()], relation)
    return split_strata.stratum_sql(per, relation.columns)


def _timestamp(step: Split, relation: Relation, context: StepContext) -> str:
    named = [step.timestamp] if step.timestamp else []
    columns = _actual(named, relation) or _columns_of_role("timestamp", relation, context)
    if not columns:
        raise UsageError(_no_column("timestamp", "the time", relation))
    return columns[0]


def _columns_of_role(role: str, relation: Relation, context: StepContext) -> list[str]:
    return [column for column in context.roles.having(role) if column in relation.columns]


def _no_column(role: str, what: str, relation: Relation) -> str:
    return (
        f"No column has the role {role}. Say under '{role}' which one is {what}, or split by: "
        f"hash. Columns: {', '.join(data_columns(relation))}."
    )


def _actual(columns: Sequence[str], relation: Relation) -> list[str]:
    """Return columns as the relation spells them."""
    check_columns(columns, relation)
    by_lower = {column.lower(): column for column in data_columns(relation)}
    return [by_lower[column.lower()] for column in columns]


def _existing(step: Split, relation: Relation, context: StepContext) -> str | None:
    """Return the column of sides that the data have, or None."""
    by_lower = {column.lower(): column for column in relation.columns}
    column = by_lower.get(step.column.lower())
    if column is None:
        return None
    if not step.keep_existing:
        raise UsageError(
            f"The data have a column '{column}' already. Give the sides another name under "
            "'column', or keep its sides with keep_existing: true."
        )
    value = label_sql(column, relation.columns[column])
    if context.roles.role_of(column) in CONTENT:
        raise UsageError(
            f"Column '{column}' has the role {context.roles.role_of(column)}, so a model would "
            "learn from the side of a row, and copies on two sides would differ. Give it the role "
            "ignore."
        )
    others = context.engine.table(
        f"SELECT DISTINCT {value} AS side FROM {relation.name} "
        f"WHERE ({value}) NOT IN ({', '.join(map(sql.literal, SIDES))}) ORDER BY side LIMIT 5"
    )["side"].to_pylist()
    if others:
        raise DataError(
            f"Column '{column}' holds {', '.join(map(repr, others))}; sides are "
            f"{', '.join(SIDES)}, or nothing for a row that is to get one. Name the split's column "
            "otherwise under 'column'."
        )
    return column


def _refuse_made(relation: Relation, context: StepContext) -> None:
    """Refuse rows that were made of others: the parent could be on one side, the child on another.

    Raises:
        UsageError: there are some.
    """
    if MADE_COLUMN not in relation.columns:
        return
    made = f"CAST({sql.identifier(MADE_COLUMN)} AS VARCHAR)"
    count = context.engine.values(
        f"SELECT count(*) FROM {relation.name} "
        f"WHERE {made} IN ({sql.literal(COPY)}, {sql.literal(SYNTHETIC)})"
    )[0]
    if count:
        raise UsageError(
            f"{_rows(count)} are copies of others or synthetic, and what they were made of may be "
            "on another side. Put the split before the step that makes them."
        )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"

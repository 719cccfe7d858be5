"""What the methods of the step rebalance do to a relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.errors import UsageError
from curation.lake.records import label_sql
from curation.lake.roles import is_numeric
from curation.progress import Progress
from curation.sampling.balance.class_rows import CLASS_COLUMN, ClassRows
from curation.sampling.balance.class_weights import WeightsBy, class_weights
from curation.sampling.balance.made_rows import (
    NO_KEY,
    check_columns_free,
    copies_sql,
    given_sql,
    made_key,
)
from curation.sampling.balance.smote import features_of, synthetic_sql
from curation.sampling.drawing import draw
from curation.sampling.splits.sides import SIDES
from curation.steps.base import (
    StepContext,
    StepResult,
    check_columns,
    condition_sql,
    data_columns,
    row_count,
    without,
)

_CLASS = sql.identifier(CLASS_COLUMN)
SPLIT_COLUMN, TRAIN = "split", "train"
_MOST_NAMED = 3
Plan = Callable[[dict[str, int]], dict[str, int]]


def balanced_rows(
    relation: Relation,
    context: StepContext,
    step_id: str,
    where: str | None,
    split_column: str | None,
) -> ClassRows:
    """Return the labelled rows for which the condition holds and that are not held out.

    Args:
        relation: all rows.
        context: of the step.
        step_id: of the step.
        where: a user's condition.
        split_column: the column of sides. Without one it is `SPLIT_COLUMN`, where any row has
            `TRAIN` in it, and any column that a step before added and that holds sides only.

    Raises:
        UnknownNameError: there is no such column.
        UsageError: no row of a named column is in train.
    """
    conditions = [condition_sql(where, relation)] if where else []
    columns = _sides(relation, context, split_column)
    conditions += [f"{_side_sql(c, relation)} = {sql.literal(TRAIN)}" for c in columns]
    return ClassRows(
        context.engine, relation, context.roles, context.label(), context.seed, step_id,
        " AND ".join(conditions) or "TRUE",
    )  # fmt: skip


def _sides(relation: Relation, context: StepContext, named: str | None) -> list[str]:
    """Return the columns in which a row must be in train."""
    check_columns([named] if named else [], relation)
    wanted = (named or SPLIT_COLUMN).lower()
    columns = [
        column
        for column in data_columns(relation)
        if column.lower() == wanted
        # What a step before this one added has no role; a split may call its column anything.
        or (named is None and context.roles.role_of(column) is None)
    ]
    found = [c for c in columns if _is_split(c, relation, context, c.lower() == wanted)]
    if named and not found and row_count(context.engine, relation):
        raise UsageError(
            f"No row has {TRAIN} in the split column '{named}', so there is nothing to rebalance. "
            "Name the column that the split wrote, or none."
        )
    return found


def _is_split(column: str, relation: Relation, context: StepContext, by_name: bool) -> bool:
    if relation.columns[column] != "VARCHAR" and not by_name:
        return False
    side = _side_sql(column, relation)
    others = f"{side} NOT IN ({', '.join(map(sql.literal, SIDES))})"
    train, known, strange = context.engine.values(
        f"SELECT count(*) FILTER (WHERE {side} = {sql.literal(TRAIN)}), "
        f"count({side}) - count(*) FILTER (WHERE {others}), "
        f"count(*) FILTER (WHERE {others}) FROM {relation.name}"
    )
    # Where nothing but held-out rows is left, none of them may be copied.
    return bool(train and by_name) or bool(known and not strange)


def _side_sql(column: str, relation: Relation) -> str:
    return f"lower(trim({label_sql(column, relation.columns[column])}))"


def capped(rows: ClassRows, context: StepContext, most: int) -> StepResult:
    """Keep the rows with the smallest hashes of each class; rows without a label are one class."""
    query = draw.capped(
        rows.relation.name,
        strata=[label_sql(rows.label, rows.relation.columns[rows.label])],
        ties=data_columns(rows.relation),
        most=most,
        seed=rows.seed,
        step_id=rows.step_id,
        where=None if rows.scope == "TRUE" else rows.scope,
    )
    return without(context, rows.relation, query)


def weighed(rows: ClassRows, by: WeightsBy, beta: float, column: str) -> StepResult:
    """Add the column of weights; it is null for rows that are not balanced.

    Raises:
        UsageError: the column is there and is not one of weights.
    """
    relation = rows.relation
    there = next((c for c in data_columns(relation) if c.lower() == column.lower()), None)
    if there is not None:
        role = rows.roles.role_of(there)
        if role not in (None, "ignore", "weight") or not is_numeric(relation.columns[there]):
            raise UsageError(
                f"The data have a column '{there}' ({role or relation.columns[there]}), which is "
                "not overwritten with weights. Give another name under weight_column."
            )
    counts = rows.counts()
    weights = class_weights(counts, by, beta=beta)
    put = rows.engine.put(
        pa.table(
            {
                "class_": pa.array(list(weights), pa.string()),
                "weight_": pa.array(list(weights.values()), pa.float64()),
            }
        )
    )
    classed = f"({rows.classed_sql}) r LEFT JOIN {put.name} w ON w.class_ = r.{_CLASS}"
    value = f"w.weight_ AS {sql.identifier(there or column)}"
    columns = (
        f"r.* EXCLUDE ({_CLASS}) REPLACE ({value})" if there else f"r.* EXCLUDE ({_CLASS}), {value}"
    )
    result = rows.engine.select(f"SELECT {columns} FROM {classed}")
    note = f"the column '{there}' was replaced" if there else ""
    return StepResult(result, 0, {"weighed": sum(counts.values()), "dropped": 0}, note)


def resampled(
    rows: ClassRows, plan: Plan, *, makes: bool, neighbours: int, progress: Progress
) -> StepResult:
    """Leave rows out and make rows until each class has as many as planned.

    Args:
        rows: what is balanced.
        plan: from rows of each class to rows that it is to have.
        makes: whether rows may be made; their columns are then added, even where none is made.
        neighbours: of synthetic rows; 0 makes copies.
        progress: told how far it is.
    """
    engine, relation = rows.engine, rows.relation
    if makes:
        check_columns_free(engine, relation, rows.roles)
    if neighbours:
        features_of(relation, rows.roles)
    have = rows.counts()
    target = plan(have)
    most = {name: target[name] for name, size in have.items() if target[name] < size}
    wanted = {name: target[name] - size for name, size in have.items() if target[name] > size}
    kept = rows.without_surplus(most) if most else f"SELECT * FROM {relation.name}"
    if makes:
        kept = given_sql(kept, relation)
    if wanted:
        made = (
            synthetic_sql(rows, have, wanted, neighbours=neighbours, progress=progress)
            if neighbours
            else copies_sql(rows, rows.parents(have, wanted, dict.fromkeys(wanted, 1)))
        )
        kept = f"{kept} UNION ALL {made}"
    result = engine.select(kept) if most or makes else relation
    dropped, added = sum(have[name] - most[name] for name in most), sum(wanted.values())
    counts = {"added": added, "dropped": dropped} if makes else {"dropped": dropped}
    assert row_count(engine, result) == row_count(engine, relation) + added - dropped
    notes = [*_said(have, target, wanted, neighbours), *_key_note(rows, wanted)]
    return StepResult(result, dropped + added, counts, "; ".join(notes))


def _said(
    have: Mapping[str, int], target: Mapping[str, int], wanted: Mapping[str, int], neighbours: int
) -> list[str]:
    notes = []
    what = "synthetic rows" if neighbours else "copies"
    most_first = sorted(wanted, key=lambda name: (-wanted[name], name))
    if most_first:
        named = [
            f"{wanted[name]:,} for {name} from {have[name]:,}" for name in most_first[:_MOST_NAMED]
        ]
        more = len(most_first) - _MOST_NAMED
        notes.append(
            f"made {what}: {', '.join(named)}" + (f" and {more:,} more classes" if more > 0 else "")
        )
    if few := [name for name in most_first if have[name] <= neighbours]:
        notes.append(
            f"fewer than {neighbours} neighbours in {_names(few)}: those there are were used"
        )
    if neighbours and (alone := [name for name, size in have.items() if size == 1]):
        notes.append(f"{_names(alone)} left as it is: one row has no neighbour to go towards")
    if gone := [name for name in have if not target[name]]:
        notes.append(f"no rows are left of {_names(gone)}")
    if len(have) == 1:
        notes.append(f"all rows are {next(iter(have))}: there is nothing to balance")
    return notes


def _key_note(rows: ClassRows, wanted: Mapping[str, int]) -> list[str]:
    keyed = made_key(rows.relation, rows.roles, "copy") if wanted else {}
    return [
        f"made rows have no {column}: {rows.relation.columns[column]} has no room for a key of "
        "their own"
        for column, value in keyed.items()
        if value == NO_KEY
    ]


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more

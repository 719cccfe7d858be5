"""Draws what a rule says, and the same rows tomorrow: those with the smallest hashes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.lake.roles import Roles
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.allocation import Allocation, Counts, allocate
from curation.sampling.drawing.drawn import (
    MOST_STRATA,
    Drawn,
    Stratum,
)
from curation.sampling.drawing.drawn_again import (
    chance_and_reason_sql,
    columns_beside,
    draws_before,
    with_other_chance,
)
from curation.sampling.drawing.hashing import rank_sql
from curation.sampling.drawing.inclusion import BECAUSE, CHANCE, drawn_sql, scored_sql, strata_told
from curation.sampling.drawing.pool import KEPT, ROW, Pool, pooled
from curation.sampling.drawing.ranking import MICROSECONDS
from curation.sampling.drawing.selection import Selection, affordable, below, smallest
from curation.sampling.rules.rule import Rule

_RANK = sql.identifier("_curation_rank")
_IN_SCOPE = sql.identifier("_curation_in_scope")


def draw(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    *,
    salt: str | None = None,
    progress: Progress = no_progress,
) -> Drawn:
    """Draw the rows that a rule says.

    Each row has a hash u in [0, 1) of salt, stratum and record key, and the rows with the smallest
    are drawn, or with the smallest function of u and their weight. So the order of the rows does
    not matter, and a row that comes later takes the place of another only with a smaller hash.
    Rows that were drawn before are drawn from by other hashes.

    Args:
        engine: where the rows are.
        relation: rows with the internal columns of `curation.lake.records`.
        rule: plain, or made of rules that are written out.
        roles: what each column is for.
        salt: what chance is tied to; the rule's seed by default.
        progress: told the fraction done; may raise `Cancelled`.

    Raises:
        UnknownNameError: a column, class or record that the rule names is not there.
        UsageError: the rule asks for what these data cannot have.
        ExpressionError: an expression cannot be computed on these data.
        DataError: weights, costs or times that cannot be used.
    """
    rule, salt = with_other_chance(rule, salt, draws_before(engine, relation))
    if rule.is_combined:
        return _combined(engine, relation, rule, roles, salt, progress)
    picked = _picked(engine, relation, rule, roles, salt, progress)
    strata = picked.strata_told(engine, rule)
    drawn = drawn_sql(rule, picked.pool, picked.selection, strata)
    rows = engine.select(f"{_beside(relation)} JOIN ({drawn}) USING ({ROW})")
    progress(1.0, "Drawn")
    return _told(picked, rule, rows)


def scored(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    *,
    salt: str | None = None,
    progress: Progress = no_progress,
) -> Relation:
    """Return every row that a plain rule may draw or keeps, drawn or not, with its chance.

    `draw` says what the arguments are and what is raised.

    Returns:
        ``ROW_COLUMN`` and the columns `DRAWN_COLUMN`, `CHANCE_COLUMN` (of a row that was not drawn:
        the chance it would have had, given the hashes of the others), `UNIT_COLUMN`,
        `STRATUM_COLUMN` and `BECAUSE_COLUMN` (null if not drawn) of
        `curation.sampling.drawing.columns`.
    """
    return draw_scored(engine, relation, rule, roles, salt=salt, progress=progress).rows


def draw_scored(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    *,
    salt: str | None = None,
    progress: Progress = no_progress,
) -> Drawn:
    """Return what `draw` tells of a plain rule, with the rows that `scored` gives."""
    picked = _picked(engine, relation, rule, roles, salt, progress)
    strata = picked.strata_told(engine, rule)
    budget = _budget(rule) if rule.cost is not None else None
    rows = engine.select(scored_sql(rule, picked.pool, picked.selection, strata, budget))
    return _told(picked, rule, rows)


@dataclass(frozen=True)
class _Picked:
    pool: Pool
    allocation: Allocation
    selection: Selection
    drawn: Counts
    """Rows drawn of each stratum, without those that are kept."""

    def strata_told(self, engine: Engine, rule: Rule) -> Relation:
        return strata_told(engine, rule, self.pool, self.selection, self.drawn)

    def notes(self, rule: Rule) -> list[str]:
        notes = [*self.pool.notes, *self.allocation.notes]
        if not self.pool.sizes.sum():
            return [*notes, "No row may be drawn: the population is empty."]
        if self.allocation.in_all == 0:
            return [*notes, f"The {rule.minutes:g} minutes are not enough for a row."]
        without = int((self.drawn == 0).sum())
        if without and not rule.quota and len(self.drawn) > 1:
            notes.append(
                f"{without:,} of {len(self.drawn):,} strata give no row, so that totals of all "
                "rows cannot be estimated from this sample."
            )
        return notes


def _picked(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    salt: str | None,
    progress: Progress,
) -> _Picked:
    salt = str(rule.seed) if salt is None else salt
    pool = pooled(engine, relation, rule, roles, salt, part(progress, 0.0, 0.7))
    progress(0.7, "Drawing rows")
    if rule.cost is not None:
        selection = affordable(engine, pool, relation, _budget(rule))
        return _as_drawn(engine, pool, selection)
    if rule.fraction is not None and rule.by == "uniform" and not (rule.per or rule.per_cluster):
        return _as_drawn(engine, pool, below(engine, pool, rule.fraction))
    allocation = allocate(rule, pool.names, pool.sizes, pool.available)
    selection = smallest(engine, pool, relation, allocation.take)
    return _Picked(pool, allocation, selection, allocation.take)


def _as_drawn(engine: Engine, pool: Pool, selection: Selection) -> _Picked:
    """Return what was drawn where chance decides how many rows it is: one stratum at most."""
    found = engine.values(f"SELECT count(*) FROM {selection.rows.name} WHERE NOT {KEPT}")
    drawn = np.full(len(pool.strata), int(found[0]), np.int64)
    return _Picked(pool, Allocation(drawn, drawn), selection, drawn)


def _budget(rule: Rule) -> int:
    assert rule.minutes is not None
    return round(rule.minutes * 60 * MICROSECONDS)


def _combined(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    salt: str | None,
    progress: Progress,
) -> Drawn:
    from curation.sampling.drawing.combined import (
        draw_combined,  # it draws the parts with this module
    )

    by_name = [part_ for part_ in rule.parts if isinstance(part_, str)]
    if by_name:
        raise UsageError(
            f"The rule names '{by_name[0]}', which is in a workspace, and there is none here. "
            "Write the rule out in the place of its name."
        )
    return draw_combined(engine, relation, rule, roles, salt=salt, progress=progress)


def _beside(relation: Relation) -> str:
    """Return the SELECT of the data with chance and reason; a chance before multiplies."""
    columns = sql.identifiers(columns_beside(relation))
    return f"""SELECT {columns}, {chance_and_reason_sql(relation, CHANCE, BECAUSE)}
        FROM {relation.name}"""


def _told(picked: _Picked, rule: Rule, rows: Relation) -> Drawn:
    return Drawn(
        rows=rows,
        population=int(picked.pool.sizes.sum()),
        kept=picked.pool.kept,
        strata=_worst(picked),
        strata_count=len(picked.pool.strata) + len(picked.allocation.absent),
        shortfall=picked.allocation.shortfall,
        notes=picked.notes(rule),
    )


def _worst(picked: _Picked) -> list[Stratum]:
    """Return the first strata in order of shortfall, then size."""
    pool, asked = picked.pool, picked.allocation.asked
    lacking = np.maximum(asked - picked.drawn, 0)
    order = np.lexsort((-pool.sizes, -lacking))[:MOST_STRATA]
    told = [
        Stratum(pool.names[i], int(pool.sizes[i]), int(asked[i]), int(picked.drawn[i]))
        for i in order.tolist()
    ]
    told += [Stratum(name, 0, rows, 0) for name, rows in picked.allocation.absent.items()]
    return sorted(told, key=lambda s: (-s.shortfall, -s.rows, s.name))[:MOST_STRATA]


def capped(
    relation: str,
    *,
    strata: list[str],
    ties: list[str],
    most: int,
    seed: int,
    step_id: str,
    where: str | None,
) -> str:
    """Return the SELECT that keeps at most ``most`` rows of each stratum.

    Args:
        relation: what the rows are called.
        strata: SQL of the values that make a stratum; none makes one stratum of all rows.
        ties: columns that order rows with the same record key; all of them, so that the rows which
            are kept do not depend on the order of the rows.
        most: rows a stratum may keep.
        seed: of the recipe.
        step_id: of the step.
        where: SQL of the rows that are capped; the others are all kept. None for every row.
    """
    parts = ", ".join([_IN_SCOPE, *strata])
    order = rank_sql(
        seed, step_id, sql.identifier(KEY_COLUMN), sql.identifiers([FINGERPRINT_COLUMN, *ties])
    )
    scope = f"coalesce({where}, FALSE)" if where else "TRUE"
    return f"""
        SELECT * EXCLUDE ({_IN_SCOPE}, {_RANK}) FROM (
            SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY {order}) AS {_RANK}
            FROM (SELECT *, {scope} AS {_IN_SCOPE} FROM {relation}))
        WHERE NOT {_IN_SCOPE} OR {_RANK} <= {int(most)}"""

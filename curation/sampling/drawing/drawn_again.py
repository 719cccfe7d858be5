"""Draws from rows that were drawn before: by other hashes, so that chances may be multiplied.

A rule hashes rows alike wherever it stands. Drawn from rows that the same seed drew before, it
would take the same ones, and the product of the chances would be wrong.
"""

from __future__ import annotations

import hashlib

from curation import sql
from curation.engines.base import Engine, Relation
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.rules.rule import Rule

_THEN = ", then "


def draws_before(engine: Engine, relation: Relation) -> int:
    """Return how many draws the rows come from; their reasons tell."""
    reason = _column(relation, REASON_COLUMN)
    if reason is None or _column(relation, PROBABILITY_COLUMN) is None:
        return 0
    name = f"CAST({sql.identifier(reason)} AS VARCHAR)"
    shorter = f"length({name}) - length(replace({name}, {sql.literal(_THEN)}, ''))"
    (most,) = engine.values(f"SELECT max({shorter}) FROM {relation.name}")
    return 1 + int(most or 0) // len(_THEN)


def with_other_chance(rule: Rule, salt: str | None, before: int) -> tuple[Rule, str | None]:
    """Return the rule and the salt that draw independently of so many draws before."""
    if not before:
        return rule, salt
    parts = tuple(
        part if isinstance(part, str) else with_other_chance(part, None, before)[0]
        for part in rule.parts
    )
    digest = hashlib.md5(f"{rule.seed}:{before}".encode(), usedforsecurity=False).hexdigest()
    other = rule.model_copy(update={"seed": int(digest[:8], 16), "parts": parts})
    return other, None if salt is None else f"{salt}:{before}"


def chance_and_reason_sql(relation: Relation, chance: str, reason: str, of: str = "") -> str:
    """Return the SQL of both columns: a chance before multiplies, a reason before stands first.

    Args:
        relation: the rows that are drawn from.
        chance: SQL of a row's chance in this draw.
        reason: SQL of why it was drawn.
        of: what the relation is called, with its dot.
    """
    chance_before = _column(relation, PROBABILITY_COLUMN)
    reason_before = _column(relation, REASON_COLUMN)
    if chance_before is not None and reason_before is not None:
        chance = f"{of}{sql.identifier(chance_before)} * {chance}"
        reason = f"concat_ws({sql.literal(_THEN)}, {of}{sql.identifier(reason_before)}, {reason})"
    return (
        f"{chance} AS {sql.identifier(PROBABILITY_COLUMN)}, "
        f"{reason} AS {sql.identifier(REASON_COLUMN)}"
    )


def columns_beside(relation: Relation) -> list[str]:
    """Return the relation's columns without chance and reason."""
    ours = {PROBABILITY_COLUMN, REASON_COLUMN}
    return [column for column in relation.columns if column.lower() not in ours]


def _column(relation: Relation, name: str) -> str | None:
    return next((column for column in relation.columns if column.lower() == name), None)

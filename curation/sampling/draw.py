"""SELECTs that keep some of the rows: a cap in each stratum, a number, or a fraction."""

from __future__ import annotations

from curation import sql
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.sampling.hashing import rank_sql, unit_sql

_RANK = sql.identifier("_curation_rank")
_SIZE = sql.identifier("_curation_size")
_IN_SCOPE = sql.identifier("_curation_in_scope")


def capped(
    relation: str, *, strata: list[str], most: int, seed: int, step_id: str, where: str | None
) -> str:
    """Return the SELECT that keeps at most ``most`` rows of each stratum.

    Args:
        relation: what the rows are called.
        strata: columns whose values make a stratum; none makes one stratum of all rows.
        most: rows a stratum may keep.
        seed: of the recipe.
        step_id: of the step.
        where: SQL of the rows that are capped; the others are all kept. None for every row.
    """
    parts = ", ".join([_IN_SCOPE, *map(sql.identifier, strata)])
    order = rank_sql(seed, step_id, sql.identifier(KEY_COLUMN), _ties(strata))
    scope = f"coalesce({where}, FALSE)" if where else "TRUE"
    return f"""
        SELECT * EXCLUDE ({_IN_SCOPE}, {_RANK}) FROM (
            SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY {order}) AS {_RANK}
            FROM (SELECT *, {scope} AS {_IN_SCOPE} FROM {relation}))
        WHERE NOT {_IN_SCOPE} OR {_RANK} <= {int(most)}"""


def fraction(
    relation: str, *, strata: list[str], part: float, seed: int, step_id: str
) -> str:
    """Return the SELECT that keeps the part ``part`` (above 0 up to 1) of the rows.

    Without strata each row is kept or not by its own hash: rows that come later change nothing for
    those that were there, and the number of rows varies a little. With strata each keeps exactly
    its part, rounded up, so that none vanishes.
    """
    key = sql.identifier(KEY_COLUMN)
    if not strata:
        chance = unit_sql(seed, step_id, key)
        return f"SELECT * FROM {relation} WHERE {chance} < {sql.literal(float(part))}"
    parts = sql.identifiers(strata)
    order = rank_sql(seed, step_id, key, _ties(strata))
    return f"""
        SELECT * EXCLUDE ({_RANK}, {_SIZE}) FROM (
            SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY {order}) AS {_RANK},
                count(*) OVER (PARTITION BY {parts}) AS {_SIZE}
            FROM {relation})
        WHERE {_RANK} <= ceil({_SIZE} * {sql.literal(float(part))})"""


def _ties(strata: list[str]) -> str:
    return ", ".join(map(sql.identifier, [FINGERPRINT_COLUMN, *strata]))

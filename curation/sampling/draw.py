"""SELECTs that keep some of the rows: a cap in each stratum, a number, or a fraction."""

from __future__ import annotations

from curation import sql
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.sampling.hashing import rank_sql, unit_sql

_RANK = sql.identifier("_curation_rank")
_SIZE = sql.identifier("_curation_size")
_IN_SCOPE = sql.identifier("_curation_in_scope")


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
    order = rank_sql(seed, step_id, sql.identifier(KEY_COLUMN), _ties(ties))
    scope = f"coalesce({where}, FALSE)" if where else "TRUE"
    return f"""
        SELECT * EXCLUDE ({_IN_SCOPE}, {_RANK}) FROM (
            SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY {order}) AS {_RANK}
            FROM (SELECT *, {scope} AS {_IN_SCOPE} FROM {relation}))
        WHERE NOT {_IN_SCOPE} OR {_RANK} <= {int(most)}"""


def fraction(
    relation: str, *, strata: list[str], ties: list[str], part: float, seed: int, step_id: str
) -> str:
    """Return the SELECT that keeps the part ``part`` (above 0 up to 1) of the rows.

    Without strata each row is kept or not by its own hash: rows that come later change nothing for
    those that were there, and the number of rows varies a little. With strata each keeps exactly
    its part, rounded up, so that none vanishes. `capped` says what the arguments are.
    """
    key = sql.identifier(KEY_COLUMN)
    if not strata:
        chance = unit_sql(seed, step_id, key)
        return f"SELECT * FROM {relation} WHERE {chance} < {sql.literal(float(part))}"
    parts = ", ".join(strata)
    order = rank_sql(seed, step_id, key, _ties(ties))
    # 7% of 100 is 7.000000000000001 in binary, which is not to be rounded up to 8.
    size = f"greatest(1, ceil(round({_SIZE} * {sql.literal(float(part))}, 6)))"
    return f"""
        SELECT * EXCLUDE ({_RANK}, {_SIZE}) FROM (
            SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY {order}) AS {_RANK},
                count(*) OVER (PARTITION BY {parts}) AS {_SIZE}
            FROM {relation})
        WHERE {_RANK} <= {size}"""


def _ties(columns: list[str]) -> str:
    return sql.identifiers([FINGERPRINT_COLUMN, *columns])

"""Each row's chance to be drawn, and why it was.

Of N rows with equal chances of which k are drawn, each has k/N. With weights the chance is that of
rank conditioning: given the hashes of all other rows, a row with weight w is drawn if its rank
-ln(1 - u)/w is below a number t that does not depend on it, which is the smallest rank that was not
drawn; so it is drawn with the chance 1 - exp(-w t). Totals weighted by its inverse are unbiased (E.
Cohen and H. Kaplan, Summarizing data using bottom-k sketches, PODC 2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.sampling.drawing.allocation import Counts
from curation.sampling.drawing.columns import (
    BECAUSE_COLUMN,
    CHANCE_COLUMN,
    DRAWN_COLUMN,
    STRATUM_COLUMN,
    UNIT_COLUMN,
)
from curation.sampling.drawing.pool import COST, KEPT, LOG_WEIGHT, RANK, ROW, STRATUM, UNIT, Pool
from curation.sampling.drawing.selection import Selection
from curation.sampling.rules.rule import BY_CHANCE, Rule

ALWAYS_KEPT = "always kept"
DRAWN, CHANCE, BECAUSE = map(sql.identifier, (DRAWN_COLUMN, CHANCE_COLUMN, BECAUSE_COLUMN))
_SMALL = 1e-5
"""Below this 1 - exp(-x) would lose digits, and three terms of its series have them all."""


def strata_told(
    engine: Engine, rule: Rule, pool: Pool, selection: Selection, drawn: Counts
) -> Relation:
    """Return of each stratum ``STRATUM``, ``chance``, ``said`` and ``beyond``.

    ``chance`` is k/N and ``said`` the part of the reason that all its rows share; ``beyond`` is the
    smallest rank that was not drawn, null where all were.
    """
    each = rule.fraction if selection.beyond is None else None
    chance = drawn / pool.available.clip(min=1) if each is None else drawn * 0.0 + each
    table = engine.put(
        pa.table({
            STRATUM_COLUMN: pa.array(pool.strata, pa.string()),
            "chance": chance,
            "said": pa.array(_said(rule, pool, drawn, each), pa.string()),
        })
    )  # fmt: skip
    if selection.beyond is None:
        return engine.select(f"SELECT *, CAST(NULL AS DOUBLE) AS beyond FROM {table.name}")
    return engine.select(
        f"SELECT * FROM {table.name} LEFT JOIN {selection.beyond.name} USING ({STRATUM})"
    )


def drawn_sql(rule: Rule, pool: Pool, selection: Selection, strata: Relation) -> str:
    """Return the SELECT of the drawn rows: ``ROW``, `CHANCE_COLUMN` and `BECAUSE_COLUMN`."""
    place = ""
    if rule.by not in BY_CHANCE:
        order = f"PARTITION BY {STRATUM}, {KEPT} ORDER BY {RANK}, {UNIT}"
        place = f", rank() OVER ({order}) AS place"
    return f"""
        SELECT {ROW}, CASE WHEN {KEPT} THEN 1.0 ELSE {_chance_sql(rule, pool, "beyond")} END
                AS {CHANCE},
            CASE WHEN {KEPT} THEN {sql.literal(ALWAYS_KEPT)} ELSE {_reason_sql(rule)} END
                AS {BECAUSE}
        FROM (SELECT *{place} FROM {selection.rows.name})
        LEFT JOIN {strata.name} USING ({STRATUM})"""


def scored_sql(
    rule: Rule, pool: Pool, selection: Selection, strata: Relation, budget: int | None
) -> str:
    """Return the SELECT of all rows of a pool with their chances, as `draw.scored` tells.

    A row that was not drawn would have been, given the hashes of the others, with a rank below the
    last one that was; with costs, below the first drawn one that it would have pushed out.
    """
    last = f"""SELECT {STRATUM}, max({RANK}) AS last FROM {selection.rows.name}
        WHERE NOT {KEPT} GROUP BY {STRATUM}"""
    limit, joined = "last", f"LEFT JOIN ({last}) USING ({STRATUM})"
    if budget is not None:
        limit, joined = (
            "pushed_out",
            f"LEFT JOIN ({_pushed_out(pool, selection, budget)}) USING ({ROW})",
        )
    return f"""
        SELECT {ROW}, d.{BECAUSE} IS NOT NULL AS {DRAWN},
            CASE WHEN d.{BECAUSE} IS NOT NULL THEN d.{CHANCE}
                ELSE {_chance_sql(rule, pool, limit, none="0.0")} END AS {CHANCE},
            {UNIT} AS {sql.identifier(UNIT_COLUMN)}, {STRATUM}, d.{BECAUSE} AS {BECAUSE}
        FROM {pool.rows.name}
        LEFT JOIN ({drawn_sql(rule, pool, selection, strata)}) d USING ({ROW})
        LEFT JOIN {strata.name} USING ({STRATUM}) {joined}"""


def _chance_sql(rule: Rule, pool: Pool, limit: str, none: str = "1.0") -> str:
    """Return the SQL of the chance of a row whose rank has to be below a limit.

    Args:
        rule: what draws.
        pool: what it draws from.
        limit: the column of the limit.
        none: the chance of a row without a limit.
    """
    if rule.by not in BY_CHANCE:
        return "CAST(NULL AS DOUBLE)"
    if not pool.is_weighted:
        return "chance"
    expected = f"exp(least({LOG_WEIGHT} + {limit}, 700.0))"
    series = f"{expected} * (1.0 - {expected} / 2.0 * (1.0 - {expected} / 3.0))"
    return f"""CASE WHEN {limit} IS NULL THEN {none} WHEN {expected} < {_SMALL!r} THEN {series}
        ELSE 1.0 - exp(-{expected}) END"""


def _pushed_out(pool: Pool, selection: Selection, budget: int) -> str:
    """Return the SELECT of the limit of each row that was not drawn within a budget.

    Put in among the drawn rows, it is drawn as long as it and those before it can be paid for: the
    limit is the first drawn rank with which they cost too much, or the smallest that was not drawn
    where all can be paid for.
    """
    assert selection.beyond is not None
    return f"""
        WITH spent AS (SELECT {RANK} AS rank_, sum({COST}) OVER (
                ORDER BY {RANK}, {UNIT} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at_
            FROM {selection.rows.name} WHERE NOT {KEPT}),
        asking AS (SELECT {ROW}, CAST(NULL AS DOUBLE) AS rank_, {int(budget)} - {COST} AS at_
            FROM {pool.rows.name} WHERE NOT {KEPT}
                AND {ROW} NOT IN (SELECT {ROW} FROM {selection.rows.name}))
        SELECT {ROW}, coalesce(limit_, (SELECT min(beyond) FROM {selection.beyond.name}))
            AS pushed_out
        FROM (SELECT *, min(rank_) OVER (ORDER BY at_ DESC, rank_ NULLS FIRST
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS limit_
            FROM (SELECT * FROM asking UNION ALL SELECT NULL, rank_, at_ FROM spent))
        WHERE {ROW} IS NOT NULL"""


def _said(rule: Rule, pool: Pool, drawn: Counts, each: float | None) -> Sequence[str]:
    """Return the part of the reason that all rows of a stratum share."""
    if each is not None:
        return [f"each row with a chance of {each:.4g}"] * len(pool.strata)
    told = []
    for name, rows, available in zip(pool.names, drawn.tolist(), pool.sizes.tolist(), strict=True):
        of = f" of {name}" if name else ""
        if rule.by not in BY_CHANCE:
            told.append(f" of {available:,}{of}")
        elif rows == available:
            told.append(f"all {available:,}{of}")
        else:
            told.append(f"{rows:,} of {available:,}{of}")
    return told


def _reason_sql(rule: Rule) -> str:
    if rule.by in BY_CHANCE and rule.cost is not None:
        seconds = f"printf('%.4g', {COST} / 1000000.0)"
        return f"concat({seconds}, ' seconds of work, by chance: ', said)"
    if rule.by in ("weighted", "hard_and_rare"):
        word = "weight " if rule.by == "weighted" else "hard and rare, weight "
        return (
            f"concat({sql.literal(word)}, printf('%.4g', exp({LOG_WEIGHT})), ', by chance: ', said)"
        )
    if rule.by == "recency":
        return "concat('newer rows likelier, by chance: ', said)"
    if rule.by == "uniform":
        return "concat('drawn by chance: ', said)"
    value = f"printf('%.2f', abs({RANK}))"
    start = {
        "uncertainty": f"'uncertainty ', {value}, ', '",
        "margin": f"'close between two classes ', {value}, ', '",
        "diversity": "'unlike those before, '",
    }[rule.by]
    return f"concat({start}, {_ORDINAL}, said)"


_ORDINAL = """place, CASE WHEN place % 100 BETWEEN 11 AND 13 THEN 'th'
    WHEN place % 10 = 1 THEN 'st' WHEN place % 10 = 2 THEN 'nd' WHEN place % 10 = 3 THEN 'rd'
    ELSE 'th' END"""

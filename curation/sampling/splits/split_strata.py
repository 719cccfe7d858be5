"""A stratified split as SQL: bounds of u in each stratum that give every side its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import label_sql
from curation.sampling.rules.rule import NO_VALUE, STRATUM_SEPARATOR
from curation.sampling.splits.sides import Shares, bounded_side_sql

Thresholds = Mapping[str, tuple[float, float]]
"""Of each stratum by name: u below the first is test, below the second validation, else train."""

_NAME, _UNIT, _ROWS, _RANK = "stratum_", "unit_", "rows_", "rank_"
_DECIMALS = 9
"""Shares of rows are rounded so: 30% of 10 is 3, not 2.9999999999999996."""
_LEAST_STEP = 2.0**-52
"""Two different u are at least so far apart; see `hashing`."""


def stratum_sql(columns: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Return the SQL of a row's stratum: the values of its columns in words, never null."""
    parts = [f"coalesce({label_sql(c, kinds[c])}, {sql.literal(NO_VALUE)})" for c in columns]
    return parts[0] if len(parts) == 1 else f"concat_ws('{STRATUM_SEPARATOR}', {', '.join(parts)})"


def fitted_thresholds(
    engine: Engine, relation: Relation, stratum: str, unit: str, shares: Shares
) -> Relation:
    """Return where u is cut in each stratum, so that each side has its share within one row.

    The rows of a stratum are shared by largest remainder; a stratum of one row is all train. A
    bound is the plain share where that gives the same rows, else the nearest number that does.

    Returns:
        stratum_, rows_, test_below_, validation_below_: a row for each stratum.
    """
    ranked = f"""
        SELECT {_NAME}, {_UNIT},
            row_number() OVER (PARTITION BY {_NAME} ORDER BY {_UNIT}) AS {_RANK},
            count(*) OVER (PARTITION BY {_NAME}) AS {_ROWS}
        FROM (SELECT {stratum} AS {_NAME}, {unit} AS {_UNIT} FROM {relation.name})"""
    bounds = f"""
        SELECT {_NAME}, max({_ROWS}) AS {_ROWS},
            coalesce(max(CASE WHEN {_RANK} = test_ THEN {_UNIT} END), -1.0) AS test_last_,
            coalesce(max(CASE WHEN {_RANK} = test_ + 1 THEN {_UNIT} END), 1.0) AS test_next_,
            coalesce(max(CASE WHEN {_RANK} = test_ + validation_ THEN {_UNIT} END), -1.0)
                AS validation_last_,
            coalesce(max(CASE WHEN {_RANK} = test_ + validation_ + 1 THEN {_UNIT} END), 1.0)
                AS validation_next_
        FROM ({_largest_remainder(ranked, shares)}) GROUP BY {_NAME}"""
    test = _bound_sql(shares.test, "test")
    validation = _bound_sql(shares.test + shares.validation, "validation")
    return engine.select(
        f"SELECT {_NAME}, {_ROWS}, {test} AS test_below_, {validation} AS validation_below_ "
        f"FROM ({bounds})"
    )


def _largest_remainder(ranked: str, shares: Shares) -> str:
    """Add test_ and validation_, the rows of each; of equal remainders train comes first."""
    parts = {"t": shares.test, "v": shares.validation, "r": shares.train}
    exact = {n: f"round({_ROWS} * {sql.literal(part)}, {_DECIMALS})" for n, part in parts.items()}
    divided = ", ".join(
        f"floor({e}) AS whole_{n}, round({e} - floor({e}), {_DECIMALS}) AS {n}"
        for n, e in exact.items()
    )
    over = f"{_ROWS} - whole_t - whole_v - whole_r"
    before_t = "CAST(r >= t AS INTEGER) + CAST(v > t AS INTEGER)"
    before_v = "CAST(r >= v AS INTEGER) + CAST(t >= v AS INTEGER)"
    alone = f"{_ROWS} = 1"
    return f"""
        SELECT {_NAME}, {_UNIT}, {_RANK}, {_ROWS},
            CASE WHEN {alone} THEN 0 ELSE whole_t + CAST({before_t} < {over} AS INTEGER) END
                AS test_,
            CASE WHEN {alone} THEN 0 ELSE whole_v + CAST({before_v} < {over} AS INTEGER) END
                AS validation_
        FROM (SELECT *, {divided} FROM ({ranked}))"""


def _bound_sql(share: float, side: str) -> str:
    """The number nearest to the share that is above the last u of a side and not above the next."""
    nearest = f"greatest({sql.literal(share)}, {side}_last_ + {sql.literal(_LEAST_STEP)})"
    return f"least({nearest}, {side}_next_)"


def off_plain_shares(engine: Engine, fitted: Relation, shares: Shares) -> int:
    """Estimate how many rows are on another side than plain shares of u would put them.

    They lie between the plain shares and the bounds, which tend to those shares as strata grow.
    """
    test, upto = sql.literal(shares.test), sql.literal(shares.test + shares.validation)
    return int(
        engine.values(
            f"""SELECT CAST(round(coalesce(sum({_ROWS} * (abs(test_below_ - {test})
                + abs(validation_below_ - {upto}))), 0)) AS BIGINT) FROM {fitted.name}"""
        )[0]
    )


def in_memory(engine: Engine, fitted: Relation) -> dict[str, tuple[float, float]]:
    """Return fitted thresholds in memory, in order of the strata's names."""
    rows = engine.table(f"FROM {fitted.name} ORDER BY {_NAME}").to_pylist()
    return {row[_NAME]: (row["test_below_"], row["validation_below_"]) for row in rows}


def given_thresholds(engine: Engine, thresholds: Thresholds) -> Relation:
    """Bring frozen thresholds into the engine, as `fitted_thresholds` returns them."""
    pairs = list(thresholds.values())
    return engine.put(
        pa.table(
            {
                _NAME: pa.array(list(thresholds), pa.string()),
                "test_below_": pa.array([pair[0] for pair in pairs], pa.float64()),
                "validation_below_": pa.array([pair[1] for pair in pairs], pa.float64()),
            }
        )
    )


def strata_side_sql(unit: str, shares: Shares, bounds: str) -> str:
    """Return the SQL of a row's side by its stratum's bounds; by the shares in a new stratum.

    Args:
        unit: SQL of u.
        shares: of the split.
        bounds: what the query calls the thresholds that it joins to each row.
    """
    test = f"coalesce({bounds}.test_below_, {sql.literal(shares.test)})"
    upto = sql.literal(shares.test + shares.validation)
    return bounded_side_sql(unit, test, f"coalesce({bounds}.validation_below_, {upto})")

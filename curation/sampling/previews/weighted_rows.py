"""Drawn rows with their chances: the sums over them, and how far off these may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UnknownNameError, UsageError
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN, Drawn

LEVEL = 0.95
"""Of the intervals."""
MOST_VALUES = 1_000
"""So many values of a column are counted, those with the most rows."""

_P = sql.identifier(PROBABILITY_COLUMN)
_SEPARATOR = "\x1f"
_NOTHING = "\x18"
_IS_SHARE = "(abs(n / p - round(n / p)) < 1e-6)"
"""Whether n rows may be so many of a whole number of rows."""


@dataclass(frozen=True)
class Estimate:
    """What a figure of all rows is, from some of them."""

    name: str
    """The value that is counted, or the expression."""
    total: float
    low: float
    """End of the interval of 95%; minus infinity where nothing is known."""
    high: float
    rows: int
    """Drawn rows that it rests on."""


@dataclass(frozen=True)
class Sums:
    """What the drawn rows say of one figure."""

    name: str
    rows: int = 0
    certain: float = 0.0
    """Over rows with chance 1."""
    by_chance: float = 0.0
    """Over the others, each for as many rows as it stands for."""
    variance: float = 0.0
    seen: float = 0.0
    """Over the rows as they are."""
    least: float = 0.0
    most: float = 0.0

    @property
    def total(self) -> float:
        """The estimate."""
        return self.certain + self.by_chance


@dataclass(frozen=True)
class WeightedRows:
    """Drawn rows, and how they were drawn."""

    engine: Engine
    rows: Relation
    cell: str
    """SQL of what tells the strata apart."""
    count: int
    certain: int
    """Rows with chance 1."""
    stands_for: float
    """Rows that those with a chance below 1 stand for."""
    weight: float
    """Rows that a typical one of them stands for, but itself."""
    cells: int
    """Simple random samples of two rows or more that they are made of."""
    is_fixed: bool
    """Whether the number of rows was set before they were drawn."""
    population: int | None

    @classmethod
    def of(
        cls,
        engine: Engine,
        drawn: Drawn | Relation,
        strata: Sequence[str],
        population: int | None,
    ) -> WeightedRows:
        """Look at what a rule drew; `estimates.estimated_counts` says what the arguments are."""
        if isinstance(drawn, Drawn):
            population = drawn.population + drawn.kept if population is None else population
            drawn = drawn.rows
        check_columns([PROBABILITY_COLUMN, *strata], drawn)
        texts = [
            f"coalesce(CAST({sql.identifier(s)} AS VARCHAR), {sql.literal(_NOTHING)})"
            for s in strata
        ]
        cell = f"concat_ws({sql.literal(_SEPARATOR)}, '', {', '.join(texts)})" if texts else "''"
        by_chance = f"CASE WHEN {_P} < 1 THEN 1 / {_P} END"
        reason = f"count({REASON_COLUMN})" if REASON_COLUMN in drawn.columns else "count(*)"
        ranked = f"{reason} - count({_P})"
        count, unknown, not_drawn, wrong, certain, stands_for, squares = engine.values(
            f"SELECT count(*), {ranked}, count(*) - count({_P}) - ({ranked}), "
            f"count(CASE WHEN NOT ({_P} > 0 AND {_P} <= 1) THEN 1 END), "
            f"count(CASE WHEN {_P} >= 1 THEN 1 END), coalesce(sum({by_chance}), 0), "
            f"coalesce(sum({by_chance} * (1 - {_P}) / {_P}), 0) FROM {drawn.name}"
        )
        _check_chances(unknown, wrong, not_drawn)
        cells, other = engine.values(
            f"SELECT count(CASE WHEN n > 1 THEN 1 END), count(CASE WHEN NOT {_IS_SHARE} THEN 1 END)"
            f" FROM (SELECT {_P} AS p, count(*) AS n FROM {drawn.name} WHERE {_P} < 1 "
            f"GROUP BY {cell}, {_P})"
        )
        is_fixed = bool(strata)
        if population is not None:
            is_fixed = math.isclose(certain + stands_for, population, rel_tol=1e-9)
        is_fixed = is_fixed and not other
        weight = squares / stands_for if stands_for else 0.0
        return cls(
            engine, drawn, cell, count, certain, stands_for, weight, cells, is_fixed, population
        )

    @property
    def quantile(self) -> float:
        """How many standard errors the interval reaches to either side."""
        from scipy.special import stdtrit

        free = self.count - self.certain - (self.cells if self.is_fixed else 1)
        return float(stdtrit(max(1, free), (1 + LEVEL) / 2))

    def sums(self, name: str, value: str) -> list[Sums]:
        """Return the sums of a value for each name, the largest first; without those of no rows."""
        table = self.engine.table(
            _sums_sql(self.rows, self.cell, name, value, is_fixed=self.is_fixed)
        )
        return [Sums(**row) for row in table.to_pylist()]

    def added(self, sums: Sums) -> Estimate:
        """Return the estimate of a total."""
        if not self.count and self.population != 0:
            return Estimate(sums.name, 0.0, -math.inf, math.inf, 0)
        half = self.quantile * math.sqrt(sums.variance)
        low, high = sums.total - half, sums.total + half
        # What was seen is there: the other rows can only add to it, if all have one sign.
        low = max(low, sums.seen) if sums.least >= 0 else low
        high = min(high, sums.seen) if sums.most <= 0 else high
        return Estimate(sums.name, sums.total, low, high, sums.rows)

    def counted(self, sums: Sums) -> Estimate:
        """Return the estimate of a number of rows."""
        if not self.count and self.population != 0:
            return Estimate(sums.name, 0.0, 0.0, float(self.population or math.inf), 0)
        if self.is_fixed:
            low, high = self._share_interval(sums)
        else:
            low, high = self._count_interval(sums)
        low = max(sums.certain + low, float(sums.rows))
        high = max(sums.certain + high, low)
        if self.population is not None:
            high = min(high, float(self.population - (self.count - sums.rows)))
        return Estimate(
            sums.name, sums.total, min(low, sums.total), max(high, sums.total), sums.rows
        )

    def _share_interval(self, sums: Sums) -> tuple[float, float]:
        """Return the interval of a share, times the rows that those drawn by chance stand for."""
        if not self.stands_for:
            return 0.0, 0.0
        share = min(1.0, sums.by_chance / self.stands_for)
        drawn = self.count - self.certain
        worth = drawn / (1 - drawn / self.stands_for)
        if sums.variance > 0:
            worth = share * (1 - share) * self.stands_for**2 / sums.variance
        square = self.quantile**2
        centre = (share + square / (2 * worth)) / (1 + square / worth)
        half = math.sqrt(square * (share * (1 - share) + square / (4 * worth)) / worth)
        half /= 1 + square / worth
        return (centre - half) * self.stands_for, (centre + half) * self.stands_for

    def _count_interval(self, sums: Sums) -> tuple[float, float]:
        """Return the interval of a count whose variance grows as the count does."""
        grows = sums.variance / sums.by_chance if sums.by_chance else self.weight
        square = self.quantile**2 * grows
        half = math.sqrt(square * sums.by_chance + square**2 / 4)
        centre = sums.by_chance + square / 2
        return centre - half, centre + half


def _sums_sql(rows: Relation, cell: str, name: str, value: str, *, is_fixed: bool) -> str:
    """Return the SELECT of the fields of `Sums`, one row a name."""
    each = f"""
        SELECT name, cell, p, count(y) AS rows_, avg(y) AS mean,
            coalesce(var_samp(y), 0) AS spread, sum(y) AS seen, min(y) AS least, max(y) AS most
        FROM (SELECT {name} AS name, {cell} AS cell, {_P} AS p, CAST({value} AS DOUBLE) AS y
            FROM {rows.name})
        WHERE y IS NOT NULL GROUP BY name, cell, p"""
    sizes = f"SELECT {cell} AS cell, {_P} AS p, count(*) AS n FROM {rows.name} GROUP BY 1, 2"
    squares = "(rows_ - 1) * spread + rows_ * mean * mean"
    within = "((rows_ - 1) * spread + rows_ * mean * mean * (1 - rows_ / n)) / (n - 1)"
    is_simple = "n > 1" if is_fixed else "FALSE"
    variance = f"""CASE WHEN e.p >= 1 THEN 0
        WHEN {is_simple} THEN (1 - e.p) * n / (e.p * e.p) * ({within})
        ELSE (1 - e.p) / (e.p * e.p) * ({squares}) END"""
    return f"""
        SELECT name, CAST(sum(rows_) AS BIGINT) AS rows,
            coalesce(sum(CASE WHEN e.p >= 1 THEN seen END), 0) AS certain,
            coalesce(sum(CASE WHEN e.p < 1 THEN seen / e.p END), 0) AS by_chance,
            sum({variance}) AS variance, sum(seen) AS seen, min(least) AS least, max(most) AS most
        FROM ({each}) AS e JOIN ({sizes}) AS s ON s.cell = e.cell AND s.p = e.p
        GROUP BY name ORDER BY sum(seen / e.p) DESC, name LIMIT {MOST_VALUES}"""


def check_columns(names: Sequence[str], rows: Relation) -> None:
    """Refuse columns that are not there.

    Raises:
        UnknownNameError, UsageError: one is not.
    """
    for name in names:
        if name == PROBABILITY_COLUMN and name not in rows.columns:
            raise UsageError(
                f"These rows have no column {PROBABILITY_COLUMN}: no rule drew them, so nothing "
                "tells what they stand for. Draw them by a rule."
            )
        if name not in rows.columns:
            raise UnknownNameError("column", name, rows.columns)


def _check_chances(unknown: int, wrong: int, not_drawn: int) -> None:
    if not_drawn:
        raise UsageError(
            f"{not_drawn:,} of these rows were drawn by no rule, such as those of a split's test "
            f"side. Leave out the rows that have no {REASON_COLUMN}."
        )
    if unknown:
        raise UsageError(
            f"{unknown:,} of these rows have no inclusion probability: they were ranked, not drawn "
            "by chance, so they cannot be weighted back to all rows. Draw uniform, weighted, "
            "recency or hard_and_rare, or leave the ranked rows out."
        )
    if wrong:
        raise UsageError(
            f"{wrong:,} of these rows have an inclusion probability that is not above 0 up to 1. "
            f"The column {PROBABILITY_COLUMN} is what a sample made; do not change it."
        )

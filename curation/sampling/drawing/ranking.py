"""What a rule draws rows by: a number of each row, the smallest first.

A weighted draw of k takes the rows with the smallest -ln(1 - u)/w, where u is uniform: a sample
without replacement whose first row is drawn in proportion to the weights, the second in proportion
to those that are left, and so on (Efraimidis and Spirakis 2006, with exponential ranks). Its
logarithm is ranked, ln(-ln(1 - u)) - ln(w), so that no weight is too large or too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from curation import sql
from curation.engines.base import Engine
from curation.errors import DataError, UsageError
from curation.lake.records import ROW_COLUMN
from curation.lake.roles import Roles
from curation.progress import Progress
from curation.sampling.drawing.columns import UNIT_COLUMN
from curation.sampling.drawing.population import Population, label_of, number_sql
from curation.sampling.drawing.strata import column_named
from curation.sampling.rules.rule import Rule

LEAST_HALF_LIFE = 1e-6
"""Days; with less, the times of rows could not be told apart in a double."""
MICROSECONDS = 1_000_000
_SECONDS_PER_DAY = 86_400.0
_MOST_SECONDS = 1e12
_UNIT = sql.identifier(UNIT_COLUMN)
_LEAST_UNIT = sql.literal(2.0**-53)
"""Half of the smallest u above 0, so that its logarithm is finite."""
_CLASS, _SHARE = sql.identifier("_curation_class"), sql.identifier("_curation_share")


@dataclass(frozen=True)
class Ranking:
    """What a rule draws by, as SQL over the columns of a row and its u."""

    source: str
    """What stands behind FROM."""
    rank: str = _UNIT
    usable: str = "TRUE"
    """Whether a row in scope can be drawn at all."""
    log_weight: str | None = None
    cost: str | None = None
    """Microseconds, a whole number."""
    notes: list[str] = field(default_factory=list)


def ranking(
    engine: Engine,
    people: Population,
    rule: Rule,
    roles: Roles,
    salt: str,
    strata: str | None,
    progress: Progress,
) -> Ranking:
    """Return what a rule draws rows by.

    Args:
        engine: where the rows are.
        people: the rows that may be drawn.
        rule: not one made of others.
        roles: what each column is for.
        salt: what chance is tied to.
        strata: SQL of the stratum, or None.
        progress: told the fraction done.

    Raises:
        UsageError, UnknownNameError: the rule asks for what these data do not have.
        DataError: weights, costs or times that cannot be used.
    """
    if rule.by in ("uncertainty", "margin"):
        return _by_signal(people, rule)
    if rule.by == "diversity":
        return _by_diversity(engine, people, rule, roles, salt, strata, progress)
    if rule.by == "recency":
        return _by_recency(engine, people, rule, roles)
    if rule.by == "hard_and_rare":
        return _by_hardness(engine, people, rule, roles)
    if rule.by == "weighted" or rule.cost is not None:
        return _by_weight(engine, people, rule)
    return Ranking(people.rows.name)


def drawable(people: Population) -> str:
    """Return the SELECT of the rows in scope that are not kept anyway."""
    return f"SELECT * FROM {people.rows.name} WHERE {people.scope} AND NOT {people.kept}"


def _weighted_rank(log_weight: str) -> str:
    return f"ln(-ln(1.0 - greatest({_UNIT}, {_LEAST_UNIT}))) - ({log_weight})"


def _by_weight(engine: Engine, people: Population, rule: Rule) -> Ranking:
    usable, notes = [], []
    log_weight, cost = "0.0", None
    if rule.weight is not None:
        weight = number_sql(rule.weight, people.rows)
        notes += _checked_weights(engine, people, weight)
        usable.append(f"{weight} > 0")
        log_weight = f"CASE WHEN {weight} > 0 THEN ln({weight}) END"
    if rule.cost is not None:
        assert rule.minutes is not None
        seconds = number_sql(rule.cost, people.rows)
        notes += _checked_costs(engine, people, seconds, rule.minutes)
        usable.append(f"{seconds} <= {sql.literal(rule.minutes * 60)}")
        log_weight += f" - CASE WHEN {seconds} > 0 THEN ln({seconds}) END"
        bounded = f"least({seconds}, {sql.literal(_MOST_SECONDS)})"
        cost = f"CAST(round({bounded} * {MICROSECONDS}) AS BIGINT)"
    return Ranking(
        people.rows.name, _weighted_rank(log_weight), " AND ".join(usable), log_weight, cost, notes
    )


def _checked_weights(engine: Engine, people: Population, weight: str) -> list[str]:
    rows, none, wrong = engine.values(
        f"""SELECT count(*), count(*) FILTER (value = 0),
            count(*) FILTER (value IS NULL OR value < 0 OR isnan(value) OR isinf(value))
        FROM (SELECT {weight} AS value FROM ({drawable(people)}))"""
    )
    if wrong:
        raise DataError(
            f"{wrong:,} of {rows:,} rows have a weight that is negative, missing or not finite. "
            "Weights are numbers of 0 or more: leave these rows out with where, or change weight, "
            "for example to greatest(0, coalesce(weight, 0))."
        )
    if rows and none == rows:
        raise DataError(
            f"All {rows:,} rows have the weight 0, so none can be drawn. Give a weight above 0 to "
            "those that may be."
        )
    return [f"{none:,} of {rows:,} rows have the weight 0 and cannot be drawn."] if none else []


def _checked_costs(engine: Engine, people: Population, cost: str, minutes: float) -> list[str]:
    rows, wrong, dear = engine.values(
        f"""SELECT count(*), count(*) FILTER (value IS NULL OR NOT value > 0 OR isnan(value)),
            count(*) FILTER (value > {sql.literal(minutes * 60)})
        FROM (SELECT {cost} AS value FROM ({drawable(people)}))"""
    )
    if wrong:
        raise DataError(
            f"{wrong:,} of {rows:,} rows have a cost that is missing, 0 or negative. A cost is a "
            "number of seconds above 0: leave these rows out with where, or change cost."
        )
    if not dear:
        return []
    return [f"{dear:,} of {rows:,} rows cost more than {minutes:,.6g} minutes and cannot be drawn."]


def _by_recency(engine: Engine, people: Population, rule: Rule, roles: Roles) -> Ranking:
    named = rule.timestamp or roles.single("timestamp")
    if named is None:
        raise UsageError(
            "by: recency needs a column of dates or times: name it in timestamp, or give it the "
            "role timestamp."
        )
    assert rule.half_life is not None
    if rule.half_life < LEAST_HALF_LIFE:
        raise UsageError(
            f"half_life is {rule.half_life:g} days. Give at least {LEAST_HALF_LIFE:g} days."
        )
    column = column_named(named, people.rows)
    kind = people.rows.columns[column].upper()
    if not (kind.startswith("TIMESTAMP") or kind in ("DATE", "VARCHAR")):
        raise DataError(
            f"The column '{column}' is {kind} and has no times. by: recency needs dates or times."
        )
    cast = "TRY_CAST" if kind == "VARCHAR" else "CAST"
    # Days since 1970: the time of day must not move ranks, so nothing is measured from now.
    days = f"(epoch({cast}({sql.identifier(column)} AS TIMESTAMP)) / {_SECONDS_PER_DAY})"
    notes = _checked_times(engine, people, days, column)
    log_weight = f"{days} * {sql.literal(math.log(2) / rule.half_life)}"
    return Ranking(
        people.rows.name, _weighted_rank(log_weight), f"{days} IS NOT NULL", log_weight, None, notes
    )


def _checked_times(engine: Engine, people: Population, days: str, column: str) -> list[str]:
    rows, timed = engine.values(
        f"SELECT count(*), count(value) FROM (SELECT {days} AS value FROM ({drawable(people)}))"
    )
    if rows and not timed:
        raise DataError(
            f"None of the {rows:,} rows has a time in '{column}'. by: recency needs dates or times "
            "such as 2025-03-31 or 2025-03-31 12:00:00."
        )
    without = rows - timed
    return [f"{without:,} of {rows:,} rows have no time and cannot be drawn."] if without else []


def _by_hardness(engine: Engine, people: Population, rule: Rule, roles: Roles) -> Ranking:
    from curation.sampling.drawing.hardness import hard_and_rare_weight_sql
    from curation.sampling.drawing.signals import UNCERTAINTY_COLUMN

    label = label_of(roles, people.rows, "by: hard_and_rare")
    shares = engine.select(
        f"""SELECT {_CLASS}, count(*) / CAST(sum(count(*)) OVER () AS DOUBLE) AS {_SHARE}
        FROM (SELECT {label} AS {_CLASS} FROM ({drawable(people)}))
        WHERE {_CLASS} IS NOT NULL GROUP BY {_CLASS}"""
    )
    source = f"{people.rows.name} LEFT JOIN {shares.name} ON {label} = {_CLASS}"
    weight = hard_and_rare_weight_sql(sql.identifier(UNCERTAINTY_COLUMN), _SHARE, rule.hard)
    return Ranking(source, _weighted_rank(f"ln({weight})"), log_weight=f"ln({weight})")


def _by_signal(people: Population, rule: Rule) -> Ranking:
    from curation.sampling.drawing.signals import MARGIN_COLUMN, UNCERTAINTY_COLUMN

    signal = sql.identifier(UNCERTAINTY_COLUMN if rule.by == "uncertainty" else MARGIN_COLUMN)
    return Ranking(people.rows.name, f"-{signal}", usable=f"{signal} IS NOT NULL")


def _by_diversity(
    engine: Engine,
    people: Population,
    rule: Rule,
    roles: Roles,
    salt: str,
    strata: str | None,
    progress: Progress,
) -> Ranking:
    from curation.sampling.drawing.diversity import RANK_COLUMN, diverse_order

    row, rank = sql.identifier(ROW_COLUMN), sql.identifier(RANK_COLUMN)
    rows = engine.select(drawable(people))
    if not engine.values(f"SELECT count(*) FROM {rows.name}")[0]:
        return Ranking(people.rows.name)
    order = diverse_order(
        engine, rows, rule, roles, salt,
        strata=[strata] if strata else (), most=_most(rule), progress=progress,
    )  # fmt: skip
    source = f"{people.rows.name} LEFT JOIN {order.name} USING ({row})"
    return Ranking(source, f"CAST({rank} AS DOUBLE)")


def _most(rule: Rule) -> int | None:
    """Return the most rows that a stratum can give, where the amount tells."""
    if rule.fill or rule.fraction is not None:
        return None
    from curation.sampling.drawing.allocation import rows_in_all

    asked = [rule.n or 0, rule.minimum or 0, rows_in_all(rule) or 0, *rule.quota.values()]
    return max(asked)

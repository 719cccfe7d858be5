"""Totals of all rows, estimated from drawn rows and their chances, with intervals of 95%.

A row that is drawn with chance p stands for 1/p rows, which makes totals right on average, whatever
the chances (D. G. Horvitz and D. J. Thompson, JASA 47, 1952). The variance of a total is that of

- simple random samples (W. G. Cochran, Sampling Techniques, 3rd ed. 1977, section 5.3), with the
  correction for finite populations, where a set number of rows was drawn: rows of one stratum with
  one chance, if the strata are given, or if the 1/p add up to the number of rows there were;
- else of rows that are each drawn for themselves, the sum of (1 - p) y^2 / p^2, which is also right
  for samples of the smallest hashes (E. Cohen and H. Kaplan, PODC 2007, section 4), and too large
  for others rather than too small.

Intervals use Student's t. Those of counts are score intervals (E. B. Wilson, JASA 22, 1927), which
hold for the few rows of a rare class as well, with the number of rows that would give the same
variance in place of that of the rows (E. L. Korn and B. I. Graubard, Survey Methodology 24, 1998).
Rows with chance 1 are counted, not estimated.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UsageError
from curation.lake.records import label_sql
from curation.sampling.drawing.drawn import Drawn
from curation.sampling.previews.weighted_rows import Estimate, Sums, WeightedRows, check_columns
from curation.sampling.rules.rule import NO_VALUE


def estimated_counts(
    engine: Engine,
    drawn: Drawn | Relation,
    column: str,
    *,
    strata: Sequence[str] = (),
    population: int | None = None,
) -> list[Estimate]:
    """Estimate how many of all rows have each value of a column, for example each class.

    Values that no drawn row has are not told.

    Args:
        engine: what the rows are in.
        drawn: what a rule drew, or rows with `PROBABILITY_COLUMN`.
        column: whose values are counted; missing and blank ones as `NO_VALUE`.
        strata: columns that rows were drawn by, a set number from each.
        population: rows there were, with those that are always kept; what was drawn knows it.

    Returns:
        The `MOST_VALUES` largest, the largest first.

    Raises:
        UnknownNameError: there is no such column.
        UsageError: rows without a chance, or with one that is not above 0 up to 1.
    """
    sample = WeightedRows.of(engine, drawn, strata, population)
    check_columns([column], sample.rows)
    label = label_sql(column, sample.rows.columns[column])
    name = f"coalesce({label}, {sql.literal(NO_VALUE)})"
    return [sample.counted(found) for found in sample.sums(name, "1.0")]


def estimated_total(
    engine: Engine,
    drawn: Drawn | Relation,
    expression: str,
    *,
    strata: Sequence[str] = (),
    population: int | None = None,
) -> Estimate:
    """Estimate the sum of an expression over all rows; of a condition, the rows where it holds.

    Rows without a value add nothing.

    Args:
        engine: what the rows are in.
        drawn: what a rule drew, or rows with `PROBABILITY_COLUMN`.
        expression: over the columns of a row, for example ``length(message)``.
        strata: see `estimated_counts`.
        population: see `estimated_counts`.

    Raises:
        ExpressionError: the expression cannot be computed.
        UsageError: it is no number; and see `estimated_counts`.
    """
    sample = WeightedRows.of(engine, drawn, strata, population)
    with sql.evaluating(expression):
        value, is_condition = _value_sql(sample, expression)
        name = sql.literal(expression)
        found = sample.sums(name, f"nullif({value}, 0)" if is_condition else value)
    sums = found[0] if found else Sums(expression)
    return sample.counted(sums) if is_condition else sample.added(sums)


def estimated_mean(
    engine: Engine,
    drawn: Drawn | Relation,
    expression: str,
    *,
    strata: Sequence[str] = (),
    population: int | None = None,
) -> Estimate:
    """Estimate the mean of an expression over all rows that have a value of it.

    It is the ratio of two totals, with the variance of its first-order expansion (C.-E. Särndal and
    others, Model Assisted Survey Sampling, 1992, section 5.6). `estimated_total` says what the
    arguments are and what is raised; ``total`` is the mean.
    """
    sample = WeightedRows.of(engine, drawn, strata, population)
    with sql.evaluating(expression):
        value, _ = _value_sql(sample, expression)
        name = sql.literal(expression)
        sums = sample.sums(name, value)
        if not sums:
            return Estimate(expression, math.nan, -math.inf, math.inf, 0)
        weight = sample.sums(name, f"CASE WHEN {value} IS NOT NULL THEN 1 END")[0].total
        mean = sums[0].total / weight
        residual = f"({value} - {sql.literal(mean)}) / {sql.literal(weight)}"
        (around,) = sample.sums(name, residual)
    half = sample.quantile * math.sqrt(around.variance)
    return Estimate(expression, mean, mean - half, mean + half, sums[0].rows)


def _value_sql(sample: WeightedRows, expression: str) -> tuple[str, bool]:
    """Return the SQL of a number, null where there is none, and whether it is a condition."""
    scalar = sql.scalar_expression(expression, sample.rows.columns)
    looked = sample.engine.table(f"SELECT {scalar} AS y FROM {sample.rows.name} LIMIT 0")
    kind = looked.schema.field("y").type
    if pa.types.is_boolean(kind):
        return f"CAST(({scalar}) AS DOUBLE)", True
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise UsageError(
            f"A total needs a number or a condition, and {expression} gives {kind}. Cast it, for "
            "example: cast(amount AS double)."
        )
    number = f"CAST(({scalar}) AS DOUBLE)"
    return f"(CASE WHEN abs({number}) <= {sys.float_info.max!r} THEN {number} END)", False


__all__ = ["Estimate", "estimated_counts", "estimated_mean", "estimated_total"]

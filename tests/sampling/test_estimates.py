"""Figures of all rows from some of them: right on average, with intervals that hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import ExpressionError, UnknownNameError, UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, Drawn
from curation.sampling.previews.estimates import (
    Estimate,
    estimated_counts,
    estimated_mean,
    estimated_total,
)
from curation.sampling.rules.rule import Rule

ALL = 5_000
VALUES = np.random.default_rng(3)
AMOUNT = np.round(VALUES.gamma(2, 2, ALL), 2)
WEIGHT = np.round(VALUES.gamma(3, 1, ALL) + 0.2, 2)
SHOP = VALUES.integers(0, 3, ALL)
KIND = np.where(np.arange(ALL) < 4_000, "card", np.where(np.arange(ALL) < 4_950, "loan", "gift"))
TIMES = 60
Made = Callable[[DuckDBEngine, np.random.Generator], Relation]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def rows(engine: DuckDBEngine, chances: list[float | None], **columns: Any) -> Relation:
    return engine.put(pa.table({**columns, PROBABILITY_COLUMN: pa.array(chances, pa.float64())}))


def of_all(engine: DuckDBEngine, numbers: np.ndarray[Any, Any], chances: Any) -> Relation:
    return rows(
        engine, list(np.broadcast_to(chances, len(numbers))),
        kind=KIND[numbers], amount=AMOUNT[numbers], shop=SHOP[numbers],
    )  # fmt: skip


def a_number_of_rows(engine: DuckDBEngine, chance: np.random.Generator) -> Relation:
    return of_all(engine, chance.choice(ALL, 200, replace=False), 200 / ALL)


def each_by_itself(engine: DuckDBEngine, chance: np.random.Generator) -> Relation:
    return of_all(engine, np.flatnonzero(chance.random(ALL) < 0.04), 0.04)


def by_weight(engine: DuckDBEngine, chance: np.random.Generator) -> Relation:
    ranks = -np.log(1 - chance.random(ALL)) / WEIGHT
    order = np.argsort(ranks)
    taken = order[:250]
    return of_all(engine, taken, 1 - np.exp(-WEIGHT[taken] * ranks[order[250]]))


def from_each_shop(engine: DuckDBEngine, chance: np.random.Generator) -> Relation:
    numbers, chances = [], []
    for shop, count in enumerate((40, 60, 120)):
        there = np.flatnonzero(shop == SHOP)
        numbers.append(chance.choice(there, count, replace=False))
        chances.append(np.full(count, count / len(there)))
    return of_all(engine, np.concatenate(numbers), np.concatenate(chances))


DESIGNS: dict[str, tuple[Made, dict[str, Any]]] = {
    "a number of rows": (a_number_of_rows, {"population": ALL}),
    "each by itself": (each_by_itself, {}),
    "by weight": (by_weight, {"population": ALL}),
    "from each shop": (from_each_shop, {"strata": ["shop"]}),
}
FIGURES: dict[str, tuple[Callable[..., Estimate], float]] = {
    "sum": (lambda *a, **o: estimated_total(*a, "amount", **o), AMOUNT.sum()),
    "some": (lambda *a, **o: estimated_total(*a, "kind = 'loan'", **o), 950),
    "common": (lambda *a, **o: estimated_counts(*a, "kind", **o)[0], 4_000),
}


@pytest.mark.parametrize(("made", "told"), DESIGNS.values(), ids=DESIGNS)
def test_intervals_hold_the_truth_and_estimates_are_right_on_average(
    engine: DuckDBEngine, made: Made, told: dict[str, Any]
) -> None:
    chance = np.random.default_rng(1)
    held = dict.fromkeys(FIGURES, 0)
    totals: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(TIMES):
        sample = made(engine, chance)
        for name, (estimate, truth) in FIGURES.items():
            found = estimate(engine, sample, **told)
            held[name] += found.low <= truth <= found.high
            totals[name].append(found.total)
        engine.connection.execute(f"DROP TABLE {sample.name}")
    for name, (_, truth) in FIGURES.items():
        assert abs(np.mean(totals[name]) - truth) < 4 * np.std(totals[name]) / math.sqrt(TIMES)
    # Three figures of 60 samples: 95% are 91% to 99% as chance has it.
    assert 0.91 <= sum(held.values()) / (TIMES * len(FIGURES)) <= 0.99


def test_the_variance_is_that_of_simple_random_samples_in_strata(engine: DuckDBEngine) -> None:
    sample = from_each_shop(engine, np.random.default_rng(1))
    table = engine.table(f"SELECT shop, amount FROM {sample.name}")
    shop, amount = table["shop"].to_numpy(), table["amount"].to_numpy()
    total = variance = 0.0
    for number, there in zip(*np.unique(SHOP, return_counts=True), strict=True):
        taken = amount[shop == number]
        total += there * taken.mean()
        variance += there**2 * (1 - len(taken) / there) * taken.var(ddof=1) / len(taken)
    found = estimated_total(engine, sample, "amount", strata=["shop"])
    assert found.total == pytest.approx(total)
    # Student's t with 217 degrees of freedom.
    assert (found.high - found.low) / 2 == pytest.approx(1.97096 * math.sqrt(variance), rel=1e-5)


def test_the_interval_of_a_rare_class_holds_it(engine: DuckDBEngine) -> None:
    chance = np.random.default_rng(2)
    held = 0
    for _ in range(TIMES):
        found = estimated_total(
            engine, a_number_of_rows(engine, chance), "kind = 'gift'", population=ALL
        )
        held += found.low <= 50 <= found.high
    assert held >= 0.9 * TIMES


def test_a_rule_s_own_sample_knows_how_many_rows_there_were(engine: DuckDBEngine) -> None:
    source = engine.put(
        pa.table({
            "kind": KIND, "amount": AMOUNT, "shop": SHOP, ROW_COLUMN: np.arange(ALL),
            KEY_COLUMN: [str(n) for n in range(ALL)], FINGERPRINT_COLUMN: ["f"] * ALL,
        })
    )  # fmt: skip
    rule = Rule(n=100, per=("shop",), keep="kind = 'gift'")
    drawn = draw(engine, source, rule, Roles())
    assert isinstance(drawn, Drawn)
    counts = {e.name: e for e in estimated_counts(engine, drawn, "kind")}
    # Kept rows are counted, and the others add up to what there is.
    assert (counts["gift"].total, counts["gift"].low) == (50.0, 50.0)
    assert sum(e.total for e in counts.values()) == pytest.approx(ALL)
    assert counts["card"].low < 4_000 < counts["card"].high
    everything = estimated_total(engine, drawn, "1 = 1")
    assert 4_900 < everything.low < everything.high == ALL


def test_a_mean_is_that_of_the_rows_with_a_value(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.5, 0.5, 0.25, 0.25], amount=[1.0, None, 4.0, 5.0])
    found = estimated_mean(engine, sample, "amount")
    assert (found.total, found.rows) == (3.8, 3)
    numbers = np.random.default_rng(1).choice(ALL, 200, replace=False)
    drawn = of_all(engine, numbers, 200 / ALL)
    found = estimated_mean(engine, drawn, "amount", population=ALL)
    error = AMOUNT[numbers].std(ddof=1) / math.sqrt(200) * math.sqrt(1 - 200 / ALL)
    assert found.total == pytest.approx(AMOUNT[numbers].mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.972 * error, rel=1e-3)


def test_rows_that_are_each_drawn_by_themselves_leave_their_number_open(
    engine: DuckDBEngine,
) -> None:
    sample = rows(engine, [0.1] * 100, kind=["a"] * 100)
    (alone,) = estimated_counts(engine, sample, "kind")
    assert alone.total == pytest.approx(1_000)
    assert 800 < alone.low < 850 < 1_180 < alone.high < 1_220
    (known,) = estimated_counts(engine, sample, "kind", population=1_000)
    assert (known.low, known.high) == pytest.approx((965, 1_000), abs=3)


def test_certain_rows_are_counted_and_not_estimated(engine: DuckDBEngine) -> None:
    sample = rows(engine, [1.0] * 4, kind=["a", "a", "b", None], amount=[1.5, 2.0, None, -1.0])
    assert estimated_counts(engine, sample, "kind") == [
        Estimate("a", 2, 2, 2, 2), Estimate("(none)", 1, 1, 1, 1), Estimate("b", 1, 1, 1, 1),
    ]  # fmt: skip
    assert estimated_total(engine, sample, "amount") == Estimate("amount", 2.5, 2.5, 2.5, 3)
    assert estimated_mean(engine, sample, "amount").total == pytest.approx(2.5 / 3)


def test_no_interval_ends_below_the_rows_that_were_seen(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.01] + [0.9] * 9, kind=["a"] * 10, amount=[5.0] * 10)
    assert estimated_counts(engine, sample, "kind")[0].low >= 10
    assert estimated_total(engine, sample, "amount").low >= 50
    assert estimated_total(engine, sample, "-amount").high <= -50


def test_one_row_gives_a_wide_interval(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.2], kind=["a"], amount=[3.0])
    total = estimated_total(engine, sample, "amount")
    assert (total.total, total.low, total.rows) == (15.0, 3.0, 1)
    assert total.high > 150


def test_no_rows_tell_nothing(engine: DuckDBEngine) -> None:
    sample = rows(engine, [], kind=pa.array([], pa.string()), amount=pa.array([], pa.float64()))
    assert estimated_counts(engine, sample, "kind") == []
    nothing = estimated_total(engine, sample, "amount")
    assert (nothing.low, nothing.high, nothing.rows) == (-math.inf, math.inf, 0)
    assert estimated_total(engine, sample, "kind = 'a'", population=7).high == 7
    assert math.isnan(estimated_mean(engine, sample, "amount").total)
    assert estimated_total(engine, sample, "amount", population=0) == Estimate("amount", 0, 0, 0, 0)


def test_a_condition_that_no_row_meets_may_still_hold_for_some(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.1] * 50, kind=["a"] * 50)
    none = estimated_total(engine, sample, "kind = 'b'")
    assert (none.total, none.low, none.rows) == (0, 0, 0)
    assert 20 < none.high < 60


def test_values_that_are_missing_add_nothing(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.5] * 4, amount=[1.0, None, math.nan, math.inf])
    total = estimated_total(engine, sample, "amount")
    assert (total.total, total.rows) == (2.0, 1)


@pytest.mark.parametrize(
    ("chances", "said"),
    [([0.5, None], "1 of these rows have no inclusion probability.*ranked"),
     ([0.0, 0.5], "not above 0 up to 1"), ([0.5, 1.5], "not above 0 up to 1"),
     ([0.5, math.nan], "not above 0 up to 1")],
)  # fmt: skip
def test_rows_that_cannot_be_weighted_are_refused(
    engine: DuckDBEngine, chances: list[float | None], said: str
) -> None:
    sample = rows(engine, chances, kind=["a", "b"])
    for ask in (estimated_counts, estimated_total, estimated_mean):
        with pytest.raises(UsageError, match=said):
            ask(engine, sample, "kind")


def test_what_is_no_column_no_number_or_no_sample_is_refused(engine: DuckDBEngine) -> None:
    sample = rows(engine, [0.5], kind=["a"])
    with pytest.raises(UnknownNameError, match="kind"):
        estimated_counts(engine, sample, "knd")
    with pytest.raises(UnknownNameError, match="shop"):
        estimated_counts(engine, sample, "kind", strata=["shop"])
    with pytest.raises(UsageError, match="gives string"):
        estimated_total(engine, sample, "kind")
    with pytest.raises(ExpressionError, match="cannot be computed"):
        estimated_total(engine, sample, "cast(kind AS double)")
    with pytest.raises(UsageError, match="no rule drew them"):
        estimated_counts(engine, engine.put(pa.table({"kind": ["a"]})), "kind")


def test_rows_that_a_split_put_aside_are_told_from_ranked_ones(engine: DuckDBEngine) -> None:
    held = rows(
        engine, [0.5, 0.5, None], drawn_because=["by chance", "by chance", None], x=["a"] * 3
    )
    with pytest.raises(UsageError, match=r"1 of these rows were drawn by no rule.*test side"):
        estimated_counts(engine, held, "x")
    ranked = rows(engine, [0.5, None], drawn_because=["by chance", "most uncertain"], x=["a"] * 2)
    with pytest.raises(UsageError, match="they were ranked"):
        estimated_counts(engine, ranked, "x")

"""Totals that are weighted back by the chances come out right, on average over many seeds.

A draw is made anew for each stratum, so a population that stands there once for each seed, with the
seed as stratum, is drawn from a thousand times in one go.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from drawing import ROLES, chances, drawn, relation

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.sampling.drawing.draw import draw, scored
from curation.sampling.rules.rule import Rule

SEEDS = 1_000
ROWS = [(f"key {n}", "abbccc"[n % 6], n % 17) for n in range(40)]
TOTAL = sum(n + 1 for _, _, n in ROWS)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture(scope="module")
def repeated(engine: DuckDBEngine) -> Relation:
    """The population once for each seed."""
    seeds = np.repeat(np.arange(SEEDS), len(ROWS))
    return relation(engine, ROWS * SEEDS, seed=pa.array(seeds))


def near(values: np.ndarray, truth: float) -> bool:
    """Tell whether a mean lies within four standard errors of the truth."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return bool(abs(values.mean() - truth) <= 4 * error + 1e-9 * abs(truth))


@pytest.mark.parametrize(
    "rule",
    [
        Rule(n=3, per=("seed", "kind")),
        Rule(fraction=0.2, per=("seed", "kind")),
        Rule(n=8, per=("seed",), by="weighted", weight="n + 1"),
        Rule(n=8, per=("seed",), by="weighted", weight="(n + 1) / 1000000.0"),
        Rule(n=2, per=("seed", "kind"), by="weighted", weight="17.5 - n"),
        Rule(n=8, per=("seed",), by="recency", half_life=5),
        Rule(n=5, per=("seed",), keep="n = 3"),
    ],
    ids=lambda rule: rule.describe(),
)
def test_totals_are_unbiased(engine: DuckDBEngine, repeated: Relation, rule: Rule) -> None:
    found = draw(engine, repeated, rule, ROLES)
    totals = engine.table(
        f"""SELECT sum((n + 1) / inclusion_probability) AS total FROM {found.rows.name}
        GROUP BY seed"""
    )["total"].to_numpy()
    assert len(totals) == SEEDS
    assert near(totals, TOTAL)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(n=8, per=("seed",), by="weighted", weight="n + 1"),
        Rule(n=8, per=("seed",), by="recency", half_life=5),
    ],
    ids=lambda rule: rule.by,
)
def test_the_chance_of_a_row_does_not_tell_whether_it_is_drawn(
    engine: DuckDBEngine, repeated: Relation, rule: Rule
) -> None:
    every = scored(engine, repeated, rule, ROLES)
    differences = engine.table(
        f"""SELECT sum((n + 1) * (CAST(_curation_drawn AS INTEGER) - _curation_probability)) AS d
        FROM {every.name} JOIN {repeated.name} USING (_curation_row) GROUP BY seed"""
    )["d"].to_numpy()
    assert near(differences, 0)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(minutes=1, cost="3 + (n % 5) * 4", by="weighted", weight="n + 1"),
        Rule(n=8, by="weighted", weight="n + 1"),
    ],
    ids=["minutes", "rows"],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_chance_is_that_given_the_hashes_of_all_other_rows(
    engine: DuckDBEngine, rule: Rule, seed: int
) -> None:
    source = relation(engine, ROWS)
    every = scored(engine, source, rule, ROLES, salt=str(seed))
    rows = engine.table(
        f"""SELECT n, _curation_unit AS u, _curation_probability AS p, _curation_drawn AS d
        FROM {every.name} JOIN {source.name} USING (_curation_row)"""
    ).to_pylist()
    by_cost = rule.minutes is not None
    budget = 60 if by_cost else 8
    for row in rows:
        row["cost"] = 3 + (row["n"] % 5) * 4 if by_cost else 1
        row["rate"] = (row["n"] + 1) / (row["cost"] if by_cost else 1)
        row["rank"] = -np.log1p(-row["u"]) / row["rate"]
    for row in rows:
        spent, limit = row["cost"], np.inf
        for other in sorted((o for o in rows if o is not row), key=lambda o: o["rank"]):
            spent += other["cost"]
            if spent > budget:
                limit = other["rank"]
                break
        assert row["p"] == pytest.approx(-np.expm1(-row["rate"] * limit))
        assert row["d"] == (row["rank"] < limit)


def test_totals_within_a_budget_of_minutes_are_unbiased(engine: DuckDBEngine) -> None:
    source = relation(engine, ROWS)
    rule = Rule(minutes=1, cost="3 + (n % 5) * 4", by="weighted", weight="n + 1")
    totals, differences = [], []
    for seed in range(SEEDS // 20):
        every = scored(engine, source, rule, ROLES, salt=str(seed))
        total, difference = engine.values(
            f"""SELECT sum((n + 1) / _curation_probability) FILTER (_curation_drawn),
                sum((n + 1) * (CAST(_curation_drawn AS INTEGER) - _curation_probability))
            FROM {every.name} JOIN {source.name} USING (_curation_row)"""
        )
        totals.append(total)
        differences.append(difference)
    assert near(np.array(totals), TOTAL)
    assert near(np.array(differences), 0)


def test_twice_the_weight_is_about_twice_the_chance(engine: DuckDBEngine) -> None:
    rows = [(f"key {n}", "a", n % 2) for n in range(20_000)]
    found = draw(engine, relation(engine, rows), Rule(n=300, by="weighted", weight="n + 1"), ROLES)
    single, double = engine.values(
        f"SELECT count(*) FILTER (n = 0), count(*) FILTER (n = 1) FROM {found.rows.name}"
    )
    assert double / single == pytest.approx(2, abs=0.6)


def test_half_the_weight_every_half_life_whatever_the_day(engine: DuckDBEngine) -> None:
    def odds(first_day: int) -> float:
        rows = [(f"key {n}", "a", first_day + 10 * (n % 2)) for n in range(20_000)]
        found = drawn(engine, rows, Rule(n=300, by="recency", half_life=10))
        old, new = engine.values(
            f"""SELECT count(*) FILTER (n = {first_day}), count(*) FILTER (n > {first_day})
            FROM {found.rows.name}"""
        )
        return float(new / old)

    assert odds(0) == pytest.approx(2, abs=0.6)
    assert odds(0) == odds(10_000)


def test_equal_chances_are_k_of_n(engine: DuckDBEngine) -> None:
    found = chances(engine, drawn(engine, ROWS, Rule(n=5, per=("kind",), where="n <> 3")))
    sizes = {kind: sum(1 for row in ROWS if row[1] == kind and row[2] != 3) for kind in "abc"}
    kinds = {row[0]: row[1] for row in ROWS}
    assert {key: chance for key, (chance, _) in found.items()} == {
        key: pytest.approx(5 / sizes[str(kinds[key])]) for key in found
    }


def test_a_row_that_is_certain_to_be_drawn_has_the_chance_1(engine: DuckDBEngine) -> None:
    rule = Rule(n=100, by="weighted", weight="n + 1")
    assert {chance for chance, _ in chances(engine, drawn(engine, ROWS, rule)).values()} == {1.0}


def test_chances_of_two_draws_multiply(engine: DuckDBEngine) -> None:
    first = drawn(engine, ROWS, Rule(n=20))
    second = draw(engine, first.rows, Rule(n=5, seed=1), ROLES)
    found = chances(engine, second)
    assert [chance for chance, _ in found.values()] == pytest.approx([20 / 40 * 5 / 20] * 5)
    assert {because for _, because in found.values()} == {
        "drawn by chance: 20 of 40, then drawn by chance: 5 of 20"
    }

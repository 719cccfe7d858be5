"""Diverse rows cover the data, samples nest, and neither order nor copies confuse them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from clouds import ROLES, SIZES, by_key, clouds, put
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UsageError
from curation.lake.records import KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.learn.arrays import Matrix
from curation.progress import Cancelled
from curation.sampling.drawing.diversity import RANK_COLUMN, diverse_order, farthest_first
from curation.sampling.drawing.hashing import stratum_unit_sql
from curation.sampling.drawing.signals import MARGIN_COLUMN, with_signals
from curation.sampling.rules.rule import Rule

RULE = Rule(n=10, by="diversity")


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return clouds()


def taken(
    engine: DuckDBEngine, relation: Relation, rule: Rule = RULE, salt: str = "s", **options: Any
) -> list[str]:
    """The record keys in the order in which they are taken."""
    found = diverse_order(engine, relation, rule, ROLES, salt, **options)
    assert list(found.columns) == [ROW_COLUMN, RANK_COLUMN]
    ordered = engine.table(
        f"SELECT r.{KEY_COLUMN} AS key, o.{RANK_COLUMN} AS rank FROM {found.name} o "
        f"JOIN {relation.name} r USING ({ROW_COLUMN}) ORDER BY rank"
    )
    assert ordered["rank"].to_pylist() == list(range(1, ordered.num_rows + 1))
    return list(map(str, ordered["key"].to_pylist()))


def ranks_by_class(
    engine: DuckDBEngine, relation: Relation, rule: Rule, most: int | None
) -> dict[str | None, dict[str, int]]:
    found = diverse_order(engine, relation, rule, ROLES, "s", strata=['"kind"'], most=most)
    ranks: dict[str | None, dict[str, int]] = defaultdict(dict)
    for row in engine.table(
        f"SELECT r.id, r.kind, o.{RANK_COLUMN} AS rank FROM {found.name} o "
        f"JOIN {relation.name} r USING ({ROW_COLUMN})"
    ).to_pylist():
        ranks[row["kind"]][row["id"]] = row["rank"]
    return ranks


def by_chance(engine: DuckDBEngine, relation: Relation) -> list[str]:
    unit = by_key(engine, relation, stratum_unit_sql("s", None, KEY_COLUMN))
    return sorted(unit, key=lambda key: unit[key])


def radius(space: Matrix, chosen: Any) -> float:
    """How far the row lies that is farthest from all chosen ones."""
    apart = np.linalg.norm(space[:, None] - space[None, chosen], axis=2)
    return float(apart.min(axis=1).max())


# --- the order -----------------------------------------------------------------------------------

SPACES = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).normal(size=(24, 3)).round(1).astype(np.float32)
)


@given(SPACES)
def test_each_row_is_the_farthest_from_those_before(space: Matrix) -> None:
    order = farthest_first(space, len(space))
    assert sorted(order) == list(range(len(space)))
    for turn in range(1, len(space)):
        apart = np.linalg.norm(space[:, None] - space[None, order[:turn]], axis=2).min(axis=1)
        assert apart[order[turn]] == pytest.approx(apart.max(), abs=0.02)


@given(SPACES)
@settings(max_examples=20)
def test_a_beginning_covers_all_within_twice_the_least_distance(space: Matrix) -> None:
    from itertools import combinations

    few = space[:10]
    best = min(radius(few, list(some)) for some in combinations(range(10), 3))
    assert radius(few, farthest_first(few, 3)) <= 2 * best + 0.02


def test_of_equally_far_rows_the_first_is_taken_and_copies_come_last() -> None:
    square = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], np.float32)
    copies = np.concatenate([square + np.float32(100 / 3)] * 3)
    order = farthest_first(copies, 12)
    assert order.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


@given(st.integers(0, 1_000))
@settings(max_examples=10)
def test_rounding_does_not_order_copies(seed: int) -> None:
    apart = np.random.default_rng(seed).normal(size=(6, 200)).astype(np.float32) + np.float32(50)
    order = farthest_first(np.concatenate([apart] * 5), 30)
    assert sorted(order[:6] % 6) == list(range(6))
    assert order[6:].tolist() == [place for place in range(30) if place not in order[:6]]


def test_rows_that_are_all_alike_and_no_rows_are_taken_as_they_stand() -> None:
    assert farthest_first(np.ones((3, 2), np.float32), 3).tolist() == [0, 1, 2]
    assert farthest_first(np.ones((0, 2), np.float32), 0).tolist() == []


# --- of a population -----------------------------------------------------------------------------


def test_samples_nest(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    relation = put(engine, rows)
    whole = taken(engine, relation)
    assert sorted(whole) == sorted(row["id"] for row in rows)
    for most in (0, 1, 7, 50, 10_000):
        assert taken(engine, relation, most=most) == whole[:most]


def test_the_order_of_the_rows_does_not_matter(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    mixed = list(rows)
    random.Random(2).shuffle(mixed)
    assert taken(engine, put(engine, rows)) == taken(engine, put(engine, mixed))


def test_the_first_by_chance_comes_first_and_the_salt_changes_it(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    relation = put(engine, rows)
    assert taken(engine, relation, most=1) == by_chance(engine, relation)[:1]
    assert len({taken(engine, relation, salt=f"{s}", most=1)[0] for s in range(8)}) > 3


def test_each_stratum_has_an_order_of_its_own_and_its_share_of_the_candidates(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    relation = put(engine, rows)
    rule = Rule(n=5, by="diversity", candidates=80)  # 20 for each class, and for none
    ranks = ranks_by_class(engine, relation, rule, None)
    assert {kind: sorted(r.values()) for kind, r in ranks.items()} == {
        name if name != "between" else None: list(range(1, size + 1))
        for name, size in SIZES.items()
    }
    chance = by_chance(engine, relation)
    for kind, size in (("a", 90), ("b", 60), ("c", 30)):
        mine = [key for key in chance if key.rstrip("0123456789") == kind][:20]
        alone = put(engine, [row for row in rows if row["id"] in mine])
        assert taken(engine, alone) == sorted(mine, key=lambda key: ranks[kind][key])
        assert set(ranks[kind].values()) == set(range(1, size + 1))
    few = ranks_by_class(engine, relation, rule, 5)
    for kind, found in few.items():
        assert found == {key: rank for key, rank in ranks[kind].items() if rank <= 5}


def test_a_few_diverse_rows_reach_every_cloud(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    rare = [row for row in rows if row["id"] in ("c0", "c1", "c2") or row["kind"] == "a"]
    assert any(key.startswith("c") for key in taken(engine, put(engine, rare), most=2))


def test_only_the_candidates_are_compared_and_the_others_follow_by_chance(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    relation = put(engine, rows)
    rule = Rule(n=10, by="diversity", candidates=30)
    order, chance = taken(engine, relation, rule), by_chance(engine, relation)
    assert set(order[:30]) == set(chance[:30])
    assert order[:30] != chance[:30]
    assert order[30:] == chance[30:]
    assert taken(engine, relation, rule, most=40) == order[:40]


def test_candidates_may_be_the_least_certain(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    rule = Rule(n=10, by="diversity", candidates=20, candidates_by="margin")
    relation = with_signals(engine, put(engine, rows), rule, ROLES)
    margins = by_key(engine, relation, MARGIN_COLUMN)
    first = taken(engine, relation, rule, most=20)
    assert min(margins[key] for key in first) >= sorted(margins.values())[-20]
    assert margins[first[0]] == max(margins.values())


def test_more_candidates_than_rows_are_all_rows(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    assert len(taken(engine, put(engine, rows[:3]))) == 3
    assert taken(engine, put(engine, rows[:1])) == [rows[0]["id"]]


def test_rows_that_cannot_be_told_apart_come_by_chance(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    same = [{**row, "place": [1.0, 0.0, 0.0, 0.0]} for row in rows[:12]]
    relation = put(engine, same)
    assert taken(engine, relation) == by_chance(engine, relation)


def test_without_content_it_says_what_to_do(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    roles = Roles(columns={"id": "key", "kind": "label", "place": "ignore"})
    with pytest.raises(UsageError, match="no column to learn from"):
        diverse_order(engine, put(engine, rows), RULE, roles, "s")


def test_a_person_can_stop_it(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    def stop(fraction: float, message: str) -> None:
        if "diverse" in message:
            raise Cancelled

    with pytest.raises(Cancelled):
        diverse_order(engine, put(engine, rows), RULE, ROLES, "s", progress=stop)

"""Rules made of rules: which rows they draw, in which order, and with which chances."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.engines.base import Engine, Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN, Drawn
from curation.sampling.rules.rule import Rule

ROLES = Roles(columns={"k": "key"})
ROWS, TIMES = 40, 1_000
"""The same rows again and again, each time as a stratum of its own with hashes of its own."""
SIZES = np.random.default_rng(0)
X = np.round(SIZES.gamma(2, 2, ROWS), 2)
W = np.round(SIZES.uniform(0.2, 3, ROWS), 2)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture(scope="module")
def once(engine: DuckDBEngine) -> Relation:
    return rows_of(engine, list(range(ROWS)))


@pytest.fixture(scope="module")
def repeated(engine: DuckDBEngine) -> Relation:
    return rows_of(engine, list(range(ROWS)), times=TIMES)


def rows_of(engine: Engine, numbers: list[int], times: int = 1, **more: Any) -> Relation:
    """Rows with the numbers k, x = X[k], w = W[k], g = k % 3, and which time they come."""
    k = np.tile(np.array(numbers, np.int64), times)
    again = np.repeat(np.arange(times), len(numbers))
    table = {
        "k": k, "again": again, "x": X[k % ROWS], "w": W[k % ROWS], "g": k % 3,
        KEY_COLUMN: [f"{t}-{n}" for t, n in zip(again.tolist(), k.tolist(), strict=True)],
        FINGERPRINT_COLUMN: ["f"] * len(k), ROW_COLUMN: np.arange(len(k)), **more,
    }  # fmt: skip
    return engine.put(pa.table(table))


def rule(**fields: Any) -> Rule:
    return Rule.model_validate(fields)


def combined(how: str, *parts: Rule, **fields: Any) -> Rule:
    return rule(combine=how, parts=parts, **fields)


def drawn(engine: Engine, source: Relation, of: Rule, **options: Any) -> Drawn:
    return draw(engine, source, of, ROLES, **options)


def keys(engine: Engine, found: Drawn) -> set[int]:
    return set(engine.table(f"SELECT k FROM {found.rows.name}")["k"].to_pylist())


def sample(engine: Engine, source: Relation, of: Rule, **options: Any) -> set[int]:
    return keys(engine, drawn(engine, source, of, **options))


def chances(engine: Engine, found: Drawn) -> dict[int, float | None]:
    table = engine.table(f"SELECT k, {PROBABILITY_COLUMN} AS p FROM {found.rows.name}")
    return dict(zip(table["k"].to_pylist(), table["p"].to_pylist(), strict=True))


def reasons(engine: Engine, found: Drawn) -> dict[int, str]:
    table = engine.table(f"SELECT k, {REASON_COLUMN} AS why FROM {found.rows.name}")
    return dict(zip(table["k"].to_pylist(), table["why"].to_pylist(), strict=True))


EVEN = rule(n=10, seed=1)
SOME = rule(n=8, seed=2, where="g = 1")
HEAVY = rule(n=12, seed=3, by="weighted", weight="w")
A = rule(n=10, seed=1, name="first@2")
B = rule(n=10, seed=2, name="second@1")


def test_a_union_holds_the_rows_of_any_part(engine: DuckDBEngine, once: Relation) -> None:
    found = sample(engine, once, combined("union", EVEN, SOME, HEAVY))
    assert found == set().union(*(sample(engine, once, part) for part in (EVEN, SOME, HEAVY)))


def test_except_holds_the_rows_of_the_first_part_alone(
    engine: DuckDBEngine, once: Relation
) -> None:
    found = sample(engine, once, combined("except", HEAVY, EVEN, SOME))
    assert found == sample(engine, once, HEAVY) - sample(engine, once, EVEN) - sample(
        engine, once, SOME
    )


def test_priority_takes_parts_in_turn_until_the_rows_are_there(
    engine: DuckDBEngine, once: Relation
) -> None:
    first, second = sample(engine, once, A), sample(engine, once, B)
    assert len(second - first) > 3
    found = drawn(engine, once, combined("priority", A, B, HEAVY, rows=13))
    got = keys(engine, found)
    assert first < got < first | second
    assert len(got) == 13
    assert [(s.name, s.rows, s.drawn) for s in found.strata] == [
        ("first@2", 40, 10), ("second@1", 40, 3), ("rule 3", 40, 0),
    ]  # fmt: skip


def test_a_cut_part_says_so_in_its_reasons(engine: DuckDBEngine, once: Relation) -> None:
    first, second = sample(engine, once, A), sample(engine, once, B)
    whole = second - first
    why = reasons(engine, drawn(engine, once, combined("priority", A, B, rows=13)))
    assert {why[k] for k in first} == {"first@2: drawn by chance: 10 of 40"}
    later = {why[k] for k in set(why) - first}
    assert later == {f"second@1: drawn by chance: 10 of 40, 3 of {len(whole)} stay"}


def test_a_reason_names_the_first_part_and_those_that_it_is_within(
    engine: DuckDBEngine, once: Relation
) -> None:
    inner = combined("union", A, B, name="both@1")
    why = reasons(engine, drawn(engine, once, combined("union", inner, EVEN)))
    assert all(why[k].startswith("both@1: first@2: ") for k in sample(engine, once, A))
    others = sample(engine, once, B) - sample(engine, once, A)
    assert all(why[k].startswith("both@1: second@1: ") for k in others)


def test_what_is_always_kept_comes_on_top_of_the_amount(
    engine: DuckDBEngine, once: Relation
) -> None:
    of = combined("union", EVEN, SOME, rows=6, keep="k < 3", keep_keys=["0-5", "none"])
    found = drawn(engine, once, of)
    assert (found.kept, len(keys(engine, found))) == (4, 10)
    assert {k: chances(engine, found)[k] for k in (0, 1, 2, 5)} == dict.fromkeys((0, 1, 2, 5), 1.0)
    assert reasons(engine, found)[5] == "always kept"
    assert any("'none'" in note for note in found.notes)


def test_what_an_inner_rule_always_keeps_is_certain(engine: DuckDBEngine, once: Relation) -> None:
    inner = combined("except", EVEN, SOME, keep="k = 7", name="inner@1")
    found = drawn(engine, once, combined("union", inner, B))
    assert chances(engine, found)[7] == 1.0
    assert reasons(engine, found)[7] == "inner@1: always kept"


def test_shortfalls_and_notes_of_parts_are_told(engine: DuckDBEngine, once: Relation) -> None:
    few = rule(n=20, where="g = 1", name="few@1")
    found = drawn(engine, once, combined("union", few, rule(n=1, where="k > 99", name="none@3")))
    assert found.shortfall == 8
    assert {s.name: s.shortfall for s in found.strata} == {"few@1": 7, "none@3": 1}
    assert any(note.startswith("none@3: No row may be drawn") for note in found.notes)
    assert drawn(engine, once, combined("priority", few, EVEN, rows=99)).shortfall > 70


def test_a_sample_that_is_drawn_again_multiplies_its_chances(engine: DuckDBEngine) -> None:
    source = rows_of(
        engine, list(range(ROWS)), **{PROBABILITY_COLUMN: [0.5] * ROWS, REASON_COLUMN: ["x"] * ROWS}
    )
    found = drawn(engine, source, combined("union", A, rule(n=10, seed=1, where="k < 0")))
    assert set(chances(engine, found).values()) == {0.125}


def test_a_part_with_a_name_draws_as_it_does_alone_in_any_recipe(
    engine: DuckDBEngine, once: Relation
) -> None:
    other = rule(n=10, seed=9)
    found = sample(engine, once, combined("union", A, other), salt="recipe")
    assert sample(engine, once, A) <= found
    assert not sample(engine, once, other) <= found


def test_the_order_of_rows_does_not_matter(engine: DuckDBEngine, once: Relation) -> None:
    mixed = random.Random(1).sample(range(ROWS), ROWS)
    for of in (
        combined("union", EVEN, HEAVY, rows=9),
        combined("priority", EVEN, SOME, HEAVY, rows=15),
        combined("except", HEAVY, SOME, rows=5),
    ):
        found, again = drawn(engine, once, of), drawn(engine, rows_of(engine, mixed), of)
        assert chances(engine, found) == pytest.approx(chances(engine, again))


@settings(max_examples=6)
@given(
    how=st.sampled_from(["union", "except", "priority"]),
    amounts=st.lists(st.integers(1, 20), min_size=2, max_size=3),
    seeds=st.lists(st.integers(0, 1), min_size=3, max_size=3),
    rows=st.integers(1, 20),
)
def test_a_larger_cut_holds_the_smaller(
    engine: DuckDBEngine,
    once: Relation,
    how: str,
    amounts: list[int],
    seeds: list[int],
    rows: int,
) -> None:
    parts = [rule(n=n, seed=seed) for n, seed in zip(amounts, seeds, strict=False)]
    less, more = (sample(engine, once, combined(how, *parts, rows=r)) for r in (rows, rows + 3))
    assert less <= more
    assert len(less) <= rows
    if how != "priority":
        assert more <= sample(engine, once, combined(how, *parts))


def each(**fields: Any) -> Rule:
    return rule(per=("again",), **fields)


FEW, MANY = each(n=10, seed=1), each(n=18, seed=1)
PART = each(n=6, seed=1, where="g <= 1")
OTHER = each(n=8, seed=2)
WEIGHED = each(n=8, seed=1, by="weighted", weight="w")
FAR = each(n=8, seed=3, by="weighted", weight="w")
BIG, SMALL = rule(n=18_000, seed=1), rule(n=5_000, seed=1, by="weighted", weight="w")
UNBIASED = {
    "the same rows and hashes": combined("union", FEW, MANY),
    "the same hashes on other rows": combined("union", FEW, PART),
    "other hashes": combined("union", FEW, OTHER),
    "the same hashes and weights": combined("union", FEW, WEIGHED),
    "all at once": combined("union", FEW, PART, OTHER, WEIGHED, FAR, rule(fraction=0.2, seed=1)),
    "at most": combined("union", FEW, PART, OTHER, rows=12_000),
    "the next batch": combined("except", MANY, FEW),
    "except by other hashes": combined("except", MANY, OTHER, FAR),
    "except by the same hashes, far apart": combined("except", BIG, SMALL),
    "rules within rules": combined("union", combined("except", MANY, OTHER), PART, WEIGHED),
    "a cut within except": combined("except", combined("union", FEW, PART, rows=9_000), OTHER),
    "priority, the second is cut": combined("priority", FEW, OTHER, rows=14_000),
    "priority, the third is cut": combined("priority", PART, FEW, OTHER, rows=14_000),
    "priority, none is cut": combined("priority", PART, FEW, OTHER, rows=40_000),
    "kept rows within": combined(
        "union", combined("union", FEW, PART, keep="x > 8"), each(n=2, keep="x > 7.5"), keep="x > 9"
    ),
    "costs": combined(
        "union", rule(cost="0.5 + g", minutes=400, seed=1), rule(n=9_000, seed=1), OTHER
    ),
}  # fmt: skip


@pytest.mark.parametrize("of", UNBIASED.values(), ids=UNBIASED)
def test_totals_weighted_by_the_chances_are_right_on_average(
    engine: DuckDBEngine, repeated: Relation, of: Rule
) -> None:
    found = drawn(engine, repeated, of)
    table = engine.table(
        f"SELECT again, sum(x / {PROBABILITY_COLUMN}) AS total, "
        f"count(*) - count({PROBABILITY_COLUMN}) AS unknown FROM {found.rows.name} GROUP BY again"
    )
    totals = np.zeros(TIMES)
    totals[table["again"].to_numpy()] = table["total"].to_numpy()
    assert sum(table["unknown"].to_pylist()) == 0
    assert abs(totals.mean() - X.sum()) < 4 * totals.std(ddof=1) / np.sqrt(TIMES)


def test_totals_of_small_samples_are_right_over_seeds(engine: DuckDBEngine, once: Relation) -> None:
    of = combined("priority", rule(n=6, seed=1, where="g <= 1"), EVEN, HEAVY, rows=17)
    totals = []
    for seed in range(30):
        found = drawn(engine, once, of, salt=f"seed {seed}")
        totals.append(
            engine.values(f"SELECT sum(x / {PROBABILITY_COLUMN}) FROM {found.rows.name}")[0]
        )
    assert abs(np.mean(totals) - X.sum()) < 4 * np.std(totals, ddof=1) / np.sqrt(len(totals))


def test_a_chance_is_not_known_where_rows_are_ranked(engine: DuckDBEngine) -> None: ...


def test_a_chance_is_not_known_where_thresholds_of_one_hash_may_change_places(
    engine: DuckDBEngine, once: Relation
) -> None:
    found = drawn(engine, once, combined("except", HEAVY, rule(n=10, seed=3)))
    assert set(chances(engine, found).values()) == {None}
    assert any("no known chance" in note for note in found.notes)


def test_a_chance_is_not_known_where_the_part_that_is_cut_depends_on_chance(
    engine: DuckDBEngine, once: Relation
) -> None:
    halves = [rule(fraction=0.5, seed=seed) for seed in range(3)]
    found = drawn(engine, once, combined("priority", *halves, rows=21))
    assert set(chances(engine, found).values()) == {None}
    assert "depends on chance which rule" in found.notes[-1]


def test_rules_with_disjoint_rows_keep_their_chances_in_priority(
    engine: DuckDBEngine, once: Relation
) -> None:
    parts = [rule(n=n, seed=1, where=f"g = {g}") for n, g in ((4, 0), (5, 1), (6, 2))]
    found = drawn(engine, once, combined("priority", *parts, rows=7))
    by_kind = {k % 3: p for k, p in chances(engine, found).items()}
    assert by_kind == pytest.approx({0: 4 / 14, 1: 5 / 13 * 3 / 5})


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (combined("union", EVEN, "weekly@2"), "weekly@2"),
        (combined("union", *[rule(n=1, seed=n) for n in range(101)]), "draws by 101 others"),
    ],
)
def test_what_cannot_be_combined_is_refused(
    engine: DuckDBEngine, once: Relation, of: Rule, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        drawn(engine, once, of)


def test_rules_that_are_too_deep_are_refused(engine: DuckDBEngine, once: Relation) -> None:
    of = EVEN
    for _ in range(11):
        of = combined("union", of, SOME)
    with pytest.raises(UsageError, match="11 deep"):
        drawn(engine, once, of)


def test_ten_deep_and_with_the_same_rules_is_drawn(engine: DuckDBEngine, once: Relation) -> None:
    of = EVEN
    for number in range(10):
        of = combined("except" if number % 2 else "union", of, SOME)
    assert sample(engine, once, of) == sample(engine, once, EVEN) - sample(engine, once, SOME)


def test_no_rows_are_no_sample(engine: DuckDBEngine) -> None:
    found = drawn(engine, rows_of(engine, []), combined("union", EVEN, HEAVY, rows=5))
    assert (found.population, keys(engine, found)) == (0, set())

"""What a rule draws, what it says of it, and what it refuses."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from drawing import ROLES, Row, chances, counted, drawn, relation, sample
from hypothesis import given
from hypothesis import strategies as st

from curation import sql
from curation.engines.duckdb import DuckDBEngine
from curation.errors import CurationError, DataError, ExpressionError, UnknownNameError, UsageError
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import capped, draw
from curation.sampling.drawing.drawn import Stratum
from curation.sampling.drawing.hashing import stratum_unit_sql, unit_sql
from curation.sampling.rules.rule import Rule

ROWS: list[Row] = [(f"key {n}", ("card", "refund", "topup")[n % 3], n) for n in range(60)]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def kinds(rows: Counter[Row]) -> Counter[str | None]:
    return Counter(row[1] for row in rows.elements())


def rule(**fields: Any) -> Rule:
    return Rule.model_validate(fields)


def test_only_rows_of_the_population_are_drawn(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(n=100, where="n < 30", classes=["card", "refund"]))
    assert (found.population, found.shortfall) == (20, 80)
    rows = counted(engine, found)
    assert all(n < 30 for _, _, n in rows)
    assert set(kinds(rows)) == {"card", "refund"}


def test_a_condition_that_is_unknown_leaves_a_row_out(engine: DuckDBEngine) -> None:
    assert drawn(engine, ROWS, rule(n=5, where="nullif(n, 3) <> 4")).population == 58


def test_a_stratum_is_made_of_several_columns_and_missing_values_are_one(
    engine: DuckDBEngine,
) -> None:
    rows: list[Row] = [(f"k{n}", ("a", None, " ")[n % 3], n % 2) for n in range(12)]
    found = drawn(engine, rows, rule(n=3, per=["Kind", "n"]))
    # A blank label is a missing one.
    assert found.strata == [
        Stratum("a / 0", 2, 3, 2), Stratum("a / 1", 2, 3, 2),
        Stratum("(none) / 0", 4, 3, 3), Stratum("(none) / 1", 4, 3, 3),
    ]  # fmt: skip
    assert (found.strata_count, found.shortfall) == (4, 2)


def test_a_quota_counts_strata_by_name(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(per=["kind"], quota={"card": 2, "refnd": 3, "topup": 99}))
    assert kinds(counted(engine, found)) == {"card": 2, "topup": 20}
    assert found.shortfall == 3 + 79
    assert found.notes == ["No row is in the stratum 'refnd'. Did you mean 'refund'?"]
    assert found.strata[:2] == [Stratum("topup", 20, 99, 20), Stratum("refnd", 0, 3, 0)]


def test_others_fill_up_what_a_stratum_lacks(engine: DuckDBEngine) -> None:
    rows = [row for row in ROWS if row[1] != "card" or row[2] < 6]
    found = drawn(engine, rows, rule(per=["kind"], n=10, fill=True))
    assert kinds(counted(engine, found)) == {"card": 2, "refund": 14, "topup": 14}
    assert found.shortfall == 0
    assert found.strata[0] == Stratum("card", 2, 10, 2)


def test_rows_in_all_are_shared_by_size_after_the_minimum(engine: DuckDBEngine) -> None:
    rows = [row for row in ROWS if row[1] != "card" or row[2] < 6]
    found = drawn(engine, rows, rule(per=["kind"], rows=21, minimum=2))
    sizes = kinds(counted(engine, found))
    assert sizes["card"] == 2
    assert sizes.total() == 21


def test_strata_that_give_no_row_are_told(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(per=["kind"], rows=2))
    assert counted(engine, found).total() == 2
    assert "1 of 3 strata give no row" in found.notes[0]


def test_always_kept_rows_come_on_top_and_are_certain(engine: DuckDBEngine) -> None:
    keeping = rule(n=5, where="n > 30", keep="n IN (1, 40)", keep_keys=["key 2", "key x", "key 40"])
    found = drawn(engine, ROWS, keeping)
    told = chances(engine, found)
    assert len(told) == 5 + 3
    assert {key for key, (_, why) in told.items() if why == "always kept"} == {
        "key 1", "key 2", "key 40",
    }  # fmt: skip
    assert told["key 40"][0] == 1
    assert (found.kept, found.population) == (3, 28)
    assert found.notes == ["Not in the data, though always kept: 'key x'."]


def test_rows_of_weight_0_are_told_and_not_drawn(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(n=100, by="weighted", weight="greatest(n - 9, 0)"))
    assert found.population == 50
    assert found.notes == ["10 of 60 rows have the weight 0 and cannot be drawn."]


@pytest.mark.parametrize("weight", ["1e300 * (n + 1)", "1e-300 * (n + 1)"])
def test_weights_may_be_huge_or_tiny(engine: DuckDBEngine, weight: str) -> None:
    plain = sample(engine, ROWS, rule(n=9, by="weighted", weight="n + 1"))
    assert sample(engine, ROWS, rule(n=9, by="weighted", weight=weight)) == plain


def test_minutes_are_not_overspent_and_the_next_row_would_overspend_them(
    engine: DuckDBEngine,
) -> None:
    costly = rule(minutes=1, cost="5 + n % 7")
    rows = counted(engine, drawn(engine, ROWS, costly))
    spent = sum(5 + n % 7 for _, _, n in rows)
    assert 60 - 11 < spent <= 60
    assert rows < sample(engine, ROWS, rule(minutes=2, cost="5 + n % 7"))


def test_minutes_of_so_many_seconds_a_row_are_rows(engine: DuckDBEngine) -> None:
    assert sample(engine, ROWS, rule(minutes=1, seconds_per_row=7)).total() == 8
    found = drawn(engine, ROWS, rule(minutes=1, seconds_per_row=61))
    assert found.notes == ["The 1 minutes are not enough for a row."]


def test_rows_that_no_budget_can_pay_for_are_told(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(minutes=0.5, cost="n + 1"))
    assert found.population == 30
    assert found.notes == ["30 of 60 rows cost more than 0.5 minutes and cannot be drawn."]


@pytest.mark.parametrize(
    ("type_", "said"), [("DATE", 0), ("TIMESTAMP", 0), ("TIMESTAMPTZ", 0), ("VARCHAR", 0)]
)
def test_times_of_any_type_rank_alike(engine: DuckDBEngine, type_: str, said: int) -> None:
    by_day = rule(n=9, by="recency", half_life=3)
    source = engine.select(
        f"SELECT * REPLACE (CAST(day AS {type_}) AS day) FROM {relation(engine, ROWS).name}"
    )
    found = draw(engine, source, by_day, ROLES)
    assert counted(engine, found) == sample(engine, ROWS, by_day)
    assert len(found.notes) == said


def test_rows_without_a_time_are_told_and_not_drawn(engine: DuckDBEngine) -> None:
    days = pa.array(["2024-01-05" if n % 2 else ("soon", None)[n % 4 // 2] for n in range(60)])
    source = relation(engine, ROWS, when=days)
    found = draw(engine, source, rule(n=60, by="recency", half_life=3, timestamp="when"), ROLES)
    assert found.population == 30
    assert found.notes == ["30 of 60 rows have no time and cannot be drawn."]


@pytest.mark.parametrize("fields", [{}, {"per": ["kind"]}, {"fraction": 0.5, "n": None}])
def test_an_empty_population_gives_no_rows_and_says_so(
    engine: DuckDBEngine, fields: dict[str, Any]
) -> None:
    given_fields = {key: value for key, value in ({"n": 3} | fields).items() if value is not None}
    found = drawn(engine, ROWS, rule(where="n > 999", **given_fields))
    assert counted(engine, found).total() == 0
    assert (found.population, found.notes) == (0, ["No row may be drawn: the population is empty."])
    weighted = rule(where="n > 999", by="weighted", weight="n", **given_fields)
    assert counted(engine, drawn(engine, [], weighted)).total() == 0
    assert counted(engine, drawn(engine, [], rule(minutes=1, cost="n"))).total() == 0


def test_many_strata(engine: DuckDBEngine) -> None:
    rows: list[Row] = [(f"key {n}", "a", n % 30_000) for n in range(60_000)]
    found = drawn(engine, rows, rule(n=1, per=["n"]))
    assert found.strata_count == 30_000
    assert len(found.strata) == 1_000
    assert engine.values(f"SELECT count(*), count(DISTINCT n) FROM {found.rows.name}") == (
        30_000, 30_000,
    )  # fmt: skip


def test_seed_and_salt_decide_what_is_drawn(engine: DuckDBEngine) -> None:
    rows: list[Row] = [(str(n), "a", n) for n in range(400)]
    first = sample(engine, rows, rule(n=100))
    assert sample(engine, rows, rule(n=100)) == first
    assert sample(engine, rows, rule(n=100, seed=7), salt="0") == first
    for other in (
        sample(engine, rows, rule(n=100, seed=1)), sample(engine, rows, rule(n=100), salt="0:b"),
    ):  # fmt: skip
        # 100 of 400 by chance have 25 in common; without chance all or none.
        assert 5 < (other & first).total() < 60


def test_a_fraction_is_uniform(engine: DuckDBEngine) -> None:
    rows: list[Row] = [(f"key {n}", "a", n) for n in range(20_000)]
    found = drawn(engine, rows, rule(fraction=0.25))
    assert counted(engine, found).total() == pytest.approx(5_000, abs=250)
    assert found.shortfall == 0


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"n": 4, "per": ["kind"]}, "drawn by chance: 4 of 20 of card"),
        ({"n": 99, "per": ["kind"]}, "drawn by chance: all 20 of card"),
        ({"fraction": 0.5}, "drawn by chance: each row with a chance of 0.5"),
        ({"n": 50, "by": "weighted", "weight": "3.5"}, "weight 3.5, by chance: 50 of 60"),
        ({"n": 50, "by": "recency", "half_life": 9}, "newer rows likelier, by chance: 50 of 60"),
        ({"minutes": 5, "cost": "6.25"}, "6.25 seconds of work, by chance: 48 of 60"),
    ],
)
def test_rows_say_why_they_were_drawn(
    engine: DuckDBEngine, fields: dict[str, Any], because: str
) -> None:
    told = chances(engine, drawn(engine, ROWS, rule(**fields)))
    cards = {why for key, (_, why) in told.items() if int(key[4:]) % 3 == 0}
    assert cards == {because}


def test_ranked_rows_have_no_chance_and_say_their_place(engine: DuckDBEngine) -> None:
    rows: list[Row] = [(f"key {n}", "spam" if n % 2 else "ham", n) for n in range(60)]
    texts = pa.array([f"{('buy', 'see', 'go')[n % 3]} {n % 5} {n % 2 * n % 7}" for n in range(60)])
    source = relation(engine, rows, text=texts)
    roles = Roles(columns={"kind": "label", "text": "text"})
    for by, word in (
        ("uncertainty", r"uncertainty [01]\.\d\d"),
        ("diversity", "unlike those before"),
    ):
        found = draw(engine, source, rule(n=3, by=by), roles)
        told = chances(engine, found)
        assert [chance for chance, _ in told.values()] == [None] * 3
        whys = sorted(why for _, why in told.values())
        assert all(re.match(word, why) for why in whys)
        assert {why.split(", ")[1] for why in whys} == {"1st of 60", "2nd of 60", "3rd of 60"}


def test_hard_and_rare_rows_have_a_chance(engine: DuckDBEngine) -> None:
    rows: list[Row] = [(f"key {n}", "rare" if n % 10 == 0 else "often", n) for n in range(200)]
    texts = pa.array([f"word {n % 7} and {n % 11}" for n in range(200)])
    source = relation(engine, rows, text=texts)
    roles = Roles(columns={"kind": "label", "text": "text"})
    found = draw(engine, source, rule(n=40, by="hard_and_rare", hard=0), roles)
    # 20 of the 200 are rare, each nine times as likely as another.
    assert kinds(counted(engine, found))["rare"] >= 12
    assert all(chance and 0 < chance <= 1 for chance, _ in chances(engine, found).values())


BAD: list[tuple[dict[str, Any], type[CurationError], str]] = [
    ({"n": 1, "per": ["knd"]}, UnknownNameError, "no column 'knd'. Did you mean 'kind'"),
    ({"n": 1, "where": "nn > 1"}, UnknownNameError, "no column 'nn'"),
    ({"n": 1, "where": "kind > 1 + 1"}, ExpressionError, "cannot be computed"),
    ({"n": 1, "classes": ["refnd"]}, UnknownNameError, "Did you mean 'refund'"),
    ({"n": 1, "by": "weighted", "weight": "n - 5"}, DataError, "5 of 60 rows .* negative"),
    ({"n": 1, "by": "weighted", "weight": "nullif(n, 5)"}, DataError, "1 of 60 rows .* missing"),
    ({"n": 1, "by": "weighted", "weight": "n * 0"}, DataError, "All 60 rows have the weight 0"),
    ({"n": 1, "by": "weighted", "weight": "kind"}, ExpressionError, "cannot be computed"),
    ({"n": 1, "by": "weighted", "weight": "cast('inf' as double)"}, DataError, "not finite"),
    ({"n": 1, "by": "weighted", "weight": "cast('nan' as double)"}, DataError, "not finite"),
    ({"minutes": 1, "cost": "n"}, DataError, "1 of 60 rows have a cost that is missing, 0"),
    ({"minutes": 1, "cost": "nullif(n + 1, 5)"}, DataError, "1 of 60 rows"),
    ({"n": 1, "by": "recency", "half_life": 1, "timestamp": "n"}, DataError, "has no times"),
    ({"n": 1, "by": "recency", "half_life": 1, "timestamp": "kind"}, DataError, "None of the 60"),
    ({"n": 1, "by": "recency", "half_life": 1, "timestamp": "dy"}, UnknownNameError, "'day'"),
    ({"n": 1, "by": "recency", "half_life": 1e-9}, UsageError, "at least 1e-06 days"),
    ({"combine": "union", "parts": ["a", "b"]}, UsageError, "Write the rule out"),
]


@pytest.mark.parametrize(("fields", "error", "said"), BAD, ids=[str(bad[0]) for bad in BAD])
def test_what_cannot_be_drawn_is_refused(
    engine: DuckDBEngine, fields: dict[str, Any], error: type[CurationError], said: str
) -> None:
    with pytest.raises(error, match=said):
        drawn(engine, ROWS, rule(**fields))


@pytest.mark.parametrize("fields", [{"classes": ["a"]}, {"by": "recency", "half_life": 1}])
def test_a_column_without_its_role_is_asked_for(
    engine: DuckDBEngine, fields: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=r"role (label|timestamp)"):
        draw(engine, relation(engine, ROWS), rule(n=1, **fields), Roles())


def test_some_unknown_classes_are_told(engine: DuckDBEngine) -> None:
    found = drawn(engine, ROWS, rule(n=1, classes=["refnd", "card"]))
    assert found.notes == ["No row is of the class 'refnd'. Did you mean 'refund'?"]


@given(st.lists(st.sampled_from(["a", "b"]), max_size=25), st.integers(1, 5), st.integers(0, 20))
def test_a_cap_keeps_the_least_of_cap_and_class_and_all_out_of_scope(
    engine: DuckDBEngine, classes: list[str], most: int, first: int
) -> None:
    rows: list[Row] = [(f"k{n % 7}", kind, n) for n, kind in enumerate(classes)]
    query = capped(
        relation(engine, rows).name, strata=['"kind"'], ties=["kind", "n"], most=most, seed=0,
        step_id="s", where=f'"n" >= {first}',
    )  # fmt: skip
    kept = Counter(row["kind"] for row in engine.table(query).to_pylist())
    inside, outside = Counter(classes[first:]), Counter(classes[:first])
    assert kept == outside + Counter({kind: min(most, size) for kind, size in inside.items()})


WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)


@given(WORDS, WORDS)
def test_the_hash_is_one_that_every_engine_has(
    engine: DuckDBEngine, key: str, stratum: str
) -> None:
    def unit(text: str) -> float:
        return int(hashlib.md5(text.encode()).hexdigest()[:13], 16) / 16**13

    quoted = sql.literal(key)
    plain, in_all, inside = engine.values(
        f"SELECT {unit_sql(7, 'step', quoted)}, {stratum_unit_sql('7:step', None, quoted)}, "
        f"{stratum_unit_sql('7:step', sql.literal(stratum), quoted)}"
    )
    assert plain == in_all == unit(f"7:step:{key}")
    length = engine.values(f"SELECT length({sql.literal(stratum)})")[0]
    assert inside == unit(f"7:step:{length}:{stratum}:{key}")
    assert 0 <= inside < 1

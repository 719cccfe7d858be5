"""A split stays put, keeps groups and instants together, and gives every side its share."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import DataError, UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.lake.roles import Role, Roles
from curation.sampling.drawing.hashing import unit_sql
from curation.sampling.splits import sides as splits
from curation.sampling.splits import split_strata, split_times
from curation.sampling.splits.sides import Shares
from curation.sampling.splits.split_leaks import find_leaks

KEY = f'"{KEY_COLUMN}"'
UNIT = unit_sql(0, "split", KEY)
SHARES = Shares(test=0.2, validation=0.1)

Sides = dict[str, str]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def put(engine: DuckDBEngine, keys: list[str], **columns: list[Any]) -> Relation:
    return engine.put(pa.table({KEY_COLUMN: pa.array(keys, pa.string()), **columns}))


def sides(engine: DuckDBEngine, relation: Relation, side: str, source: str = "") -> Sides:
    rows = engine.table(f"SELECT {KEY} AS key, {side} AS side FROM {source or relation.name}")
    return dict(zip(rows["key"].to_pylist(), rows["side"].to_pylist(), strict=True))


def by_stratum(
    engine: DuckDBEngine,
    relation: Relation,
    shares: Shares,
    thresholds: split_strata.Thresholds | None = None,
) -> tuple[Sides, dict[str, tuple[float, float]]]:
    stratum = split_strata.stratum_sql(["label"], relation.columns)
    if thresholds is None:
        bounds = split_strata.fitted_thresholds(engine, relation, stratum, UNIT, shares)
    else:
        bounds = split_strata.given_thresholds(engine, thresholds)
    source = f"{relation.name} r LEFT JOIN {bounds.name} b ON b.stratum_ = {stratum}"
    side = split_strata.strata_side_sql(UNIT, shares, "b")
    return sides(engine, relation, side, source), split_strata.in_memory(engine, bounds)


keys_of = st.lists(st.text("abcdef0123", min_size=1, max_size=6), unique=True, max_size=40)


@given(old=keys_of, new=keys_of, data=st.data())
def test_new_rows_and_their_order_move_no_old_row(
    engine: DuckDBEngine, old: list[str], new: list[str], data: st.DataObject
) -> None:
    every = data.draw(st.permutations(list(dict.fromkeys([*old, *new]))))
    side = splits.unit_side_sql(UNIT, SHARES)
    before = sides(engine, put(engine, old), side)
    after = sides(engine, put(engine, every), side)
    assert {key: after[key] for key in old} == before


def test_another_share_of_validation_leaves_the_test_side_as_it_is(engine: DuckDBEngine) -> None:
    relation = put(engine, [f"k{n}" for n in range(2_000)])
    few = sides(engine, relation, splits.unit_side_sql(UNIT, Shares(0.2, 0.1)))
    more = sides(engine, relation, splits.unit_side_sql(UNIT, Shares(0.2, 0.4)))
    assert {k for k, v in few.items() if v == "test"} == {k for k, v in more.items() if v == "test"}
    assert {k for k, v in few.items() if v != "train"} < {
        k for k, v in more.items() if v != "train"
    }


def test_each_row_is_as_likely_as_any_other_to_be_tested_on(engine: DuckDBEngine) -> None:
    relation = put(engine, [f"k{n}" for n in range(50)])
    units = ", ".join(
        f"count(*) FILTER (WHERE {unit_sql(seed, 'split', KEY)} < 0.2)" for seed in range(400)
    )
    sizes = engine.values(f"SELECT {units} FROM {relation.name}")
    # The mean of 400 draws of 50 rows at 0.2 has a standard error of 0.14.
    assert abs(sum(sizes) / len(sizes) - 10) < 0.6
    variance = sum((size - 10) ** 2 for size in sizes) / len(sizes)
    assert 6 < variance < 10.5


@given(groups=st.lists(st.integers(0, 12), min_size=1, max_size=60), columns=st.integers(1, 2))
def test_a_group_is_on_one_side_whatever_joins_it(
    engine: DuckDBEngine, groups: list[int], columns: int
) -> None:
    keys = [f"k{n}" for n in range(len(groups))]
    relation = put(engine, keys, a=[f"g{g % 5}" for g in groups], b=[str(g) for g in groups])
    named = ["a", "b"][:columns]
    unit = unit_sql(0, "split", splits.group_or_key_sql(named, relation.columns))
    found = sides(engine, relation, splits.unit_side_sql(unit, Shares(0.4, 0.3)))
    entity = [(g % 5, g) if columns == 2 else g % 5 for g in groups]
    assert len({(entity[n], found[key]) for n, key in enumerate(keys)}) == len(set(entity))


def test_rows_without_a_group_go_by_their_key(engine: DuckDBEngine) -> None:
    keys = [f"k{n}" for n in range(300)]
    relation = put(engine, keys, a=[None, " ", "x"] * 100)
    group = splits.group_or_key_sql(["a"], relation.columns)
    found = sides(engine, relation, splits.unit_side_sql(unit_sql(0, "split", group), SHARES))
    plain = sides(engine, relation, splits.unit_side_sql(UNIT, SHARES))
    alone = [key for n, key in enumerate(keys) if n % 3 != 2]
    assert {key: found[key] for key in alone} == {key: plain[key] for key in alone}
    assert splits.check_groups(engine, relation, ["a"], SHARES) == 200


def test_fewer_groups_than_sides_are_refused(engine: DuckDBEngine) -> None:
    relation = put(engine, ["1", "2", "3"], a=["x", "x", "x"])
    with pytest.raises(DataError, match=r"Column 'a' holds 1 group, .* need as many groups"):
        splits.check_groups(engine, relation, ["a"], SHARES)
    two = put(engine, ["1", "2"], a=["x", "y"])
    assert splits.check_groups(engine, two, ["a"], Shares(0.2, 0)) == 0


START = datetime.fromisoformat("2026-01-01")


@given(
    hours=st.lists(st.integers(0, 30), min_size=3, max_size=60).filter(lambda h: len(set(h)) > 2),
    test=st.sampled_from([0.1, 0.2, 0.5]),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_train_is_before_validation_and_that_before_test(
    engine: DuckDBEngine, hours: list[int], test: float, validation: float
) -> None:
    shares = Shares(test, validation)
    times = [START + timedelta(hours=hour) for hour in hours]
    relation = put(engine, [f"k{n}" for n in range(len(hours))], t=times)
    cutoffs = split_times.fitted_cutoffs(engine, relation, "t", shares)
    assert [split_times.read_cutoff(cutoff) for cutoff in cutoffs] == cutoffs
    side = split_times.time_side_sql("t", relation.columns["t"], cutoffs, shares)
    found = sides(engine, relation, side)
    spans: dict[str, list[datetime]] = {}
    for n, time in enumerate(times):
        spans.setdefault(found[f"k{n}"], []).append(time)
    assert list(shares.sides) == sorted(spans, key=lambda side: min(spans[side]))
    for earlier, later in zip(shares.sides, shares.sides[1:], strict=False):
        assert max(spans[earlier]) < min(spans[later])


def test_cutoffs_meet_the_shares_where_instants_allow(engine: DuckDBEngine) -> None:
    times = [START + timedelta(minutes=n) for n in range(1_000)]
    relation = put(engine, [f"k{n}" for n in range(1_000)], t=times)
    cutoffs = split_times.fitted_cutoffs(engine, relation, "t", SHARES)
    assert cutoffs == [str(times[700]), str(times[800])]
    numbers = put(engine, [f"k{n}" for n in range(1_000)], t=list(range(1_000)))
    assert split_times.fitted_cutoffs(engine, numbers, "t", SHARES) == ["700", "800"]


def test_times_may_be_dates_texts_or_numbers(engine: DuckDBEngine) -> None:
    days = [START + timedelta(days=n) for n in range(10)]
    columns = {
        "stamp": days, "day": [d.date() for d in days], "text": [str(d.date()) for d in days],
        "zone": pa.array(days, pa.timestamp("us", tz="UTC")),
    }  # fmt: skip
    relation = put(engine, [f"k{n}" for n in range(10)], **columns)
    for column in columns:
        assert split_times.check_times(engine, relation, column) == 0
        cutoffs = split_times.fitted_cutoffs(engine, relation, column, Shares(0.2, 0.1))
        assert cutoffs == ["2026-01-08 00:00:00", "2026-01-09 00:00:00"], column


def test_a_column_that_has_no_order_in_time_is_refused(engine: DuckDBEngine) -> None:
    relation = put(engine, ["a", "b"], flag=[True, False], text=["soon", "2026-01-01"], one=[1, 1])
    with pytest.raises(UsageError, match="'flag' is BOOLEAN, which has no order in time"):
        split_times.check_times(engine, relation, "flag")
    with pytest.raises(DataError, match=r"texts that are no times, for example 'soon'"):
        split_times.check_times(engine, relation, "text")
    with pytest.raises(DataError, match=r"'one' holds 1 different time, .* need as many times"):
        split_times.fitted_cutoffs(engine, relation, "one", Shares(0.2, 0))
    with pytest.raises(UsageError, match="cutoff 5 is a number, and column 'text' is VARCHAR"):
        split_times.time_side_sql("text", "VARCHAR", ["5"], Shares(0.2, 0))
    with pytest.raises(ValueError, match="'tomorrow' is no time"):
        split_times.read_cutoff("tomorrow")


labels = st.lists(st.sampled_from(["a", "a", "a", "b", "c", None]), max_size=80)
shares_of = st.sampled_from(
    [Shares(0.2, 0.1), Shares(0.3, 0), Shares(0, 0.25), Shares(1 / 3, 1 / 3)]
)


def largest_remainder(size: int, parts: dict[str, float]) -> dict[str, int]:
    exact = {side: round(size * part, 9) for side, part in parts.items()}
    wanted = {side: math.floor(rows) for side, rows in exact.items()}
    order = ["train", "test", "validation"]
    order.sort(key=lambda side: round(wanted[side] - exact[side], 9))
    for side in order[: size - sum(wanted.values())]:
        wanted[side] += 1
    return wanted


@given(labels=labels, shares=shares_of)
def test_every_stratum_has_its_shares_within_one_row(
    engine: DuckDBEngine, labels: list[str | None], shares: Shares
) -> None:
    keys = [f"k{n}" for n in range(len(labels))]
    relation = put(engine, keys, label=pa.array(labels, pa.string()))
    found, _ = by_stratum(engine, relation, shares)
    sizes = Counter(labels)
    cells = Counter((labels[n], found[key]) for n, key in enumerate(keys))
    for label, size in sizes.items():
        parts = {"train": shares.train, "validation": shares.validation, "test": shares.test}
        for side, part in parts.items():
            assert abs(cells[label, side] - part * size) < 1, (label, side)
        wanted = {"train": 1} if size == 1 else largest_remainder(size, parts)
        assert {side: cells[label, side] for side in wanted} == wanted


@given(labels=labels, more=labels, shares=shares_of)
def test_frozen_thresholds_move_no_old_row(
    engine: DuckDBEngine, labels: list[str | None], more: list[str | None], shares: Shares
) -> None:
    keys = [f"k{n}" for n in range(len(labels) + len(more))]
    old = put(engine, keys[: len(labels)], label=pa.array(labels, pa.string()))
    every = put(engine, keys, label=pa.array([*labels, *more], pa.string()))
    before, thresholds = by_stratum(engine, old, shares)
    assert all(0 <= test <= upto <= 1 for test, upto in thresholds.values())
    after, _ = by_stratum(engine, every, shares, thresholds)
    assert {key: after[key] for key in before} == before


def test_a_stratum_that_thresholds_lack_goes_by_the_plain_shares(engine: DuckDBEngine) -> None:
    keys = [f"k{n}" for n in range(500)]
    relation = put(engine, keys, label=["new"] * 500)
    found, _ = by_stratum(engine, relation, SHARES, {"old": (0.0, 0.0)})
    assert found == sides(engine, relation, splits.unit_side_sql(UNIT, SHARES))


def test_bounds_are_the_plain_shares_where_these_give_the_same_rows(engine: DuckDBEngine) -> None:
    relation = put(engine, [f"k{n}" for n in range(5_000)], label=["a"] * 5_000)
    _, thresholds = by_stratum(engine, relation, SHARES)
    [(test, upto)] = thresholds.values()
    assert math.isclose(test, 0.2, abs_tol=0.02)
    assert math.isclose(upto, 0.3, abs_tol=0.02)
    alone = put(engine, ["only"], label=["a"])
    [(test, upto)] = by_stratum(engine, alone, SHARES)[1].values()
    [unit] = engine.values(f"SELECT {UNIT} FROM {alone.name}")
    assert (test, upto) == (min(0.2, unit), min(0.2 + 0.1, unit))


def leaky(engine: DuckDBEngine, rows: list[tuple[str, str, str, str | None]]) -> Relation:
    text, side, fingerprint, group = zip(*rows, strict=True)
    return put(
        engine, [f"k{n}" for n in range(len(rows))],
        text=list(text), side=list(side), g=pa.array(list(group), pa.string()),
        **{FINGERPRINT_COLUMN: list(fingerprint)},
    )  # fmt: skip


WORDS = [
    "apple", "river", "stone", "cloud", "metal", "paper", "green", "winter", "music", "engine",
]  # fmt: skip
ROLES: dict[str, Role] = {"text": "text", "g": "group"}


def test_copies_and_groups_on_two_sides_are_counted(engine: DuckDBEngine) -> None:
    words = random.Random(0)
    many = [(f"row {n} {' '.join(words.choices(WORDS, k=9))}", "train") for n in range(60)]
    rows = [(text, side, f"f{n}", f"g{n % 30}") for n, (text, side) in enumerate(many)]
    rows += [(rows[0][0], "test", "f0", "g0"), (rows[0][0], "validation", "f0", None)]
    rows += [("quite another thing in here", "validation", "v", "z")] * 2
    rows += [("quite another thing in here", "test", "v", "z")]
    leaks = find_leaks(engine, leaky(engine, rows), "side", Roles(columns=ROLES))
    assert leaks.copies == 3
    assert leaks.groups == {"g": 2}
    assert leaks.near == 0
    assert "3 rows of validation or test with a copy on a side before" in leaks.described()


def test_near_copies_on_two_sides_are_counted(engine: DuckDBEngine) -> None:
    chance = random.Random(1)
    texts = [" ".join(chance.choices(WORDS, k=12)) for _ in range(80)]
    rows = [(text, "train", f"f{n}", None) for n, text in enumerate(texts)]
    near = [(f"{text}.", "test", f"n{n}", None) for n, text in enumerate(texts[:7])]
    leaks = find_leaks(engine, leaky(engine, rows + near), "side", Roles(columns=ROLES))
    assert (leaks.copies, leaks.near) == (0, 7)
    backwards = leaky(engine, [*near[::-1], *rows[::-1]])
    assert find_leaks(engine, backwards, "side", Roles(columns=ROLES)) == leaks


def test_equal_features_are_no_leak_where_they_are_common(engine: DuckDBEngine) -> None:
    rows = [("x", side, f"f{n % 3}", None) for n, side in enumerate(["train", "test"] * 20)]
    leaks = find_leaks(engine, leaky(engine, rows), "side", Roles(columns={"text": "feature"}))
    assert not leaks.any
    assert leaks.notes == ["rows with equal features are common here, so copies were not counted"]

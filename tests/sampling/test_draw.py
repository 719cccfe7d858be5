"""A sample stays put: rows that come later, and their order, do not change what was drawn."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import sql
from curation.engines.duckdb import DuckDBEngine
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.sampling.draw import capped, fraction
from curation.sampling.hashing import unit_sql

Row = tuple[str, str, int]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def relation(engine: DuckDBEngine, rows: list[Row]) -> str:
    table = pa.table(
        {
            "kind": pa.array([row[1] for row in rows], pa.string()),
            "n": pa.array([row[2] for row in rows], pa.int64()),
            KEY_COLUMN: pa.array([row[0] for row in rows], pa.string()),
            FINGERPRINT_COLUMN: pa.array([f"f{row[0]}" for row in rows], pa.string()),
        }
    )
    return engine.put(table).name


def drawn(engine: DuckDBEngine, query: str) -> Counter[Row]:
    rows = engine.table(query).to_pylist()
    return Counter((row[KEY_COLUMN], row["kind"], row["n"]) for row in rows)


def caps(engine: DuckDBEngine, rows: list[Row], most: int, **options: Any) -> Counter[Row]:
    settings: dict[str, Any] = {
        "strata": ['"kind"'], "ties": ["kind", "n"], "seed": 0, "step_id": "s", "where": None,
    } | options  # fmt: skip
    return drawn(engine, capped(relation(engine, rows), most=most, **settings))


def parts(engine: DuckDBEngine, rows: list[Row], part: float, **options: Any) -> Counter[Row]:
    settings: dict[str, Any] = {
        "strata": [], "ties": ["kind", "n"], "seed": 0, "step_id": "s",
    } | options  # fmt: skip
    return drawn(engine, fraction(relation(engine, rows), part=part, **settings))


KINDS = st.sampled_from(["a", "b", "c"])
KEYED = st.lists(
    st.tuples(st.text("pqrst", min_size=1, max_size=4), KINDS, st.integers(0, 3)),
    max_size=25, unique_by=lambda row: row[0],
)  # fmt: skip
LOOSE = st.lists(st.tuples(st.sampled_from(["p", "q"]), KINDS, st.integers(0, 3)), max_size=25)


@given(KEYED, KEYED, st.integers(1, 5))
def test_new_rows_do_not_reshuffle_a_sample(
    engine: DuckDBEngine, rows: list[Row], more: list[Row], most: int
) -> None:
    known = {row[0] for row in rows}
    grown = rows + [row for row in more if row[0] not in known]
    before, after = caps(engine, rows, most), caps(engine, grown, most)
    # A row that was left out stays out; one that was in leaves only for a new one of its class.
    assert not {row for row in after if row in rows} - set(before)
    lost = Counter(row[1] for row in before - after)
    came = Counter(row[1] for row in after if row not in rows)
    assert all(came[kind] >= count for kind, count in lost.items())


@given(KEYED, KEYED, st.floats(0.01, 1))
def test_new_rows_change_nothing_in_a_plain_fraction(
    engine: DuckDBEngine, rows: list[Row], more: list[Row], part: float
) -> None:
    known = {row[0] for row in rows}
    grown = rows + [row for row in more if row[0] not in known]
    after = parts(engine, grown, part)
    assert Counter(row for row in after if row[0] in known) == parts(engine, rows, part)


@given(LOOSE, st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    engine: DuckDBEngine, rows: list[Row], most: int, chance: random.Random
) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert caps(engine, rows, most) == caps(engine, shuffled, most)
    assert caps(engine, rows, most, strata=[]) == caps(engine, shuffled, most, strata=[])
    assert parts(engine, rows, 0.5) == parts(engine, shuffled, 0.5)
    by_kind = parts(engine, rows, 0.5, strata=['"kind"'])
    assert by_kind == parts(engine, shuffled, 0.5, strata=['"kind"'])


@given(LOOSE, st.integers(1, 4), st.integers(1, 4))
def test_a_smaller_sample_lies_in_a_larger_one(
    engine: DuckDBEngine, rows: list[Row], small: int, more: int
) -> None:
    assert caps(engine, rows, small) <= caps(engine, rows, small + more)
    low, high = small / 8, (small + more) / 8
    assert parts(engine, rows, low) <= parts(engine, rows, high)
    assert parts(engine, rows, low, strata=['"kind"']) <= parts(
        engine, rows, high, strata=['"kind"']
    )


@given(LOOSE, st.integers(1, 5))
def test_a_cap_keeps_the_least_of_cap_and_class(
    engine: DuckDBEngine, rows: list[Row], most: int
) -> None:
    sizes = Counter(row[1] for row in rows)
    kept = Counter(row[1] for row in caps(engine, rows, most).elements())
    assert kept == {kind: min(most, size) for kind, size in sizes.items()}


@given(LOOSE, st.integers(1, 3))
def test_rows_out_of_scope_are_all_kept(engine: DuckDBEngine, rows: list[Row], most: int) -> None:
    kept = caps(engine, rows, most, where='"n" >= 2')
    assert Counter({r: c for r, c in kept.items() if r[2] < 2}) == Counter(
        r for r in rows if r[2] < 2
    )
    inside = [row for row in rows if row[2] >= 2]
    assert Counter({r: c for r, c in kept.items() if r[2] >= 2}) == caps(engine, inside, most)


def test_where_that_is_unknown_leaves_a_row_out_of_scope(engine: DuckDBEngine) -> None:
    rows = [(str(n), "a", n) for n in range(9)]
    assert caps(engine, rows, 1, where="NULL = 1").total() == 9


@pytest.mark.parametrize(
    ("size", "part", "kept"),
    [
        (100, 0.07, 7),
        (100, 0.29, 29),
        (10, 0.1, 1),
        (10, 0.11, 2),
        (3, 1e-9, 1),
        (7, 1.0, 7),
        (1, 0.5, 1),
    ],
)
def test_a_stratum_gives_its_part_rounded_up(
    engine: DuckDBEngine, size: int, part: float, kept: int
) -> None:
    rows = [(str(n), "a", n) for n in range(size)]
    assert parts(engine, rows, part, strata=['"kind"']).total() == kept


def test_seed_and_step_decide_what_is_drawn(engine: DuckDBEngine) -> None:
    rows = [(str(n), "a", n) for n in range(400)]
    first = caps(engine, rows, 100)
    assert caps(engine, rows, 100) == first
    assert caps(engine, rows, 100, seed=1) != first
    assert caps(engine, rows, 100, step_id="other") != first
    # 100 of 400 by chance have 25 in common; without chance all or none.
    assert 5 < (caps(engine, rows, 100, seed=1) & first).total() < 60


def test_a_fraction_is_uniform(engine: DuckDBEngine) -> None:
    rows = [(f"key {n}", "a", n) for n in range(20_000)]
    assert parts(engine, rows, 0.25).total() == pytest.approx(5_000, abs=250)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20))
def test_the_hash_is_one_that_every_engine_has(engine: DuckDBEngine, key: str) -> None:
    digest = hashlib.md5(f"7:step:{key}".encode()).hexdigest()
    (unit,) = engine.values(f"SELECT {unit_sql(7, 'step', sql.literal(key))}")
    assert unit == int(digest[:13], 16) / 16**13
    assert 0 <= unit < 1

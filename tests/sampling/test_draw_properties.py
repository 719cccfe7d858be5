"""A sample stays put: rows that come later, and their order, do not change what was drawn."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from drawing import ROLES, Row, counted, relation, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import sql
from curation.engines.duckdb import DuckDBEngine
from curation.lake.records import KEY_COLUMN
from curation.sampling.drawing import selection
from curation.sampling.drawing.draw import draw, scored
from curation.sampling.drawing.hashing import stratum_unit_sql
from curation.sampling.rules.rule import Rule

KINDS = st.sampled_from(["a", "b", "c"])
KEYS = st.text("pqrst", min_size=1, max_size=4)
KEYED = st.lists(
    st.tuples(KEYS, KINDS, st.integers(0, 9)), max_size=25, unique_by=lambda row: row[0]
)
LOOSE = st.lists(
    st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(["a", "b", None]), st.integers(0, 3)),
    max_size=25,
)
CROWDED = st.lists(
    st.tuples(st.just("p"), st.sampled_from(["a", None]), st.integers(0, 9)),
    min_size=6, max_size=25,
)  # fmt: skip
"""Rows of which many have one key and so one hash."""
WAYS = (
    {}, {"per": ["kind"]}, {"by": "weighted", "weight": "n + 1"},
    {"by": "weighted", "weight": "n + 1", "per": ["kind"]}, {"by": "recency", "half_life": 2},
    {"by": "recency", "half_life": 0.5, "per": ["kind"]},
)  # fmt: skip
RULES = st.builds(
    lambda way, n, seed: Rule.model_validate({**way, "n": n, "seed": seed}),
    st.sampled_from(WAYS), st.integers(1, 6), st.integers(0, 3),
)  # fmt: skip
few = settings(max_examples=12)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def with_n(rule: Rule, n: int) -> Rule:
    return rule.model_copy(update={"n": n})


@few
@given(LOOSE, RULES, st.integers(1, 4))
def test_a_smaller_sample_lies_in_a_larger_one(
    engine: DuckDBEngine, rows: list[Row], rule: Rule, more: int
) -> None:
    assert rule.n is not None
    larger = sample(engine, rows, with_n(rule, rule.n + more))
    assert sample(engine, rows, rule) <= larger


@few
@given(KEYED, KEYED, RULES)
def test_a_row_leaves_only_for_a_new_one_with_a_smaller_hash(
    engine: DuckDBEngine, rows: list[Row], more: list[Row], rule: Rule
) -> None:
    known = {row[0] for row in rows}
    grown = rows + [row for row in more if row[0] not in known]
    before, after = sample(engine, rows, rule), sample(engine, grown, rule)
    # A row that was left out stays out; one that was in leaves only for a new one of its stratum.
    assert {row for row in after if row in rows} <= set(before)
    same = (lambda row: row[1]) if rule.per else (lambda _: "")
    lost = Counter(same(row) for row in before if row not in after)
    came = Counter(same(row) for row in after if row not in rows)
    assert all(came[kind] >= count for kind, count in lost.items())
    if rule.by == "uniform":
        stratum = "kind" if rule.per else None
        unit = stratum_unit_sql(str(rule.seed), stratum, sql.identifier(KEY_COLUMN))
        table = engine.table(
            f"SELECT {KEY_COLUMN}, {unit} AS u FROM {relation(engine, grown).name}"
        )
        units = dict(zip(*map(pa_list, table.columns), strict=True))
        for out in set(before) - set(after):
            rivals = [units[row[0]] for row in after if same(row) == same(out)]
            assert max(rivals) <= units[out[0]]


def pa_list(column: object) -> list[object]:
    return column.to_pylist()  # type: ignore[attr-defined]


@few
@given(KEYED, KEYED, st.floats(0.01, 1))
def test_new_rows_change_nothing_in_a_plain_fraction(
    engine: DuckDBEngine, rows: list[Row], more: list[Row], part: float
) -> None:
    known = {row[0] for row in rows}
    grown = rows + [row for row in more if row[0] not in known]
    after = sample(engine, grown, Rule(fraction=part))
    assert Counter(row for row in after if row[0] in known) == sample(
        engine, rows, Rule(fraction=part)
    )


@few
@given(CROWDED, RULES, st.integers(0, 99))
def test_the_order_of_the_rows_does_not_matter(
    engine: DuckDBEngine, rows: list[Row], rule: Rule, order: int
) -> None:
    shuffled = random.Random(order).sample(rows, len(rows))
    assert sample(engine, rows, rule) == sample(engine, shuffled, rule)
    for other in (Rule(n=4), Rule(minutes=0.1, cost="n + 1"), Rule(fraction=0.5, per=("kind",))):
        assert sample(engine, rows, other) == sample(engine, shuffled, other)


@few
@given(LOOSE, RULES, st.integers(2, 4))
def test_shards_drawn_from_and_united_give_what_the_whole_gives(
    engine: DuckDBEngine, rows: list[Row], rule: Rule, shards: int
) -> None:
    united: Counter[Row] = Counter()
    for shard in range(shards):
        united += sample(engine, rows[shard::shards], rule)
    assert sample(engine, list(united.elements()), rule) == sample(engine, rows, rule)


@few
@given(LOOSE, st.floats(0.05, 1), st.integers(1, 3))
def test_shards_united_are_the_whole_for_quotas_and_fractions(
    engine: DuckDBEngine, rows: list[Row], part: float, quota: int
) -> None:
    by_name = Rule(per=("kind",), quota={"a": quota, "(none)": quota + 1})
    halves = sample(engine, rows[::2], by_name) + sample(engine, rows[1::2], by_name)
    assert sample(engine, list(halves.elements()), by_name) == sample(engine, rows, by_name)
    plain = Rule(fraction=part)
    assert sample(engine, rows[::2], plain) + sample(engine, rows[1::2], plain) == sample(
        engine, rows, plain
    )


@few
@given(LOOSE, st.integers(1, 5))
def test_each_stratum_gives_the_least_of_what_is_asked_and_there(
    engine: DuckDBEngine, rows: list[Row], n: int
) -> None:
    sizes = Counter(row[1] for row in rows)
    given_rows = Counter(
        row[1] for row in sample(engine, rows, Rule(n=n, per=("kind",))).elements()
    )
    assert given_rows == {kind: min(n, size) for kind, size in sizes.items()}


@few
@given(
    st.lists(st.tuples(KEYS, KINDS, st.integers(0, 9)), min_size=1, max_size=60), RULES,
    st.integers(1, 9), st.booleans(),
)  # fmt: skip
def test_buckets_draw_what_a_full_sort_draws(
    engine: DuckDBEngine, rows: list[Row], rule: Rule, buckets: int, fill: bool
) -> None:
    rule = rule.model_copy(update={"fill": fill and bool(rule.per)})
    plain = sample(engine, rows, rule)  # so few rows are sorted
    costly = Rule(minutes=0.2, cost="n + 1")
    affordable = sample(engine, rows, costly)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "_FEWEST_PER_STRATUM", 0)
        patch.setattr(selection, "_BUCKETS", buckets)
        patch.setattr(selection, "_FEWEST_BUCKETS", 1)
        assert sample(engine, rows, rule) == plain
        assert sample(engine, rows, costly) == affordable


@few
@given(LOOSE, RULES)
def test_all_rows_are_scored_and_the_drawn_ones_as_they_were_drawn(
    engine: DuckDBEngine, rows: list[Row], rule: Rule
) -> None:
    source = relation(engine, rows)
    found = draw(engine, source, rule, ROLES)
    table = scored(engine, source, rule, ROLES)
    assert engine.values(
        f"SELECT count(*), count(*) FILTER (_curation_drawn) FROM {table.name}"
    ) == (len(rows), counted(engine, found).total())
    differing = engine.values(
        f"""SELECT count(*) FROM {table.name} JOIN {found.rows.name} USING (_curation_row)
        WHERE NOT _curation_drawn OR _curation_probability <> inclusion_probability
            OR _curation_reason <> drawn_because"""
    )
    wrong = engine.values(
        f"""SELECT count(*) FROM {table.name} WHERE _curation_probability NOT BETWEEN 0 AND 1
            OR _curation_unit NOT BETWEEN 0 AND 1 OR _curation_stratum IS NULL
            OR (_curation_drawn AND _curation_probability = 0)"""
    )
    assert (differing, wrong) == ((0,), (0,))

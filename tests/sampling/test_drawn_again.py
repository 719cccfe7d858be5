"""Rows drawn from a sample: chances multiply only where the second draw is independent."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn_again import draws_before
from curation.sampling.drawing.staging import with_internal_columns
from curation.sampling.rules.rule import Rule

ROWS = 2_000
ROLES = Roles(columns={"id": "key", "room": "feature", "kind": "label"})
HALF, SAME_SEED = Rule(fraction=0.5, name="a@1"), Rule(n=250, name="b@1")
BOTH = Rule(combine="union", parts=(Rule(fraction=0.3, name="c@1"), Rule(n=100, name="d@1")))


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(engine: DuckDBEngine) -> Relation:
    table = pa.table(
        {
            "id": [f"k{n}" for n in range(ROWS)],
            "room": [1 + n % 7 for n in range(ROWS)],
            "kind": ["x", "y"] * (ROWS // 2),
        }
    )
    put = engine.put(table)
    return engine.select(with_internal_columns(put.name, ROLES))


def _total(engine: DuckDBEngine, drawn: Relation) -> float:
    (total,) = engine.values(f"SELECT sum(1 / inclusion_probability) FROM {drawn.name}")
    return float(total)


@pytest.mark.parametrize("second", [HALF, SAME_SEED, BOTH], ids=["half", "number", "union"])
def test_a_rule_of_the_same_seed_draws_other_rows_from_a_sample(
    engine: DuckDBEngine, rows: Relation, second: Rule
) -> None:
    once = draw(engine, rows, HALF, ROLES).rows
    twice = draw(engine, once, second, ROLES).rows
    assert _total(engine, twice) == pytest.approx(ROWS, rel=0.15)
    thrice = draw(engine, twice, HALF, ROLES).rows
    assert _total(engine, thrice) == pytest.approx(ROWS, rel=0.25)
    assert [draws_before(engine, each) for each in (rows, once, twice, thrice)] == [0, 1, 2, 3]


def test_the_second_draw_is_the_same_again(engine: DuckDBEngine, rows: Relation) -> None:
    first, again = (
        engine.table(
            f"SELECT id FROM {draw(engine, draw(engine, rows, HALF, ROLES).rows, HALF, ROLES).rows.name} ORDER BY id"
        )
        for _ in range(2)
    )
    assert first == again
    assert 0 < len(first) < ROWS / 2


def test_both_reasons_stand_in_their_order(engine: DuckDBEngine, rows: Relation) -> None:
    once = draw(engine, rows, Rule(n=100, per=("kind",)), ROLES).rows
    twice = draw(engine, once, Rule(n=5), ROLES).rows
    reasons = engine.table(f"SELECT DISTINCT drawn_because AS r FROM {twice.name}")["r"].to_pylist()
    assert all("100 of 1,000" in reason.split(", then ")[0] for reason in reasons)
    assert all("5 of 200" in reason.split(", then ")[1] for reason in reasons)


@pytest.mark.parametrize("name", ["room", "first_place", "last_place"])
def test_data_may_call_a_column_as_the_draw_does(engine: DuckDBEngine, name: str) -> None:
    table = pa.table(
        {"id": [f"k{n}" for n in range(300)], name: [1.0] * 300, "kind": ["x", "y", "z"] * 100}
    )
    roles = Roles(columns={"id": "key", name: "feature", "kind": "label"})
    relation = engine.select(with_internal_columns(engine.put(table).name, roles))
    rule = Rule(n=20, per=("kind",), by="weighted", weight=name)
    assert engine.values(
        f"SELECT count(*) FROM {draw(engine, relation, rule, roles).rows.name}"
    ) == (60,)

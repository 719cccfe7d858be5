"""Two rules on one snapshot, and draws from frames and datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.imports import import_table
from curation.lake.roles import Role, Roles
from curation.lake.workspace import Workspace
from curation.sampling import Rule, draw_frame, get_rule, save_rule
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN
from curation.sampling.drawing.frames import drawn_from_dataset
from curation.sampling.drawing.staging import drawn_query
from curation.sampling.previews import preview_rows
from curation.sampling.previews.compare import compare_rules

SIZE = 3_000
ROLES: dict[str, Role] = {"id": "key", "label": "label"}
TABLE = pa.table(
    {
        "id": [f"k{n:05}" for n in range(SIZE)],
        "label": ["abc"[(n * n // 7) % 3] for n in range(SIZE)],
        "worth": [float(n % 10) for n in range(SIZE)],
    }
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("compare") / "workspace") as opened:
        import_table(opened, TABLE, "d", roles=ROLES, author="me")
        yield opened


def keys(rule: Rule, frame: Any = TABLE) -> set[str]:
    return set(draw_frame(frame, rule, Roles(columns=ROLES))["id"].to_pylist())


def test_two_rules_are_compared_row_by_row(shared: Workspace) -> None:
    first = Rule(n=100, per=("label",), where="worth > 2")
    second = Rule(n=150, per=("label",), classes=("a", "b"))
    found = compare_rules(shared, "d", first, second)
    one, other = keys(first), keys(second)
    assert (found.first, found.second, found.in_common) == (len(one), len(other), len(one & other))
    assert (found.only_first, found.only_second) == (len(one - other), len(other - one))
    assert (found.first_classes, found.second_classes) == (
        {"a": 100, "b": 100, "c": 100}, {"a": 150, "b": 150},
    )  # fmt: skip
    assert not found.is_estimate


def test_a_larger_amount_holds_the_smaller(shared: Workspace) -> None:
    found = compare_rules(shared, "d", Rule(n=20), Rule(n=80))
    assert (found.in_common, found.only_first, found.only_second) == (20, 0, 60)
    other_seed = compare_rules(shared, "d", Rule(n=20), Rule(n=20, seed=1))
    assert other_seed.in_common < 5


def test_a_comparison_on_a_large_dataset_says_that_it_is_an_estimate(
    shared: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_rows, "MOST_EXACT", 1_000)
    monkeypatch.setattr(preview_rows, "MOST_SPREAD", 500)
    found = compare_rules(shared, "d", Rule(n=20), Rule(n=30))
    assert (found.is_estimate, found.of, found.in_common) == (True, SIZE, 20)
    assert 300 < found.looked_at < 700
    few = compare_rules(shared, "d", Rule(n=5, where="worth = 1"), Rule(n=5, classes=("a",)))
    assert (few.is_estimate, few.first, few.second) == (True, 5, 5)


def test_rules_of_the_workspace_are_compared(shared: Workspace) -> None:
    save_rule(shared, "some", Rule(n=9), author="ann", message="m")
    found = compare_rules(
        shared, "d", Rule(combine="union", parts=("some", Rule(n=1))), get_rule(shared, "some")[0]
    )
    assert found.only_second == 0
    with pytest.raises(UnknownNameError, match="no class 'z'"):
        compare_rules(shared, "d", Rule(n=1), Rule(n=1, classes=("z",)))
    with pytest.raises(UsageError, match="no rule 'none'"):
        compare_rules(shared, "d", Rule(n=1), Rule(combine="union", parts=("none", "some")))


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_a_frame_gives_the_same_rows_as_the_same_kind(kind: str) -> None:
    frame = {"pandas": TABLE.to_pandas, "polars": lambda: pl.from_arrow(TABLE), "arrow": lambda: TABLE}[kind]()  # fmt: skip
    drawn = draw_frame(frame, Rule(n=40, per=("label",)), Roles(columns=ROLES))
    assert type(drawn) is type(frame)
    expected = draw_frame(TABLE, Rule(n=40, per=("label",)), Roles(columns=ROLES))
    rows = drawn.to_dict("records") if isinstance(drawn, pd.DataFrame) else list(
        drawn.iter_rows(named=True) if isinstance(drawn, pl.DataFrame) else drawn.to_pylist()
    )  # fmt: skip
    assert rows == expected.to_pylist()
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_a_frame_in_another_order_or_with_more_rows_gives_the_same_rows() -> None:
    rule = Rule(fraction=0.1)
    assert keys(rule, TABLE.take(list(range(SIZE - 1, -1, -1)))) == keys(rule)
    assert keys(rule, TABLE.slice(0, 2_000)) == {k for k in keys(rule) if k < "k02000"}
    found = draw_frame(TABLE, rule)  # the key is found
    assert set(found["id"].to_pylist()) == keys(rule)


def test_a_dataset_gives_the_rows_that_its_frame_gives(shared: Workspace) -> None:
    rule = Rule(n=25, per=("label",), by="weighted", weight="worth")
    with drawn_from_dataset(shared, "d", rule) as (engine, drawn):
        table = engine.table(drawn_query(drawn.rows))
    assert table.to_pylist() == draw_frame(TABLE, rule, Roles(columns=ROLES)).to_pylist()
    assert table.column_names[-2] == PROBABILITY_COLUMN


def test_the_package_hands_on_what_draws_and_no_more() -> None:
    from curation import sampling

    assert sorted(sampling.__all__) == sampling.__all__
    assert all(hasattr(sampling, name) for name in sampling.__all__)
    with pytest.raises(AttributeError, match="no attribute 'drow'"):
        sampling.drow  # noqa: B018 - the look-up is what is tested

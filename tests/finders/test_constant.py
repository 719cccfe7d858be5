"""Columns that never vary are named; columns that vary are not, whatever the order of the rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.base import Finding
from curation.finders.constant import Constant, dominating
from curation.lake.roles import Roles
from curation.learn.shared import Shared


def look(columns: dict[str, Any], **parameters: Any) -> Finding:
    table = pa.table(columns)
    roles = Roles(columns=dict.fromkeys(table.column_names, "feature"))
    return Constant(**parameters).find(Shared(table, roles))


def said(finding: Finding) -> list[str]:
    return finding.subjects["explanation"].to_pylist()


def test_one_value_in_all_rows_is_named() -> None:
    found = look({"project": ["lucene"] * 10, "size": list(range(10))})
    assert said(found) == ["'project' is 'lucene' in all of 10 rows."]
    assert found.rows.num_rows == 0


def test_nearly_one_value_is_named() -> None:
    found = look({"kind": ["a"] * 1_999 + ["b"]})
    assert said(found) == ["'kind' is 'a' in >99.9% of 2,000 rows, and something else in 1."]
    assert look({"kind": ["a"] * 1_990 + ["b"] * 10}).summary.subjects_flagged == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.nulls(9, pa.string()), "is empty in all"),
        (pa.nulls(9), "is empty in all"),
        (pa.array([float("nan")] * 9), "is empty in all"),
        (pa.array([""] * 9), "is blank in all"),
        (pa.array([True] * 9), "is 'true' in all"),
    ],
)
def test_nothing_in_all_rows_is_a_constant(values: pa.Array, words: str) -> None:
    [line] = said(look({"a": values}))
    assert words in line


def test_a_value_here_and_nothing_there_varies() -> None:
    assert look({"a": ["x", None] * 50}).summary.subjects_flagged == 0


@given(st.permutations([1] * 3 + [0] * 297))
def test_the_value_of_most_rows_is_found_in_any_order(values: list[int]) -> None:
    assert dominating(pa.chunked_array([values])) == ("0", 297)

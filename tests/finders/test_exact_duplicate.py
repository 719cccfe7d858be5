"""Copies of one content."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.finders.exact_duplicate import ExactDuplicate
from curation.finders.search import search
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared


def shared(columns: dict[str, Any], **roles: Role) -> Shared:
    return Shared(pa.table(columns), Roles(columns=roles))


def test_equal_content_is_one_group_whatever_key_and_label_are() -> None:
    columns = {
        "id": ["a", "b", "c", "d", "e", "f"],
        "t": ["x y", "x Y", "x y", None, "x y", None],
        "n": [1, 1, 1, 2, 1, 2],
        "label": ["p", "q", "q", "p", "q", "q"],
    }
    finding = search(
        shared(columns, id="key", t="text", n="feature", label="label"), ExactDuplicate()
    )
    rows = finding.rows
    assert rows["group"].to_pylist() == [0, None, 0, 1, 0, 1]
    assert rows["is_issue"].to_pylist() == [True, False, True, True, True, True]
    assert rows["score"].to_pylist() == pytest.approx([1 / 3, 1, 1 / 3, 1 / 2, 1 / 3, 1 / 2])
    assert rows["explanation"].to_pylist() == [
        "2 rows further down equal this one.",
        None,
        "Equal to 'a', as 3 rows in all are.",
        "1 row further down equals this one.",
        "Equal to 'a', as 3 rows in all are.",
        "Equal to 'd', as 2 rows in all are.",
    ]
    assert finding.info == {"groups": 2, "to_spare": 3}


def test_numbers_that_differ_in_the_last_digit_differ() -> None:
    columns = {"n": [1.0, 1.0 + 1e-12, 1.0]}
    assert search(shared(columns, n="feature"), ExactDuplicate()).summary.flagged == 2


def test_vectors_are_compared_number_by_number_and_beside_the_text() -> None:
    columns = {
        "v": [[1.0, 2], [2.0, 1], [1.0, 2], None, None],
        "t": ["a", "a", "b", "c", "c"],
    }
    vectors = search(shared(columns, v="embedding"), ExactDuplicate())
    assert vectors.rows["group"].to_pylist() == [0, None, 0, 1, 1]
    both = search(shared(columns, v="embedding", t="text"), ExactDuplicate())
    assert both.rows["group"].to_pylist() == [None, None, None, 0, 0]


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="1 to 2 numbers"):
        search(shared({"v": [[1.0], [1.0, 2]]}, v="embedding"), ExactDuplicate())

"""Label columns that hold several classes a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import LabelError
from curation.learn.label_sets import read_label_sets, write_label_sets


def read(values: Any, kind: pa.DataType | None = None, separator: str = ";") -> Any:
    return read_label_sets(pa.table({"y": pa.array(values, kind)}), "y", separator)


def sets_of(found: Any) -> list[set[str]]:
    return [{found.classes[i] for i in np.flatnonzero(row)} for row in found.members]


LISTS = [["a", "b"], ["b"], [], ["c", "a"]] * 3


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_lists_of_texts_are_sets_of_classes(kind: pa.DataType) -> None:
    found = read(LISTS, kind)
    assert found.classes == ["a", "b", "c"]
    assert sets_of(found) == [set(one) for one in LISTS]
    assert found.notes == []


def test_numbers_are_classes_in_order_of_size() -> None:
    found = read([[10, 2], [2], [1]] * 4, pa.list_(pa.int16()))
    assert found.classes == ["1", "2", "10"]
    assert sets_of(found)[0] == {"10", "2"}


def test_fixed_size_lists_with_a_null_row_keep_their_rows() -> None:
    values = [[1, 2], None, [2, 3]] * 5
    found = read(values, pa.list_(pa.int64(), 2))
    assert found.rows.tolist() == [i for i, one in enumerate(values) if one]
    assert sets_of(found)[:2] == [{"1", "2"}, {"2", "3"}]
    assert found.notes == ["5 of 15 rows without a label left out."]


def test_texts_are_cut_at_the_separator_and_trimmed() -> None:
    found = read([" card ; refund", "card;card", "refund;", "", None, "x"] * 3)
    assert found.classes == ["card", "refund", "x"]
    assert sets_of(found)[:4] == [{"card", "refund"}, {"card"}, {"refund"}, {"x"}]
    assert len(found.rows) == 12


def test_an_empty_list_is_a_label_and_a_null_is_none() -> None:
    found = read([["a"], [], None, ["b", None]] * 4, pa.list_(pa.string()))
    assert sets_of(found)[:3] == [{"a"}, set(), {"b"}]


def test_a_slice_of_a_table_is_read_as_it_is() -> None:
    table = pa.table({"y": pa.array([["z"], *LISTS], pa.list_(pa.string()))}).slice(1)
    assert read_label_sets(table, "y", ";").classes == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["a", "b"] * 6, None, "has ';' in it"),
        ([1.5, 2.5] * 6, None, "holds double"),
        ([True, False] * 6, None, "holds bool"),
        ([None] * 12, pa.list_(pa.string()), "0 labelled rows of 12"),
        ([["a"], ["b"], ["a", "b"]], pa.list_(pa.string()), "3 labelled rows of 3"),
        ([[]] * 12, pa.list_(pa.string()), "0 classes"),
        ([["a"]] * 12, pa.list_(pa.string()), "1 class. "),
        ([[["a"]]] * 12, pa.list_(pa.list_(pa.string())), "lists of list"),
    ],
)
def test_what_cannot_be_read_is_said(values: Any, kind: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read(values, kind)


names = st.text("abcdé ,]'", min_size=1, max_size=4).map(str.strip).filter(bool)


@given(st.lists(st.sets(names, max_size=4), min_size=10, max_size=30))
def test_texts_written_are_read_back(sets: list[set[str]]) -> None:
    sets = [one or {"x"} for one in sets] + [{"x", "y"}]
    found = read([";".join(sorted(one)) for one in sets])
    assert sets_of(found) == sets
    written = write_label_sets(found.members, found.classes, pa.string(), ";")
    assert sets_of(read(written.to_pylist())) == sets


def test_lists_are_written_as_the_lake_writes_them() -> None:
    members = np.array([[True, True], [False, False]])
    written = write_label_sets(members, ["a", "b"], pa.list_(pa.string()), ";")
    assert written.to_pylist() == ["[a, b]", "[]"]

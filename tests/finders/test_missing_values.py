"""What is missing is counted, stand-ins are seen through, and sparse data are left in peace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.base import Finding
from curation.finders.missing_values import MissingValues, stand_in_number
from curation.lake.roles import Roles
from curation.learn.shared import Shared


def look(columns: dict[str, Any], **parameters: Any) -> Finding:
    table = pa.table(columns)
    roles = {name: "label" if name == "label" else "feature" for name in table.column_names}
    return MissingValues(**parameters).find(Shared(table, Roles(columns=roles)))


def flagged_columns(finding: Finding) -> dict[str, str]:
    return {
        one["subject"]: one["explanation"]
        for one in finding.subjects.to_pylist()
        if one["is_issue"]
    }


def test_a_row_scores_the_share_of_its_content_that_is_there() -> None:
    found = look({"a": [1.0, None, float("nan")], "b": ["x", "y", " "], "c": [1, 2, None]})
    assert found.rows["score"].to_pylist() == pytest.approx([1, 2 / 3, 0])
    assert found.rows["is_issue"].to_pylist() == [False, False, True]
    assert found.rows["explanation"].to_pylist()[2] == "nothing is there"


def test_few_nearly_empty_rows_are_flagged() -> None:
    there = np.arange(100.0)
    gone = [None, *there[1:]]
    found = look({"a": gone, "b": gone, "c": gone, "d": there})
    assert np.flatnonzero(found.rows["is_issue"]).tolist() == [0]
    assert found.rows["explanation"][0].as_py() == "3 of 4 values are missing"


def test_where_many_rows_are_sparse_they_are_not_flagged() -> None:
    gone = [None, 1.0] * 50
    found = look({"a": gone, "b": gone, "c": gone, "d": [1.0] * 100})
    assert found.summary.flagged == 0


@pytest.mark.parametrize("word", ["N/A", "-", "?", " null ", "None", "#N/A", "NaN"])
def test_a_text_that_stands_for_a_missing_one_is_missing(word: str) -> None:
    found = look({"a": ["x", "y"] * 45 + [word] * 10, "b": ["z"] * 100})
    assert found.rows["score"].to_pylist()[90:] == [0.5] * 10
    assert f"'{word.strip()}'" in flagged_columns(found)["a"]


@pytest.mark.parametrize("word", ["none", "unknown", "Nan Madol", "no", "0", "other"])
def test_an_answer_is_no_stand_in(word: str) -> None:
    assert look({"a": ["x", "y"] * 45 + [word] * 10}).summary.subjects_flagged == 0


def test_na_among_codes_of_two_letters_is_a_code() -> None:
    codes = ["DE", "NA", "FR", "US", "GB"] * 20
    assert look({"country": codes}).summary.subjects_flagged == 0
    words = ["Germany", "NA", "France", "Spain", "Italy"] * 20
    assert "country" in flagged_columns(look({"country": words}))


def test_more_stand_ins_can_be_named() -> None:
    columns = {"a": ["x", "y"] * 45 + ["Unbekannt"] * 10}
    assert "a" in flagged_columns(look(columns, stand_ins=("unbekannt",)))


def test_a_number_of_nines_far_from_all_others_stands_for_no_value() -> None:
    amounts = [*range(100), *[9999] * 6]
    assert "'9999'" in flagged_columns(look({"amount": amounts}))["amount"]
    assert look({"amount": [*range(9950, 10_050), *[9999] * 6]}).summary.subjects_flagged == 0
    assert look({"amount": [*range(900), *[999] * 6]}).summary.subjects_flagged == 0
    assert look({"age": [*range(100), *[99] * 6]}).summary.subjects_flagged == 0


def test_minus_one_stands_for_no_value_where_nothing_else_is_negative() -> None:
    assert stand_in_number(np.array([*range(50), -1, -1, -1, -1, -1.0])) == -1
    assert stand_in_number(np.array([*range(-5, 50), -1, -1, -1, -1, -1.0])) is None
    assert stand_in_number(np.array([-1.0, 0, 1] * 20)) is None


def test_a_column_that_is_missing_in_one_class_says_which() -> None:
    label = ["refund"] * 30 + ["order"] * 970
    gone = [None] * 30 + ["x"] * 970
    line = flagged_columns(look({"a": gone, "label": label}))["a"]
    assert line == (
        "'a' is empty in 30 rows (3.0%), most of them of class 'refund' (100%; 0% of the other "
        "rows)."
    )


def test_little_missing_by_chance_is_no_issue() -> None:
    chance = np.random.default_rng(0)
    gone = [None if draw < 0.03 else 1.0 for draw in chance.random(2_000)]
    label = chance.choice(["a", "b"], 2_000)
    found = look({"a": gone, "label": label})
    assert found.summary.subjects_flagged == 0
    assert found.subjects["rows"].to_pylist() == [gone.count(None)]


@given(st.lists(st.one_of(st.none(), st.floats(), st.just(float("nan"))), min_size=1, max_size=50))
def test_every_missing_number_is_counted_once(values: list[float | None]) -> None:
    found = look({"a": pa.array(values, pa.float64()), "b": [1.0] * len(values)})
    missing = sum(one is None or one != one for one in values)
    assert found.rows["score"].to_pylist().count(0.5) == missing

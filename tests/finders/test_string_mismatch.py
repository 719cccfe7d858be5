"""Spellings of one name are brought together, and names that only look alike are kept apart."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.base import Finding
from curation.finders.spelling import base_form
from curation.finders.string_mismatch import StringMismatch
from curation.lake.roles import Roles
from curation.learn.shared import Shared


def look(city: list[Any], label: list[Any] | None = None, **parameters: Any) -> Finding:
    table = pa.table({"city": city, "label": label or ["a"] * len(city)})
    roles = Roles(columns={"city": "feature", "label": "label"})
    return StringMismatch(**parameters).find(Shared(table, roles))


def suggested(finding: Finding) -> dict[int, str]:
    rows = finding.rows.filter(finding.rows["is_issue"]).to_pylist()
    return {one["row"]: one["suggestion"] for one in rows}


def test_case_spaces_accents_and_signs_make_no_other_place() -> None:
    found = look(
        ["New York"] * 3 + ["new-york ", "NEW_YORK", "São Paulo", "São Paulo", "sao paulo"]
    )
    assert suggested(found) == {3: "New York", 4: "New York", 7: "São Paulo"}
    assert found.rows["group"].to_pylist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert found.rows["explanation"][3].as_py() == "'new-york ' in 'city' seems to be 'New York'"
    assert found.rows["score"].to_pylist()[2:4] == [1.0, 0.5]


def test_a_rare_typing_error_is_seen() -> None:
    cities = ["Hamburg"] * 60 + ["Hambrug", "Hamburgg", "Hmburg", "Homburg"]
    assert suggested(look(cities)) == dict.fromkeys(range(60, 64), "Hamburg")
    assert suggested(look(cities, typos=False)) == {}


@pytest.mark.parametrize(
    "words",
    [
        ["<=50K", ">50K"],
        ["C", "C++", "C#"],
        ["1.5 GB", "15 GB"],
        ["18-24", "1824"],
        ["1.5", "15", "1,5"],
        ["-", "?", "/"],
        ["Iran", "Iraq"],
        ["Section 11", "Section 12"],
        ["Homburg", "Hamburg"],
        ["か", "が"],
    ],
)
def test_names_that_only_look_alike_are_kept_apart(words: list[str]) -> None:
    assert look([*words * 30, None, ""]).summary.flagged == 0


@pytest.mark.parametrize("rare", ["Section 12", "Hafenburg", "Xamburg", "Ham"])
def test_another_digit_or_first_letter_is_no_typing_error(rare: str) -> None:
    assert look(["Section 11"] * 60 + ["Hamburg"] * 60 + [rare]).summary.flagged == 0


def test_classes_of_the_label_are_compared_and_go_before_other_columns() -> None:
    found = look(["Rome"] * 9 + ["rome"], ["spam"] * 9 + ["Spam "])
    assert suggested(found) == {9: "spam"}
    [classes] = [one for one in found.subjects.to_pylist() if one["kind"] == "classes"]
    assert classes["subject"] == "'spam', 'Spam '"
    assert classes["explanation"] == "'Spam ' (1 row) seems to be 'spam' (9)."
    assert "'rome' in 'city'" in found.rows["explanation"][9].as_py()


def test_a_row_belongs_with_the_name_that_is_flagged_in_it() -> None:
    found = look(["rome"] + ["Rome"] * 9, ["spam"] * 9 + ["Spam"])
    group = found.rows["group"].to_pylist()
    assert suggested(found) == {0: "Rome", 9: "spam"}
    assert group[0] != group[9]
    assert group[9] == group[1]


def test_a_column_with_very_many_values_is_left_out_and_named() -> None:
    found = look([f"name {i}" for i in range(20_001)])
    assert found.summary.flagged == 0
    assert "20,001 different values" in found.notes[0]


@given(st.text(max_size=30))
def test_a_base_form_is_its_own(word: str) -> None:
    form = base_form(word)
    assert form is None or base_form(form) in (form, None)


@given(st.lists(st.sampled_from(["Rome", "rome", "ROME ", "Oslo", "oslo"]), min_size=1))
def test_the_most_frequent_spelling_is_suggested(cities: list[str]) -> None:
    found = look(list(cities))
    for row, word in suggested(found).items():
        assert word != cities[row]
        assert cities.count(word) >= cities.count(cities[row])

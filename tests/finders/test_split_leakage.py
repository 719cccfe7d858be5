"""What ties the sides of a split together is flagged on the smaller side."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UnknownNameError, UsageError
from curation.finders.base import Finding
from curation.finders.split_leakage import SplitLeakage
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared

SIZE = 200
SPLIT = ["test" if i % 4 == 0 else "train" for i in range(SIZE)]


def look(roles: dict[str, Role], columns: dict[str, Any], **parameters: Any) -> Finding:
    return SplitLeakage(**parameters).find(Shared(pa.table(columns), Roles(columns=roles)))


def copies(texts: list[Any], split: list[Any]) -> Finding:
    return look({"text": "text"}, {"text": texts, "split": split}, near=False)


def flagged(finding: Finding) -> dict[int, str]:
    rows = finding.rows.filter(finding.rows["is_issue"]).to_pylist()
    return {one["row"]: one["explanation"] for one in rows}


def test_a_copy_but_for_case_and_spaces_is_flagged_on_the_smaller_side() -> None:
    texts = ["Hello  there", "b", "c", "hello THERE ", "d"]
    found = copies(texts, ["train", "train", "train", "test", "test"])
    assert flagged(found) == {3: "the same text is in 'train'"}
    assert found.rows["group"].to_pylist() == [0, None, None, 0, None]
    [about] = found.subjects.to_pylist()
    assert about["explanation"] == "1 row of 'test' (50%) with an exact copy in 'train'."


def test_copies_within_a_side_and_empty_texts_are_no_leak() -> None:
    assert (
        flagged(copies(["a", "a", "", " ", None], ["train", "train", "test", "train", "test"]))
        == {}
    )


def test_a_row_without_a_side_is_left_out() -> None:
    assert flagged(copies(["a", "a", "a", "b"], ["train", None, None, "test"])) == {}


def test_with_three_sides_a_copy_is_tied_to_the_largest() -> None:
    split = ["train"] * 3 + ["valid"] * 2 + ["test"]
    found = copies(["a", "b", "c", "a", "d", "a"], split)
    assert flagged(found) == {3: "the same text is in 'train'", 5: "the same text is in 'train'"}


def test_near_copies_are_flagged_and_score_between() -> None:
    words = np.random.default_rng(0).permutation(np.repeat(np.arange(SIZE), 5)).reshape(SIZE, 5)
    names = [
        "apple",
        "boat",
        "cloud",
        "desk",
        "engine",
        "forest",
        "guitar",
        "hammer",
        "island",
        "jacket",
    ]
    texts = [" ".join(names[word % 10] + str(word) for word in row) for row in words]
    texts[4] = texts[5] + "!"
    found = look({"text": "text"}, {"text": texts, "split": SPLIT})
    assert flagged(found) == {4: "nearly the same is in 'train'"}
    assert 0 <= found.rows["score"][4].as_py() < 0.5
    assert found.rows["group"][4] == found.rows["group"][5]


def test_an_entity_on_both_sides_is_flagged() -> None:
    who = [f"customer {i}" for i in range(SIZE)]
    who[8] = who[1]
    columns = {"text": [f"text {i}" for i in range(SIZE)], "customer_id": who, "split": SPLIT}
    found = look({"text": "text", "customer_id": "group"}, columns, near=False)
    assert flagged(found) == {8: "the same 'customer_id' is in 'train'"}
    assert found.rows["score"][8].as_py() == 0.5


def test_a_few_groups_are_meant_to_be_on_all_sides() -> None:
    columns = {
        "text": [f"text {i}" for i in range(SIZE)],
        "shop": [i % 5 for i in range(SIZE)],
        "split": SPLIT,
    }
    assert flagged(look({"text": "text", "shop": "group"}, columns, near=False)) == {}


def in_time(days: list[int]) -> Finding:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    times = [start + dt.timedelta(days=day) for day in days]
    split = ["train"] * 150 + ["test"] * 50
    columns = {"text": [f"text {i}" for i in range(SIZE)], "at": times, "split": split}
    return look({"text": "text", "at": "timestamp"}, columns, near=False)


def test_rows_of_a_later_test_that_are_early_are_flagged() -> None:
    days = list(range(SIZE))
    days[199] = 3
    assert flagged(in_time(days)) == {199: "it is earlier than rows of 'train'"}
    assert flagged(in_time(list(range(SIZE)))) == {}


def test_a_test_before_the_training_is_named() -> None:
    found = in_time(list(range(SIZE, 0, -1)))
    assert flagged(found) == {}
    assert found.subjects["explanation"].to_pylist() == [
        "'test' lies before 'train' in 'at': what is learned comes later."
    ]


def test_a_split_by_chance_is_no_issue_of_time() -> None:
    days = np.random.default_rng(0).permutation(SIZE).tolist()
    assert in_time(days).summary.subjects_flagged == 0


def test_equal_features_are_only_copies_where_they_are_rare() -> None:
    few = look({"x": "feature"}, {"x": [i % 7 for i in range(SIZE)], "split": SPLIT})
    assert (few.summary.flagged, len(few.notes)) == (0, 1)
    values = np.random.default_rng(0).normal(size=SIZE)
    values[4] = values[5]
    many = look({"x": "feature"}, {"x": values, "split": SPLIT})
    assert flagged(many) == {4: "the same content is in 'train'"}


def test_a_column_can_be_named_and_must_be_one() -> None:
    columns = {"text": ["a", "a", "b"], "part": [1, 2, 2], "all": ["x"] * 3}
    roles: dict[str, Role] = {"text": "text"}
    assert len(flagged(look(roles, columns, column="part", near=False))) == 1
    assert "No column names the sides" in look(roles, columns).notes[0]
    with pytest.raises(UnknownNameError, match=r"no column 'parts'.*Did you mean 'part'"):
        look(roles, columns, column="parts")
    with pytest.raises(UsageError, match="names 1 side of a split; it must name 2 to 20"):
        look(roles, columns, column="all")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["train", "test"])), min_size=2))
def test_a_row_is_flagged_if_and_only_if_its_copy_is_on_the_larger_side(
    rows: list[tuple[str, str]],
) -> None:
    texts, split = [text for text, _ in rows], [side for _, side in rows]
    large = "test" if split.count("test") >= split.count("train") else "train"
    there = {text for text, side in rows if side == large}
    wanted = {i for i, (text, side) in enumerate(rows) if side != large and text in there}
    assert set(flagged(copies(texts, split))) == (wanted if len(set(split)) == 2 else set())

"""Classes far below the even share are flagged with their rows, others never."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.base import Finding
from curation.finders.class_imbalance import ClassImbalance
from curation.lake.roles import Roles
from curation.learn.shared import Shared


def look(labels: list[str | None], threshold: float = 0.1, fewest: int = 5) -> Finding:
    table = pa.table({"text": ["x"] * len(labels), "label": pa.array(labels, pa.string())})
    shared = Shared(table, Roles(columns={"text": "text", "label": "label"}))
    return ClassImbalance(threshold=threshold, fewest=fewest).find(shared)


def flagged(finding: Finding) -> set[str]:
    return {one["subject"] for one in finding.subjects.to_pylist() if one["is_issue"]}


def test_every_class_below_a_tenth_of_the_even_share_is_flagged() -> None:
    found = look(["a"] * 1_000 + ["b"] * 900 + ["c"] * 40 + ["d"] * 30)
    assert flagged(found) == {"c", "d"}
    assert found.summary.flagged == 70
    assert found.rows["score"].to_pylist()[-1] == 30 / 492.5
    assert found.rows["explanation"].to_pylist()[-1] == (
        "Class 'd' has 30 rows (1.5%); an even share of 4 classes would be 492."
    )


def test_a_moderate_imbalance_is_no_issue() -> None:
    assert look(["no"] * 940 + ["yes"] * 60).summary.flagged == 0


def test_a_class_too_small_to_split_is_flagged() -> None:
    assert flagged(look(["a"] * 60 + ["b"] * 4)) == {"b"}
    assert flagged(look(["a"] * 60 + ["b"] * 4, fewest=0)) == set()


def test_thousands_of_small_classes_are_the_nature_of_the_data() -> None:
    assert look([f"class {i % 5_000}" for i in range(15_000)]).summary.flagged == 0


def test_rows_without_a_label_are_left_out() -> None:
    found = look(["a", None, "b", " "])
    assert found.rows["row"].to_pylist() == [0, 2]
    assert found.notes == ["2 rows without a label left out."]


def test_one_class_is_not_out_of_balance() -> None:
    found = look(["a"] * 9)
    assert (found.summary.flagged, found.notes) == (0, ["There is one class only, 'a'."])


def test_without_a_label_the_finder_says_so() -> None:
    table = pa.table({"text": ["x"]})
    assert "no label" in ClassImbalance().lacks(Shared(table, Roles(columns={"text": "text"})))


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=200))
def test_a_class_of_the_even_share_or_more_is_never_flagged(labels: list[str]) -> None:
    counts = Counter(labels)
    even = len(labels) / len(counts)
    assert all(counts[name] < even for name in flagged(look(list(labels))))

"""Copies that have different labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.conflicting_labels import ConflictingLabels
from curation.finders.search import search
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared


def shared(columns: dict[str, Any], **roles: Role) -> Shared:
    return Shared(pa.table(columns), Roles(columns={**roles, "label": "label"}))


def test_the_label_of_most_copies_is_suggested_to_the_others() -> None:
    columns = {"t": ["a", "a", "a", "b", "b", "c", "a"], "label": [*"ppqpqp", None]}
    rows = search(shared(columns, t="text"), ConflictingLabels(near=False)).rows
    assert rows["row"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert rows["is_issue"].to_pylist() == [False, False, True, True, True, False]
    assert rows["suggestion"].to_pylist() == [None, None, "p", None, None, None]
    assert rows["group"].to_pylist() == [0, 0, 0, 1, 1, None]
    lines = rows["explanation"].to_pylist()
    assert lines[2] == "1 of 3 equal or nearly equal rows say 'q', most say 'p'."
    assert lines[3] == "1 of 2 equal or nearly equal rows say 'p'; no label is the most frequent."


def test_near_copies_are_compared_unless_told_otherwise() -> None:
    points = np.random.default_rng(0).normal(size=(60, 8))
    points[50:] = points[:10] * 1.0001
    points[51] += 1e-3
    labels = ["p"] * 50 + ["q"] * 10
    data = shared({"v": points.tolist(), "label": labels}, v="embedding")
    rows = search(data, ConflictingLabels()).rows
    assert {*range(10), *range(50, 60)} == set(rows.filter(rows["is_issue"])["row"].to_pylist())
    assert search(data, ConflictingLabels(near=False)).summary.flagged == 0


def test_many_copies_of_one_text_are_one_group() -> None:
    columns = {"t": ["same text"] * 30 + ["another"], "label": ["p"] * 29 + ["q", "q"]}
    rows = search(shared(columns, t="text"), ConflictingLabels()).rows
    assert rows.filter(rows["is_issue"])["row"].to_pylist() == [29]
    assert rows["suggestion"][29].as_py() == "p"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("pqr")), min_size=2, max_size=30))
def test_a_row_is_flagged_where_another_label_is_at_least_as_frequent(
    drawn: list[tuple[int, str]],
) -> None:
    columns = {"t": [f"text {n}" for n, _ in drawn], "label": [label for _, label in drawn]}
    rows = search(shared(columns, t="text"), ConflictingLabels(near=False)).rows.to_pylist()
    for (text, label), row in zip(drawn, rows, strict=True):
        group = [other for same, other in drawn if same == text]
        counts = {name: group.count(name) for name in set(group)}
        most = [name for name in counts if counts[name] == max(counts.values())]
        assert row["score"] == counts[label] / len(group)
        assert row["is_issue"] == (len(counts) > 1 and most != [label])
        wanted = most[0] if row["is_issue"] and len(most) == 1 else None
        assert row["suggestion"] == wanted
        assert (row["group"] is not None) == (len(counts) > 1)


def test_it_needs_labels_and_content() -> None:
    table = pa.table({"t": ["a"], "label": ["p"]})
    assert "no label" in ConflictingLabels().lacks(Shared(table, Roles(columns={"t": "text"})))
    assert "no column" in ConflictingLabels().lacks(
        Shared(table, Roles(columns={"label": "label"}))
    )

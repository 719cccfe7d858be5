"""A replay gives every event one outcome, says which records meet it, and writes nothing."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.lake.actions import redo, undo
from curation.lake.annotations import annotate, events
from curation.lake.fold import Cut
from curation.lake.imports import import_table
from curation.lake.roles import Role
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Split
from curation.lake.workspace import Workspace
from curation.recipe.replay import replay

ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label"}
TEXTS = {
    "a": "please refund the money for my order",
    "b": "where is the parcel that I ordered last week",
    "c": "cancel my subscription as of next month",
    "d": "the app crashes whenever I open the settings",
}


def table(rows: list[tuple[str, str, str]]) -> pa.Table:
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(ROLES)})


BEFORE = table([(key, text, "x") for key, text in TEXTS.items()])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("replay") / "workspace") as opened:
        yield opened


def fresh(workspace: Workspace) -> str:
    name = uuid.uuid4().hex
    import_table(workspace, BEFORE, name, roles=ROLES, author="me")
    return name


def outcomes(found: Any) -> dict[str, str]:
    return {
        row["record_key"]: row["outcome"]
        for row in found.rows.to_pylist()
        if row["outcome"] not in ("outvoted", "taken_back", "revert")
    }


def test_each_outcome_can_be_opened(
    shared: Workspace, content_of: Callable[[Workspace], dict[str, Any]]
) -> None:
    name = fresh(shared)
    for key in "abcd":
        annotate(shared, name, key, "relabel", value="y", annotator="ann")
    rows = [
        ("a", TEXTS["a"], "z"),
        ("b", "something else entirely, with other words", "x"),
        ("moved", TEXTS["c"], "x"),
        ("like d", "the app crashed whenever I opened the settings", "x"),
    ]
    import_table(shared, table(rows), name, roles=ROLES, author="me")
    before = content_of(shared)
    found = replay(shared, name)
    assert content_of(shared) == before
    assert outcomes(found) == {
        "a": "contradiction", "b": "content_changed", "c": "moved", "d": "near"
    }  # fmt: skip
    [near] = found.having("near").to_pylist()
    assert (near["key_now"], near["label_now"]) == ("like d", "x")
    assert 0.75 < near["likeness"] < 1
    assert found.having("moved")["key_now"].to_pylist() == ["moved"]
    assert sorted(found.waiting["record_key"].to_pylist()) == ["a", "b", "d"]
    older = replay(shared, name, onto=found.snapshot - 5)
    assert set(outcomes(older).values()) == {"applied"}


def test_a_split_class_waits_and_the_rest_is_applied(shared: Workspace) -> None:
    name = fresh(shared)
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    annotate(shared, name, "b", "confirm", annotator="ann")
    apply(shared, name, [Split(name="y", into=("y1", "y2"))], author="ann", message="m")
    assert outcomes(replay(shared, name)) == {"a": "reclassify", "b": "applied"}


def test_annotations_meet_another_dataset(shared: Workspace) -> None:
    name, other = fresh(shared), uuid.uuid4().hex
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    annotate(shared, name, "b", "relabel", value="y", annotator="ann")
    import_table(shared, BEFORE.slice(0, 1), other, roles=ROLES, author="me")
    assert outcomes(replay(shared, name, onto_dataset=other)) == {"a": "applied", "b": "gone"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]), st.sampled_from("abc"),
        st.sampled_from(["relabel", "confirm", "exclude", "unsure", "undo", "redo"]),
    ),
    min_size=1,
    max_size=10,
)  # fmt: skip
NEXT = st.lists(
    st.tuples(
        st.sampled_from("abce"), st.sampled_from([*TEXTS.values(), "new"]), st.sampled_from("xyz")
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[0],
)


@settings(max_examples=6)
@given(STEPS, NEXT, st.sampled_from(["latest", "majority", "dawid_skene"]))
def test_the_counts_add_up_to_all_events(
    shared: Workspace, steps: list[Any], rows: list[Any], policy: Any
) -> None:
    name = fresh(shared)
    for who, key, what in steps:
        if what in ("undo", "redo"):
            (undo if what == "undo" else redo)(shared, name, who)
        else:
            value = "y" if what == "relabel" else None
            annotate(shared, name, key, what, value=value, annotator=who)
    import_table(shared, table(rows), name, roles=ROLES, author="me")
    found = replay(shared, name, policy=policy)
    said = events(shared, name)
    assert sum(found.counts.values()) == len(found.rows) == len(said)
    assert Counter(found.rows["annotation_id"].to_pylist()) == Counter(
        event.annotation_id for event in said
    )
    part = replay(shared, name, cut=Cut(annotators=("ann",)))
    assert sum(part.counts.values()) == len(said)

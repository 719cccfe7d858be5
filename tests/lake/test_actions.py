"""Undo and redo across labels and documents, each person their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.lake import documents
from curation.lake.actions import LABELS, next_redo, next_undo, redo, undo
from curation.lake.annotations import annotate, events
from curation.lake.decisions import decisions
from curation.lake.imports import import_table
from curation.lake.taxonomies import apply, current
from curation.lake.taxonomy import Rename
from curation.lake.workflows import Workflow, current_workflow, save_workflow
from curation.lake.workspace import Workspace

TABLE = pa.table({"id": ["a", "b"], "text": ["one", "two"], "label": ["x", "y"]})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("actions") / "workspace") as opened:
        yield opened


@pytest.fixture
def name(shared: Workspace) -> str:
    return fresh(shared)


def fresh(workspace: Workspace) -> str:
    name = uuid.uuid4().hex
    import_table(workspace, TABLE, name, author="me")
    return name


def recipe(workspace: Workspace, name: str, text: str, author: str = "ann") -> None:
    documents.save(workspace, "recipe", name, "recipe", text, author=author, message=f"now {text}")


def state(workspace: Workspace, name: str) -> Any:
    found = documents.in_force(workspace, "recipe", name, "recipe")
    return (
        {d.record_key: (d.decision, d.value, d.annotator) for d in decisions(workspace, name)},
        found.text if found else None,
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["label a", "label b", "recipe", "undo", "undo", "redo", "redo"]),
    ),
    max_size=10,
)


@settings(max_examples=4)
@given(STEPS)
def test_undo_and_redo_are_two_stacks_for_each_person(
    shared: Workspace, steps: list[tuple[str, str]]
) -> None:
    name = fresh(shared)
    done: dict[str, list[int]] = {"ann": [], "bob": []}
    undone: dict[str, list[int]] = {"ann": [], "bob": []}
    said: dict[int, tuple[str, str, str]] = {}
    for number, (who, what) in enumerate(steps):
        if what == "undo":
            assert (undo(shared, name, who) is None) == (not done[who])
            if done[who]:
                undone[who].append(done[who].pop())
        elif what == "redo":
            assert (redo(shared, name, who) is None) == (not undone[who])
            if undone[who]:
                done[who].append(undone[who].pop())
                done[who].sort()
        else:
            value = f"v{number}"
            if what == "recipe":
                recipe(shared, name, value, who)
            else:
                annotate(shared, name, what[-1], "relabel", value=value, annotator=who)
            said[number] = (who, what, value)
            done[who].append(number)
            undone[who].clear()
        standing = sorted([*done["ann"], *done["bob"]])
        labels = {
            said[n][1][-1]: ("relabel", said[n][2], said[n][0])
            for n in standing
            if said[n][1] != "recipe"
        }
        texts = [said[n][2] for n in standing if said[n][1] == "recipe"]
        assert state(shared, name) == (labels, texts[-1] if texts else None)


def test_undo_then_redo_is_the_identity_and_keeps_every_event(shared: Workspace, name: str) -> None:
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    before = state(shared, name)
    for _ in range(3):
        assert undo(shared, name, "ann") is not None
        assert state(shared, name) == ({}, None)
        assert redo(shared, name, "ann") is not None
        assert state(shared, name) == before
    assert [event.decision for event in events(shared, name)] == ["relabel", *["revert"] * 6]
    assert redo(shared, name, "ann") is None


def test_what_would_be_taken_back_is_said(shared: Workspace, name: str) -> None:
    assert next_undo(shared, name, "ann") is None
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    recipe(shared, name, "r")
    assert (found := next_undo(shared, name, "ann")) is not None
    assert (found.kind, found.what) == ("recipe", "recipe recipe: now r")
    assert (found := next_undo(shared, name, "ann", kinds=LABELS)) is not None
    assert (found.what, found.record_key) == ("relabel a to y", "a")
    undo(shared, name, "ann")
    assert (found := next_redo(shared, name, "ann")) is not None
    assert found.kind == "recipe"
    annotate(shared, name, "b", "confirm", annotator="ann")
    assert next_redo(shared, name, "ann") is None


def test_a_taxonomy_and_a_workflow_can_be_taken_back(shared: Workspace, name: str) -> None:
    apply(shared, name, [Rename(old="x", new="z")], author="ann", message="a better name")
    save_workflow(shared, name, "label", Workflow(policy="majority"), author="ann")
    assert current(shared, name).classes == ("z", "y")
    assert current_workflow(shared, name, "label").policy == "majority"
    assert (taken_back := undo(shared, name, "ann")) is not None
    assert taken_back.kind == "workflow"
    assert current_workflow(shared, name, "label").policy == "latest"
    assert (taken_back := undo(shared, name, "ann")) is not None
    assert taken_back.kind == "taxonomy"
    assert set(current(shared, name).classes) == {"x", "y"}
    assert undo(shared, name, "ann") is None
    redo(shared, name, "ann")
    assert current(shared, name).version == 2

"""Every row is counted once, whatever was said about it and however its classes changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import UnknownNameError
from curation.finders.waiting import count_waiting
from curation.lake.annotations import Verdict, annotate, annotate_many
from curation.lake.effective_labels import class_rows, newest_change
from curation.lake.imports import import_table
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split
from curation.lake.workflows import Workflow, save_workflow
from curation.lake.workspace import Workspace

LABELS = ["x"] * 5 + ["y"] * 3 + ["z"] * 2 + [None]
CHANGES: list[list[Operation]] = [
    [Rename(old="x", new="w")],
    [Merge(classes=("x", "y"), into="y")],
    [Split(name="x", into=("x1", "x2")), Retire(name="y", then="queue")],
    [Retire(name="z", then="exclude"), Add(name="new")],
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("effective") / "workspace") as opened:
        yield opened


def fresh(workspace: Workspace) -> str:
    name = uuid.uuid4().hex
    rows = {
        "id": [f"k{n}" for n in range(len(LABELS))],
        "text": [f"text {n}" for n in range(len(LABELS))],
        "label": LABELS,
    }
    roles: Any = {"id": "key", "text": "text", "label": "label"}
    import_table(workspace, pa.table(rows), name, roles=roles, author="me")
    return name


def change(workspace: Workspace, name: str, *operations: Operation) -> int:
    return apply(workspace, name, operations, author="ann", message="A change").version


def test_rows_count_for_the_class_that_they_have_now(shared: Workspace) -> None:
    name = fresh(shared)
    annotate(shared, name, "k0", "relabel", value="y", annotator="ann")
    annotate(shared, name, "k1", "exclude", annotator="ann")
    annotate(shared, name, "k2", "unsure", annotator="ann")
    found = class_rows(shared, name)
    assert found.classes == {"x": 3, "y": 4, "z": 2}
    assert (found.version, found.excluded, found.unlabelled, found.waiting) == (1, 1, 1, 0)


def test_rows_of_a_split_class_wait_and_are_of_it_under_the_version_before(
    shared: Workspace,
) -> None:
    name = fresh(shared)
    change(shared, name, Split(name="x", into=("x1", "x2")), Retire(name="z", then="exclude"))
    annotate(shared, name, "k0", "relabel", value="x1", annotator="ann")
    now = class_rows(shared, name)
    assert now.classes == {"x1": 1, "x2": 0, "y": 3}
    assert (now.waiting, now.excluded) == (4, 2)
    assert now.waiting == count_waiting(shared, name)["reclassify"]
    assert class_rows(shared, name, 1).classes == {"x": 5, "y": 3, "z": 2}


def test_a_label_that_is_no_class_is_named(shared: Workspace) -> None:
    name = fresh(shared)
    change(shared, name, Rename(old="x", new="w"))
    roles: Any = {"id": "key", "text": "text", "label": "label"}
    table = pa.table({"id": ["a", "b"], "text": ["p", "q"], "label": ["odd", "y"]})
    import_table(shared, table, name, roles=roles, author="me")
    assert class_rows(shared, name, 1).unknown == {"odd": 1}
    with pytest.raises(UnknownNameError, match="taxonomy version '9'"):
        class_rows(shared, name, 9)


def test_annotators_who_are_not_at_one_leave_a_row_disputed(shared: Workspace) -> None:
    name = fresh(shared)
    save_workflow(shared, name, "label", Workflow(policy="majority"), author="ann")
    for who, value in (("ann", "y"), ("bob", "z")):
        annotate(shared, name, "k0", "relabel", value=value, annotator=who)
    assert class_rows(shared, name).disputed == 1


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    said=st.lists(
        st.tuples(
            st.integers(0, len(LABELS) - 1),
            st.sampled_from(["x", "y", "z", "other", "exclude", "unsure", "confirm"]),
        ),
        max_size=8, unique_by=lambda pair: pair[0],
    ),
    operations=st.sampled_from(CHANGES),
)  # fmt: skip
def test_the_counts_add_up_to_all_rows_under_every_version(
    shared: Workspace, said: list[tuple[int, str]], operations: list[Operation]
) -> None:
    name = fresh(shared)
    verdicts = [
        Verdict(f"k{row}", what)  # type: ignore[arg-type]  # sampled as text
        if what in ("exclude", "unsure", "confirm")
        else Verdict(f"k{row}", "relabel", what)
        for row, what in said
    ]
    annotate_many(shared, name, verdicts, annotator="ann")
    for version in (1, change(shared, name, *operations)):
        found = class_rows(shared, name, version)
        assert len(LABELS) == (
            sum(found.classes.values()) + found.waiting + sum(found.unknown.values())
            + found.excluded + found.disputed + found.unlabelled
        )  # fmt: skip


def test_the_newest_change_grows_with_what_is_said(shared: Workspace) -> None:
    name = fresh(shared)
    before = newest_change(shared)
    annotate(shared, name, "k0", "exclude", annotator="ann")
    assert newest_change(shared) > before

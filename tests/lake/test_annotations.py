"""Events are only added, the newest that was not taken back is in force, and undo restores."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import UnknownNameError, UsageError
from curation.lake.annotations import annotate, decisions, events, undo
from curation.lake.datasets import get_dataset, set_roles
from curation.lake.findings import ROW_SCHEMA, FindingSummary, store_finding
from curation.lake.imports import import_table
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace

TABLE = pa.table(
    {
        "id": ["a", "b", "c"],
        "text": ["one", "two", "three"],
        "label": ["x", "y", None],
        "other": ["p", "q", "p"],
    }
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("annotations") / "workspace") as opened:
        yield opened


@pytest.fixture
def name(shared: Workspace) -> str:
    return fresh(shared, TABLE)


def fresh(workspace: Workspace, table: pa.Table, **roles: Any) -> str:
    name = uuid.uuid4().hex
    import_table(workspace, table, name, roles=roles, author="me")
    return name


def test_a_decision_keeps_what_was_seen(shared: Workspace, name: str) -> None:
    said = annotate(
        shared, name, "a", "relabel", value="y", annotator="ann", reason="it is", seconds=2.5
    )
    [event] = events(shared, name)
    assert event == said == decisions(shared, name)[0]
    assert (said.record_key, said.given, said.value, said.label_column) == ("a", "x", "y", "label")
    assert (said.annotator, said.reason, said.seconds, said.source) == (
        "ann",
        "it is",
        2.5,
        "person",
    )
    assert len(said.fingerprint) == 32
    with shared.cursor() as cursor:
        author, message = cursor.execute(
            "SELECT author, commit_message FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchone() or ("", "")
    assert (author, message) == ("ann", "relabel a")


def test_a_decision_makes_no_snapshot_of_the_dataset(shared: Workspace, name: str) -> None:
    before = log(shared, name)
    annotate(shared, name, "a", "exclude", annotator="ann")
    assert log(shared, name) == before


def test_confirm_keeps_the_given_label(shared: Workspace, name: str) -> None:
    assert annotate(shared, name, "a", "confirm", annotator="ann").value == "x"
    assert annotate(shared, name, "c", "confirm", annotator="ann").value is None


@pytest.mark.parametrize(
    ("decision", "value", "error", "message"),
    [
        ("relabel", None, UsageError, "A relabel needs the new label"),
        ("relabel", "", UsageError, "A relabel needs the new label"),
        ("confirm", "y", UsageError, "only a relabel has one"),
        ("relable", "y", UnknownNameError, "Did you mean 'relabel'"),
        ("revert", None, UnknownNameError, "no decision 'revert'"),
    ],
)
def test_a_decision_that_is_none_is_refused(
    shared: Workspace, name: str, decision: Any, value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        annotate(shared, name, "a", decision, value=value, annotator="ann")
    assert events(shared, name) == []


def test_a_record_that_is_not_there_is_refused(shared: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="There is no record 'zz'"):
        annotate(shared, name, "zz", "confirm", annotator="ann")


def test_a_label_that_the_column_cannot_hold_is_refused(shared: Workspace) -> None:
    numbers = fresh(shared, pa.table({"id": [1, 2], "label": [0, 1]}), label="label")
    with pytest.raises(
        UsageError, match="'spam' does not fit the label column 'label', which is BIGINT"
    ):
        annotate(shared, numbers, "1", "relabel", value="spam", annotator="ann")
    assert annotate(shared, numbers, "1", "relabel", value="7", annotator="ann").given == "0"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ([10, 20], "20"),
        ([2**62, 1], str(2**62)),
        (["ü", "'\"; --"], "'\"; --"),
        ([True, False], "false"),
    ],
)
def test_any_key_names_its_record(shared: Workspace, keys: list[Any], wanted: str) -> None:
    name = fresh(shared, pa.table({"k": keys, "label": ["x", "y"]}), k="key", label="label")
    assert annotate(shared, name, wanted, "exclude", annotator="ann").record_key == wanted


def test_rows_of_the_same_content_are_told_apart_by_the_label_that_was_seen(
    shared: Workspace,
) -> None:
    table = pa.table({"text": ["same", "same", "else"], "label": ["x", "y", "x"]})
    name = fresh(shared, table, text="text", label="label")
    with shared.cursor() as cursor:
        key = cursor.execute("SELECT md5('same')").fetchone()[0]  # type: ignore[index]
    assert annotate(shared, name, key, "confirm", annotator="ann", given="y").value == "y"
    assert annotate(shared, name, key, "confirm", annotator="ann", given="x").value == "x"


def test_the_finding_that_led_there_is_kept_with_the_decision(shared: Workspace, name: str) -> None:
    finding = uuid.uuid4().hex
    rows = pa.Table.from_pylist(
        [
            {"row_number": n, "record_key": "a", "fingerprint": "f", "given_label": given,
             "label_quality": quality, "is_label_issue": True, "suggested_label": "z",
             "given_label_probability": 0.1, "probabilities": [1.0]}
            for n, (given, quality) in enumerate([("x", 0.5), ("y", 0.25)])
        ],
        schema=ROW_SCHEMA,
    )  # fmt: skip
    snapshot = get_dataset(shared, name)
    store_finding(
        shared,
        FindingSummary(
            finding_id=finding, dataset=name, snapshot=snapshot.snapshot, finder="label", parameters={},
            created_at=log(shared, name)[0].time, rows=2, classes=["x"], flagged=2, estimated_errors=1,
            seconds=0.1, learner="none", notes=[],
        ),
        rows,
    )  # fmt: skip
    said = annotate(shared, name, "a", "exclude", annotator="ann", finding_id=finding)
    assert (said.suggestion, said.score, said.given, said.fingerprint) == ("z", 0.25, "y", "f")
    seen = annotate(shared, name, "a", "exclude", annotator="ann", finding_id=finding, given="x")
    assert (seen.given, seen.score) == ("x", 0.5)


def test_decisions_about_another_label_column_are_not_in_force(
    shared: Workspace, name: str
) -> None:
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    roles = get_dataset(shared, name).roles
    set_roles(shared, name, roles.with_roles({"other": "label"}), "ann")
    assert decisions(shared, name) == []
    annotate(shared, name, "a", "relabel", value="q", annotator="ann")
    assert [d.value for d in decisions(shared, name)] == ["q"]
    assert [d.value for d in decisions(shared, name, label="label")] == ["y"]
    assert len(events(shared, name)) == 2


def test_a_dataset_without_a_label_has_nothing_to_decide(shared: Workspace) -> None:
    name = fresh(shared, pa.table({"id": ["a", "b"], "n": [1, 2]}))
    with pytest.raises(UsageError, match="has no label column"):
        annotate(shared, name, "a", "exclude", annotator="ann")
    assert decisions(shared, name) == []


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["relabel", "confirm", "exclude", "unsure", "undo", "undo"]),
    ),
    max_size=9,
)


@settings(max_examples=5)
@given(ACTIONS)
def test_the_decision_in_force_is_the_newest_that_was_not_taken_back(
    shared: Workspace, actions: list[tuple[str, str, Any]]
) -> None:
    name = fresh(shared, TABLE)
    standing: list[tuple[str, str, str]] = []
    for number, (annotator, record, decision) in enumerate(actions):
        if decision == "undo":
            mine = [said for said in standing if said[0] == annotator]
            taken_back = undo(shared, name, annotator)
            assert (taken_back is None) == (not mine)
            if taken_back is not None:
                assert (taken_back.record_key, taken_back.decision) == mine[-1][1:]
                standing.remove(mine[-1])
        else:
            value = f"new-{number}" if decision == "relabel" else None
            annotate(shared, name, record, decision, value=value, annotator=annotator)
            standing.append((annotator, record, decision))
        newest = {record: (annotator, record, said) for annotator, record, said in standing}
        in_force = decisions(shared, name)
        assert {d.record_key: (d.annotator, d.record_key, d.decision) for d in in_force} == newest
        assert len(in_force) == len(newest)
    assert len(events(shared, name)) <= len(actions)
    times = [(event.created_at, event.annotation_id) for event in events(shared, name)]
    assert times == sorted(times)


def test_undo_of_everything_leaves_no_decision_and_every_event(
    shared: Workspace, name: str
) -> None:
    annotate(shared, name, "a", "relabel", value="y", annotator="ann")
    first = decisions(shared, name)
    annotate(shared, name, "a", "exclude", annotator="ann")
    undo(shared, name, "ann")
    assert decisions(shared, name) == first
    undo(shared, name, "ann")
    assert decisions(shared, name) == []
    assert undo(shared, name, "ann") is None
    assert [event.decision for event in events(shared, name)] == [
        "relabel", "exclude", "revert", "revert",
    ]  # fmt: skip

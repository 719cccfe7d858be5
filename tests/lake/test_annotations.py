"""Events are only added, the newest that was not taken back is in force, and undo restores."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.actions import redo, undo
from curation.lake.annotations import Seen, Verdict, annotate, annotate_many, events
from curation.lake.datasets import get_dataset, set_roles
from curation.lake.decisions import decisions
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
    assert event == said
    assert asdict(decisions(shared, name)[0]) == asdict(said) | {
        "value_read": "y", "standing": "in_force", "votes": 1, "agreeing": 1
    }  # fmt: skip
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


def test_what_the_annotator_saw_is_kept_with_the_decision(shared: Workspace, name: str) -> None:
    seen = Seen(get_dataset(shared, name).snapshot, "f", "y", "z", 0.25)
    said = annotate(shared, name, "a", "exclude", annotator="ann", seen=seen)
    assert (said.suggestion, said.score, said.given, said.fingerprint) == ("z", 0.25, "y", "f")
    assert decisions(shared, name)[0].suggestion == "z"


def test_many_decisions_are_one_action(shared: Workspace, name: str) -> None:
    verdicts = [
        Verdict("a", "relabel", "y"), Verdict("b", "confirm"), Verdict("c", "exclude"),
    ]  # fmt: skip
    action = annotate_many(shared, name, verdicts, annotator="ann", reason="all at once")
    said = events(shared, name)
    assert {event.action_id for event in said} == {action}
    assert [(e.record_key, e.decision, e.value, e.given) for e in sorted(said, key=lambda e: e.record_key or "")] == [
        ("a", "relabel", "y", "x"), ("b", "confirm", "y", "y"), ("c", "exclude", None, None),
    ]  # fmt: skip
    assert len({event.fingerprint for event in said}) == 3
    taken_back = undo(shared, name, "ann")
    assert taken_back is not None
    assert taken_back.what == "3 decisions"
    assert decisions(shared, name) == []
    redo(shared, name, "ann")
    assert len(decisions(shared, name)) == 3


def test_one_bad_decision_of_many_stores_none(shared: Workspace, name: str) -> None:
    verdicts = [Verdict("a", "confirm"), Verdict("nobody", "confirm")]
    with pytest.raises(UsageError, match="There is no record 'nobody'"):
        annotate_many(shared, name, verdicts, annotator="ann")
    assert events(shared, name) == []


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

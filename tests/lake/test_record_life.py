"""A record's life: every snapshot, decision, finding and run, and whom its label comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake import taxonomies
from curation.lake.actions import redo, undo
from curation.lake.annotations import Verdict, annotate, annotate_many
from curation.lake.blame import blame
from curation.lake.datasets import restore
from curation.lake.findings import FindingSummary, store_finding
from curation.lake.imports import import_table
from curation.lake.record_life import RecordLife, record_life
from curation.lake.roles import Role
from curation.lake.taxonomy import Merge, Rename, Retire, Split
from curation.lake.workspace import Workspace

ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label"}


def data(**labels: str | None) -> pa.Table:
    """Return 20 rows, k0 to k19, with some other labels."""
    keys = [f"k{n}" for n in range(20)]
    return pa.table({
        "id": keys, "text": [f"about {key}" for key in keys],
        "label": [labels.get(key, "xy"[n % 2]) for n, key in enumerate(keys)],
    })  # fmt: skip


def add(workspace: Workspace, table: pa.Table, author: str = "me", **options: object) -> int:
    return import_table(
        workspace, table, "d", roles=ROLES, author=author, message="Data", **options
    ).snapshot  # type: ignore[arg-type]


def kinds(life: RecordLife) -> list[str]:
    return [event.kind for event in life.events]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, list[int]]]:
    """Five snapshots in which k3 gets another label, goes and comes back; others only read it."""
    with Workspace.open(tmp_path_factory.mktemp("life") / "workspace") as opened:
        rows = data()
        snapshots = [add(opened, rows, "ann"), add(opened, data(k3="x", k5="x"), "bob")]
        snapshots.append(add(opened, rows.filter([key != "k3" for key in rows["id"].to_pylist()])))
        snapshots.append(restore(opened, "d", snapshots[1], "cid"))
        snapshots.append(add(opened, rows[::-1], "dan"))
        yield opened, snapshots


def test_each_snapshot_that_touched_a_record_is_told(
    lived: tuple[Workspace, list[int]],
) -> None:
    workspace, snapshots = lived
    life = record_life(workspace, "d", "k3")
    assert [(event.kind, event.snapshot, event.who) for event in life.events] == [
        ("appeared", snapshots[0], "ann"), ("changed", snapshots[1], "bob"),
        ("vanished", snapshots[2], "me"), ("appeared", snapshots[3], "cid"),
        ("changed", snapshots[4], "dan"),
    ]  # fmt: skip
    assert life.events[1].columns == {"label": ("y", "x")}
    assert [event.label for event in life.events] == ["y", "x", None, "x", "y"]
    assert (life.rows, life.label, life.decided, life.is_excluded) == (1, "y", None, False)
    assert kinds(record_life(workspace, "d", "k0")) == ["appeared"]


def test_the_data_are_blamed_where_nobody_decided(lived: tuple[Workspace, list[int]]) -> None:
    workspace, snapshots = lived
    [cause] = blame(workspace, "d", "k3")
    assert (cause.kind, cause.label, cause.who, cause.snapshot) == (
        "data",
        "y",
        "dan",
        snapshots[4],
    )


def test_an_unknown_record_is_told_what_a_key_is(lived: tuple[Workspace, list[int]]) -> None:
    workspace, _ = lived
    with pytest.raises(UsageError, match=r"no record 'k99' in any snapshot of 'd'.*value of id"):
        record_life(workspace, "d", "k99")
    with pytest.raises(UnknownNameError, match="no dataset 'e'"):
        record_life(workspace, "e", "k1")


def test_decisions_are_told_with_what_took_them_back(workspace: Workspace) -> None:
    add(workspace, data())
    annotate(workspace, "d", "k3", "confirm", annotator="ann")
    annotate_many(
        workspace, "d", [Verdict("k3", "relabel", "x"), Verdict("k5", "exclude")], annotator="bob"
    )
    assert undo(workspace, "d", "bob") is not None
    life = record_life(workspace, "d", "k3")
    assert [(event.kind, event.who, event.what) for event in life.events[1:]] == [
        ("annotation", "ann", "confirm 'y'"), ("annotation", "bob", "relabel 'y' to 'x'"),
        ("revert", "bob", "taken back; Undo: 2 decisions"),
    ]  # fmt: skip
    assert [event.is_taken_back for event in life.events] == [False, False, True, False]
    assert (life.label, [c.kind for c in blame(workspace, "d", "k3")]) == (
        "y",
        ["data", "decision"],
    )
    assert redo(workspace, "d", "bob") is not None
    life = record_life(workspace, "d", "k3")
    assert life.events[-1].what == "brought back; Redo: 2 decisions"
    assert life.label == "x"
    assert blame(workspace, "d", "k3")[-1].who == "bob"
    assert record_life(workspace, "d", "k5").is_excluded


def test_a_label_is_blamed_on_the_operations_that_named_it(workspace: Workspace) -> None:
    add(workspace, data())
    annotate(workspace, "d", "k3", "relabel", value="x", annotator="ann")
    taxonomies.apply(workspace, "d", [Rename(old="y", new="why")], author="bob", message="Y")
    taxonomies.apply(workspace, "d", [Rename(old="x", new="ex")], author="bob", message="X")
    taxonomies.apply(
        workspace, "d", [Merge(classes=("why", "ex"), into="all")], author="cid", message="One"
    )
    life = record_life(workspace, "d", "k3")
    assert [(event.label, event.reads_now) for event in life.events] == [("y", "all"), ("x", "all")]
    assert [(c.kind, c.label, c.who, c.what) for c in blame(workspace, "d", "k3")[1:]] == [
        ("decision", "x", "ann", "relabel 'y' to 'x'"),
        ("taxonomy", "ex", "bob", "rename 'x' to 'ex'"),
        ("taxonomy", "all", "cid", "merge 'why', 'ex' into 'all'"),
    ]
    assert [c.label for c in blame(workspace, "d", "k5")] == ["y", "why", "all"]
    undo(workspace, "d", "cid")
    assert [c.label for c in blame(workspace, "d", "k5")] == ["y", "why"]
    taxonomies.apply(workspace, "d", [Split(name="why", into=("a", "b"))], author="e", message="S")
    taxonomies.apply(workspace, "d", [Retire(name="ex", then="exclude")], author="e", message="R")
    assert blame(workspace, "d", "k5")[-1].what == (
        "split 'why' into 'a', 'b'; a person has to decide"
    )
    assert blame(workspace, "d", "k3")[-1].what == ("retire 'ex' and exclude its records; left out")
    assert record_life(workspace, "d", "k3").is_excluded


def test_findings_and_builds_that_took_a_record_in_are_told(workspace: Workspace) -> None:
    first = add(workspace, data())
    rows = pa.table({
        "row_number": [3, 4], "record_key": ["k3", "k4"], "fingerprint": ["a", "b"],
        "given_label": ["y", "x"], "score": [0.125, 0.9], "is_issue": [True, False],
        "suggestion": ["x", "x"], "given_label_probability": [0.1, 0.9],
        "probabilities": [[0.9, 0.1], [0.9, 0.1]], "group_number": [None, None],
        "explanation": [None, None],
    })  # fmt: skip
    summary = FindingSummary(
        "f1",
        "d",
        first,
        "label",
        {},
        datetime(2040, 1, 1, tzinfo=UTC),
        2,
        ["x", "y"],
        1,
        1,
        0.1,
        "trees",
        [],
    )
    store_finding(workspace, summary, rows)
    manifest = {
        "kind": "build", "coordinates": {"dataset": "d", "snapshot": first},
        "conflicts": [{"record_key": "k3", "step": "fix", "reason": "two say x"}],
    }  # fmt: skip
    workspace.write(
        lambda cursor: cursor.execute(
            "INSERT INTO lake.curation.runs VALUES ('r1', 'out', ?, TIMESTAMP '2041-01-01'), "
            "('r2', 'out', '{\"coordinates\": {\"dataset\": \"d\", \"snapshot\": 0}}', now())",
            [json.dumps(manifest)],
        ),
        author="me", message="Built", operation="build", dataset="out",
    )  # fmt: skip
    life = record_life(workspace, "d", "k3")
    assert [(event.kind, event.event_id) for event in life.events[1:]] == [
        ("finding", "f1"), ("run", "r1"),
    ]  # fmt: skip
    assert life.events[1].what == (
        f"flagged in snapshot {first}: 'y' looks like 'x' (label quality 0.12)"
    )
    assert life.events[2].what == "went into a build of 'out'; waits at step fix: two say x"
    assert kinds(record_life(workspace, "d", "k4")) == ["appeared", "run"]


def test_records_known_by_their_content_have_a_life(workspace: Workspace) -> None:
    roles: dict[str, Role] = {"text": "text", "label": "label"}
    rows = pa.table({"text": ["a", "b", "a", *"cdefgh"], "label": ["x", "y", "x", *"xyxyxy"]})
    for label in ("x", "y"):
        rows = rows.set_column(1, "label", [[label, "y", "x", *"xyxyxy"]])
        import_table(workspace, rows, "d", roles=roles, author="me")
    with workspace.cursor() as cursor:
        found = cursor.execute("SELECT md5('a')").fetchone()
    assert found is not None
    life = record_life(workspace, "d", found[0])
    assert kinds(life) == ["appeared", "changed"]
    assert (life.rows, life.label) == (2, None)


def test_a_snapshot_without_the_key_column_is_left_out(workspace: Workspace) -> None:
    add(workspace, data())
    other = data().append_column("nr", [[f"n{n}" for n in range(20)]])
    roles: dict[str, Role] = {**ROLES, "nr": "key", "id": "ignore"}
    second = import_table(workspace, other, "d", roles=roles, author="me").snapshot
    assert [event.snapshot for event in record_life(workspace, "d", "n3").events] == [second]

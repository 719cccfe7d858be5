"""Branches are merged three ways: nothing is lost, and only who contradicts themselves is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import SourceFileError, UnknownNameError, UsageError
from curation.lake.actions import undo
from curation.lake.annotations import Annotation, annotate, events
from curation.lake.branches import create_branch
from curation.lake.decisions import decisions
from curation.lake.event_files import export_events, merge_events
from curation.lake.fold import Cut
from curation.lake.imports import import_table
from curation.lake.merging import merge_branch, open_conflicts, three_way
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Rename, Taxonomy
from curation.lake.translation import TaxonomyHistory
from curation.lake.workspace import Workspace

TABLE = pa.table({"id": list("abc"), "text": list("ABC"), "label": ["x", "y", "x"]})
ONE = Taxonomy.first(["x", "y", "z"])
HISTORY = TaxonomyHistory(versions=(ONE, ONE.changed([Rename(old="x", new="w")])))


@pytest.fixture
def shared(workspace: Workspace) -> Workspace:
    import_table(workspace, TABLE, "d", author="me")
    return workspace


def event(number: int, key: str, who: str, value: str, **other: Any) -> Annotation:
    return Annotation(
        **{
            "annotation_id": f"{number:03}", "dataset": "d", "label_column": "label",
            "record_key": key, "fingerprint": "f", "given": "x", "decision": "relabel",
            "value": value, "annotator": who, "source": "person", "taxonomy_version": 1,
            "workflow_version": 1, "reason": None, "seconds": None, "suggestion": None,
            "score": None, "created_at": datetime(2026, 1, 1) + timedelta(minutes=number),  # noqa: DTZ001
            "reverts": None, "action_id": f"{number:03}", "branch": "main", "given_version": 1,
            **other,
        }
    )  # fmt: skip


SAID = st.lists(
    st.tuples(
        st.sampled_from(["base", "ours", "theirs"]), st.sampled_from("ab"),
        st.sampled_from(["ann", "bob"]), st.sampled_from(["x", "y", "z"]),
    ),
    max_size=10,
)  # fmt: skip


@given(SAID)
def test_every_new_event_is_added_or_in_a_conflict_and_sides_may_be_swapped(
    made: list[tuple[str, str, str, str]],
) -> None:
    made = sorted(made, key=lambda one: one[0] != "base")
    all_said = [(side, event(n, key, who, value)) for n, (side, key, who, value) in enumerate(made)]
    base = [e for side, e in all_said if side == "base"]
    ours, theirs = ([*base, *(e for s, e in all_said if s == side)] for side in ("ours", "theirs"))
    one = three_way(base, ours, theirs, HISTORY, 2)
    other = three_way(base, theirs, ours, HISTORY, 2)
    new = {e.annotation_id for e in theirs} - {e.annotation_id for e in base}
    assert set(one.added) | (set(one.conflicting) & new) == new
    assert not set(one.added) & set(one.conflicting)
    assert one.conflicting == other.conflicting
    assert [(c.record_key, c.annotator) for c in one.conflicts] == [
        (c.record_key, c.annotator) for c in other.conflicts
    ]
    asked = {
        place
        for side, e in all_said
        if side == "ours"
        for place in [(e.record_key, e.annotator)]
        if {x.value for s, x in all_said if s == "theirs" and (x.record_key, x.annotator) == place}
    }
    assert {(c.record_key, c.annotator) for c in one.conflicts} <= asked


def test_a_rename_on_one_side_is_no_conflict() -> None:
    ours = [event(1, "a", "ann", "x")]
    theirs = [event(2, "a", "ann", "w", taxonomy_version=2)]
    assert three_way([], ours, theirs, HISTORY, 2).conflicts == ()
    theirs = [event(2, "a", "ann", "y", taxonomy_version=2)]
    [conflict] = three_way([], ours, theirs, HISTORY, 2).conflicts
    assert (conflict.ours, conflict.theirs) == (ours[0], theirs[0])


def test_different_annotators_both_keep_their_say(shared: Workspace) -> None:
    create_branch(shared, "d", "trial", "ann")
    annotate(shared, "d", "a", "relabel", value="y", annotator="ann")
    annotate(shared, "d", "a", "relabel", value="z", annotator="bob", branch="trial")
    merged = merge_branch(shared, "d", "label", "trial", author="ann")
    assert (len(merged.added), merged.conflicts) == (1, ())
    found = decisions(shared, "d", policy="majority")
    assert (found[0].votes, found[0].standing) == (2, "disputed")
    with pytest.raises(UsageError, match="Everything on the branch 'trial' is on 'main' already"):
        merge_branch(shared, "d", "label", "trial", author="ann")


def test_who_contradicts_themselves_is_asked_and_the_base_stands_until_then(
    shared: Workspace,
) -> None:
    annotate(shared, "d", "a", "relabel", value="base", annotator="ann")
    create_branch(shared, "d", "trial", "ann")
    annotate(shared, "d", "a", "relabel", value="main", annotator="ann")
    annotate(shared, "d", "a", "relabel", value="trial", annotator="ann", branch="trial")
    annotate(shared, "d", "b", "relabel", value="new", annotator="ann", branch="trial")
    before = len(events(shared, "d"))
    merged = merge_branch(shared, "d", "label", "trial", author="ann")
    assert [(c.record_key, c.annotator) for c in merged.conflicts] == [("a", "ann")]
    assert {d.record_key: d.value for d in decisions(shared, "d")} == {"a": "base", "b": "new"}
    assert [e.value for e in open_conflicts(shared, "d")] == ["main", "trial"]
    assert len(events(shared, "d")) == before
    annotate(shared, "d", "a", "relabel", value="final", annotator="ann")
    assert open_conflicts(shared, "d") == []
    assert {d.record_key: d.value for d in decisions(shared, "d")} == {"a": "final", "b": "new"}


def test_a_branch_may_be_merged_again_when_it_has_gone_on(shared: Workspace) -> None:
    create_branch(shared, "d", "trial", "ann")
    annotate(shared, "d", "a", "relabel", value="one", annotator="ann", branch="trial")
    merge_branch(shared, "d", "label", "trial", author="ann")
    annotate(shared, "d", "a", "relabel", value="two", annotator="ann", branch="trial")
    annotate(shared, "d", "b", "confirm", annotator="ann", branch="trial")
    undo(shared, "d", "ann")
    merged = merge_branch(shared, "d", "label", "trial", author="ann")
    assert (len(merged.added), merged.conflicts) == (3, ())
    assert {d.record_key: d.value for d in decisions(shared, "d")} == {"a": "two"}


def test_a_branch_that_is_not_there_or_is_taken_is_said(shared: Workspace) -> None:
    create_branch(shared, "d", "trial", "ann")
    with pytest.raises(UsageError, match="has a branch 'trial' already"):
        create_branch(shared, "d", "trial", "ann")
    with pytest.raises(UsageError, match="cannot be a branch's name"):
        create_branch(shared, "d", "main", "ann")
    with pytest.raises(UnknownNameError, match="Did you mean 'trial'"):
        decisions(shared, "d", cut=Cut(branch="trail"))


def test_what_was_said_elsewhere_comes_as_a_file(shared: Workspace, tmp_path: Path) -> None:
    annotate(shared, "d", "a", "relabel", value="base", annotator="ann")
    file = tmp_path / "events.parquet"
    assert export_events(shared, "d", "label", file) == 1
    with Workspace.open(tmp_path / "elsewhere") as there:
        import_table(there, TABLE, "other name", author="me")
        merge_events(there, "other name", "label", file, branch="home", author="bob")
        annotate(there, "other name", "a", "relabel", value="there", annotator="ann")
        annotate(there, "other name", "b", "relabel", value="there", annotator="bob")
        apply(there, "other name", [Rename(old="x", new="w")], author="bob", message="m")
        assert export_events(there, "other name", "label", file) == 3
    annotate(shared, "d", "a", "relabel", value="here", annotator="ann")
    merged = merge_events(shared, "d", "label", file, branch="elsewhere", author="ann")
    assert (len(merged.added), len(merged.conflicts)) == (1, 1)
    assert {d.record_key: d.value for d in decisions(shared, "d")} == {"a": "base", "b": "there"}
    assert len(events(shared, "d")) == 4
    with pytest.raises(UsageError, match=r"Every event in 'events\.parquet' is here already"):
        merge_events(shared, "d", "label", file, branch="again", author="ann")


def test_a_file_without_events_is_refused(shared: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pa.parquet.write_table(TABLE, file)
    with pytest.raises(SourceFileError, match="has no events: it lacks annotation_id"):
        merge_events(shared, "d", "label", file, branch="b", author="ann")
    file.write_bytes(b"PAR1")
    with pytest.raises(SourceFileError, match="not a Parquet file"):
        merge_events(shared, "d", "label", file, branch="b", author="ann")
    assert events(shared, "d") == []

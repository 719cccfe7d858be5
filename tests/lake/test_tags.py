"""A tag pins all of a workspace, and stands for a dataset's snapshot wherever one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.annotations import annotate
from curation.lake.imports import import_table
from curation.lake.tags import Tag, get_tag, list_tags, resolve_snapshot, tag, untag
from curation.lake.workspace import Workspace

ROWS = pa.table({"key": ["a", "b"], "label": ["x", "y"]})


@pytest.fixture
def tagged(workspace: Workspace) -> tuple[Workspace, int, Tag]:
    first = import_table(
        workspace, ROWS, "d", roles={"key": "key", "label": "label"}, author="me"
    ).snapshot
    annotate(workspace, "d", "a", "confirm", annotator="ann")
    made = tag(workspace, "v1", author="ann", message="For the paper")
    return workspace, first, made


def test_a_tag_names_the_newest_snapshot_of_the_lake(tagged: tuple[Workspace, int, Tag]) -> None:
    workspace, first, made = tagged
    assert (made.name, made.author, made.message) == ("v1", "ann", "For the paper")
    annotate(workspace, "d", "b", "confirm", annotator="ann")
    second = import_table(workspace, ROWS.slice(1), "d", author="me").snapshot
    assert first < made.snapshot < second
    assert resolve_snapshot(workspace, "d", "v1") == first
    assert resolve_snapshot(workspace, "d", str(second)) == second
    with workspace.cursor() as cursor:
        seen = cursor.execute(
            f"SELECT count(*) FROM lake.curation.annotations AT (VERSION => {made.snapshot})"
        ).fetchone()
    assert seen == (1,)


def test_an_older_snapshot_can_be_tagged(tagged: tuple[Workspace, int, Tag]) -> None:
    workspace, first, made = tagged
    older = tag(workspace, "v0", first, author="bob")
    assert [each.name for each in list_tags(workspace)] == ["v1", "v0"]
    assert (older.snapshot, older.message) == (first, "")
    assert resolve_snapshot(workspace, "d", "v0") == resolve_snapshot(workspace, "d", "v1") == first
    assert older.snapshot < made.snapshot


def test_a_removed_tag_frees_its_name(tagged: tuple[Workspace, int, Tag]) -> None:
    workspace, first, _ = tagged
    untag(workspace, "v1", author="bob")
    assert list_tags(workspace) == []
    assert tag(workspace, "v1", first, author="bob").snapshot == first


@pytest.mark.parametrize("name", ["", "7", "٣", "a/b", "x" * 101, " a", "-"])
def test_a_name_that_cannot_be_a_tag_changes_nothing(
    workspace: Workspace, content_of: Callable[[Workspace], dict[str, Any]], name: str
) -> None:
    before = content_of(workspace)
    with pytest.raises(UsageError, match="cannot be a tag's name"):
        tag(workspace, name, author="me")
    assert content_of(workspace) == before


def test_what_cannot_be_is_said_and_changes_nothing(
    tagged: tuple[Workspace, int, Tag], content_of: Callable[[Workspace], dict[str, Any]]
) -> None:
    workspace, first, made = tagged
    before = content_of(workspace)
    with pytest.raises(
        UsageError, match=f"There is a tag 'v1' already, of snapshot {made.snapshot}"
    ):
        tag(workspace, "V1", author="me")
    with pytest.raises(UsageError, match="no snapshot 999; the newest is"):
        tag(workspace, "v2", 999, author="me")
    with pytest.raises(UnknownNameError, match="There is no tag 'v2'"):
        untag(workspace, "v2", author="me")
    with pytest.raises(UnknownNameError, match="There is no tag 'nope'"):
        get_tag(workspace, "nope")
    assert content_of(workspace) == before
    tag(workspace, "empty", 0, author="me")
    with pytest.raises(UsageError, match="'d' was not there yet at the tag 'empty'"):
        resolve_snapshot(workspace, "d", "empty")
    with pytest.raises(UsageError, match="'d' has no snapshot 998"):
        resolve_snapshot(workspace, "d", 998)
    with pytest.raises(UnknownNameError, match="There is no tag 'v9'"):
        resolve_snapshot(workspace, "d", "v9")
    with pytest.raises(UnknownNameError, match="no dataset 'e'"):
        resolve_snapshot(workspace, "e", "v1")
    assert resolve_snapshot(workspace, "d", "v1") == first

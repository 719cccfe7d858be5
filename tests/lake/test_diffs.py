"""A diff says what a comparison row by row says."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.errors import UsageError
from curation.lake.diffs import LabelChange, diff
from curation.lake.imports import import_table
from curation.lake.roles import Role
from curation.lake.workspace import Workspace

ROLES: dict[str, Role] = {"key": "key", "content": "text", "label": "label", "seen": "ignore"}
Row = tuple[str, str | None, str | None, int]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("diffs") / "workspace") as opened:
        yield opened


def table(rows: list[Row]) -> pa.Table:
    names = ("key", "content", "label", "seen")
    kinds = (pa.string(), pa.string(), pa.string(), pa.int64())
    return pa.table(
        [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)],
        names=list(names),
    )


def add(workspace: Workspace, name: str, rows: list[Row], *, keyed: bool) -> int:
    roles: dict[str, Role] = ROLES if keyed else ROLES | {"key": "ignore"}
    found = import_table(workspace, table(rows), name, roles=roles, author="me")
    return found.snapshot


def compared(old: list[Row], new: list[Row], *, keyed: bool) -> dict[str, Any]:
    """Pair records by key, the first with the first, and count what differs."""

    def by_key(rows: list[Row]) -> dict[Any, list[Row]]:
        groups = defaultdict(list)
        for row in rows:
            groups[row[0] if keyed else row[1]].append(row)
        order = lambda row: (row[2] is None, row[2] or "")  # noqa: E731
        return {key: sorted(group, key=order) for key, group in groups.items()}

    before, after = by_key(old), by_key(new)
    counts, labels = Counter[str](), Counter[Any]()
    for key in set(before) | set(after):
        for was, now in itertools.zip_longest(before.get(key, []), after.get(key, [])):
            if was is None or now is None:
                counts["added" if was is None else "removed"] += 1
                continue
            counts["changed"] += was != now
            if was[2] != now[2]:
                counts["labels_changed"] += 1
                labels[was[2], now[2]] += 1
    return {"counts": counts, "labels": labels}


WORDS = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from(["x", "y", None])
UNIQUE = st.lists(
    st.tuples(st.sampled_from("pqrstuv"), WORDS | st.none(), LABELS, st.integers(0, 1)),
    min_size=1, max_size=7, unique_by=lambda row: row[0],
)  # fmt: skip
# Rows with the same content are paired by their label, so nothing else may tell them apart here.
LOOSE = st.lists(st.tuples(st.just("-"), WORDS, LABELS, st.just(0)), min_size=1, max_size=9)


def labelled(rows: list[Row]) -> list[Row]:
    """At least one row has a label, or there is nothing to import."""
    return [*rows, ("z", "z", "x", 0)]


@settings(max_examples=4)
@given(UNIQUE, UNIQUE)
@example([("p", None, "x", 0)], [("p", "", "x", 0)])
@example([("p", "a", "x", 0)], [("p", "a", None, 1)])
def test_a_diff_by_key_is_a_comparison_row_by_row(
    shared: Workspace, old: list[Row], new: list[Row]
) -> None:
    check(shared, labelled(old), labelled(new), keyed=True)


@settings(max_examples=4)
@given(LOOSE, LOOSE)
def test_a_diff_without_a_key_pairs_rows_of_the_same_content(
    shared: Workspace, old: list[Row], new: list[Row]
) -> None:
    check(shared, labelled(old), labelled(new), keyed=False)


def check(workspace: Workspace, old: list[Row], new: list[Row], *, keyed: bool) -> None:
    name = "keyed" if keyed else "keyless"
    first = add(workspace, name, old, keyed=keyed)
    second = add(workspace, name, new, keyed=keyed)
    found = diff(workspace, name, first, second)
    expected = compared(old, new, keyed=keyed)
    got = {
        field: getattr(found, field) for field in ("added", "removed", "changed", "labels_changed")
    }
    assert got == {field: expected["counts"][field] for field in got}
    assert {(c.before, c.after): c.rows for c in found.label_changes} == expected["labels"]
    assert [c.rows for c in found.label_changes] == sorted(
        expected["labels"].values(), reverse=True
    )
    # The other way round, what came has gone.
    back = diff(workspace, name, second, first)
    assert (back.added, back.removed, back.labels_changed) == (
        found.removed, found.added, found.labels_changed,
    )  # fmt: skip
    same = diff(workspace, name, second, second)
    assert (same.added, same.removed, same.changed, same.label_changes) == (0, 0, 0, [])


def test_a_column_that_one_side_lacks_is_no_change(workspace: Workspace) -> None:
    first = add(workspace, "d", [("p", "a", "x", 0), ("q", "b", "y", 0)], keyed=True)
    wider = table([("p", "a", "y", 0), ("q", "b", "y", 0)]).append_column("more", [[1, 2]])
    second = import_table(workspace, wider, "d", author="me").snapshot
    found = diff(workspace, "d", first, second)
    assert (found.added, found.removed, found.changed) == (0, 0, 1)
    assert found.label_changes == [LabelChange("x", "y", 1)]


def test_a_snapshot_of_something_else_is_refused(workspace: Workspace) -> None:
    first = add(workspace, "d", [("p", "a", "x", 0)], keyed=True)
    with pytest.raises(UsageError, match="'d' has no snapshot 0"):
        diff(workspace, "d", 0, first)

"""A diff says what a comparison row by row says, whether or not the change feed is asked."""

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
from curation.lake import change_feed
from curation.lake.compaction import compact
from curation.lake.datasets import restore
from curation.lake.diffs import LabelChange, TypeChange, changed_rows, diff
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
    """Pair records by key, first those that are alike, then the first with the first."""

    def by_key(rows: list[Row]) -> dict[Any, list[Row]]:
        groups = defaultdict(list)
        for row in rows:
            groups[row[0] if keyed else row[1]].append(row)
        order = lambda row: (row[2] is None, row[2] or "")  # noqa: E731
        return {key: sorted(group, key=order) for key, group in groups.items()}

    before, after = by_key(old), by_key(new)
    counts, labels = Counter[str](), Counter[Any]()
    for key in set(before) | set(after):
        left, right = before.get(key, []), after.get(key, [])
        for row in list(left):
            if row in right:
                left.remove(row)
                right.remove(row)
        for was, now in itertools.zip_longest(left, right):
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


EDITS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["label", "content", "seen", "remove", "add", "append"]),
                  st.integers(0, 19), LABELS),
        max_size=4,
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def edited(rows: list[Row], edits: list[tuple[str, int, str | None]]) -> list[Row]:
    rows = list(rows)
    for number, (kind, place, label) in enumerate(edits):
        at = place % len(rows)
        key, content, given, seen = rows[at]
        if kind == "remove":
            del rows[at]
        elif kind == "add":
            rows.append((f"{key}-{number}", content, label, at))
        elif kind == "label":
            rows[at] = (key, content, label, seen)
        elif kind == "content":
            rows[at] = (key, f"{content}!", given, seen)
        elif kind == "seen":
            rows[at] = (key, content, given, seen + 1)
    return rows


@pytest.mark.parametrize("keyed", [True, False])
@settings(max_examples=3)
@given(EDITS)
@example([[("label", 1, "y"), ("remove", 2, None)], [("label", 1, "x")], [("append", 3, "y")]])
def test_the_change_feed_says_what_a_comparison_of_all_rows_says(
    shared: Workspace, keyed: bool, edits: list[list[tuple[str, int, str | None]]]
) -> None:
    name = f"fed {keyed}"
    rows: list[Row] = [(f"k{n}", "abc"[n % 3], "xy"[n % 2], 0) for n in range(20)]
    snapshots = [add(shared, name, rows, keyed=keyed)]
    for few in edits:
        if any(kind == "append" for kind, *_ in few):
            # A known key takes the old row's place; without a key the rows only come.
            more = table([("k3", "new", "y", 1), (f"a{len(snapshots)}", "a", "x", 0)])
            snapshots.append(import_table(shared, more, name, mode="append", author="me").snapshot)
            continue
        rows = edited(rows, few)
        snapshots.append(add(shared, name, rows, keyed=keyed))
    for old, new in itertools.product(snapshots, repeat=2):
        assert diff(shared, name, old, new) == diff(shared, name, old, new, compare_all=True)


def feed_reaches(workspace: Workspace, name: str, old: int, new: int) -> bool:
    with workspace.cursor() as cursor:
        return change_feed.reaches(cursor, name, old, new)


def test_the_change_feed_reaches_across_small_changes_and_ends_at_a_replacement(
    workspace: Workspace,
) -> None:
    rows: list[Row] = [(f"k{n}", "a", "x", n) for n in range(20)]
    first = add(workspace, "d", rows, keyed=True)
    second = add(workspace, "d", edited(rows, [("label", 3, "y"), ("remove", 5, None)]), keyed=True)
    third = restore(workspace, "d", second, "me")
    fourth = add(workspace, "d", rows[::-1], keyed=True)
    assert feed_reaches(workspace, "d", first, third)
    assert not feed_reaches(workspace, "d", third, fourth)
    found = diff(workspace, "d", first, fourth)
    assert (found.added, found.removed, found.changed) == (0, 0, 0)
    wanted = {pair: diff(workspace, "d", *pair) for pair in [(first, second), (second, first)]}
    compact(workspace, author="me")
    assert feed_reaches(workspace, "d", first, second)
    assert {pair: diff(workspace, "d", *pair) for pair in wanted} == wanted
    with workspace.cursor() as cursor:
        cursor.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{second}])")
    assert not feed_reaches(workspace, "d", first, third)


def test_a_diff_names_columns_types_cells_and_classes(workspace: Workspace) -> None:
    old = pa.table(
        {"key": ["a", "b", "c"], "n": [1, 2, 3], "gone": [1, 1, 1], "label": list("xyx")}
    )
    new = pa.table({"key": ["a", "b", "d"], "n": ["1", "two", "3"], "more": [0.5] * 3,
                    "label": list("yyx")})  # fmt: skip
    roles: dict[str, Role] = {"key": "key", "label": "label", "n": "feature"}
    first = import_table(workspace, old, "d", roles=roles, author="me").snapshot
    second = import_table(workspace, new, "d", roles=roles, author="me").snapshot
    found = diff(workspace, "d", first, second)
    assert (found.added, found.removed, found.changed, found.labels_changed) == (1, 1, 2, 1)
    assert found.cells_changed == {"label": 1, "n": 1}
    assert found.columns_added == {"more": "DOUBLE"}
    assert found.columns_removed == {"gone": "BIGINT"}
    assert found.types_changed == {"n": TypeChange("BIGINT", "VARCHAR")}
    assert found.classes_before == {"x": 2, "y": 1}
    assert found.classes_after == {"y": 2, "x": 1}
    assert changed_rows(workspace, "d", first, second, limit=9).to_pylist() == [
        {"record_key": "a", "column": "label", "before": "x", "after": "y"},
        {"record_key": "b", "column": "n", "before": "2", "after": "two"},
    ]


def test_changed_rows_come_in_pages_of_whole_records(workspace: Workspace) -> None:
    rows: list[Row] = [(f"k{n:02}", "a", "x", n) for n in range(20)]
    first = add(workspace, "d", rows, keyed=True)
    second = add(
        workspace, "d",
        [("k00", "b", "y", 1), ("k01", "a", None, 1), *rows[2:5], ("k05", "c", "x", 5), *rows[6:]],
        keyed=True,
    )  # fmt: skip
    pages, after = [], None
    while page := changed_rows(workspace, "d", first, second, limit=1, after=after).to_pylist():
        after = page[-1]["record_key"]
        pages.append([(row["column"], row["before"], row["after"]) for row in page])
    assert pages == [
        [("label", "x", "y"), ("content", "a", "b"), ("seen", "0", "1")],
        [("label", "x", None)],
        [("content", "a", "c")],
    ]


def test_two_datasets_can_be_compared(workspace: Workspace) -> None:
    rows: list[Row] = [("p", "a", "x", 0), ("q", "b", "y", 0)]
    one = add(workspace, "one", rows, keyed=True)
    two = add(workspace, "two", [("q", "b", "x", 0), ("r", "c", "x", 0)], keyed=True)
    found = diff(workspace, "one", one, two, other="two")
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    assert found.label_changes == [LabelChange("y", "x", 1)]


def test_what_became_of_content_columns_is_said_in_words(workspace: Workspace) -> None:
    def size(*, most: float, missing: int, channel: str) -> pa.Table:
        return pa.table({
            "id": range(20), "size": [None] * missing + [most] * (20 - missing),
            "channel": [channel] * 20, "same": [1] * 20, "label": ["x", "y"] * 10,
        })  # fmt: skip

    roles: dict[str, Role] = {"id": "key", "size": "feature", "channel": "feature",
                              "same": "feature", "label": "label"}  # fmt: skip
    old, new = size(most=5.0, missing=0, channel="mail"), size(most=9.0, missing=4, channel="chat")
    first = import_table(workspace, old, "d", roles=roles, author="me").snapshot
    second = import_table(workspace, new, "d", roles=roles, author="me").snapshot
    assert diff(workspace, "d", first, second).distributions is None
    found = diff(workspace, "d", first, second, distributions=True).distributions
    assert found is not None
    assert [change.summary for change in found] == [
        "channel: most often 'chat', before 'mail'.",
        "same: about as before.",
        "size: missing in 4 of 20 rows (20%), before in 0 of 20 (0%); most often '9.0', before "
        "'5.0'; goes up to 9, before to 5.",
    ]
    assert (found[2].after.missing, found[2].after.smallest, found[0].after.smallest) == (
        4,
        9,
        None,
    )


def test_columns_named_as_the_feed_names_its_own_are_compared(workspace: Workspace) -> None:
    names = ["snapshot_id", "change_type", "key", "was", "label_before", "sign", "value_0"]
    rows = {name: [f"{name} {n}" for n in range(20)] for name in names}
    roles: dict[str, Role] = {"snapshot_id": "key", "change_type": "feature"}
    first = import_table(workspace, pa.table(rows), "d", roles=roles, author="me").snapshot
    rows["change_type"][4] = "other"
    second = import_table(workspace, pa.table(rows), "d", author="me").snapshot
    assert feed_reaches(workspace, "d", first, second)
    assert diff(workspace, "d", first, second).cells_changed == {"change_type": 1}


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

"""Classes change in versions, and every label of one version has a reading under any other."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UnknownNameError, UsageError
from curation.lake.taxonomy import (
    Add,
    Merge,
    Operation,
    Rename,
    Retire,
    Split,
    Taxonomy,
    difference,
)
from curation.lake.taxonomy_yaml import parse, parse_operations, render
from curation.lake.translation import READING_SCHEMA, Reading, TaxonomyHistory, reading_table

FIRST = Taxonomy.first(["a", "b", "c", "d"], {"a": "All about a."})
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6
).filter(lambda name: name.strip() != "") | st.sampled_from(
    ["null", "~", "1", "true", "2024-01-01", "? x", "- x", "a: b", "#", "'", '"', "x\x85y", " x "]
)


@st.composite
def operations(draw: st.DrawFn, taxonomy: Taxonomy) -> list[Operation]:
    """One to three operations that can be applied one after the other."""
    made: list[Operation] = []
    for _ in range(draw(st.integers(1, 3))):
        classes = taxonomy.classes
        fresh = NAMES.filter(lambda name, classes=classes: name not in classes)
        kinds = ["add"] + ["rename", "split", "retire"] * bool(classes)
        kinds += ["merge"] * (len(classes) > 1)
        operation: Operation
        match draw(st.sampled_from(kinds)):
            case "add":
                operation = Add(name=draw(fresh), description=draw(st.none() | NAMES))
            case "rename":
                operation = Rename(old=draw(st.sampled_from(classes)), new=draw(fresh))
            case "merge":
                some = st.lists(st.sampled_from(classes), min_size=2, max_size=3, unique=True)
                merged = tuple(draw(some))
                into = draw(st.sampled_from(merged) | fresh)
                operation = Merge(classes=merged, into=into)
            case "split":
                name = draw(st.sampled_from(classes))
                part = fresh | st.just(name)
                parts = draw(st.lists(part, min_size=2, max_size=3, unique=True))
                operation = Split(name=name, into=tuple(parts))
            case _:
                then = draw(st.sampled_from(["queue", "exclude"]))
                operation = Retire(name=draw(st.sampled_from(classes)), then=then)
        taxonomy = taxonomy.changed([operation])
        made.append(operation)
    return made


@st.composite
def histories(draw: st.DrawFn) -> TaxonomyHistory:
    """A tree of up to five versions, some of which were taken back."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    described = draw(st.dictionaries(st.sampled_from(names), NAMES))
    versions = [Taxonomy.first(names, described)]
    for number in range(2, draw(st.integers(1, 5)) + 1):
        parent = draw(st.sampled_from(versions))
        versions.append(parent.changed(draw(operations(parent)), version=number))
    taken_back = draw(st.frozensets(st.integers(1, len(versions))))
    return TaxonomyHistory(versions=tuple(versions), taken_back=taken_back)


def history_of(*changes: list[Operation]) -> TaxonomyHistory:
    versions = [FIRST]
    for change in changes:
        versions.append(versions[-1].changed(change))
    return TaxonomyHistory(versions=tuple(versions))


def versions_of(history: TaxonomyHistory) -> st.SearchStrategy[int]:
    return st.integers(1, history.newest)


@pytest.mark.parametrize(
    ("operation", "classes"),
    [
        (Add(name="e"), ("a", "b", "c", "d", "e")),
        (Rename(old="b", new="e"), ("a", "e", "c", "d")),
        (Merge(classes=("d", "b"), into="b"), ("a", "b", "c")),
        (Merge(classes=("b", "c"), into="e"), ("a", "e", "d")),
        (Split(name="b", into=("b", "e")), ("a", "b", "e", "c", "d")),
        (Retire(name="c", then="queue"), ("a", "b", "d")),
    ],
)
def test_an_operation_leaves_the_other_classes_in_their_place(
    operation: Operation, classes: tuple[str, ...]
) -> None:
    changed = FIRST.changed([operation])
    assert changed.classes == classes
    assert (changed.version, changed.parent, changed.operations) == (2, 1, (operation,))


def test_operations_of_a_version_apply_in_their_order() -> None:
    changed = FIRST.changed([Rename(old="a", new="e"), Rename(old="b", new="a")])
    assert changed.classes == ("e", "a", "c", "d")
    with pytest.raises(UnknownNameError, match=r"Operation 2 \(rename\): There is no class 'a'"):
        FIRST.changed([Rename(old="a", new="e"), Rename(old="a", new="f")])


def test_a_description_goes_where_its_class_goes() -> None:
    renamed = FIRST.changed([Rename(old="a", new="e"), Add(name="f", description="New.")])
    assert renamed.descriptions == {"e": "All about a.", "f": "New."}
    assert FIRST.changed([Retire(name="a", then="queue")]).descriptions == {}
    assert FIRST.changed([Split(name="a", into=("a", "e"))]).descriptions == {"a": "All about a."}


@pytest.mark.parametrize(
    ("operation", "error", "message"),
    [
        (Rename(old="A", new="e"), UnknownNameError, r"no class 'A'. Did you mean 'a'\?"),
        (Rename(old="a", new="b"), UsageError, "a class 'b' already"),
        (Rename(old="a", new="a"), UsageError, "a class 'a' already"),
        (Rename(old="a", new=" "), UsageError, "a class needs a name, got ' '"),
        (Add(name="a"), UsageError, "a class 'a' already. .* merge the two"),
        (Add(name=""), UsageError, "a class needs a name"),
        (Merge(classes=("a",), into="e"), UsageError, "takes two classes or more, got 1"),
        (Merge(classes=("a", "a"), into="e"), UsageError, "'a' is named twice"),
        (Merge(classes=("a", "b"), into="c"), UsageError, "a class 'c' already"),
        (Merge(classes=("a", "x"), into="a"), UnknownNameError, "no class 'x'"),
        (Split(name="a", into=("e",)), UsageError, "makes two classes or more, got 1"),
        (Split(name="a", into=("e", "e")), UsageError, "'e' is named twice"),
        (Split(name="a", into=("a", "b")), UsageError, "a class 'b' already"),
        (Split(name="x", into=("e", "f")), UnknownNameError, "no class 'x'"),
        (Split(name="a", into=("e", "\t")), UsageError, "a class needs a name"),
        (Retire(name="x", then="queue"), UnknownNameError, "no class 'x'"),
    ],
)
def test_an_operation_that_cannot_be_applied_is_refused(
    operation: Operation, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FIRST.changed([operation])


def test_a_version_without_operations_or_with_a_class_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one operation"):
        FIRST.changed([])
    with pytest.raises(UsageError, match="a class 'a' already"):
        Taxonomy.first(["a", "b", "a"])
    with pytest.raises(UnknownNameError, match="The descriptions: There is no class 'b'"):
        Taxonomy.first(["a"], {"b": "What?"})


@pytest.mark.parametrize(
    ("operation", "label", "onward", "back"),
    [
        (Rename(old="a", new="e"), "e", {"a": Reading(("e",))}, Reading(("a",))),
        (Merge(classes=("a", "b"), into="b"), "b",
         {"a": Reading(("b",)), "b": Reading(("b",))}, Reading(("a", "b"))),
        (Split(name="a", into=("a", "e")), "e", {"a": Reading(("a", "e"))}, Reading(("a",))),
        (Add(name="e"), "e", {}, Reading(gone=True)),
        (Retire(name="a", then="queue"), "b", {"a": Reading(gone=True)}, Reading(("b",))),
        (Retire(name="a", then="exclude"), "b", {"a": Reading(excluded=True)}, Reading(("b",))),
    ],
)  # fmt: skip
def test_each_operation_reads_forward_and_back(
    operation: Operation, label: str, onward: dict[str, Reading], back: Reading
) -> None:
    history = history_of([operation])
    for name in FIRST.classes:
        assert history.reading(name, 1, 2) == onward.get(name, Reading((name,)))
    assert history.reading(label, 2, 1) == back


@pytest.mark.parametrize(
    ("reading", "status", "reason", "label"),
    [
        (Reading(("a",)), "read", None, "a"),
        (Reading(("a", "b")), "queue", "choose", None),
        (Reading(("a",), gone=True), "queue", "choose", None),
        (Reading(("a",), excluded=True), "queue", "choose", None),
        (Reading(excluded=True), "excluded", None, None),
        (Reading(excluded=True, gone=True), "queue", "gone", None),
        (Reading(gone=True), "queue", "gone", None),
        (Reading(unknown=True), "queue", "unknown", None),
    ],
)
def test_only_what_is_certain_is_read_or_excluded(
    reading: Reading, status: str, reason: str | None, label: str | None
) -> None:
    assert (reading.status, reading.reason, reading.label) == (status, reason, label)


def test_a_part_that_was_retired_does_not_make_the_other_part_certain() -> None:
    split = Split(name="a", into=("e", "f"))
    gone = history_of([split], [Retire(name="e", then="queue")]).reading("a", 1, 3)
    assert (gone.classes, gone.status) == (("f",), "queue")
    left_out = history_of([split], [Retire(name="e", then="exclude")]).reading("a", 1, 3)
    assert (left_out.classes, left_out.status) == (("f",), "queue")


def test_parts_that_were_merged_again_are_certain() -> None:
    history = history_of(
        [Split(name="a", into=("e", "f"))], [Merge(classes=("e", "f"), into="whole")]
    )
    assert history.reading("a", 1, 3) == Reading(("whole",))
    assert history.reading("whole", 3, 1) == Reading(("a",))


def test_a_class_that_got_the_name_of_a_retired_one_is_another() -> None:
    history = history_of([Retire(name="a", then="queue")], [Add(name="a")])
    assert history.reading("a", 1, 3) == Reading(gone=True)
    assert history.reading("a", 3, 1) == Reading(gone=True)


def test_branches_are_read_by_way_of_the_version_that_they_come_from() -> None:
    undone = FIRST.changed([Rename(old="a", new="e")])
    instead = FIRST.changed([Rename(old="a", new="f"), Split(name="b", into=("g", "h"))], version=3)
    history = TaxonomyHistory(versions=(FIRST, undone, instead), taken_back=frozenset({2}))
    assert history.current == instead
    assert history.reading("e", 2, 3) == Reading(("f",))
    assert history.reading("b", 2, 3) == Reading(("g", "h"))
    assert history.reading("h", 3, 2) == Reading(("b",))


def test_without_a_change_that_stands_the_first_version_is_in_force() -> None:
    second = FIRST.changed([Add(name="e")])
    assert TaxonomyHistory(versions=(FIRST,)).current == FIRST
    assert TaxonomyHistory(versions=(FIRST, second)).current == second
    assert TaxonomyHistory(versions=(FIRST, second), taken_back=frozenset({1, 2})).current == FIRST
    another = Taxonomy.first(["a"], version=3)
    assert TaxonomyHistory(versions=(FIRST, second, another)).current == second


def test_a_label_of_no_class_or_version_is_unknown_and_no_version_to_read_under_is_refused() -> (
    None
):
    history = history_of([Add(name="e")])
    for label, version in [("e", 1), ("x", 2), ("a", 7), ("a", 0), ("", 1)]:
        assert history.reading(label, version, 2) == Reading(unknown=True)
    with pytest.raises(UnknownNameError, match="no taxonomy version '3'"):
        history.reading("a", 1, 3)


def test_labels_belong_to_the_version_that_has_most_of_them() -> None:
    renamed = FIRST.changed([Rename(old="a", new="e")])
    split = renamed.changed([Split(name="b", into=("b", "f"))])
    history = TaxonomyHistory(versions=(FIRST, renamed, split))
    assert history.closest({"a", "b"}) == 1
    assert history.closest({"e", "b"}) == 2
    assert history.closest({"e", "b"}, preferred=3) == 3
    assert history.closest({"e", "b", "f"}, preferred=2) == 3
    assert history.closest({"c"}, preferred=1) == 1
    assert history.closest({"x"}) == 2
    assert history.closest(set()) == 2
    undone = history.model_copy(update={"taken_back": frozenset({3})})
    assert undone.closest({"f"}) == 2
    assert undone.closest({"f"}, preferred=3) == 3


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ((), "begins with version 1"),
        ((FIRST.model_copy(update={"version": 2}),), "number 1 of them is called 2"),
        ((FIRST, Taxonomy(version=2, parent=2)), "parent 2. A parent is an earlier version"),
        ((Taxonomy(version=1, parent=1),), "A parent is an earlier version"),
    ],
)
def test_versions_that_are_no_history_are_refused(versions: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TaxonomyHistory(versions=versions)


@given(histories(), st.data())
def test_every_label_has_a_reading_under_every_version(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    label = data.draw(st.text())
    old, new = data.draw(versions_of(history)), data.draw(versions_of(history))
    reading = history.reading(label, old, new)
    assert set(reading.classes) <= set(history.get(new).classes)
    assert reading.unknown == (label not in history.get(old).classes)


@given(histories(), st.data())
def test_a_class_is_itself_under_its_own_version(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    version = data.draw(versions_of(history))
    for name in history.get(version).classes:
        assert history.reading(name, version, version) == Reading((name,))


def path(history: TaxonomyHistory, old: int, new: int) -> list[int]:
    """The versions between two, both of them included: up to where their lines meet, then down."""

    def line(version: int) -> list[int]:
        parent = history.get(version).parent
        return [version, *(line(parent) if parent else [])]

    up, down = line(old), line(new)
    meet = next(version for version in up if version in down)
    return up[: up.index(meet) + 1] + down[: down.index(meet)][::-1]


@given(histories(), st.data())
def test_reading_along_a_path_is_reading_step_by_step(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    old, new = data.draw(versions_of(history)), data.draw(versions_of(history))
    steps = path(history, old, new)
    for name in history.get(old).classes:
        reading = Reading((name,))
        for here, there in itertools.pairwise(steps):
            reading = reading.then(history.table(there)[here])
        assert history.reading(name, old, new) == reading


@given(histories(), st.data())
def test_what_a_class_may_be_may_have_been_that_class(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    old, new = data.draw(versions_of(history)), data.draw(versions_of(history))
    for name in history.get(old).classes:
        for there in history.reading(name, old, new).classes:
            assert name in history.reading(there, new, old).classes


@given(histories(), st.data())
def test_no_label_is_lost_or_counted_twice(history: TaxonomyHistory, data: st.DataObject) -> None:
    old, new = data.draw(versions_of(history)), data.draw(versions_of(history))
    names = st.sampled_from((*history.get(old).classes, "no class"))
    labels = data.draw(st.lists(names, max_size=20))
    readings = [history.reading(label, old, new) for label in labels]
    read = Counter(reading.label for reading in readings if reading.status == "read")
    waiting = Counter(reading.status for reading in readings)
    assert None not in read
    assert read.total() + waiting["queue"] + waiting["excluded"] == len(labels)


@given(histories(), st.data())
def test_a_rename_there_and_back_is_nothing(history: TaxonomyHistory, data: st.DataObject) -> None:
    current = history.current
    if not current.classes:
        return
    old = data.draw(st.sampled_from(current.classes))
    new = data.draw(NAMES.filter(lambda name: name not in current.classes))
    back = current.changed([Rename(old=old, new=new), Rename(old=new, new=old)])
    assert back.classes == current.classes
    longer = TaxonomyHistory(
        versions=(*history.versions, back.model_copy(update={"version": history.newest + 1}))
    )
    for name in current.classes:
        assert longer.reading(name, current.version, longer.newest) == Reading((name,))


@given(histories(), st.data())
def test_the_table_to_join_holds_every_reading(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    to_version = data.draw(versions_of(history))
    table = reading_table(history, to_version)
    assert table.schema == READING_SCHEMA
    rows = table.to_pylist()
    assert len(rows) == sum(len(taxonomy.classes) for taxonomy in history.versions)
    for row in rows:
        reading = history.reading(row["label"], row["from_version"], to_version)
        assert row["reading"] == reading.label
        assert row["status"] == reading.status
        assert tuple(row["candidates"]) == reading.classes


@given(histories())
def test_a_history_comes_back_from_yaml_as_it_was(history: TaxonomyHistory) -> None:
    assert parse(render(history)) == history


@given(histories(), st.data())
def test_a_difference_leads_to_the_wanted_classes(
    history: TaxonomyHistory, data: st.DataObject
) -> None:
    wanted = Taxonomy.first(data.draw(st.lists(NAMES, min_size=1, max_size=5, unique=True)))
    found = difference(history.current, wanted)
    reached = history.current.changed(found) if found else history.current
    assert set(reached.classes) == set(wanted.classes)


@pytest.mark.parametrize(
    "text",
    ["- a\n- 1\n- b: All b.\n", "- a\n- name: '1'\n- name: b\n  description: All b.\n",
     "a:\n1: ''\nb: All b.\n"],
)  # fmt: skip
def test_a_list_of_classes_is_a_first_version(text: str) -> None:
    assert parse(text) == Taxonomy.first(["a", "1", "b"], {"b": "All b."})


def test_operations_are_read_from_a_list() -> None:
    text = (
        "- operation: rename\n  old: a=b\n  new: 'x, y'\n"
        "- operation: split\n  name: c\n  into: [1, 2]\n"
        "- {operation: retire, name: d, then: exclude}\n"
    )
    assert parse_operations(text) == (
        Rename(old="a=b", new="x, y"),
        Split(name="c", into=("1", "2")),
        Retire(name="d", then="exclude"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- operation: rename\n  old: a\n  nwe: b\n",
         r"Operation 1 \(line 1\): there is no 'nwe'. Did you mean 'new'\?"),
        ("- {operation: add, name: a}\n- {operation: merg}\n",
         r"Operation 2 \(line 2\): There is no operation 'merg'. Did you mean 'merge'\?"),
        ("- {operation: rename, old: a}\n", "'new' is missing"),
        ("- {operation: retire, name: a, then: exclud}\n", "Did you mean 'exclude'"),
        ("- rename\n", "begins with '- operation: NAME'"),
        ("- {operation: merge, classes: a, into: b}\n", "'classes': .* Got 'a'"),
        ("", "Operations are a list"),
    ],
)  # fmt: skip
def test_a_mistake_in_operations_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_operations(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "A taxonomy is a list of classes, .* Got nothing"),
        ("just a text", "A taxonomy is a list of classes"),
        ("- a\n- [b", r"not valid YAML \(line \d\)"),
        ("- a\n- a\n", "a class 'a' already"),
        ("a: x\na: y\n", "Line 2: a key is a text and stands there once. Got 'a'"),
        ("- &x a\n- *x\n", "YAML alias"),
        ("[" * 20 + "]" * 20, "nested more than"),
        ("- name: a\n  descripton: b\n", r"Class 1 \(line 1\): there is no 'descripton'. Did you"),
        ("- [a, b]\n", r"Class 1 \(line 1\): 'name'"),
        ("versions: []\n", "begins with version 1"),
        ("format: 9\nversions: []\n", "has format 9, this version reads up to 1"),
        ("versions: []\nin_force: 2\n", "there is no 'in_force'. Allowed: format, versions"),
        ("versions:\n- version: 2\n  classes: [a]\n", r"Version 1 \(line 2\): versions are"),
        ("versions:\n- version: 1\n  clases: [a]\n", "Did you mean 'classes'"),
        ("versions:\n- version: 1\n", "either classes, or a parent and operations"),
        ("versions:\n- version: one\n  classes: [a]\n", "'version': .* Got 'one'"),
        ("versions:\n- {version: 1, classes: [a]}\n"
         "- {version: 2, parent: 1, operations: [{operation: retire, name: b, then: queue}]}\n",
         r"Version 2 \(line 3\): Operation 1 \(retire\): There is no class 'b'"),
        ("versions:\n- {version: 1, classes: [a]}\n"
         "- {version: 2, parent: 2, operations: [{operation: add, name: b}]}\n",
         "the parent 2 is not there"),
        ("versions:\n- a\n", r"Version 1 \(line 2\)"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_taxonomy_file_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)

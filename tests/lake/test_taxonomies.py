"""A taxonomy is kept in versions with its dataset, and says what a change would do before it does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError, UnknownNameError, UsageError
from curation.lake import documents
from curation.lake.actions import undo
from curation.lake.annotations import Verdict, annotate, annotate_many, events
from curation.lake.imports import import_table
from curation.lake.snapshots import log
from curation.lake.taxonomies import apply, current, history, import_taxonomy
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split, Taxonomy
from curation.lake.taxonomy_consequences import Touched, consequences
from curation.lake.taxonomy_yaml import parse, render
from curation.lake.translation import TaxonomyHistory, reading_table
from curation.lake.workflows import Workflow, save_workflow
from curation.lake.workspace import Workspace

LABELS = ["x"] * 5 + ["y"] * 3 + ["z"] * 2 + [None]
TABLE = pa.table(
    {
        "id": [f"k{n}" for n in range(len(LABELS))],
        "text": [f"text {n}" for n in range(len(LABELS))],
        "label": LABELS,
    }
)
RENAME = Rename(old="x", new="w")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("taxonomies") / "workspace") as opened:
        yield opened


@pytest.fixture
def name(shared: Workspace) -> str:
    return fresh(shared)


def fresh(workspace: Workspace, table: pa.Table = TABLE) -> str:
    name = uuid.uuid4().hex
    roles: Any = {"id": "key", "text": "text", "label": "label"}
    import_table(workspace, table, name, roles=roles, author="me")
    return name


def change(workspace: Workspace, name: str, *operations: Operation, **options: Any) -> Taxonomy:
    return apply(workspace, name, operations, author="ann", message="A change", **options)


def relabel(workspace: Workspace, name: str, key: str, value: str) -> None:
    annotate(workspace, name, key, "relabel", value=value, annotator="ann")


def test_until_it_is_changed_a_taxonomy_is_the_labels_that_are_there(
    shared: Workspace, name: str
) -> None:
    relabel(shared, name, "k0", "a new one")
    assert history(shared, name) == TaxonomyHistory(
        versions=(Taxonomy.first(["a new one", "x", "y", "z"]),)
    )
    assert documents.versions(shared, "taxonomy", name, "label") == []


def test_a_label_that_only_looks_blank_is_a_class(shared: Workspace) -> None:
    name = fresh(shared, pa.table({"id": ["a", "b", "c", "d"], "text": ["p", "q", "r", "s"],
                                   "label": ["\t", "\t", "x", " "]}))  # fmt: skip
    assert current(shared, name).classes == ("\t", "x")


def test_the_first_change_also_keeps_what_was_there_before(shared: Workspace, name: str) -> None:
    before = current(shared, name)
    changed = change(shared, name, RENAME, Add(name="v", description="Also."))
    assert (changed.version, changed.parent) == (2, 1)
    assert changed.classes == ("w", "y", "z", "v")
    assert history(shared, name).versions == (before, changed)
    assert current(shared, name) == changed
    first, second = documents.versions(shared, "taxonomy", name, "label")
    assert (first.author, second.message) == ("ann", "A change")
    with shared.cursor() as cursor:
        snapshots = cursor.execute(
            "SELECT count(*) FROM lake.snapshots() WHERE commit_extra_info LIKE ?",
            [f'%"taxonomy", "dataset": "{name}"%'],
        ).fetchone()
    assert snapshots == (1,)


def test_what_was_stored_does_not_follow_the_data(shared: Workspace, name: str) -> None:
    change(shared, name, RENAME)
    relabel(shared, name, "k0", "another")
    assert history(shared, name).get(1).classes == ("x", "y", "z")


def test_a_change_touches_neither_rows_nor_annotations(shared: Workspace, name: str) -> None:
    relabel(shared, name, "k0", "y")
    before = events(shared, name), log(shared, name)
    change(shared, name, Merge(classes=("x", "y"), into="y"), Retire(name="z", then="exclude"))
    assert (events(shared, name), log(shared, name)) == before


def test_a_change_that_was_taken_back_is_not_in_force_and_can_be_read(
    shared: Workspace, name: str
) -> None:
    change(shared, name, RENAME)
    change(shared, name, Rename(old="w", new="v"))
    undo(shared, name, "ann", kinds=["taxonomy"])
    assert current(shared, name).version == 2
    instead = change(shared, name, Rename(old="w", new="u"))
    assert (instead.version, instead.parent) == (4, 2)
    known = history(shared, name)
    assert known.taken_back == {3}
    assert known.reading("v", 3, 4).label == "u"


def test_after_all_was_taken_back_the_first_version_is_in_force(
    shared: Workspace, name: str
) -> None:
    change(shared, name, RENAME)
    while undo(shared, name, "ann", kinds=["taxonomy"]):
        assert current(shared, name).version == 1
    again = change(shared, name, Rename(old="y", new="v"))
    assert (again.version, again.parent, again.classes) == (3, 1, ("x", "v", "z"))


def test_who_has_not_seen_the_newest_version_is_told(shared: Workspace, name: str) -> None:
    change(shared, name, RENAME, after=1)
    with pytest.raises(UsageError, match="you started from version 1, and version 2 is there now"):
        change(shared, name, Rename(old="y", new="v"), after=1)
    assert change(shared, name, Rename(old="y", new="v"), after=2).version == 3


def test_of_two_first_changes_at_once_one_is_in_force(shared: Workspace, name: str) -> None:
    def attempt(new: str) -> Taxonomy | CurationError:
        try:
            return change(shared, name, Rename(old="x", new=new))
        except CurationError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, ["v", "w"]))
    done = [outcome for outcome in outcomes if isinstance(outcome, Taxonomy)]
    assert done
    assert current(shared, name) == max(done, key=lambda taxonomy: taxonomy.version)


def test_two_roots_leave_the_first_change_in_force(shared: Workspace, name: str) -> None:
    changed = change(shared, name, RENAME)
    # What another person's first change at the same moment leaves behind.
    root = Taxonomy.first(["x"]).model_dump_json(exclude={"version"})
    documents.save(shared, "taxonomy", name, "label", root, author="bob", message="Late")
    assert current(shared, name) == changed
    assert history(shared, name).reading("x", 3, 2).reason == "unknown"
    assert change(shared, name, Rename(old="w", new="v")).parent == 2


@pytest.mark.parametrize(
    ("operations", "error", "message"),
    [
        ([], UsageError, "at least one operation"),
        ([Rename(old="X", new="w")], UnknownNameError, "Did you mean 'x'"),
        ([Add(name="w"), Add(name="w")], UsageError, "a class 'w' already"),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(
    shared: Workspace, name: str, operations: list[Operation], error: Any, message: str,
    content_of: Callable[[Workspace], dict[str, Any]],
) -> None:  # fmt: skip
    before = content_of(shared)
    with pytest.raises(error, match=message):
        change(shared, name, *operations)
    with pytest.raises(error, match=message):
        consequences(shared, name, operations)
    assert content_of(shared) == before


def test_a_dataset_without_a_label_has_no_taxonomy(shared: Workspace) -> None:
    name = uuid.uuid4().hex
    import_table(shared, pa.table({"id": ["a", "b"], "n": [1, 2]}), name, roles={}, author="me")
    with pytest.raises(UsageError, match="has no label column"):
        history(shared, name)
    with pytest.raises(UnknownNameError, match="no column 'kind'"):
        history(shared, name, "kind")
    with pytest.raises(UnknownNameError, match="no dataset 'nothing'"):
        history(shared, "nothing")


def test_consequences_count_records_by_their_effective_label(shared: Workspace, name: str) -> None:
    relabel(shared, name, "k0", "y")
    relabel(shared, name, "k1", "z")
    annotate(shared, name, "k2", "exclude", annotator="ann")
    annotate(shared, name, "k3", "unsure", annotator="ann")
    annotate(shared, name, "k4", "confirm", annotator="ann")
    # x: k3 k4; y: k0 k5 k6 k7; z: k1 k8 k9.
    found = consequences(
        shared,
        name,
        [
            Rename(old="x", new="w"),
            Merge(classes=("w", "y"), into="y"),
            Split(name="z", into=("z", "z2")),
            Add(name="new"),
        ],
    )
    assert [each.records for each in found] == [
        Touched(read=2), Touched(read=2), Touched(queue=3), Touched(),
    ]  # fmt: skip
    assert [each.annotations for each in found] == [
        Touched(read=1), Touched(read=1), Touched(queue=1), Touched(),
    ]  # fmt: skip
    assert [each.sentence for each in found] == [
        "rename 'x' to 'w': 2 records and 1 annotation will be read as 'w'.",
        "merge 'w', 'y' into 'y': 2 records and 1 annotation will be read as 'y'.",
        "split 'z' into 'z', 'z2': 3 records and 1 annotation will wait for a person to choose.",
        "add 'new': no record changes.",
    ]
    assert documents.versions(shared, "taxonomy", name, "label") == []


def test_retired_records_are_queued_or_left_out(shared: Workspace, name: str) -> None:
    relabel(shared, name, "k0", "y")
    found = consequences(
        shared, name, [Retire(name="x", then="queue"), Retire(name="y", then="exclude")]
    )
    assert [(each.records, each.annotations) for each in found] == [
        (Touched(queue=4), Touched()),
        (Touched(excluded=4), Touched(excluded=1)),
    ]
    assert found[0].sentence.endswith("4 records and 0 annotations will wait for another label.")
    assert found[1].sentence.endswith("4 records and 1 annotation will be left out.")


def test_consequences_start_from_the_version_in_force(shared: Workspace, name: str) -> None:
    relabel(shared, name, "k0", "y")
    change(shared, name, RENAME, Split(name="z", into=("z1", "z2")))
    relabel(shared, name, "k8", "z1")
    [merge, retire] = consequences(
        shared, name, [Merge(classes=("w", "y"), into="both"), Retire(name="z1", then="exclude")]
    )
    assert (merge.records, merge.annotations) == (Touched(read=8), Touched(read=1))
    assert (retire.records, retire.annotations) == (Touched(excluded=1), Touched(excluded=1))


def test_records_that_came_before_a_class_was_added_are_told_of(shared: Workspace) -> None:
    name = fresh(shared)
    change(shared, name, RENAME)
    more = TABLE.set_column(2, "label", pa.array(["x"] * 8 + ["late"] * 3))
    import_table(shared, more, name, author="me")
    assert current(shared, name).classes == ("w", "y", "z")
    [added] = consequences(shared, name, [Add(name="late")])
    assert added.sentence == (
        "add 'late': no record changes. 3 records with this label came under a version without it "
        "and will wait for a person."
    )


def test_a_policy_that_needs_a_model_does_not_keep_consequences_away(
    shared: Workspace, name: str
) -> None:
    save_workflow(shared, name, "label", Workflow(policy="dawid_skene"), author="ann")
    relabel(shared, name, "k0", "y")
    [found] = consequences(shared, name, [RENAME])
    assert found.records == Touched(read=4)


@settings(max_examples=6)
@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.sampled_from("xyz")), max_size=6, unique_by=lambda s: s[0]
    ),
    st.sampled_from(
        [
            Rename(old="x", new="w"),
            Merge(classes=("x", "y"), into="w"),
            Split(name="x", into=("x", "w")),
            Retire(name="y", then="queue"),
            Retire(name="z", then="exclude"),
        ]
    ),
)
def test_consequences_are_what_the_change_then_does(
    shared: Workspace, said: list[tuple[int, str]], operation: Operation
) -> None:
    name = fresh(shared)
    effective = dict(enumerate(LABELS)) | dict(said)
    verdicts = [Verdict(f"k{row}", "relabel", value) for row, value in said]
    annotate_many(shared, name, verdicts, annotator="ann")
    [foreseen] = consequences(shared, name, [operation])
    version = change(shared, name, operation).version
    known = history(shared, name)
    for touched, labels in [
        (foreseen.records, [label for label in effective.values() if label]),
        (foreseen.annotations, [value for _, value in said]),
    ]:
        readings = [known.reading(label, 1, version) for label in labels]
        changed = [r for label, r in zip(labels, readings, strict=True) if r.classes != (label,)]
        assert touched == Touched(*(
            sum(reading.status == status for reading in changed)
            for status in ("read", "queue", "excluded")
        ))  # fmt: skip


def test_readings_join_with_annotations_in_sql(shared: Workspace, name: str) -> None:
    for key, value in [("k0", "y"), ("k1", "z"), ("k2", "typed")]:
        relabel(shared, name, key, value)
    change(shared, name, Split(name="z", into=("z1", "z2")), Rename(old="y", new="v"))
    relabel(shared, name, "k3", "no class")
    readings = reading_table(history(shared, name), 2)
    with shared.cursor() as cursor:
        cursor.register("readings", readings)
        rows = cursor.execute(
            """SELECT a.record_key, r.reading, coalesce(r.status, 'unknown'), r.candidates
            FROM lake.curation.annotations a LEFT JOIN readings r
                ON r.from_version = a.taxonomy_version AND r.label = a.value
            WHERE a.dataset = ? ORDER BY a.record_key""",
            [name],
        ).fetchall()
    assert rows == [
        ("k0", "v", "read", ["v"]),
        ("k1", None, "queue", ["z1", "z2"]),
        ("k2", "typed", "read", ["typed"]),
        ("k3", None, "unknown", None),
    ]


def test_an_exported_history_can_be_imported_elsewhere(shared: Workspace, name: str) -> None:
    change(shared, name, RENAME)
    change(shared, name, Rename(old="w", new="v"))
    undo(shared, name, "ann", kinds=["taxonomy"])
    change(shared, name, Add(name="new", description="It's new: really."))
    known = history(shared, name)
    elsewhere = fresh(shared)
    imported = parse(render(known))
    import_taxonomy(shared, elsewhere, imported, author="bob", message="From there")
    assert history(shared, elsewhere) == known
    with pytest.raises(UsageError, match="All 4 versions are there already"):
        import_taxonomy(shared, elsewhere, imported, author="bob", message="Again")
    change(shared, name, Rename(old="new", new="newer"))
    import_taxonomy(shared, elsewhere, history(shared, name), author="bob", message="More")
    assert history(shared, elsewhere) == history(shared, name)


def test_only_a_continuation_of_what_is_there_can_be_imported(shared: Workspace, name: str) -> None:
    change(shared, name, RENAME)
    known = history(shared, name)
    other = Taxonomy.first(["x", "y"])
    with pytest.raises(UsageError, match=r"Version 1 of the taxonomy .* is another"):
        import_taxonomy(shared, name, other, author="bob", message="Other")
    assert history(shared, name) == known


def test_a_list_of_classes_can_be_the_first_version(shared: Workspace, name: str) -> None:
    first = Taxonomy.first(["z", "y", "x", "rare"], {"rare": "Not seen yet."})
    import_taxonomy(shared, name, first, author="bob", message="Our classes")
    assert current(shared, name) == first
    assert change(shared, name, RENAME).classes == ("z", "y", "w", "rare")

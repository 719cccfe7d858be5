"""Roles that change, snapshots that come back, classes that are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import CurationError, LabelError, UnknownNameError, UsageError
from curation.lake.datasets import (
    class_counts,
    get_dataset,
    list_datasets,
    restore,
    set_roles,
    table_sql,
)
from curation.lake.imports import import_table
from curation.lake.roles import ColumnProfile, Role, Roles, detect_roles
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace

TABLE = pa.table({"id": [1, 2, 3], "text": ["x", "y", "z"], "label": ["a", "b", "a"]})


@pytest.fixture
def dataset(workspace: Workspace) -> Workspace:
    import_table(workspace, TABLE, "d", roles={"label": "label"}, author="ann")
    return workspace


def test_an_unknown_dataset_is_told_the_nearest(dataset: Workspace) -> None:
    import_table(dataset, TABLE, "support", author="ann")
    with pytest.raises(UnknownNameError, match=r"no dataset 'suport'. Did you mean 'support'\?"):
        get_dataset(dataset, "suport")


def test_an_unknown_snapshot_is_told_those_there_are(dataset: Workspace) -> None:
    known = get_dataset(dataset, "d").snapshot
    with pytest.raises(UsageError, match=f"'d' has no snapshot 99999.*{known}"):
        get_dataset(dataset, "d", 99_999)


def test_changed_roles_are_a_snapshot_with_its_author(dataset: Workspace) -> None:
    before = get_dataset(dataset, "d")
    snapshot = set_roles(dataset, "d", before.roles.with_roles({"id": "ignore"}), "bob")
    assert get_dataset(dataset, "d").roles.columns["id"] == "ignore"
    assert get_dataset(dataset, "d").snapshot == snapshot
    assert get_dataset(dataset, "d", before.snapshot).roles == before.roles
    assert [(s.operation, s.author) for s in log(dataset, "d")] == [
        ("roles", "bob"),
        ("import", "ann"),
    ]


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"nope": "text"}, UnknownNameError, "no column 'nope'"),
        ({"label": "key"}, UsageError, "label cannot be the key: 1 values"),
        ({"empty": "label"}, LabelError, "empty in all 3 rows"),
    ],
)
def test_roles_that_cannot_be_change_nothing(
    workspace: Workspace,
    content_of: Callable[[Workspace], dict[str, Any]],
    columns: dict[str, Role],
    error: type[CurationError],
    message: str,
) -> None:
    import_table(workspace, TABLE.append_column("empty", pa.nulls(3, pa.string())), "d", author="a")
    before = content_of(workspace)
    with pytest.raises(error, match=message):
        set_roles(workspace, "d", Roles(columns=columns), "bob")
    assert content_of(workspace) == before


def test_a_restored_snapshot_is_the_newest_and_nothing_is_lost(dataset: Workspace) -> None:
    first = get_dataset(dataset, "d")
    second = import_table(dataset, TABLE.slice(1), "d", roles={"text": "ignore"}, author="ann")
    third = restore(dataset, "d", first.snapshot, "bob")
    found = get_dataset(dataset, "d")
    assert (found.snapshot, found.rows, found.roles, found.columns) == (
        third, 3, first.roles, first.columns,
    )  # fmt: skip
    with dataset.cursor() as cursor:
        back = cursor.execute(f"FROM {table_sql('d')} ORDER BY rowid").to_arrow_table()
        assert back.to_pylist() == TABLE.to_pylist()
        assert len(cursor.execute(f"FROM {table_sql('d', second.snapshot)}").fetchall()) == 2
    assert [s.operation for s in log(dataset, "d")] == ["restore", "import", "import"]
    assert log(dataset, "d")[0].message == f"Restored snapshot {first.snapshot}"


def test_restoring_the_newest_or_an_unknown_snapshot(dataset: Workspace) -> None:
    newest = get_dataset(dataset, "d").snapshot
    assert restore(dataset, "d", newest, "bob") > newest
    with pytest.raises(UsageError, match="no snapshot 12345"):
        restore(dataset, "d", 12_345, "bob")


def test_snapshots_of_one_dataset_are_not_another_s(dataset: Workspace) -> None:
    import_table(dataset, TABLE, "e", author="ann")
    assert len(log(dataset, "d")) == len(log(dataset, "e")) == 1
    assert log(dataset, "nope") == []
    assert [d.name for d in list_datasets(dataset)] == ["d", "e"]


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        (["b", "a", "a", None, ""], {"a": 2, "b": 1}),
        ([1, 2, 2, None, None], {"2": 2, "1": 1}),
        ([True, False, True, None, None], {"true": 2, "false": 1}),
        ([1.5, float("nan"), None, 1.5, 2.0], {"1.5": 2, "2.0": 1}),
        ([2**62, 2**62, 1, 1, 1], {"1": 3, str(2**62): 2}),
    ],
)
@pytest.mark.parametrize("column", ["label", "class", "select"])
def test_classes_are_counted_largest_first_without_missing_labels(
    workspace: Workspace, labels: list[Any], counts: dict[str, int], column: str
) -> None:
    table = pa.table({column: labels, "other label": list("vwxyz")})
    import_table(workspace, table, "d", roles={column: "label"}, author="ann")
    assert list(class_counts(workspace, "d").items()) == list(counts.items())
    assert get_dataset(workspace, "d").classes == len(counts)


def test_classes_of_a_dataset_without_a_label_cannot_be_counted(workspace: Workspace) -> None:
    import_table(workspace, pa.table({"x": [1, 2]}), "d", author="ann")
    with pytest.raises(UsageError, match="'d' has no label column"):
        class_counts(workspace, "d")


def profile(name: str, kind: str = "VARCHAR", distinct: int = 100, **values: Any) -> ColumnProfile:
    return ColumnProfile(name=name, type=kind, rows=100, nulls=0, distinct=distinct, **values)


@pytest.mark.parametrize(
    ("column", "role"),
    [
        (profile("id"), "key"),
        (profile("customer_id", distinct=10), "group"),
        (profile("intent", distinct=8), "label"),
        (profile("target", "BIGINT", distinct=2), "label"),
        (profile("message", mean_words=9.0), "text"),
        (profile("channel", distinct=3), "feature"),
        (profile("received", "TIMESTAMP"), "timestamp"),
        (profile("vector", "FLOAT[]"), "embedding"),
        (profile("picture", "BLOB"), "image"),
        (profile("split", distinct=3), "ignore"),
        (profile("code"), "ignore"),
        (profile("size", "DOUBLE"), "feature"),
        (profile("flag", "BOOLEAN", distinct=2), "feature"),
    ],
)
def test_a_role_is_guessed_from_name_type_and_values(column: ColumnProfile, role: Role) -> None:
    assert detect_roles([column]).columns == {column.name: role}


def test_of_two_likely_labels_or_keys_one_is_taken() -> None:
    roles = detect_roles(
        [
            profile("category", distinct=4),
            profile("label", distinct=4),
            profile("uuid"),
            profile("id"),
        ]
    )
    assert (roles.label, roles.having("key")) == ("label", ["id"])


def test_roles_hold_one_label(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="Only one column can be the label; got 'a', 'b'"):
        Roles(columns={"a": "label", "b": "label"})
    assert Roles(columns={"a": "label", "b": "text"}).with_roles({"b": "label"}).columns == {
        "a": "ignore", "b": "label",
    }  # fmt: skip

"""What an import takes, what it detects, and that a refused one changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from curation.errors import (
    ContractError,
    CurationError,
    LabelError,
    SourceFileError,
    UnknownNameError,
    UsageError,
)
from curation.lake.datasets import get_dataset, list_datasets, restore, table_sql
from curation.lake.imports import import_file, import_table, preview_file
from curation.lake.roles import Role
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace
from curation.progress import Cancelled

Content = Callable[[Workspace], dict[str, Any]]
FRUIT = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "text": ["red and round", "long and bent", "red and small", "long and green"],
        "label": ["apple", "banana", "apple", "banana"],
    }
)


def rows(workspace: Workspace, dataset: str) -> list[tuple[Any, ...]]:
    with workspace.cursor() as cursor:
        return cursor.execute(f"SELECT * FROM {table_sql(dataset)} ORDER BY rowid").fetchall()


def add(workspace: Workspace, table: Any, dataset: str = "fruit", **options: Any) -> Any:
    return import_table(workspace, table, dataset, author="tester", **options)


def test_the_example_is_imported_with_its_roles(support: Workspace) -> None:
    found = get_dataset(support, "support")
    assert found.roles.columns == {
        "message_id": "key", "received_at": "timestamp", "channel": "feature", "message": "text",
        "intent": "label",
    }  # fmt: skip
    assert found.columns["received_at"] == "TIMESTAMP"
    assert found.rows > 500
    assert found.classes is not None
    assert 8 <= found.classes <= 10
    [snapshot] = log(support, "support")
    assert (snapshot.author, snapshot.message, snapshot.operation) == (
        "tester",
        "The example",
        "import",
    )
    assert (snapshot.rows, snapshot.classes) == (found.rows, found.classes)


def test_a_preview_writes_nothing_and_says_what_the_import_takes(
    workspace: Workspace, content_of: Content, support_csv: Path
) -> None:
    before = content_of(workspace)
    preview = preview_file(support_csv, roles={"channel": "group"})
    assert content_of(workspace) == before
    report = import_file(workspace, support_csv, "s", roles={"channel": "group"}, author="me")
    assert (preview.rows, preview.columns, preview.roles) == (
        report.rows,
        report.columns,
        report.roles,
    )
    assert preview.roles.columns["channel"] == "group"
    assert len(preview.sample) == 20


@pytest.mark.parametrize("make", [pa.Table.to_pandas, pl.from_arrow, lambda table: table])
def test_a_table_of_any_library_is_the_same_dataset(
    workspace: Workspace, make: Callable[[pa.Table], Any]
) -> None:
    report = add(workspace, make(FRUIT))
    assert rows(workspace, "fruit") == list(zip(*FRUIT.to_pydict().values(), strict=True))
    assert report.columns == dict.fromkeys(FRUIT.column_names, "VARCHAR")


def test_rows_keep_their_order(workspace: Workspace) -> None:
    def numbers(dataset: str) -> list[int]:
        return [n for (n,) in rows(workspace, dataset)]

    # Threads that write in parallel mixed them up in one of three imports.
    halves = [pa.table({"n": range(300_000)}), pa.table({"n": range(300_000, 600_000)})]
    first = add(workspace, halves[0], "many")
    assert numbers("many") == list(range(300_000))
    add(workspace, halves[1], "many", mode="append")
    assert numbers("many") == list(range(600_000))
    restore(workspace, "many", first.snapshot, "me")
    assert numbers("many") == list(range(300_000))


@pytest.mark.parametrize(
    "columns",
    [["select", "row", "label"], ['a"b', "c'd", "größe 漢"], ["label", "intent"],
     ["key", "content", "occurrence", "class"], ["x" * 200, " padded ", "a.b"], ["now_", "was", "old"]],
)  # fmt: skip
def test_any_column_name_can_be_imported_counted_and_compared(
    workspace: Workspace, columns: list[str]
) -> None:
    from curation.lake.datasets import class_counts
    from curation.lake.diffs import diff

    data = {name: [f"{name}{row % 2}" for row in range(4)] for name in columns}
    report = add(workspace, pa.table(data), roles={columns[-1]: "label"})
    assert class_counts(workspace, "fruit") == {f"{columns[-1]}0": 2, f"{columns[-1]}1": 2}
    data[columns[0]][0] = "changed"
    again = add(workspace, pa.table(data))
    assert again.roles == report.roles
    found = diff(workspace, "fruit", report.snapshot, again.snapshot)
    assert (found.added - found.removed, found.labels_changed) == (0, 0)


def test_a_column_named_rowid_is_refused(workspace: Workspace) -> None:
    with pytest.raises(
        SourceFileError,
        match=r"'rowid' is taken by the lake, which numbers rows and snapshots. Rename it",
    ):
        add(workspace, pa.table({"rowid": [1, 2]}))


def test_one_row_is_a_dataset(workspace: Workspace) -> None:
    report = add(workspace, FRUIT.slice(0, 1))
    assert report.rows == 1


def test_a_second_import_replaces_and_the_older_snapshot_stays(workspace: Workspace) -> None:
    first = add(workspace, FRUIT)
    second = add(workspace, FRUIT.slice(1))
    assert len(rows(workspace, "fruit")) == 3
    assert get_dataset(workspace, "fruit", first.snapshot).rows == 4
    assert second.diff is not None
    assert (second.diff.added, second.diff.removed, second.diff.changed) == (0, 1, 0)


def test_roles_stay_as_they_were_corrected(workspace: Workspace) -> None:
    add(workspace, FRUIT, roles={"text": "ignore"})
    assert add(workspace, FRUIT).roles.columns["text"] == "ignore"


def test_a_new_column_does_not_become_a_second_label_or_key(workspace: Workspace) -> None:
    old = pa.table({"code_id": ["a", "b", "c", "d"], "kind": ["x", "y", "x", "y"]})
    add(workspace, old, roles={"kind": "label"})
    new = old.append_column("label", [["p", "q", "p", "q"]]).append_column("id", [[1, 2, 3, 4]])
    roles = add(workspace, new).roles
    assert (roles.label, roles.having("key")) == ("kind", ["code_id"])


def test_who_names_a_key_means_that_one(workspace: Workspace) -> None:
    table = pa.table({"id": [1, 2], "ticket": ["a", "b"]})
    assert add(workspace, table, roles={"ticket": "key"}).roles.having("key") == ["ticket"]
    both = add(workspace, table, "both", roles={"ticket": "key", "id": "key"})
    assert both.roles.having("key") == ["id", "ticket"]


def test_an_append_adds_rows_and_replaces_those_with_a_known_key(workspace: Workspace) -> None:
    add(workspace, FRUIT)
    more = pa.table({"label": ["pear", "kiwi"], "id": ["b", "e"], "text": ["green", "hairy"]})
    report = add(workspace, more, mode="append")
    assert rows(workspace, "fruit") == [
        ("a", "red and round", "apple"), ("c", "red and small", "apple"),
        ("d", "long and green", "banana"), ("b", "green", "pear"), ("e", "hairy", "kiwi"),
    ]  # fmt: skip
    assert (report.rows, report.taken) == (5, 2)
    assert get_dataset(workspace, "fruit").rows == 5
    assert get_dataset(workspace, "fruit").classes == 4
    assert log(workspace, "fruit")[0].operation == "append"


def test_an_append_without_a_key_adds_every_row(workspace: Workspace) -> None:
    keyless = FRUIT.drop_columns("id")
    add(workspace, keyless)
    assert add(workspace, keyless, mode="append").rows == 8


def test_an_append_with_two_keys_compares_both(workspace: Workspace) -> None:
    roles: dict[str, Role] = {"a": "key", "b": "key"}
    add(workspace, pa.table({"a": [1, 1], "b": ["x", "y"], "n": [1, 2]}), "two", roles=roles)
    add(workspace, pa.table({"a": [1, 2], "b": ["y", "x"], "n": [3, 4]}), "two", mode="append")
    assert rows(workspace, "two") == [(1, "x", 1), (1, "y", 3), (2, "x", 4)]


def test_an_append_to_nothing_is_an_import(workspace: Workspace) -> None:
    assert add(workspace, FRUIT, mode="append").rows == 4


def test_a_batch_without_labels_can_be_appended(workspace: Workspace) -> None:
    add(workspace, FRUIT)
    batch = pa.table({"id": ["e"], "text": ["?"], "label": pa.nulls(1, pa.string())})
    assert add(workspace, batch, mode="append").rows == 5


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"),
    [
        ("wider", ["a", "b"], [1, 2], ["a", "b", "1", "2"]),
        ("whole numbers", [1.5, 2.5], [1, 2], [1.5, 2.5, 1.0, 2.0]),
        ("whole floats", [1, 2], [3.0, 4.0], [1, 2, 3, 4]),
        ("empty", [1, 2], [None, None], [1, 2, None, None]),
        ("lists", [[1.0], [2.0]], [[3], []], [[1.0], [2.0], [3.0], []]),
    ],
)
def test_an_append_takes_the_dataset_s_types(
    workspace: Workspace, kind: str, old: list[Any], new: list[Any], expected: list[Any]
) -> None:
    add(workspace, pa.table({"x": old}), "typed", roles={"x": "feature"})
    add(workspace, pa.table({"x": new}), "typed", mode="append")
    assert [x for (x,) in rows(workspace, "typed")] == expected


REFUSED: dict[str, tuple[pa.Table, dict[str, Any], type[CurationError], str]] = {
    "lossy number": (
        pa.table({"id": ["e"], "n": [1.5]}), {"mode": "append"}, ContractError,
        "column 'n' is BIGINT there and DOUBLE in the source, and 1 of its values do not fit",
    ),
    "text for number": (
        pa.table({"id": ["e"], "n": ["x"]}), {"mode": "append"}, ContractError, "1 of its values",
    ),
    "time for number": (
        pa.table({"id": ["e"], "n": pa.array([0], pa.timestamp("us"))}), {"mode": "append"},
        ContractError, "column 'n'",
    ),
    "list for number": (
        pa.table({"id": ["e"], "n": [[1]]}), {"mode": "append"}, ContractError, "column 'n'",
    ),
    "missing column": (
        pa.table({"id": ["e"]}), {"mode": "append"}, ContractError, "the source lacks n",
    ),
    "more columns": (
        pa.table({"id": ["e"], "n": [1], "z": [1]}), {"mode": "append"}, ContractError,
        "has z beyond them",
    ),
    "key twice in what comes": (
        pa.table({"id": ["e", "e"], "n": [1, 2]}), {"mode": "append"}, UsageError,
        "id cannot be the key: 1 values occur more than once",
    ),
    "key missing": (
        pa.table({"id": ["e", None], "n": [1, 2]}), {"mode": "append"}, UsageError, "1 rows have none",
    ),
    "key twice": (
        pa.table({"id": ["e", "e"], "n": [1, 2]}), {}, UsageError, "Name another column, or none",
    ),
    "unknown column": (
        pa.table({"id": ["e"], "n": [1]}), {"roles": {"lable": "label"}}, UnknownNameError,
        "There is no column 'lable'",
    ),
    "two labels": (
        pa.table({"id": ["e"], "n": [1]}), {"roles": {"id": "label", "n": "label"}}, UsageError,
        "Only one column can be the label; got 'id', 'n'",
    ),
    "label without a value": (
        pa.table({"id": ["e"], "n": pa.array([float("nan")])}), {"roles": {"n": "label"}}, LabelError,
        "The label column 'n' is empty in all 1 rows",
    ),
    "label of blanks": (
        pa.table({"id": ["e"], "n": [" "]}), {"roles": {"n": "label"}}, LabelError, "is empty in all",
    ),
    "label with too many values": (
        pa.table({"id": range(50_000), "n": [f"v{i}" for i in range(50_000)]}),
        {"roles": {"n": "label"}}, LabelError, "50,000 different values in 50,000 rows",
    ),
    "no rows": (pa.table({"id": pa.array([], pa.string())}), {}, SourceFileError, "no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_import_leaves_the_workspace_as_it_was(
    workspace: Workspace, content_of: Content, case: str
) -> None:
    table, options, error, message = REFUSED[case]
    add(workspace, pa.table({"id": ["a", "b"], "n": [1, 2]}), "numbers")
    before = content_of(workspace)
    with pytest.raises(error) as caught:
        add(workspace, table, "numbers", **options)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert content_of(workspace) == before


def test_a_name_that_differs_only_in_case_is_refused(
    workspace: Workspace, content_of: Content
) -> None:
    add(workspace, FRUIT, "Fruit")
    before = content_of(workspace)
    with pytest.raises(UsageError, match="There is a dataset 'Fruit' already"):
        add(workspace, FRUIT.slice(1), "fruit")
    assert content_of(workspace) == before


@pytest.mark.parametrize("name", ["", " a", "a/b", "../x", "a\nb", "ä", "x" * 101, '"', ".hidden"])
def test_a_name_that_cannot_be_one_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be a dataset's name. Allowed"):
        add(workspace, FRUIT, name)
    assert list_datasets(workspace) == []


@pytest.mark.parametrize("name", ["select", "a b", "v1.2-x_y", "0", "Drop Table"])
def test_a_plain_name_is_taken(workspace: Workspace, name: str) -> None:
    add(workspace, FRUIT, name)
    assert [dataset.name for dataset in list_datasets(workspace)] == [name]


def test_refused_rows_are_kept_with_line_and_reason(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "ragged.csv"
    source.write_text("id,label\n" + "".join(f"{n},x\n" for n in range(200)) + "oops\n")
    report = import_file(workspace, source, "ragged", author="me")
    assert (report.rows, report.refused_count) == (200, 1)
    assert report.refused[0].line == 202
    assert report.refused_file is not None
    assert "202," in report.refused_file.read_text()


def test_a_cancelled_import_leaves_the_workspace_as_it_was(
    workspace: Workspace, content_of: Content, support_csv: Path
) -> None:
    before = content_of(workspace)

    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_file(workspace, support_csv, "s", author="me", progress=cancel)
    assert content_of(workspace) == before


def test_labels_of_numbers_with_missing_ones_are_counted(workspace: Workspace) -> None:
    frame = pd.DataFrame({"text": list("abcd"), "label": [1.0, float("nan"), 2.0, 1.0]})
    report = add(workspace, frame, roles={"label": "label"})
    assert get_dataset(workspace, "fruit").classes == 2
    assert report.columns["label"] == "DOUBLE"

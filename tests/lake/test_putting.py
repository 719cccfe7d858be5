"""Rows that are put into a table: exactly the source's, in its order, and older ones stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.lake.datasets import table_sql
from curation.lake.imports import import_table
from curation.lake.putting import MOST_CHANGED, Put, put_rows
from curation.lake.roles import Role
from curation.lake.workspace import METADATA, Workspace

KEYED: dict[str, Role] = {"key": "key", "label": "label"}
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("putting") / "workspace") as opened:
        yield opened


def put(
    workspace: Workspace, name: str, rows: pa.Table, keys: tuple[str, ...] = ("key",)
) -> tuple[Put, int]:
    with workspace.cursor() as cursor:
        cursor.register("incoming", rows)
        cursor.execute("CREATE TEMP TABLE staged AS FROM incoming")
        kinds = {n: str(k) for n, k, *_ in cursor.execute("DESCRIBE staged").fetchall()}

        def change(transaction: duckdb.DuckDBPyConnection) -> Put:
            return put_rows(transaction, name, "staged", kinds, keys)

        return workspace.write(
            change, author="me", message="Put", operation="import", dataset=name, cursor=cursor
        )


def stored(workspace: Workspace, name: str, snapshot: int | None = None) -> tuple[Rows, list[int]]:
    """Return rows and row ids in their order; written out, so that NaN is like NaN."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT rowid, * FROM {table_sql(name, snapshot)} ORDER BY rowid"
        ).fetchall()
    return [tuple(map(repr, row[1:])) for row in rows], [row[0] for row in rows]


def written(table: pa.Table) -> Rows:
    return [tuple(map(repr, row.values())) for row in table.to_pylist()]


def numbers(*, label: str = "a", of: range | list[int] = range(30)) -> pa.Table:
    return pa.table({"key": list(of), "label": [label] * len(of)})


KINDS = pa.schema(
    [("key", pa.string()), ("text", pa.string()), ("number", pa.float64()),
     ("vector", pa.list_(pa.float32())), ("raw", pa.binary())]
)  # fmt: skip
VALUES = st.tuples(
    st.sampled_from(["a", "", None, "é\x00"]),
    st.sampled_from([0.0, float("nan"), None, 1.5]),
    st.sampled_from([None, [], [0.0], [1.0, float("nan")], [None]]),
    st.sampled_from([None, b"", b"\x00\xff"]),
)
ROWS = st.lists(st.tuples(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), VALUES),
                min_size=1, max_size=26, unique_by=lambda row: row[0])  # fmt: skip


@st.composite
def edits(draw: st.DrawFn) -> list[list[tuple[str, Any]]]:
    """A table and what becomes of it: most of it stays, or it is another."""
    versions = [draw(ROWS)]
    for _ in range(draw(st.integers(1, 3))):
        rows = list(versions[-1])
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(rows) - 1))
            rows[at] = (rows[at][0], draw(VALUES))
        if len(rows) > 1 and draw(st.booleans()):
            del rows[draw(st.integers(0, len(rows) - 1))]
        rows += [row for row in draw(ROWS) if row[0] not in dict(rows)][: draw(st.integers(0, 3))]
        versions.append(draw(st.permutations(rows)) if draw(st.integers(0, 5)) == 0 else rows)
    return versions


def as_table(rows: list[tuple[str, Any]]) -> pa.Table:
    columns = zip(*((key, *values) for key, values in rows), strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, KINDS, strict=True)], KINDS)


@pytest.mark.parametrize("keys", [("key",), ()])
@settings(max_examples=6)
@given(edits())
def test_a_table_holds_the_source_and_older_snapshots_what_they_held(
    shared: Workspace, keys: tuple[str, ...], versions: list[list[tuple[str, Any]]]
) -> None:
    tables = [as_table(rows) for rows in versions]
    snapshots = [put(shared, "any", table, keys)[1] for table in tables]
    for snapshot, table in zip(snapshots, tables, strict=True):
        assert stored(shared, "any", snapshot)[0] == written(table)
    assert stored(shared, "any")[0] == written(tables[-1])


def test_changed_rows_keep_their_row_ids(workspace: Workspace) -> None:
    put(workspace, "d", numbers())
    _, before = stored(workspace, "d")
    changed = numbers().to_pylist()
    changed[3]["label"] = "b"
    del changed[7]
    changed += [{"key": 99, "label": "new"}, {"key": 50, "label": "new"}]
    done, snapshot = put(workspace, "d", pa.Table.from_pylist(changed))
    assert done == Put(is_replaced=False, added=2, removed=1, changed=1)
    rows, ids = stored(workspace, "d")
    assert rows == written(pa.Table.from_pylist(changed))
    assert ids[:-2] == before[:7] + before[8:]
    with workspace.cursor() as cursor:
        feed = cursor.execute(
            "SELECT change_type, rowid FROM ducklake_table_changes('lake', 'data', 'd', ?, ?) "
            "ORDER BY ALL",
            [snapshot, snapshot],
        ).fetchall()
    assert feed == [
        ("delete", 7), ("insert", 30), ("insert", 31), ("update_postimage", 3), ("update_preimage", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "rows", "is_replaced"),
    [
        ("the same", numbers(), False),
        ("a third of the rows", numbers(of=range(int(30 * MOST_CHANGED), 30)), False),
        ("more than a third", numbers(of=range(int(30 * MOST_CHANGED) + 1, 30)), True),
        ("another order", numbers(of=[1, 0, *range(2, 30)]), True),
        ("a new row before an old one", numbers(of=[*range(29), 77, 29]), True),
        ("another type", pa.table({"key": list("ab"), "label": ["a", "a"]}), True),
        ("another column", numbers().append_column("more", [[1] * 30]), True),
        ("another order of columns", numbers().select(["label", "key"]), True),
    ],
)
def test_a_table_is_replaced_where_it_cannot_be_changed(
    workspace: Workspace, case: str, rows: pa.Table, is_replaced: bool
) -> None:
    put(workspace, "d", numbers())
    done, _ = put(workspace, "d", rows)
    assert done.is_replaced == is_replaced
    assert stored(workspace, "d")[0] == written(rows)


def test_a_key_that_the_table_has_twice_replaces_it(workspace: Workspace) -> None:
    twice = numbers(of=[*range(29), 28])
    put(workspace, "d", twice, ())
    assert put(workspace, "d", numbers())[0].is_replaced
    assert stored(workspace, "d")[0] == written(numbers())


def test_rows_without_a_key_are_paired_by_position(workspace: Workspace) -> None:
    put(workspace, "d", numbers(), ())
    rows = numbers().to_pylist()
    rows[4]["label"] = None
    done, _ = put(workspace, "d", pa.Table.from_pylist([*rows, *rows[:2]]), ())
    assert done == Put(is_replaced=False, added=2, removed=0, changed=1)


def test_a_second_import_with_a_few_other_labels_writes_only_those(workspace: Workspace) -> None:
    def table_ids() -> list[tuple[int]]:
        with workspace.cursor() as cursor:
            return cursor.execute(
                f"SELECT table_id FROM {METADATA}.ducklake_table WHERE table_name = 'd'"
            ).fetchall()

    rows = pa.table({"key": range(30), "label": ["a", "b"] * 15})
    import_table(workspace, rows, "d", roles=KEYED, author="me")
    first = table_ids()
    rows = rows.set_column(1, "label", [["b"] * 4 + ["a", "b"] * 13])
    assert import_table(workspace, rows, "d", author="me").rows == 30
    assert table_ids() == first
    assert stored(workspace, "d")[0] == written(rows)

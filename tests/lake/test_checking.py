"""A check finds every damage to a file or reference, and says what is lost by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from histories import ROLES

from curation.errors import WorkspaceError
from curation.lake.annotations import annotate, events
from curation.lake.checking import Problem, check
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace


@pytest.fixture
def full(workspace: Workspace) -> Workspace:
    """Two snapshots of a dataset: one file each, and a file of deleted rows."""
    table = pa.table({"key": [f"k{n}" for n in range(99)], "kind": ["a", "b", "c"] * 33})
    import_table(workspace, table, "mail", roles=ROLES, author="ada")
    import_table(workspace, table.slice(0, 40), "mail", mode="append", author="ada")
    return workspace


def data_files(workspace: Workspace) -> list[Path]:
    return sorted(Path(workspace.data).rglob("*.parquet"))


def test_what_was_written_is_in_order(full: Workspace) -> None:
    report = check(full)
    assert (report.problems, report.orphans, report.notes) == ([], [], [])
    assert report.files == len(data_files(full)) == 3


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_every_damaged_file_is_named_with_its_dataset_and_snapshots(full: Workspace) -> None:
    newest = full.write(lambda c: None, author="a", message="m", operation="x")[1] or 0
    damages: dict[Callable[[Path], None], str] = {
        flipped: "not those that were written", truncated: "were written", Path.unlink: "not there",
    }  # fmt: skip
    for path in data_files(full):
        good = path.read_bytes()
        for damage, said in damages.items():
            damage(path)
            [problem] = check(full).problems
            assert said in problem.message
            assert (problem.file, problem.table) == (str(path), "data.mail")
            assert problem.snapshots is not None
            assert 0 < problem.snapshots[0] <= problem.snapshots[1] <= max(newest, 99)
            path.write_bytes(good)
    assert check(full).problems == []


def test_any_byte_that_changed_is_found(full: Workspace) -> None:
    path = data_files(full)[0]
    good = path.read_bytes()
    for place in range(0, len(good), 41):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        assert len(check(full).problems) == 1, place
    path.write_bytes(good)


def test_a_snapshot_that_does_not_need_the_file_is_not_blamed(full: Workspace) -> None:
    table = pa.table({"key": [f"n{n}" for n in range(50)], "kind": ["a", "b"] * 25})
    import_table(full, table, "mail", author="ada")
    old = data_files(full)[0]
    newest = import_table(full, table, "mail", author="ada").snapshot
    for path in data_files(full):
        path.unlink()
    by_file = {Path(problem.file or ""): problem.snapshots for problem in check(full).problems}
    assert by_file[old] is not None
    assert newest in {span[1] for span in by_file.values() if span}
    assert min(span[1] for span in by_file.values() if span) < newest


def test_a_file_whose_writer_was_killed_before_its_hash_is_recorded_once(full: Workspace) -> None:
    for kept in (full.path / "hashes").rglob("*.sha256"):
        kept.unlink()
    assert "3 files had no recorded hash" in check(full).notes[0]
    assert check(full).notes == []
    for kept in (full.path / "hashes").rglob("*.sha256"):
        kept.unlink()
    path = data_files(full)[0]
    truncated(path)
    path.write_bytes(path.read_bytes() + b"x" * 20)
    [problem] = check(full).problems
    assert problem.file == str(path)


def test_a_damaged_file_is_named_when_it_is_read(full: Workspace) -> None:
    for path in data_files(full):
        truncated(path)
    with full.cursor() as cursor, pytest.raises(WorkspaceError, match="curation workspace check"):
        cursor.execute("SELECT * FROM lake.data.mail").fetchall()


def test_references_that_lead_nowhere_are_named(full: Workspace) -> None:
    annotate(full, "mail", "k1", "confirm", annotator="ada")
    assert len(events(full, "mail")) == 1
    assert check(full).problems == []
    statements = (
        "INSERT INTO lake.curation.annotations (annotation_id, decision, reverts) "
        "VALUES ('a9', 'revert', 'nothing')",
        "INSERT INTO lake.curation.documents (document_id, reverts) VALUES ('d9', 'nothing')",
        "INSERT INTO lake.curation.finding_rows (finding_id) VALUES ('f9')",
        "INSERT INTO lake.curation.merged (merge_id, annotation_id) VALUES ('m9', 'nothing')",
        "INSERT INTO lake.curation.datasets (name) VALUES ('gone9')",
        "INSERT INTO lake.curation.tags (name, snapshot) VALUES ('t9', 999)",
        "INSERT INTO lake.curation.branches (branch, base_snapshot) VALUES ('b9', 999)",
        "INSERT INTO lake.curation.findings (finding_id, snapshot) VALUES ('g9', 999)",
    )

    def change(cursor):
        for statement in statements:
            cursor.execute(statement)

    full.write(change, author="a", message="m", operation="x")
    said = [problem.message for problem in check(full).problems]
    named = ("a9", "d9", "f9", "m9", "gone9", "t9", "b9", "g9")
    assert [name for name in named if any(f": {name}." in m for m in said)] == list(named)
    assert len(said) == len(named)


def test_a_catalog_that_lost_a_table_of_rows_is_a_problem(full: Workspace) -> None:
    path = full.path
    with closing(sqlite3.connect(path / "catalog.sqlite")) as connection:
        [(name,)] = connection.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE 'ducklake_inlined_data_%' "
            "AND name <> 'ducklake_inlined_data_tables' ORDER BY name DESC LIMIT 1"
        ).fetchall()
        connection.execute(f"DROP TABLE {name}")
        connection.commit()
    full.close()
    with Workspace.open(path, create=False) as again:
        assert Problem(f"The catalog lacks its table '{name}'.") in check(again).problems

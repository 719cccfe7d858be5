"""Tidying changes the files and nothing that can be read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from histories import ROLES, all_versions, give_history

from curation.errors import UsageError
from curation.lake.checking import check
from curation.lake.compaction import compact
from curation.lake.datasets import get_dataset
from curation.lake.file_hashes import lake_files
from curation.lake.imports import import_table
from curation.lake.snapshots import log
from curation.lake.workspace import METADATA, Workspace


def files(workspace: Workspace) -> set[Path]:
    return {path for path in Path(workspace.data).rglob("*") if path.is_file()}


def age(workspace: Workspace) -> None:
    """Make every file and every note of a file to be removed two days older."""
    for path in files(workspace):
        os.utime(path, (time.time() - 172_800,) * 2)
    with workspace.cursor() as cursor:
        cursor.execute(
            f"UPDATE {METADATA}.ducklake_files_scheduled_for_deletion "
            "SET schedule_start = '2020-01-01 00:00:00+00'"
        )


@pytest.mark.parametrize("seed", range(2))
def test_rows_order_ids_and_history_stay(workspace: Workspace, seed: int) -> None:
    give_history(workspace, seed=seed)
    before = all_versions(workspace)
    report = compact(workspace, author="ada")
    assert report.flushed_rows > 0
    assert report.expired == []
    age(workspace)
    compact(workspace, author="ada")
    after = all_versions(workspace)
    assert {number: after[number] for number in before} == before
    assert check(workspace).problems == []


def test_many_small_files_become_few(workspace: Workspace) -> None:
    give_history(workspace, changes=0)
    for number in range(6):
        table = pa.table({"key": [f"{number}-{n}" for n in range(50)], "kind": ["a"] * 50})
        import_table(workspace, table, "mail", mode="append", author="ada")
    before = all_versions(workspace)
    compact(workspace, author="ada")
    with workspace.cursor() as cursor:
        names = [file.table for file in lake_files(cursor, workspace.data)]
    assert names.count("data.mail") == 1
    assert all_versions(workspace).items() >= before.items()


def test_tidying_what_is_tidy_is_fine(workspace: Workspace) -> None:
    compact(workspace, author="ada")
    report = compact(workspace, author="ada")
    assert (report.flushed_rows, report.removed_files) == (0, 0)


def test_a_dry_run_changes_nothing(workspace: Workspace) -> None:
    give_history(workspace)
    age(workspace)
    before, there = all_versions(workspace), files(workspace)
    report = compact(workspace, keep_days=0, dry_run=True, author="ada")
    assert report.is_dry_run
    assert len(report.expired) > 10
    assert all_versions(workspace) == before
    assert files(workspace) == there


def test_what_something_refers_to_is_never_forgotten(workspace: Workspace) -> None:
    give_history(workspace)
    newest = {name: get_dataset(workspace, name).snapshot for name in ("mail", "odd")}
    numbers = sorted(all_versions(workspace))
    tagged, found, based, ran, nested, wrote = numbers[4], *numbers[10:15]

    def refer(cursor):
        cursor.execute(
            "INSERT INTO lake.curation.findings (finding_id, snapshot) VALUES ('f', ?)", [found]
        )
        cursor.execute(
            "INSERT INTO lake.curation.branches (branch, base_snapshot) VALUES ('b', ?)", [based]
        )
        manifest = f'{{"input_snapshot": {ran}, "rows": {numbers[8]}, "snapshots": [{nested}]}}'
        cursor.execute("INSERT INTO lake.curation.runs VALUES ('r', 'mail', ?, NULL)", [manifest])
        cursor.execute(
            "INSERT INTO lake.curation.documents (document_id, kind, name, text) "
            "VALUES ('d', 'recipe', 'r', ?)",
            [f"steps:\n- snapshot: {wrote}\n"],
        )

    workspace.write(refer, author="ada", message="m", operation="x")
    before = all_versions(workspace)
    report = compact(workspace, keep_days=0, author="ada")
    age(workspace)
    compact(workspace, author="ada")
    needed = {tagged, found, based, ran, nested, wrote, *newest.values()}
    assert needed <= set(report.kept)
    assert not needed & set(report.expired)
    assert numbers[8] in report.expired
    after = all_versions(workspace)
    assert {number: after[number] for number in needed} == {n: before[n] for n in needed}
    assert {name: get_dataset(workspace, name).snapshot for name in newest} == newest
    assert log(workspace, "odd")[0].snapshot == newest["odd"]
    assert check(workspace).problems == []


def test_young_snapshots_stay(workspace: Workspace) -> None:
    give_history(workspace, changes=3)
    assert compact(workspace, keep_days=1, author="ada").expired == []


def test_days_that_cannot_be_are_refused(workspace: Workspace) -> None:
    for days in (-1, float("nan")):
        with pytest.raises(UsageError, match="Give 0 or more"):
            compact(workspace, keep_days=days, author="ada")


def test_files_of_a_write_that_was_killed_go_after_a_day(workspace: Workspace) -> None:
    import_table(workspace, pa.table({"key": ["a", "b"], "kind": ["x", "x"]}), "d", roles=ROLES,
                 author="ada")  # fmt: skip
    left = Path(workspace.data) / "data" / "d" / "left.parquet"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half")
    assert [Path(path).name for path in check(workspace).orphans] == ["left.parquet"]
    assert compact(workspace, author="ada").removed_files == 0
    os.utime(left, (time.time() - 90_000,) * 2)
    assert compact(workspace, dry_run=True, author="ada").removed_files == 1
    assert left.exists()
    assert compact(workspace, author="ada").removed_files == 1
    assert not left.exists()
    assert check(workspace).orphans == []

"""A workspace opens, is shared by processes, and a change and its record are one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from curation.errors import WorkspaceError
from curation.lake.workspace import Workspace

WRITES = 6
WRITER = f"""
import sys
from curation.lake.workspace import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    for number in range({WRITES}):
        workspace.write(
            lambda cursor: cursor.execute(
                "INSERT INTO lake.curation.recipes VALUES (?, ?, 'me', now()::TIMESTAMP)",
                [sys.argv[2], str(number)]),
            author=sys.argv[2], message=str(number), operation="recipe", dataset="d")
"""


def test_four_processes_make_and_write_one_workspace_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    said = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0], said
    with Workspace.open(folder, create=False) as workspace, workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT dataset, text FROM lake.curation.recipes ORDER BY ALL"
        ).fetchall()
        records = cursor.execute(
            "SELECT author, commit_message FROM lake.snapshots() WHERE author IS NOT NULL ORDER BY ALL"
        ).fetchall()
    expected = [(str(writer), str(number)) for writer in range(4) for number in range(WRITES)]
    assert rows == records == expected


def test_threads_write_one_after_the_other(workspace: Workspace) -> None:
    snapshots: list[int] = []

    def write(number: int) -> None:
        _, snapshot = workspace.write(
            lambda cursor: insert(cursor, str(number)), author="me", message="m", operation="recipe"
        )
        snapshots.append(snapshot)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(snapshots)) == 8
    assert sorted(recipes(workspace)) == [str(number) for number in range(8)]


def insert(cursor: duckdb.DuckDBPyConnection, text: str) -> None:
    cursor.execute(
        "INSERT INTO lake.curation.recipes VALUES ('d', ?, 'me', now()::TIMESTAMP)", [text]
    )


def recipes(workspace: Workspace) -> list[str]:
    with workspace.cursor() as cursor:
        return [
            text for (text,) in cursor.execute("SELECT text FROM lake.curation.recipes").fetchall()
        ]


class BrokenError(Exception):
    pass


def test_a_change_that_fails_leaves_no_row_and_no_record(
    workspace: Workspace, content_of: Callable[[Workspace], dict[str, Any]]
) -> None:
    before = content_of(workspace)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        insert(cursor, "half done")
        raise BrokenError

    with pytest.raises(BrokenError):
        workspace.write(change, author="me", message="m", operation="recipe")
    assert content_of(workspace) == before
    workspace.write(lambda c: insert(c, "next"), author="me", message="m", operation="recipe")
    assert recipes(workspace) == ["next"]


def test_an_error_that_is_no_conflict_is_not_tried_again(workspace: Workspace) -> None:
    tries = []

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        cursor.execute("SELECT CAST('conflict' AS INT)")

    with pytest.raises(duckdb.ConversionException):
        workspace.write(change, author="me", message="m", operation="recipe")
    assert len(tries) == 1


def test_a_conflict_is_tried_again_until_it_passes(workspace: Workspace) -> None:
    tries = []

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        insert(cursor, "once")
        if len(tries) < 3:
            raise duckdb.TransactionException("Transaction conflict")

    workspace.write(change, author="me", message="m", operation="recipe")
    assert len(tries) == 3
    assert recipes(workspace) == ["once"]


def test_a_workspace_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"There is no workspace in .*Import a file"):
        Workspace.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match=r"is a file. Name a folder"):
        Workspace.open(tmp_path / "file")


def test_a_catalog_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_text("this is no database, and long enough to show it" * 20)
    with pytest.raises(WorkspaceError, match="cannot be opened") as caught:
        Workspace.open(tmp_path)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_path_may_have_spaces_quotes_and_umlauts(tmp_path: Path) -> None:
    folder = tmp_path / "it's größe 漢"
    with Workspace.open(folder) as workspace:
        workspace.write(lambda c: insert(c, "x"), author="me", message="m", operation="recipe")
    with Workspace.open(folder, create=False) as workspace:
        assert recipes(workspace) == ["x"]


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path / "there"))
    with Workspace.open() as workspace:
        assert workspace.path == tmp_path / "there"


def test_opening_twice_in_one_process_is_fine(workspace: Workspace) -> None:
    with Workspace.open(workspace.path) as second:
        second.write(lambda c: insert(c, "x"), author="me", message="m", operation="recipe")
    assert recipes(workspace) == ["x"]

"""A workspace opens, is shared by processes, and a change and its record are one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from curation.errors import WorkspaceError
from curation.lake import conflicts
from curation.lake import workspace as workspace_module
from curation.lake.checking import check
from curation.lake.datasets import list_datasets
from curation.lake.workspace import Workspace

WRITES = 6
WRITER = f"""
import sys
from curation.lake.workspace import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    for number in range({WRITES}):
        workspace.write(
            lambda cursor: cursor.execute(
                "INSERT INTO lake.curation.runs VALUES ('id', ?, ?, now()::TIMESTAMP)",
                [sys.argv[2], str(number)]),
            author=sys.argv[2], message=str(number), operation="run", dataset="d")
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
            "SELECT dataset, manifest FROM lake.curation.runs ORDER BY ALL"
        ).fetchall()
        records = cursor.execute(
            "SELECT author, commit_message FROM lake.snapshots() WHERE author IS NOT NULL ORDER BY ALL"
        ).fetchall()
    expected = [(str(writer), str(number)) for writer in range(4) for number in range(WRITES)]
    assert rows == records == expected


def test_threads_write_one_after_the_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots: list[int] = []
    ask = workspace_module._last_snapshot

    def ask_late(connection: duckdb.DuckDBPyConnection) -> int:
        time.sleep(0.02)  # time enough for another thread's write, were it allowed one
        return ask(connection)

    monkeypatch.setattr(workspace_module, "_last_snapshot", ask_late)

    def write(number: int) -> None:
        _, snapshot = workspace.write(
            lambda cursor: insert(cursor, str(number)), author="me", message="m", operation="run"
        )
        snapshots.append(snapshot)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(snapshots)) == 8
    assert sorted(manifests(workspace)) == [str(number) for number in range(8)]


def insert(cursor: duckdb.DuckDBPyConnection, text: str) -> None:
    cursor.execute("INSERT INTO lake.curation.runs VALUES ('id', 'd', ?, now()::TIMESTAMP)", [text])


def manifests(workspace: Workspace) -> list[str]:
    with workspace.cursor() as cursor:
        return [
            text for (text,) in cursor.execute("SELECT manifest FROM lake.curation.runs").fetchall()
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
        workspace.write(change, author="me", message="m", operation="run")
    assert content_of(workspace) == before
    workspace.write(lambda c: insert(c, "next"), author="me", message="m", operation="run")
    assert manifests(workspace) == ["next"]


def test_an_error_that_is_no_conflict_is_not_tried_again(workspace: Workspace) -> None:
    tries = []

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        cursor.execute("SELECT CAST('conflict' AS INT)")

    with pytest.raises(duckdb.ConversionException):
        workspace.write(change, author="me", message="m", operation="run")
    assert len(tries) == 1


def test_a_conflict_is_tried_again_until_it_passes(workspace: Workspace) -> None:
    tries = []

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        insert(cursor, "once")
        if len(tries) < 3:
            raise duckdb.TransactionException("Transaction conflict")

    workspace.write(change, author="me", message="m", operation="run")
    assert len(tries) == 3
    assert manifests(workspace) == ["once"]


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
        workspace.write(lambda c: insert(c, "x"), author="me", message="m", operation="run")
    with Workspace.open(folder, create=False) as workspace:
        assert manifests(workspace) == ["x"]


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_WORKSPACE", str(tmp_path / "there"))
    with Workspace.open() as workspace:
        assert workspace.path == tmp_path / "there"


def test_opening_twice_in_one_process_is_fine(workspace: Workspace) -> None:
    with Workspace.open(workspace.path) as second:
        second.write(lambda c: insert(c, "x"), author="me", message="m", operation="run")
    assert manifests(workspace) == ["x"]


def test_a_first_command_that_fails_leaves_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept.txt").write_text("kept")
    for name in ("new", "mine"):
        with pytest.raises(BrokenError):  # noqa: PT012, SIM117
            with Workspace.open(tmp_path / name) as workspace, workspace.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE t AS SELECT 1")
                raise BrokenError
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "kept.txt"]


def test_a_failure_leaves_a_workspace_that_holds_something(tmp_path: Path) -> None:
    with pytest.raises(BrokenError), Workspace.open(tmp_path / "w") as workspace:  # noqa: PT012
        workspace.write(lambda c: insert(c, "x"), author="me", message="m", operation="run")
        raise BrokenError
    with Workspace.open(tmp_path / "w", create=False) as workspace:
        assert manifests(workspace) == ["x"]
    with pytest.raises(BrokenError), Workspace.open(tmp_path / "w") as workspace:
        raise BrokenError
    with Workspace.open(tmp_path / "w", create=False) as workspace:
        assert manifests(workspace) == ["x"]


def test_a_failure_leaves_a_workspace_that_somebody_else_has_opened(tmp_path: Path) -> None:
    opener = (
        "import sys; from curation.lake.workspace import Workspace\n"
        "with Workspace.open(sys.argv[1]) as w: print('open', flush=True); sys.stdin.readline()"
    )
    workspace = Workspace.open(tmp_path / "w")
    with subprocess.Popen(
        [sys.executable, "-c", opener, str(tmp_path / "w")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(BrokenError), workspace:
            raise BrokenError
        assert (tmp_path / "w" / "catalog.sqlite").exists()
        other.communicate("done\n", timeout=30)
    with Workspace.open(tmp_path / "w", create=False) as workspace:
        assert manifests(workspace) == []


def test_a_read_that_meets_a_write_is_made_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(
        [
            duckdb.TransactionException("Failed to load DuckLake: not all is there"),
            duckdb.IOException("database is locked"),
        ]
    )

    class Interrupted:
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self.connection = connection

        def execute(self, query: str, parameters: object = None) -> Any:
            if error := next(said, None):
                raise error
            return self.connection.execute(query)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

    with workspace.cursor() as cursor:
        monkeypatch.setattr(cursor, "connection", Interrupted(cursor.connection))  # type: ignore[attr-defined]
        assert cursor.execute("SELECT 42").fetchall() == [(42,)]
    assert next(said, None) is None


def test_writers_take_turns_and_a_long_one_is_not_overtaken_for_ever(workspace: Workspace) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(workspace.path), "other"])
    tries = []

    def long(cursor: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        insert(cursor, "long")
        time.sleep(1.5)

    for _ in range(2):
        workspace.write(long, author="me", message="m", operation="run")
    assert writer.wait(timeout=60) == 0
    assert len(tries) == 2
    assert len(manifests(workspace)) == 2 + WRITES


def test_a_lock_that_cannot_be_had_holds_nobody_up(tmp_path: Path) -> None:
    with conflicts.turn(tmp_path / "no folder" / "write.lock"), conflicts.turn(None):
        pass


FULL_DISK = """
import resource, sys
import pyarrow as pa
from curation.errors import WorkspaceError
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    rows = pa.table({"key": [f"{n * 7919 % 1000003}" for n in range(200_000)], "kind": ["a", "b"] * 100_000})
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        import_table(workspace, rows, "big", roles={"key": "key", "kind": "label"}, author="ada")
    except WorkspaceError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("limit", [1, 100_000])
def test_a_full_disk_is_said_and_loses_nothing(workspace: Workspace, limit: int) -> None:
    workspace.write(lambda c: insert(c, "x"), author="me", message="m", operation="run")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(workspace.path), str(limit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "cannot be written, so nothing was changed" in done.stdout, done.stderr
    assert manifests(workspace) == ["x"]
    assert list_datasets(workspace) == []
    assert check(workspace).problems == []


READ_ONLY = """
import os, sys
from curation.errors import WorkspaceError
from curation.lake.workspace import Workspace
Workspace.open(sys.argv[1]).close()  # import all that is needed while we may
if os.geteuid() == 0:
    os.setuid(65534)
for create in (True, False):
    try:
        with Workspace.open(sys.argv[2], create=create) as workspace:
            workspace.write(lambda c: c.execute("INSERT INTO lake.curation.tags (name) VALUES ('t')"),
                author="a", message="m", operation="tag")
    except WorkspaceError as error:
        print("said:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the rights of POSIX")
def test_a_folder_that_may_only_be_read_is_said(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="curation-readonly-"))
    try:
        with Workspace.open(folder) as workspace:
            workspace.write(lambda c: insert(c, "x"), author="me", message="m", operation="run")
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(tmp_path / "warm"), str(folder)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout.count("said: The workspace") == 2, done.stdout + done.stderr
        folder.chmod(0o755)
        with Workspace.open(folder, create=False) as workspace:
            assert manifests(workspace) == ["x"]
    finally:
        shutil.rmtree(folder)


def test_a_change_that_changes_nothing_gives_the_newest_snapshot(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "workspace") as opened:
        _, made = opened.write(_annotate_nothing, author="me", message="m", operation="test")
    with Workspace.open(tmp_path / "workspace") as again:
        assert again.write(_annotate_nothing, author="me", message="m", operation="test")[1] == made


def test_an_error_after_the_commit_does_not_make_the_change_twice(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([duckdb.TransactionException("Failed to load DuckLake"), None])
    real = workspace_module._last_snapshot

    def fails_once(connection: duckdb.DuckDBPyConnection) -> int:
        if (error := next(asked)) is not None:
            raise error
        return real(connection)

    monkeypatch.setattr(workspace_module, "_last_snapshot", fails_once)
    workspace.write(_tag, author="me", message="m", operation="test")
    with workspace.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM lake.curation.tags").fetchone() == (1,)


def _annotate_nothing(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("SELECT 1")


def _tag(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("INSERT INTO lake.curation.tags (name) VALUES ('t')")

"""Upkeep of a workspace in PostgreSQL, and copies from and to one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from histories import all_versions, give_history

from curation.errors import UsageError, WorkspaceError
from curation.lake import catalogs, copying
from curation.lake.checking import check
from curation.lake.compaction import compact
from curation.lake.copying import copy
from curation.lake.workspace import Workspace


def test_rows_order_ids_and_history_stay_when_it_is_tidied(team: Workspace) -> None:
    give_history(team)
    before = all_versions(team)
    compact(team, author="ada")
    after = all_versions(team)
    assert {number: after[number] for number in before} == before
    report = check(team)
    assert (report.problems, report.orphans, report.notes) == ([], [], [])
    expired = compact(team, keep_days=0, author="ada").expired
    assert len(expired) > 10
    assert not set(expired) & set(all_versions(team))
    assert check(team).problems == []


def test_a_changed_byte_is_found(team: Workspace) -> None:
    give_history(team, changes=2)
    path = next(Path(team.data).rglob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:60] + bytes([content[60] ^ 4]) + content[61:])
    assert [problem.file for problem in check(team).problems] == [str(path)]


def test_there_and_back_again_nothing_is_lost(
    new_address: Callable[[], str], tmp_path: Path
) -> None:
    first, second, last = new_address(), new_address(), tmp_path / "last"
    with Workspace.open(tmp_path / "first") as workspace:
        give_history(workspace)
        before = all_versions(workspace)
    copy(tmp_path / "first", first, data=tmp_path / "one")
    copy(first, second, data=tmp_path / "two")
    copy(second, last)
    for where in (first, second, last):
        with Workspace.open(where, create=False) as workspace:
            assert all_versions(workspace) == before
            give_history(workspace, changes=1)
            assert check(workspace).problems == []


def test_a_copy_that_fails_leaves_the_database_empty(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with Workspace.open(tmp_path / "first") as workspace:
        give_history(workspace, changes=1)
    for name in ("put", "_verify"):
        monkeypatch.setattr(copying, name, fail)
        with pytest.raises(WorkspaceError, match="No space left"):
            copy(tmp_path / "first", address, data=tmp_path / "one")
        monkeypatch.undo()
        assert not catalogs.exists(catalogs.locate(address))
        assert not (tmp_path / "one").exists()
    copy(tmp_path / "first", address, data=tmp_path / "one")
    with pytest.raises(UsageError, match="already"):
        copy(tmp_path / "first", address, data=tmp_path / "two")

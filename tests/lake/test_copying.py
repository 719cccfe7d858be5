"""A copy is the workspace again, with every version of everything, or is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from histories import all_versions, give_history

from curation.errors import UsageError, WorkspaceError
from curation.lake import catalog_rows, copying
from curation.lake.checking import check
from curation.lake.copying import copy
from curation.lake.file_hashes import lake_files
from curation.lake.workspace import Workspace


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copying") / "original"
    with Workspace.open(folder) as workspace:
        give_history(workspace)
    return folder


def versions(where: Path) -> dict[int, dict[str, str]]:
    with Workspace.open(where, create=False) as workspace:
        return all_versions(workspace)


def test_a_copy_has_all_versions_of_everything_and_is_a_workspace(
    original: Path, tmp_path: Path
) -> None:
    before = versions(original)
    report = copy(original, tmp_path / "copy")
    assert report.snapshots == len(before)
    assert report.files > 3
    assert versions(tmp_path / "copy") == before == versions(original)
    with Workspace.open(tmp_path / "copy", create=False) as workspace:
        assert check(workspace).notes == []
        give_history(workspace, changes=1)
        assert check(workspace).problems == []
    assert not (tmp_path / "copy" / "curation_copying").exists()


def test_a_copy_does_not_need_its_original(original: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(original, tmp_path / "moved"))
    before = versions(moved)
    copy(moved, tmp_path / "copy")
    shutil.rmtree(moved)
    assert versions(tmp_path / "copy") == before


def test_a_place_that_is_taken_is_left_alone(original: Path, tmp_path: Path) -> None:
    before = versions(original)
    with pytest.raises(UsageError, match="is in the workspace"):
        copy(original, original.parent / "original")
    copy(original, tmp_path / "copy")
    with pytest.raises(UsageError, match="already"):
        copy(original, tmp_path / "copy")
    with pytest.raises(UsageError, match="is in the workspace"):
        copy(original, original / "inside")
    assert versions(original) == versions(tmp_path / "copy") == before


def test_without_a_workspace_nothing_is_copied(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nothing was copied"):
        copy(tmp_path / "none", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_stops_the_copy_and_leaves_nothing(original: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(original, tmp_path / "damaged"))
    # Not any file: DuckLake leaves those behind that a later one took the place of.
    with Workspace.open(original, create=False) as workspace, workspace.cursor() as cursor:
        needed = lake_files(cursor, workspace.data)[0].path
    path = damaged / Path(needed).relative_to(original)
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    with pytest.raises(WorkspaceError, match=r"not what was written(.|\n)*workspace check"):
        copy(damaged, tmp_path / "copy")
    path.unlink()
    with pytest.raises(WorkspaceError, match="could not be copied"):
        copy(damaged, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_that_fails_late_leaves_nothing(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("kept")
    for name in ("put", "_verify"):
        monkeypatch.setattr(copying, name, fail)
        for target in ("new", "there"):
            with pytest.raises(WorkspaceError, match="No space left"):
                copy(original, tmp_path / target)
        monkeypatch.undo()
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "mine.txt"]


def test_a_copy_that_was_killed_is_no_workspace_and_can_be_made_anew(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise KilledError

    monkeypatch.setattr(catalog_rows, "_value", kill)
    monkeypatch.setattr(copying, "_withdraw", lambda *_, **__: None)
    with pytest.raises(KilledError):
        copy(original, tmp_path / "copy")
    monkeypatch.undo()
    with pytest.raises(WorkspaceError, match="There is no workspace"):
        Workspace.open(tmp_path / "copy", create=False)
    assert copy(original, tmp_path / "copy").files > 3
    assert versions(tmp_path / "copy") == versions(original)

"""Datasets: import, roles, snapshots, differences, restore."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from curation.lake.datasets import get_dataset, list_datasets
from curation.lake.imports import import_file
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace
from curation.resources import resource
from curation.ui.jobs import JOBS

OpenPage = Callable[..., AppTest]


def _upload(at: AppTest, path: Path) -> None:
    at.file_uploader(key="import-file").upload(path.name, path.read_bytes(), "text/csv").run()
    assert not at.exception


def _import(at: AppTest, workspace: Workspace) -> None:
    at.button(key="import-start").click().run()
    for job in JOBS.of(str(workspace.path)):
        assert job.wait(60)
    at.run()
    assert not at.exception


def test_an_import_shows_what_it_detected_and_makes_the_dataset(
    open_page: OpenPage, workspace: Workspace, support_csv: Path
) -> None:
    at = open_page(workspace, "datasets")
    _upload(at, support_csv)
    assert at.selectbox(key="import-role-intent").value == "label"
    assert at.selectbox(key="import-role-message").value == "text"
    at.text_input(key="import-name").input("tickets")
    at.selectbox(key="import-role-channel").select("group")
    at.run()
    assert list_datasets(workspace) == []
    _import(at, workspace)
    assert not at.exception
    dataset = get_dataset(workspace, "tickets")
    assert dataset.rows == 640
    assert dataset.roles.role_of("channel") == "group"
    assert at.success[0].value.startswith("Imported 640 rows into tickets")


def test_refused_rows_are_shown_before_the_import(
    open_page: OpenPage, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "ragged.csv"
    rows = "\n".join(f'"text {n} of some length",{"ab"[n % 2]}' for n in range(300))
    path.write_text(f"message,label\n{rows}\none,two,three\nfour,five,six\n")
    at = open_page(workspace, "datasets")
    _upload(at, path)
    assert "2 rows refused" in at.subheader[0].value
    _import(at, workspace)
    assert get_dataset(workspace, "ragged").rows == 300


def test_a_file_that_cannot_be_read_is_said_and_changes_nothing(
    open_page: OpenPage, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    at = open_page(workspace, "datasets")
    _upload(at, path)
    assert "empty" in at.error[0].value
    assert list_datasets(workspace) == []


def test_rows_can_be_added_to_a_dataset(open_page: OpenPage, imported: Workspace) -> None:
    at = open_page(imported, "datasets")
    at.button(key="import-open").click().run()
    _upload(at, resource("examples", "support", "messages-2026-10.csv"))
    at.text_input(key="import-name").input("support").run()
    at.radio(key="import-mode").set_value("append").run()
    _import(at, imported)
    assert not at.exception
    assert get_dataset(imported, "support").rows > 640


def test_roles_are_saved_as_a_snapshot(open_page: OpenPage, imported: Workspace) -> None:
    before = get_dataset(imported, "support")
    at = open_page(imported, "datasets")
    key = f"role-support-{before.snapshot}-channel"
    assert at.button(key="roles-save").disabled
    at.selectbox(key=key).select("ignore").run()
    at.button(key="roles-save").click().run()
    assert not at.exception
    after = get_dataset(imported, "support")
    assert after.roles.role_of("channel") == "ignore"
    assert after.snapshot > before.snapshot


def test_an_older_snapshot_is_restored(open_page: OpenPage, imported: Workspace) -> None:
    october = resource("examples", "support", "messages-2026-10.csv")
    first = get_dataset(imported, "support").snapshot
    import_file(imported, october, "support", mode="append", author="tester")
    at = open_page(imported, "datasets")
    at.selectbox(key="restore-which").select(first)
    at.button(key="restore-yes").click().run()
    assert not at.exception
    assert get_dataset(imported, "support").rows == 640
    assert log(imported, "support")[0].operation == "restore"

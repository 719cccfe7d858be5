"""The app without a browser: each page on an empty workspace and on one with data."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from curation.finders.stored import find_in_dataset
from curation.lake.workspace import ENVIRONMENT_VARIABLE, Workspace
from curation.resources import resource
from curation.ui.jobs import JOBS

OpenPage = Callable[..., AppTest]


class _FramedPages(PagesManager):
    """Pages run inside app.py, as on the server, which closes Streamlit's old ``pages/`` mode."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        PagesManager.uses_pages_directory = _FramedPages.uses_pages_directory = False
        super().__init__(*args, **kwargs)


@pytest.fixture
def imported(tmp_path: Path, support_folder: Path) -> Iterator[Workspace]:
    """A workspace of the test's own with support messages, nothing else."""
    with _copied(support_folder, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def found_folder(tmp_path_factory: pytest.TempPathFactory, support_folder: Path) -> Path:
    """The folder of a workspace whose label issues were found; tests copy it."""
    folder = tmp_path_factory.mktemp("found")
    with _copied(support_folder, folder) as opened:
        find_in_dataset(opened, "support")
    return folder / "workspace"


@pytest.fixture
def found(tmp_path: Path, found_folder: Path) -> Iterator[Workspace]:
    """A workspace of the test's own with support messages whose label issues were found."""
    with _copied(found_folder, tmp_path) as opened:
        yield opened


def _copied(folder: Path, into: Path) -> Workspace:
    return Workspace.open(shutil.copytree(folder, into / "workspace"), create=False)


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Open a page of the app on a workspace: ``open_page(workspace, "recipe")``."""

    def opened(workspace: Workspace, page: str = "home", **query: str) -> AppTest:
        monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", _FramedPages)
        # Looking through all installed packages takes longer than a page; ours brings no component.
        monkeypatch.setattr(manifest_scanner, "scan_component_manifests", list)
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(workspace.path))
        at = AppTest.from_file(resource("app.py"), default_timeout=60)
        at.query_params.update(query)
        if page != "home":  # as a deep link: without the home page drawn first
            at._page_hash = calc_hash(page)
        at.run()
        assert not at.exception, at.exception
        return at

    st.cache_resource.clear()
    yield opened
    st.cache_resource.clear()


@pytest.fixture
def wait_for_jobs() -> Callable[[Workspace], None]:
    """Wait until the background jobs of a workspace have ended."""

    def wait(workspace: Workspace) -> None:
        for job in JOBS.of(str(workspace.path)):
            assert job.wait(120), f"{job.title} did not end"

    return wait

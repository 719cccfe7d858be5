"""The app without a browser: each page on an empty workspace and on one with data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from curation.finders.stored import find_in_dataset
from curation.lake.imports import import_file
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
def imported(workspace: Workspace, support_csv: Path) -> Workspace:
    """A workspace of the test's own with support messages, nothing else."""
    import_file(workspace, support_csv, "support", author="tester", message="The example")
    return workspace


@pytest.fixture
def found(imported: Workspace) -> Workspace:
    """A workspace of the test's own with support messages whose label issues were found."""
    find_in_dataset(imported, "support")
    return imported


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Open a page of the app on a workspace: ``open_page(workspace, "recipe")``."""

    def opened(workspace: Workspace, page: str = "home", **query: str) -> AppTest:
        monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", _FramedPages)
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(workspace.path))
        at = AppTest.from_file(resource("app.py"), default_timeout=60)
        at.query_params.update(query)
        at.run()
        if page != "home":
            at.switch_page(f"pages/{page}.py").run()
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

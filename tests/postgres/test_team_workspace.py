"""A workspace whose catalog is in PostgreSQL does what one in a folder does, for several people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curation.cli.main import app
from curation.errors import UsageError, WorkspaceError
from curation.lake import catalogs
from curation.lake.annotations import annotate, events
from curation.lake.datasets import class_counts, get_dataset
from curation.lake.imports import import_file
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace

SECRETS = ("s3cr", "s3cr@t", "s3cr%40t")


def test_a_file_is_imported_decided_about_and_read_again(
    team: Workspace, address: str, support_csv: Path
) -> None:
    imported = import_file(team, support_csv, "support", author="ada")
    with team.cursor() as cursor:
        row = cursor.execute(
            "SELECT message_id FROM lake.data.support ORDER BY rowid LIMIT 1"
        ).fetchone()
        assert row is not None
        key = row[0]
    annotate(team, "support", key, "confirm", annotator="bob")
    team.close()
    with Workspace.open(address, create=False) as again:
        assert get_dataset(again, "support").rows == imported.rows == 640
        assert sum(class_counts(again, "support").values()) == 640
        assert [s.operation for s in log(again, "support")] == ["import"]
        assert [(d.record_key, d.annotator) for d in events(again, "support")] == [(key, "bob")]


def test_the_data_lie_in_the_folder_that_was_named(
    team: Workspace, tmp_path: Path, support_csv: Path
) -> None:
    import_file(team, support_csv, "support", author="ada")
    assert team.path == tmp_path / "shared"
    assert len(list((tmp_path / "shared" / "data").rglob("*.parquet"))) == 1


def test_nobody_is_shown_the_password(team: Workspace, address: str) -> None:
    said = [team.name, repr(team.catalog), str(team.path)]
    with team.cursor() as cursor:
        said += [
            repr(cursor.execute("FROM duckdb_databases()").fetchall()),
            repr(cursor.execute("FROM duckdb_secrets()").fetchall()),
        ]
    for wrong in (
        address.replace("/curation_", "/nothere_"),
        address.replace("host=", "hostt="),
        address + "&port=1",
        "postgresql://me:s3cr@t:1/x@localhost:1/db",
        "postgresql://me:s3cr/@localhost:1/db",
        "postgresql://me:s3cr@t@localhost:1/db",
        "postgresql://me:s3cr@localhost:s3cr/db",
    ):
        with pytest.raises(WorkspaceError) as caught:
            Workspace.open(wrong)
        said.append(str(caught.value))
        done = CliRunner().invoke(app, ["--workspace", wrong, "datasets"])
        assert done.exit_code == 2
        said.append(done.output)
    for text in said:
        assert not any(secret in text for secret in SECRETS), text


def test_an_empty_database_is_no_workspace_and_stays_empty(address: str) -> None:
    for create in (True, False):
        with pytest.raises(WorkspaceError, match="Make one: curation workspace init"):
            Workspace.open(address, create=create)
    assert not catalogs.exists(catalogs.locate(address))


def test_a_workspace_is_made_once(team: Workspace, address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        Workspace.init(address, data=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_place_for_the_data_is_asked_for(address: str) -> None:
    with pytest.raises(UsageError, match="--data DIR"):
        Workspace.init(address)


def test_without_the_extra_the_message_is_how_to_install_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_extension_postgres_scanner", None)
    with pytest.raises(WorkspaceError, match=r"pip install 'curation\[postgres\]'"):
        Workspace.open(address)


def test_the_command_line_and_the_environment_take_an_address(
    address: str, tmp_path: Path, support_csv: Path
) -> None:
    environment = {**os.environ, "CURATION_WORKSPACE": address}

    def run(*arguments: str) -> Any:
        return CliRunner(env=environment).invoke(app, list(arguments))

    made = run("workspace", "init", "--data", str(tmp_path / "shared"))
    assert made.exit_code == 0, made.output
    assert run("import", str(support_csv), "--dataset", "support").exit_code == 0
    assert "640" in run("datasets").stdout


WRITER = """
import sys
from curation.lake.annotations import annotate
from curation.lake.workspace import Workspace
with Workspace.open(sys.argv[1], create=False) as workspace:
    for key in sys.argv[3:]:
        annotate(workspace, "support", key, "confirm", annotator=sys.argv[2])
"""


def test_people_who_decide_at_once_all_keep_their_events(
    team: Workspace, address: str, support_csv: Path
) -> None:
    import_file(team, support_csv, "support", author="ada")
    with team.cursor() as cursor:
        rows = cursor.execute("SELECT message_id FROM lake.data.support LIMIT 5").fetchall()
    keys = [key for (key,) in rows]
    people = ["ada", "bob", "cem", "dia"]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, address, person, *keys],
            stderr=subprocess.PIPE,
            text=True,
        )
        for person in people
    ]
    said = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0], said
    with team.cursor() as cursor:
        events = cursor.execute(
            "SELECT annotator, record_key FROM lake.curation.annotations ORDER BY ALL"
        ).fetchall()
    assert events == sorted((person, key) for person in people for key in keys)

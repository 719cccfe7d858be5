"""`curation workspace`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from curation.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str | Path) -> Result:
        there = ["--workspace", str(tmp_path / "workspace")]
        return CliRunner().invoke(app, [*there, *map(str, arguments)], prog_name="curation")

    return call


@pytest.fixture
def filled(run: Run, support_csv: Path) -> Run:
    assert run("import", support_csv, "--dataset", "support").exit_code == 0
    return run


def test_a_workspace_is_made_once(run: Run, tmp_path: Path) -> None:
    made = run("workspace", "init")
    assert made.exit_code == 0
    assert str(tmp_path / "workspace") in made.stdout
    assert run("datasets").exit_code == 0
    again = run("workspace", "init")
    assert (again.exit_code, "already" in again.output) == (2, True)
    assert run("workspace", "init", tmp_path / "other").exit_code == 0
    wrong = run("workspace", "init", tmp_path / "third", "--data", tmp_path)
    assert (wrong.exit_code, (tmp_path / "third").exists()) == (2, False)


def test_info_says_what_is_there(filled: Run, tmp_path: Path) -> None:
    said = json.loads(filled("workspace", "info", "--json").stdout)
    assert said["catalog"] == "sqlite"
    assert said["name"] == str(tmp_path / "workspace")
    assert (said["datasets"], said["files"]) == (1, 1)
    assert said["bytes"] == sum(p.stat().st_size for p in tmp_path.rglob("*.parquet"))
    assert said["inlined_rows"] > 0
    assert {"duckdb", "ducklake", "sqlite_scanner"} <= set(said["versions"])
    assert "DuckLake format" in filled("workspace", "info").stdout


def test_a_check_ends_with_one_when_a_file_is_damaged(filled: Run, tmp_path: Path) -> None:
    good = filled("workspace", "check")
    assert (good.exit_code, good.stdout[:16]) == (0, "All is in order:")
    [path] = tmp_path.rglob("*.parquet")
    path.unlink()
    bad = filled("workspace", "check")
    assert bad.exit_code == 1
    assert f"{path} of data.support, needed by snapshots " in bad.stdout
    said = json.loads(filled("workspace", "check", "--json").stdout)
    assert said["problems"][0]["file"] == str(path)


def test_compact_says_what_it_would_do_and_does_it(filled: Run) -> None:
    plan = json.loads(filled("workspace", "compact", "--dry-run", "--json").stdout)
    assert plan["is_dry_run"]
    assert plan["flushed_rows"] > 0
    assert "Would have" in filled("workspace", "compact", "--dry-run", "--keep-days", "0").stdout
    assert filled("workspace", "compact").exit_code == 0
    assert json.loads(filled("workspace", "info", "--json").stdout)["inlined_rows"] == 0
    assert "640" in filled("datasets").stdout
    assert filled("workspace", "check").exit_code == 0


def test_a_copy_is_a_workspace(filled: Run, tmp_path: Path) -> None:
    done = filled("workspace", "copy", tmp_path / "workspace", tmp_path / "copy")
    assert done.exit_code == 0, done.output
    listed = CliRunner().invoke(app, ["--workspace", str(tmp_path / "copy"), "datasets"])
    assert listed.stdout == filled("datasets").stdout


@pytest.mark.parametrize("command", ["info", "check", "compact"])
def test_without_a_workspace_none_is_made(run: Run, tmp_path: Path, command: str) -> None:
    done = run("workspace", command)
    assert (done.exit_code, "There is no workspace" in done.output) == (2, True)
    assert list(tmp_path.iterdir()) == []

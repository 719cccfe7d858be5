"""`annotations`, `build`, `builds` and `replay` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from curation.cli.main import app
from curation.lake.annotations import annotate
from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.resources import resource

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, support_csv: Path) -> Run:
    """Run a command on a workspace in which three people have labelled two messages."""
    folder = tmp_path / "workspace"
    with Workspace.open(folder) as workspace:
        import_file(workspace, support_csv, "support", author="ann")
        for who, value in (("ann", "change_order"), ("bob", "change_order"), ("eve", "spam")):
            annotate(workspace, "support", "m-0001", "relabel", value=value, annotator=who)
        annotate(workspace, "support", "m-0002", "exclude", annotator="ann")

    def called(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["-w", str(folder), *words])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in words and code == 0 else done.output

    return called


def test_agreement_and_policy(run: Run) -> None:
    assert "Krippendorff's alpha" in run("annotations", "agreement", "support")
    found = run("annotations", "agreement", "support", "--json")
    assert [row["annotator"] for row in found["annotators"]] == ["ann", "bob", "eve"]
    run("annotations", "workflow", "support", "--policy", "majority", "--author", "ann")
    assert run("annotations", "workflow", "support", "--json")["policy"] == "majority"
    assert "Taken back: workflow intent" in run("annotations", "undo", "support", "--author", "ann")
    assert "Policy: latest" in run("annotations", "workflow", "support")
    assert "Back again" in run("annotations", "redo", "support", "--author", "ann")
    assert "There is nothing to bring back" in run(
        "annotations", "redo", "support", "--author", "ann", code=1
    )


def test_a_build_and_the_same_build_again(run: Run, tmp_path: Path) -> None:
    output, waiting = tmp_path / "rows.parquet", tmp_path / "waiting.jsonl"
    said = run(
        "build", "support", "--as", "curated", "--policy", "majority", "--recipe", "0",
        "--output", str(output), "--conflicts", str(waiting),
    )  # fmt: skip
    assert "639 rows; 0 records wait" in said
    rows = {
        row["message_id"]: row["intent"] for row in pyarrow.parquet.read_table(output).to_pylist()
    }
    assert (rows["m-0001"], "m-0002" in rows) == ("change_order", False)
    assert waiting.read_text() == ""
    again = run("build", "support", "--as", "latest", "--recipe", "0", "--json")
    assert again["coordinates"]["policy"] == "latest"
    listed = run("builds", "--json")
    assert [one["output"]["dataset"] for one in listed] == ["latest", "curated"]
    assert "curated" in run("builds", "curated")


def test_a_replay_lists_what_it_is_asked_for(run: Run, tmp_path: Path) -> None:
    october = resource("examples", "support", "messages-2026-10.csv")
    run("import", str(october), "--dataset", "october")
    assert run("replay", "support", "--json")["counts"]["applied"] == 2
    said = run("replay", "support", "--onto", "october", "--outcome", "gone", "--outcome", "near")
    assert "4 events on snapshot" in said
    output = tmp_path / "events.csv"
    run("replay", "support", "--output", str(output))
    assert len(output.read_text().splitlines()) == 5
    assert "There is no outcome 'lost'" in run("replay", "support", "--outcome", "lost", code=2)


def test_a_build_is_told_which_version_of_a_rule_by_number(run: Run) -> None:
    assert "names no version" in run("build", "support", "--as", "x", "--rule", "weekly", code=2)


def test_branches_are_merged_and_who_contradicts_themselves_is_told(
    run: Run, tmp_path: Path
) -> None:
    run("annotations", "branch", "support", "trial", "--author", "ann")
    with Workspace.open(tmp_path / "workspace", create=False) as workspace:
        annotate(
            workspace, "support", "m-0001", "relabel", value="a", annotator="ann", branch="trial"
        )
        annotate(workspace, "support", "m-0003", "confirm", annotator="bob", branch="trial")
        annotate(workspace, "support", "m-0001", "relabel", value="b", annotator="ann")
    assert "trial" in run("annotations", "branch", "support")
    said = run("annotations", "merge", "support", "trial", code=1)
    assert "1 events merged, 1 conflicts" in said
    assert "m-0001" in run("annotations", "conflicts", "support")
    assert "Did you mean 'trial'" in run("annotations", "merge", "support", "trail", code=2)


def test_events_travel_as_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    assert "4 events written" in run("annotations", "export", "support", "--output", str(file))
    assert "is here already" in run("annotations", "merge", "support", str(file), code=2)
    assert "There is no file" in run("annotations", "merge", "support", "no.parquet", code=1)

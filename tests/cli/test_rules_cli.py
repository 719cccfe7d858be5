"""`rules …` from the command line: kept, shown, compared, drawn by, and estimated from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curation.cli.main import app
from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.recipe.drafts import save_draft
from curation.recipe.model import Recipe
from curation.resources import resource
from curation.steps import Sample

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace for all tests here; each gives its rules names of its own."""
    made = tmp_path_factory.mktemp("rules") / "workspace"
    with Workspace.open(made) as workspace:
        source = resource("examples", "support", "messages-2026-09.csv")
        import_file(workspace, source, "support", author="ann")
    return made


@pytest.fixture
def run(folder: Path) -> Run:
    def called(*words: str, code: int = 0, given: str | None = None) -> Any:
        done = CliRunner().invoke(app, ["-w", str(folder), "rules", *words], input=given)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in words and code == 0 else done.output

    return called


def test_a_rule_is_kept_from_options_or_yaml_and_shown_as_yaml(run: Run, tmp_path: Path) -> None:
    assert "kept, version 1: 10 rows per intent" in run(
        "save", "kept", "--n", "10", "--per", "intent", "--message", "First"
    )
    shown = run("show", "kept")
    assert run("save", "kept", "-", "--json", given=shown.replace("n: 10", "n: 20"))["version"] == 2
    file = tmp_path / "rule.yaml"
    file.write_text(run("show", "kept@1"))
    run("save", "from a file", str(file))
    assert run("show", "from a file", "--json")["rule"] == {"n": 10, "per": ["intent"]}
    assert run("show", "kept", "--since", "1") == "n: 10 -> 20\n"
    listed = [v for v in run("list", "--json") if v["name"] == "kept"]
    assert [(v["version"], v["says"], v["message"]) for v in listed] == [
        (1, "10 rows per intent", "First"), (2, "20 rows per intent", "Rule saved"),
    ]  # fmt: skip
    assert "20 rows per intent" in run("list")


def test_what_cannot_be_kept_is_said(run: Run, tmp_path: Path) -> None:
    assert "Give --n or --fraction" in run("save", "x", code=2)
    assert "greater than or equal to 1" in run("save", "x", "--n", "0", code=2)
    assert "less than or equal to 1" in run("save", "x", "--fraction", "1.5", code=2)
    assert "cannot be a rule's name" in run("save", "a@b", "--n", "1", code=2)
    assert "There is no file" in run("save", "x", "nowhere.yaml", code=2)
    assert "leave out --n" in run("save", "x", "-", "--n", "3", code=2, given="n: 1")
    assert "Did you mean 'fraction'" in run("save", "x", "-", code=2, given="fractoin: 1")
    run("save", "newer", "--n", "1")
    run("save", "newer", "--n", "2")
    assert "changed by somebody else" in run("save", "newer", "--n", "3", "--after", "1", code=2)
    assert "Did you mean 'newer'" in run("show", "never", code=2)


def test_a_copy_and_who_uses_what(run: Run, folder: Path) -> None:
    run("save", "base", "--n", "5")
    assert "copy, version 1." in run("duplicate", "base@1", "copy")
    assert "already" in run("duplicate", "base", "copy", code=2)
    assert "Nothing uses 'base'" in run("uses", "base")
    run("save", "wide", "-", given="combine: union\nparts: [base@1, n: 3]")
    with Workspace.open(folder, create=False) as workspace:
        save_draft(workspace, "support", Recipe(steps=(Sample(rule="base"),)), "ann")
    found = run("uses", "base", "--json")
    assert [(u["kind"], u["name"], u["pinned"]) for u in found] == [
        ("recipe", "support", None), ("rule", "wide", 1),
    ]  # fmt: skip
    assert "recipe" in run("uses", "base")
    assert "no rule 'bse'" in run("uses", "bse", code=2)
    whole = run("show", "wide", "--written-out", "--json")["rule"]
    assert whole["parts"] == [{"n": 5, "name": "base@1"}, {"n": 3}]


def test_a_preview_and_a_comparison(run: Run) -> None:
    run("save", "some", "--n", "3", "--per", "intent")
    run("save", "some", "--n", "5", "--per", "intent")
    said = run("preview", "some", "--dataset", "support")
    assert "rows that may be drawn" in said
    assert "inclusion_probability" in said
    found = run("preview", "some@1", "--dataset", "support", "--json", "--examples", "2")
    assert (len(found["examples"]), found["is_estimate"]) == (2, False)
    assert found["drawn"] == sum(stratum["drawn"] for stratum in found["strata"])
    compared = run("compare", "some@1", "some@2", "--dataset", "support", "--json")
    assert compared["in_common"] == compared["first"] < compared["second"]
    assert (compared["only_first"], compared["differences"]) == (0, ["n: 3 -> 5"])
    assert "n: 3 -> 5" in run("compare", "some@1", "some", "--dataset", "support")
    assert "no dataset 'suport'" in run("preview", "some", "--dataset", "suport", code=2)
    assert "no version 7" in run("compare", "some@7", "some", "--dataset", "support", code=2)


def test_rows_are_drawn_into_a_file_and_totals_estimated_from_it(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yaml"
    rule.write_text("n: 15\nper: [channel]\nkeep_keys: [m-0001]\n")
    output = tmp_path / "drawn.parquet"
    told = run("draw", str(rule), "--dataset", "support", "--output", str(output), "--json")
    assert (told["rows"], told["kept"]) == (sum(s["drawn"] for s in told["strata"]) + 1, 1)
    assert "rows written to" in run(
        "draw", str(rule), "--dataset", "support", "--output", str(tmp_path / "d.csv")
    )
    found = run(
        "estimate", str(output), "--column", "channel", "--total", "1", "--per", "channel", "--json"
    )
    assert found[-1]["what"] == "total"
    assert found[-1]["total"] == pytest.approx(told["population"] + 1)
    rows = {s["name"]: s["rows"] for s in told["strata"]}
    for one in found[:-1]:
        assert one["low"] <= one["total"] <= one["high"]
        assert abs(one["total"] - rows[one["name"]]) <= 1
    assert "drawn rows" in run("estimate", str(tmp_path / "d.csv"), "--mean", "length(message)")
    assert "Say what to estimate" in run("estimate", str(output), code=2)
    assert "no column 'chanel'" in run("estimate", str(output), "--column", "chanel", code=2)
    assert "folder that does not exist" in run(
        "draw",
        str(rule),
        "--dataset",
        "support",
        "--output",
        str(tmp_path / "no" / "d.csv"),
        code=2,
    )


def test_totals_are_not_estimated_from_rows_without_chances(run: Run) -> None:
    assert "Error" in run("estimate", "support", "--column", "intent", code=2)

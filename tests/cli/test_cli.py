"""The commands as another program meets them: exit codes, streams, JSON, files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from curation.cli.main import app
from curation.lake.workspace import Workspace
from curation.steps import STEPS

FOUND = [
    "record_key", "row", "given_label", "score", "is_issue", "suggestion",
    "given_label_probability", "group", "explanation",
]  # fmt: skip
RECIPE = """\
name: test
contract:
  columns:
    id: {type: VARCHAR, role: key}
    kind: {type: VARCHAR, role: label}
steps:
- step: filter
  where: size > 0
- step: rebalance
  rows_per_class: 10
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Call the command line with a workspace of the test's own."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(
            app,
            ["--workspace", str(tmp_path / "workspace"), *map(str, arguments)],
            prog_name="curation",
        )

    return call


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """60 rows of two kinds that differ in size; rows 0 and 31 have the wrong kind, row 59 none."""
    path = tmp_path / "things.csv"
    kinds = ["small" if n % 2 else "large" for n in range(60)]
    kinds[0], kinds[31], kinds[59] = "small", "large", ""
    lines = [f"k{n},{(1 if n % 2 else 50) + n % 7},{kind}" for n, kind in enumerate(kinds)]
    path.write_text("\n".join(["id,size,kind", *lines]) + "\n")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def parsed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_import_then_datasets_log_and_diff(run: Callable[..., Result], source: Path) -> None:
    report = parsed(
        run("import", source, "--dataset", "things", "--label", "kind", "--author", "ann", "--json")
    )
    assert (report["taken"], report["rows"], report["refused_count"], report["diff"]) == (
        60,
        60,
        0,
        None,
    )
    assert report["roles"]["columns"] == {"id": "key", "size": "feature", "kind": "label"}
    source.write_text(source.read_text().replace("k5,6,small", "k5,6,large"))
    second = run("import", source, "--dataset", "things", "--message", "mended")
    assert second.exit_code == 0
    assert "things: took 60 rows, refused 0." in second.stdout
    assert "0 added, 0 removed, 1 changed (1 labels)" in second.stdout
    newest = parsed(run("diff", "things", "--json"))
    assert (newest["old"], newest["new"]) == (report["snapshot"], report["snapshot"] + 1)
    assert newest["labels_changed"] == 1
    assert second.stderr == ""
    [dataset] = parsed(run("datasets", "--json"))
    assert (dataset["name"], dataset["rows"], dataset["classes"]) == ("things", 60, 2)
    newest, first = parsed(run("log", "things", "--json"))
    assert (first["author"], newest["message"]) == ("ann", "mended")
    change = parsed(
        run("diff", "things", str(first["snapshot"]), str(newest["snapshot"]), "--json")
    )
    assert change["label_changes"] == [{"before": "small", "after": "large", "rows": 1}]
    for words in (["datasets"], ["log", "things"]):
        table = run(*words)
        assert table.exit_code == 0
        assert len(table.stdout.splitlines()) >= 2


def test_an_append_takes_the_place_of_known_keys(
    run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    run("import", source, "--dataset", "things", "--label", "kind")
    more = tmp_path / "more.csv"
    more.write_text("id,size,kind\nk1,2,small\nk99,3,small\n")
    report = parsed(run("import", more, "--dataset", "things", "--append", "--json"))
    assert (report["rows"], report["diff"]["added"]) == (61, 1)


def test_find_needs_no_workspace_and_ranks_every_labelled_row(
    run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "found.parquet"
    summary = parsed(run("find", source, "--label", "kind", "--output", output, "--json"))
    assert not (tmp_path / "workspace").exists()
    found = pa.parquet.read_table(output)
    assert found.column_names == FOUND
    assert found["row"].to_pylist() == list(range(60))
    assert found["record_key"].to_pylist() == [f"k{n}" for n in range(60)]
    flagged = [row["row"] for row in found.to_pylist() if row["is_issue"]]
    assert set(found.sort_by("score")["row"].to_pylist()[:2]) == {0, 31}
    assert set(flagged) <= {0, 31}
    assert 31 in flagged
    assert all(0 <= quality <= 1 for quality in found["score"].to_pylist())
    assert (summary["rows"], summary["classes"], summary["flagged"]) == (60, 2, len(flagged))
    assert 0 <= summary["estimated_error_rate"] <= 1
    assert summary["seconds"] > 0
    again = tmp_path / "again.parquet"
    words = run("find", source, "--label", "kind", "--output", again)
    assert again.read_bytes() == output.read_bytes()
    assert "Roles: label kind; key id; feature size" in words.stdout
    assert "rows flagged" in words.stdout
    assert words.stderr == ""


def test_find_in_a_dataset_equals_find_in_its_file(
    run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    run("import", source, "--dataset", "v1.2", "--label", "kind")
    run("find", source, "--label", "kind", "--output", tmp_path / "file.parquet")
    parsed(run("find", "v1.2", "--output", tmp_path / "dataset.parquet", "--json"))
    assert (tmp_path / "file.parquet").read_bytes() == (tmp_path / "dataset.parquet").read_bytes()


def test_run_writes_rows_manifest_and_report(
    run: Callable[..., Result], source: Path, recipe: Path, tmp_path: Path
) -> None:
    target, told = tmp_path / "out.csv", tmp_path / "report.json"
    written = parsed(
        run("run", recipe, "--input", source, "--output", target, "--report", told, "--json")
    )
    assert written == json.loads((tmp_path / "out.csv.manifest.json").read_text())
    assert written["output"]["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert len(target.read_text().splitlines()) == written["output"]["rows"] + 1 == 22
    assert json.loads(told.read_text())["classes_after"] == {"large": 10, "small": 10}
    named = tmp_path / "m.json"
    words = run("run", recipe, "--input", source, "--output", target, "--manifest", named)
    assert named.exists()
    assert "21 rows written" in words.stdout
    assert words.stderr == ""


def test_steps_and_schema_name_every_step(run: Callable[..., Result]) -> None:
    words = run("steps").stdout
    assert all(f"{step.name}: " in words for step in STEPS)
    assert [step["step"] for step in parsed(run("steps", "--json"))] == [
        step.name for step in STEPS
    ]
    assert set(parsed(run("schema"))["$defs"]) >= {step.__name__ for step in STEPS}
    assert "rows_per_class" in parsed(run("schema", "rebalance"))["properties"]


@pytest.mark.parametrize(
    "command",
    ["", "import", "datasets", "log", "diff", "find", "run", "steps", "schema", "app", "demo"],
)
def test_help_teaches(run: Callable[..., Result], command: str) -> None:
    result = run(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert "Usage: curation" in result.stdout


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no workspace": (["datasets"], 2, "There is no workspace in"),
    "unknown command": (["imprt"], 2, "imprt"),
    "missing option": (["import", "{source}"], 2, "--dataset"),
    "unknown dataset": (["find", "nothing"], 2, "There is no workspace in"),
    "missing file": (["find", "nothing.csv", "--label", "a"], 1, "There is no file 'nothing.csv'"),
    "unknown label": (["find", "{source}", "--label", "knd"], 2, "Did you mean 'kind'?"),
    "two roles": (["find", "{source}", "--label", "kind", "--text", "kind"], 2, "cannot be both"),
    "unknown output": (["find", "{source}", "--label", "kind", "--output", "x.foo"], 2, "'.foo'"),
    "no such folder": (
        ["find", "{source}", "--label", "kind", "--output", "{folder}/none/x.csv"], 2, "does not exist",
    ),
    "over the source": (["find", "{source}", "--output", "{source}"], 2, "would overwrite the source"),
    "over the input": (
        ["run", "{recipe}", "--input", "{source}", "--output", "{source}"], 2, "would overwrite --input",
    ),
    "over the recipe": (
        ["run", "{recipe}", "--input", "{source}", "--output", "{recipe}"], 2, "would overwrite the recipe",
    ),
    "manifest over the output": (
        ["run", "{recipe}", "--input", "{source}", "--output", "o.csv", "--manifest", "o.csv"], 2,
        "--manifest would overwrite --output",
    ),
    "report in no folder": (
        ["run", "{recipe}", "--input", "{source}", "--output", "{folder}/o.csv", "--report", "{folder}/n/r"],
        2, "--report",
    ),
    "no recipe": (["run", "no.yaml", "--input", "{source}", "--output", "{folder}/o.csv"], 2, "no.yaml"),
    "unknown step": (["schema", "rebalanc"], 2, "Did you mean 'rebalance'?"),
    "negative seed": (["find", "{source}", "--label", "kind", "--seed", "-1"], 2, "--seed"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done_is_said_on_standard_error(
    run: Callable[..., Result], source: Path, recipe: Path, tmp_path: Path, case: str
) -> None:
    arguments, code, message = WRONG[case]
    before = sorted(path.name for path in tmp_path.iterdir())
    texts = [
        argument.format(source=source, recipe=recipe, folder=tmp_path) for argument in arguments
    ]
    result = run(*texts)
    assert result.exit_code == code, result.output
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def command(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curation", *map(str, arguments)], cwd=folder, text=True,
        capture_output=True, check=False, timeout=120,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "default"},
    )  # fmt: skip


def test_a_real_process_ends_as_documented(source: Path, recipe: Path, tmp_path: Path) -> None:
    done = command("import", source, "--dataset", "things", "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rows"] == 60
    assert (tmp_path / ".curation").is_dir()
    short = tmp_path / "short.csv"
    short.write_text("id,size\nk1,2\n")
    unsatisfied = command("run", recipe, "--input", short, "--output", "o.csv", folder=tmp_path)
    assert (unsatisfied.returncode, unsatisfied.stdout) == (1, "")
    assert unsatisfied.stderr.startswith("Error: The data have no column 'kind'")
    assert not (tmp_path / "o.csv").exists()
    wrong = command("log", "thing", folder=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("Error: There is no dataset 'thing'. Did you mean 'things'?")


def test_find_as_a_real_process_shows_no_bar_in_a_pipe(source: Path, tmp_path: Path) -> None:
    done = command(
        "find", source, "--label", "kind", "--output", "f.csv", "--json", folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["output"] == "f.csv"
    assert (tmp_path / "f.csv").read_text().splitlines()[0] == ",".join(FOUND)


def test_an_exported_recipe_runs_headlessly(
    run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    from curation.lake.annotations import annotate
    from curation.recipe.drafts import export

    run("import", source, "--dataset", "things", "--label", "kind")
    with Workspace.open(tmp_path / "workspace") as workspace:
        annotate(workspace, "things", "k0", "relabel", value="large", annotator="ann")
        (tmp_path / "r.yaml").write_text(export(workspace, "things"))
    written = parsed(
        run(
            "run",
            tmp_path / "r.yaml",
            "--input",
            source,
            "--output",
            tmp_path / "o.jsonl",
            "--json",
        )
    )
    assert written["steps"][0]["counts"]["applied"] == 1
    first = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    assert first == {"id": "k0", "size": 50, "kind": "large"}

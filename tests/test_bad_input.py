"""Bad input through the real command line: one to three lines that help, and nothing changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from curation.cli.main import app
from curation.lake.annotations import annotate
from curation.lake.workspace import Workspace
from curation.recipe.drafts import save_draft
from curation.recipe.model import Recipe

GOOD = "id,message,intent\n" + "".join(f"k{n},text {n},{'ab'[n % 2]}\n" for n in range(20))
HEAD = "id,message,intent\n"


def parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pa.parquet.write_table(table, content)
    return content.getvalue()


MANY = HEAD + "".join(f"k{n},text,label {n}\n" for n in range(50_000))
NAN = "id,message,intent\nk1,a,nan\nk2,b,NaN\nk3,c,\n"
# name, content, what the import is told beside it, exit code, and what the message holds
FILES: dict[str, tuple[str, bytes, list[str], int, list[str]]] = {
    "empty file": ("a.csv", b"", [], 1, ["'a.csv' is empty", "Give a file with a header"]),
    "header only": ("a.csv", HEAD.encode(), [], 1, ["has a header but no rows", "at least one row"]),
    "ragged CSV": (
        "a.csv", (HEAD + "k1,a\nk2,b,c\nk3,a,b,c\n").encode(), [], 1,
        ["2 of 3 rows cannot be read", "line 2", "line 4", "--max-refused 2"],
    ),
    "wrong encoding": (
        "a.csv", (HEAD + "k1,Ärger,x\n").encode("latin1"), [], 1,
        ["is not UTF-8", "line 2", "--encoding windows-1252"],
    ),
    "duplicate column names": (
        "a.csv", b"id,intent,Intent\nk1,a,b\n", [], 1, ["two columns named 'intent' and 'Intent'", "Rename"],
    ),
    "unknown label column": (
        "a.csv", GOOD.encode(), ["--label", "intnet"], 2,
        ["no column 'intnet'", "Did you mean 'intent'?", "Known: id, intent, message"],
    ),
    "too many labels": (
        "a.csv", MANY.encode(), ["--label", "intent"], 1,
        ["50,000 different values", "looks like an identifier", "up to 2,000", "another column"],
    ),
    "NaN labels": (
        "a.parquet", parquet(pa.table({"id": ["a", "b"], "intent": [float("nan"), None]})),
        ["--label", "intent"], 1, ["'intent' is empty in all 2 rows", "another column"],
    ),
    "not what its name says": (
        "a.csv", parquet(pa.table({"id": ["a"]})), [], 1, ["is named .csv but", "Parquet", "Name it .parquet"],
    ),
    "text named as Parquet": ("a.parquet", GOOD.encode(), [], 1, ["is named .parquet but"]),
    "an extension that is not known": ("a.xlsx", b"PK\x03\x04", [], 2, ["'.xlsx'", "Allowed: .csv", "Save the sheet"]),
    "cut off": ("a.parquet", parquet(pa.table({"id": ["a"]}))[:-4], [], 1, ["its end is missing"]),
    "a key that repeats": (
        "a.csv", (GOOD + "k1,again,a\n").encode(), ["--key", "id"], 2,
        ["id cannot be the key: 1 values occur more than once", "Name another column, or none"],
    ),
}  # fmt: skip

CONTRACT = """\
contract:
  columns:
    id: {type: VARCHAR, role: key}
    message: {type: VARCHAR, role: text}
    intent: {type: VARCHAR, role: label}
"""


def filtered(where: str) -> str:
    return f'{CONTRACT}steps:\n- step: filter\n  where: "{where}"\n'


RECIPES: dict[str, tuple[str, int, list[str]]] = {
    "an unknown step": (
        "steps:\n- step: rebalanc\n", 2, ["Step 1: There is no step 'rebalanc'", "Did you mean 'rebalance'?", "Known:"],
    ),
    "a column that the data lack": (
        CONTRACT.replace("intent:", "intents:"), 1,
        ["no column 'intents'", "Did you mean 'intent'?", "Columns: id, message, intent"],
    ),
    "a step's column that the data lack": (
        filtered("lenght > 3"), 1, ["no column 'lenght', which step 1 (filter) uses", "Columns:"],
    ),
    "read_csv": (filtered("read_csv('/etc/passwd')"), 2, ["Step 1 (filter)", "read_csv()", "Functions:"]),
    "a subquery": (
        filtered("intent IN (SELECT intent FROM data)"), 2, ["Step 1 (filter)", "a subquery", "only comparisons"],
    ),
    "a second statement": (filtered("id = 'a'; drop table data"), 2, ["more than one statement", "only comparisons"]),
    "a value that cannot be cast": (
        filtered("cast(message AS INT) > 1"), 2, ["Step 1 (filter)", "cannot be computed on these data"],
    ),
    "one class to learn from": (
        filtered("intent = 'a'") + "- step: fix_labels\n", 1, ["Step 2 (fix_labels)", "one class only"],
    ),
    "not YAML": ("steps: [", 2, ["not valid YAML", "line"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a dataset, a decision and a draft; bad input leaves it so for the next test."""
    folder = tmp_path_factory.mktemp("bad") / "workspace"
    good = folder.parent / "good.csv"
    good.write_text(GOOD)
    assert call(folder, "import", good, "--dataset", "mail").exit_code == 0
    with Workspace.open(folder) as workspace:
        annotate(workspace, "mail", "k1", "relabel", value="a", annotator="ann")
        save_draft(workspace, "mail", Recipe(name="mail"), "ann")
    return folder


def call(folder: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["--workspace", str(folder), *map(str, arguments)])


def check(result: Result, code: int, parts: list[str]) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


def content(folder: Path, content_of: Callable[[Workspace], dict[str, Any]]) -> dict[str, Any]:
    with Workspace.open(folder, create=False) as workspace:
        return content_of(workspace)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_not_imported(
    full: Path, tmp_path: Path, content_of: Callable[[Workspace], dict[str, Any]], case: str
) -> None:
    name, data, options, code, parts = FILES[case]
    (tmp_path / name).write_bytes(data)
    before = content(full, content_of)
    for dataset in ("mail", "new"):
        result = call(full, "import", tmp_path / name, "--dataset", dataset, *options)
        check(result, code, parts)
    assert content(full, content_of) == before


@pytest.mark.parametrize(
    "case", [case for case, (*_, options, _, _) in FILES.items() if not options]
)
def test_a_bad_file_is_not_run(full: Path, tmp_path: Path, case: str) -> None:
    name, data, _, code, parts = FILES[case]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "recipe.yaml").write_text("steps: []\n")
    before = files(tmp_path)
    result = call(
        full,
        "run",
        tmp_path / "recipe.yaml",
        "--input",
        tmp_path / name,
        "--output",
        tmp_path / "out.csv",
    )
    check(result, code, parts)
    assert files(tmp_path) == before


@pytest.mark.parametrize("case", RECIPES)
def test_a_recipe_that_cannot_run_writes_nothing(
    full: Path, tmp_path: Path, content_of: Callable[[Workspace], dict[str, Any]], case: str
) -> None:
    text, code, parts = RECIPES[case]
    (tmp_path / "recipe.yaml").write_text(text)
    (tmp_path / "good.csv").write_text(GOOD)
    before, there = content(full, content_of), files(tmp_path)
    result = call(
        full, "run", tmp_path / "recipe.yaml", "--input", tmp_path / "good.csv",
        "--output", tmp_path / "out.csv", "--report", tmp_path / "report.json",
    )  # fmt: skip
    check(result, code, parts)
    assert files(tmp_path) == there
    assert content(full, content_of) == before


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("nan.csv", NAN, ["label"]),
        ("one.csv", HEAD + "k1,a,x\nk2,b,x\n" * 5, ["one class only"]),
        ("few.csv", HEAD + "k1,a,x\nk2,b,y\n", ["2 rows", "At least 5"]),
        ("many.csv", MANY, ["50,000 different values", "another column", ""]),
    ],
)
def test_a_label_column_that_teaches_nothing_is_told(
    tmp_path: Path, name: str, text: str, parts: list[str]
) -> None:
    (tmp_path / name).write_text(text)
    result = call(
        tmp_path / "none",
        "find",
        tmp_path / name,
        "--label",
        "intent",
        "--output",
        tmp_path / "f.csv",
    )
    assert result.exit_code == 1, result.output
    assert len([line for line in result.stderr.splitlines() if not line.startswith("Note: ")]) <= 3
    assert not (tmp_path / "f.csv").exists()
    assert not (tmp_path / "none").exists()


def test_an_append_that_does_not_fit_changes_nothing(
    full: Path, tmp_path: Path, content_of: Callable[[Workspace], dict[str, Any]]
) -> None:
    (tmp_path / "more.csv").write_text("id,message\nk99,text\n")
    before = content(full, content_of)
    result = call(full, "import", tmp_path / "more.csv", "--dataset", "mail", "--append")
    check(result, 1, ["the source lacks intent", "Columns of 'mail': id, message, intent"])
    assert content(full, content_of) == before

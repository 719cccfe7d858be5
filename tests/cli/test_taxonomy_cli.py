"""The commands of a taxonomy as another program, or a person at a terminal, meets them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from curation.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call the command line with a workspace of the test's own, which has one dataset."""
    return imported(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same, for tests that change nothing."""
    return imported(tmp_path_factory.mktemp("unchanged"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same after a change, for tests that only read."""
    call = imported(tmp_path_factory.mktemp("changed"))
    done = call(
        "taxonomy", "change", "things", "--rename", "small=tiny", "--split", "other=other,rest",
        "--retire", "large=exclude", "--add", "odd", "--yes",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return call


def imported(folder: Path) -> Run:
    def call(*arguments: str | Path) -> Result:
        place = ["--workspace", str(folder / "workspace")]
        return CliRunner().invoke(app, [*place, *map(str, arguments)], prog_name="curation")

    source = folder / "things.csv"
    kinds = ["small", "large", "large", "other"] * 5
    source.write_text("id,kind\n" + "".join(f"k{n},{kind}\n" for n, kind in enumerate(kinds)))
    done = call("import", source, "--dataset", "things", "--label", "kind", "--key", "id")
    assert done.exit_code == 0, done.output
    return call


def shown(run: Run, *arguments: str) -> Any:
    done = run("taxonomy", "show", "things", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_change_says_what_it_touches_and_makes_a_version(run: Run) -> None:
    done = run(
        "taxonomy", "change", "things", "--merge", "large, other=big", "--rename", "small=tiny",
        "--split", "big=big,huge", "--add", "odd", "--retire", "tiny=exclude", "--yes",
        "--author", "ann",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "rename 'small' to 'tiny': 5 records and 0 annotations will be read as 'tiny'.",
        "merge 'large', 'other' into 'big': 15 records and 0 annotations will be read as 'big'.",
        "split 'big' into 'big', 'huge': 15 records and 0 annotations will wait for a person to "
        "choose.",
        "add 'odd': no record changes.",
        "retire 'tiny' and exclude its records: 5 records and 0 annotations will be left out.",
        "Version 2 is in force, with 3 classes.",
    ]
    version = shown(run)
    assert (version["version"], version["parent"], version["in_force"]) == (2, 1, 2)
    assert version["classes"] == ["big", "huge", "odd"]
    assert shown(run, "--version", "1")["classes"] == ["large", "other", "small"]
    text = run("taxonomy", "show", "things").stdout
    assert text.startswith("Version 2 of 2 (in force), made from 1.\n  rename 'small' to 'tiny'\n")
    old = run("taxonomy", "show", "things", "--version", "1").stdout
    assert old.startswith("Version 1 of 2 (2 is in force).\nclass")


def test_a_dry_run_changes_nothing(unchanged: Run) -> None:
    done = unchanged("taxonomy", "change", "things", "--rename", "small=tiny", "--dry-run")
    assert done.exit_code == 0
    assert "5 records" in done.stdout
    assert shown(unchanged)["version"] == 1


def test_without_a_terminal_a_change_needs_yes(unchanged: Run) -> None:
    done = unchanged("taxonomy", "change", "things", "--rename", "small=tiny")
    assert done.exit_code == 2
    assert "there is no terminal to ask for confirmation on. Add --yes" in done.stderr
    assert shown(unchanged)["version"] == 1


@pytest.mark.parametrize(("answer", "code", "version"), [("y", 0, 2), ("n", 1, 1)])
def test_at_a_terminal_a_person_is_asked(
    run: Run, tmp_path: Path, answer: str, code: int, version: int
) -> None:
    person, terminal = pty.openpty()
    os.write(person, f"{answer}\n".encode())
    command = ["taxonomy", "change", "things", "--rename", "small=tiny"]
    done = subprocess.run(
        [sys.executable, "-m", "curation", "--workspace", str(tmp_path / "workspace"), *command],
        stdin=terminal, capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.close(person)
    os.close(terminal)
    assert "Make this the next version" in done.stdout
    assert done.returncode == code, done.stderr
    assert shown(run)["version"] == version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rename", "small"], "--rename takes OLD=NEW, got 'small'"),
        (["--rename", "a=b=c"], "write the operations into a file: --operations"),
        (["--rename", "smal=tiny"], "Did you mean 'small'?"),
        (["--retire", "small=quue"], "no way to retire a class 'quue'. Did you mean 'queue'"),
        (["--merge", "small=tiny"], "a merge takes two classes or more"),
        ([], "at least one operation"),
        (["--operations", "nowhere.yaml"], "There is no file 'nowhere.yaml'"),
        (["--operations", "x.yaml", "--add", "a"], "not both"),
    ],
)
def test_a_change_that_cannot_be_made_is_wrong_usage(
    unchanged: Run, arguments: list[str], message: str
) -> None:
    done = unchanged("taxonomy", "change", "things", "--yes", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert shown(unchanged)["version"] == 1


def test_names_with_any_characters_are_given_in_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "operations.yaml"
    file.write_text("- {operation: rename, old: small, new: 'a=b, c'}\n")
    assert run("taxonomy", "change", "things", "--operations", file, "--yes").exit_code == 0
    assert shown(run)["classes"] == ["large", "other", "a=b, c"]


def test_an_export_can_be_imported_into_another_dataset(run: Run, tmp_path: Path) -> None:
    run("taxonomy", "change", "things", "--split", "other=other,rest", "--yes")
    file = tmp_path / "taxonomy.yaml"
    assert run("taxonomy", "export", "things", "--output", file).exit_code == 0
    assert run("taxonomy", "export", "things").stdout == file.read_text()
    run("import", tmp_path / "things.csv", "--dataset", "more", "--label", "kind", "--key", "id")
    done = run("taxonomy", "import", "more", file)
    assert (done.exit_code, done.stdout) == (0, "Imported versions up to 2.\n"), done.output
    assert run("taxonomy", "export", "more").stdout == file.read_text()
    again = run("taxonomy", "import", "more", file)
    assert (again.exit_code, "nothing to import" in again.stderr) == (2, True)


def test_a_list_of_all_classes_is_the_first_version(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text("small: Fits in a hand.\nlarge:\nother:\nhuge: Not seen yet.\n")
    assert "Would be imported" in run("taxonomy", "import", "things", file, "--dry-run").stdout
    assert run("taxonomy", "import", "things", file).exit_code == 0
    version = shown(run)
    assert version["version"] == 1
    assert version["classes"] == ["small", "large", "other", "huge"]
    assert version["descriptions"] == {"small": "Fits in a hand.", "huge": "Not seen yet."}
    assert "has these classes already" in run("taxonomy", "import", "things", file).stdout


def test_a_list_that_differs_is_a_change_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text("- tiny\n- large\n- other\n")
    refused = run("taxonomy", "import", "things", file)
    assert refused.exit_code == 2
    assert "A list cannot say what was renamed" in refused.stderr
    assert shown(run)["version"] == 1
    done = run("taxonomy", "import", "things", file, "--yes")
    assert done.stdout.splitlines() == [
        "add 'tiny': no record changes.",
        "retire 'small' and queue its records: 5 records and 0 annotations will wait for another "
        "label.",
        "Version 2 is in force, with 3 classes.",
    ]


@pytest.mark.parametrize(
    ("label", "versions", "said", "status"),
    [
        ("small", (1, 2), "'small' of version 1 under version 2: 'tiny'.", "read"),
        ("other", (1, 2), "a person chooses; it may be 'other', 'rest'.", "queue"),
        ("large", (1, 2), "left out.", "excluded"),
        ("odd", (2, 1), "no such class, so a person decides.", "queue"),
        ("smal", (1, 2), "unknown there, so a person decides.", "queue"),
    ],
)
def test_a_label_is_read_under_another_version(
    changed: Run, label: str, versions: tuple[int, int], said: str, status: str
) -> None:
    between = ["--from", str(versions[0]), "--to", str(versions[1])]
    done = changed("taxonomy", "read", label, "--dataset", "things", *between)
    assert done.stdout.strip().endswith(said)
    as_json = changed("taxonomy", "read", label, "--dataset", "things", *between, "--json")
    assert json.loads(as_json.stdout)["status"] == status


def test_a_version_that_is_not_there_is_wrong_usage(unchanged: Run) -> None:
    for arguments in (
        ["show", "things", "--version", "7"],
        ["read", "small", "--dataset", "things", "--from", "7"],
        ["read", "small", "--dataset", "things", "--from", "1", "--to", "7"],
    ):
        done = unchanged("taxonomy", *arguments)
        assert (done.exit_code, "no taxonomy version '7'" in done.stderr) == (2, True)

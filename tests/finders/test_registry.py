"""Finders are found by name, another package's like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.errors import UnknownNameError, UsageError
from curation.finders.base import Finder
from curation.finders.registry import FINDERS, finder_named, finders

PLUGIN = '''
import numpy as np
from pydantic import Field
from curation.finders.base import Finder, Finding, finding_rows, summarise

class Shouting(Finder):
    """Find texts in capitals."""
    name, title = "shouting", "Shouting"
    scores, advice = "0 is all capitals.", "Write them small."
    least: float = Field(default=0.5, ge=0, le=1, description="Share of capitals.")

    def find(self, shared, progress=lambda f, m: None):
        column = shared.roles.having("text")[0]
        share = np.array([
            sum(c.isupper() for c in text) / max(len(text), 1)
            for text in shared.table[column].to_pylist()
        ])
        rows = finding_rows(shared, 1 - share, share >= self.least,
                            explanation={i: "it shouts" for i in np.flatnonzero(share >= self.least)})
        return Finding(self.name, rows, summarise(rows))

class Wrong(Shouting):
    """Find nothing that is one."""
    name = "wrong"

    def find(self, shared, progress=lambda f, m: None):
        return "three rows"

not_one = 3
'''


def install(folder: Path, entries: str) -> dict[str, str]:
    """Put a package with finders on the path of a command's process."""
    (folder / "shouting.py").write_text(PLUGIN)
    about = folder / "shouting-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[curation.finders]\n{entries}\n")
    (folder / "notes.csv").write_text(
        "id,text,label\n" + "\n".join(f"{n},{'HELP ME' if n == 2 else 'help'},a" for n in range(6))
    )
    return {**os.environ, "PYTHONPATH": str(folder)}


def command(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curation", *words],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_another_packages_finder_is_listed_and_runs_like_ours(tmp_path: Path) -> None:
    env = install(tmp_path, "shouting = shouting:Shouting\nwrong = shouting:Wrong")
    listed = command(tmp_path, env, "finders")
    assert "shouting" in listed.stdout, listed.stderr
    assert "Find texts in capitals." in listed.stdout
    assert "Share of capitals." in command(tmp_path, env, "finders", "shouting").stdout
    call = ("find", "notes.csv", "--text", "text", "--finder")
    found = command(tmp_path, env, *call, "shouting", "--set", "least=0.8", "--json")
    assert json.loads(found.stdout)["flagged"] == 1, found.stderr
    refused = command(tmp_path, env, *call, "shouting", "--set", "least=8")
    assert refused.returncode == 2
    assert "'least'" in refused.stderr
    wrong = command(tmp_path, env, *call, "wrong")
    assert wrong.returncode == 2
    assert "is not made right: it returned str, not a Finding" in wrong.stderr


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("gone = shouting:Gone", "cannot be loaded"),
        ("gone = nowhere:Gone", "cannot be loaded"),
        ("odd = shouting:not_one", "must be a class derived from"),
    ],
)
def test_a_package_whose_finder_cannot_be_used_is_named(
    tmp_path: Path, entry: str, said: str
) -> None:
    env = install(tmp_path, entry)
    failed = command(tmp_path, env, "finders")
    assert failed.returncode == 2
    assert "of 'shouting'" in failed.stderr
    assert said in failed.stderr


def test_every_finder_says_what_it_finds_means_and_advises() -> None:
    assert len({finder.name for finder in FINDERS}) == len(FINDERS)
    for finder in FINDERS:
        assert issubclass(finder, Finder)
        assert finder.__doc__
        assert finder.title
        assert finder.scores.endswith(".")
        assert finder.advice.endswith(".")
        for name, field in finder.model_fields.items():
            assert field.description, f"{finder.name}.{name}"
        assert finder()


def test_a_finder_is_made_of_texts_and_refuses_what_it_does_not_know() -> None:
    assert set(finders()) >= {finder.name for finder in FINDERS}
    several = finder_named("missing_values", {"stand_ins": "none, -1"})
    assert several.model_dump()["stand_ins"] == ("none", "-1")
    made = finder_named("label", {"filter_by": "both"})
    assert made.model_dump()["filter_by"] == "both"
    with pytest.raises(UnknownNameError, match="Did you mean 'label'"):
        finder_named("labels")
    with pytest.raises(UsageError, match="there is no 'filter'"):
        finder_named("label", {"filter": "both"})
    with pytest.raises(UsageError, match=r"cannot be 'bth'.*Did you mean 'both'"):
        finder_named("label", {"filter_by": "bth"})

"""The job the product is for: a labelled file becomes a curated file, and again tomorrow."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from curation.lake.annotations import events
from curation.lake.decisions import decisions
from curation.lake.workspace import Workspace
from curation.resources import resource

SEPTEMBER = resource("examples", "support", "messages-2026-09.csv")
OCTOBER = resource("examples", "support", "messages-2026-10.csv")


def test_a_file_is_curated_in_the_browser_and_the_recipe_repeats_it(
    page: Page, press, serve, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    page.goto(serve(workspace) + "/datasets")
    _import(page, SEPTEMBER)
    _find_issues(page)
    _review_by_keyboard(press)
    _cap_classes(page, 60)
    recipe = _export(page, tmp_path / "recipe.yaml")

    with Workspace.open(workspace) as opened:
        kept = decisions(opened, "support")
        assert len(kept) == 5, "six decisions, one taken back"
        assert {d.decision for d in kept} == {"relabel", "confirm", "exclude"}
        assert len(events(opened, "support")) == 7, "undo adds an event and deletes none"

    shown = _run_in_page(page, OCTOBER, tmp_path / "page.csv")
    by_command = tmp_path / "command.csv"
    done = subprocess.run(
        [sys.executable, "-m", "curation", "run", str(recipe), "--input", str(OCTOBER),
         "--output", str(by_command)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert _rows(by_command) == _rows(shown)
    assert 0 < len(_rows(by_command)) < len(_rows(OCTOBER))


def _import(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(file)
    _fill(page, "import-name", "support")
    _click(page, "import-start")
    expect(page.get_by_text(re.compile(r"snapshot \d+ · 640 rows")).first).to_be_visible()


def _find_issues(page: Page) -> None:
    page.get_by_role("link", name="Label issues").click()
    _click(page, "find-start")
    expect(page.get_by_text(re.compile(r"Relabel to"))).to_be_visible()


def _review_by_keyboard(press) -> None:
    """Decide six records by key and take the last one back: five decisions are left."""
    for key in "aakxaa":
        press(key)
    press("z")


def _cap_classes(page: Page, rows: int) -> None:
    page.get_by_role("link", name="Balance").click()
    _fill(page, "balance-support-rows_per_class", str(rows))
    _click(page, "balance-save")
    expect(page.get_by_role("link", name="See the recipe")).to_be_visible()


def _export(page: Page, to: Path) -> Path:
    page.get_by_role("link", name="Recipe", exact=True).click()
    expect(page.get_by_text("rebalance").first).to_be_visible()
    with page.expect_download() as download:
        _click(page, "recipe-export")
    download.value.save_as(to)
    return to


def _run_in_page(page: Page, file: Path, to: Path) -> Path:
    _click(page, "run-open")
    page.locator("input[type=file]").set_input_files(file)
    with page.expect_download() as download:
        _click(page, "run-download")
    download.value.save_as(to)
    return to


def _click(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").first.click()


def _fill(page: Page, key: str, text: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.fill(text)
    field.press("Enter")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

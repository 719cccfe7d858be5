"""A rule is written, used in the recipe, and draws every old row again when a second batch comes."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.recipe.drafts import load_draft
from curation.recipe.runner import run_on_dataset
from curation.resources import resource
from curation.sampling.rules.library import get_rule
from curation.sampling.rules.rule import Rule

SEPTEMBER = resource("examples", "support", "messages-2026-09.csv")
OCTOBER = resource("examples", "support", "messages-2026-10.csv")


def test_a_rule_from_the_form_keeps_its_rows_when_a_second_batch_comes(
    page: Page, serve, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    with Workspace.open(folder) as workspace:
        import_file(workspace, SEPTEMBER, "support", author="ann", message="September")
    page.goto(serve(folder) + "/sampling_rules?dataset=support")
    _write(page)
    _save_by_keyboard(page, "a third")
    page.locator(".st-key-rule-use button").first.click()
    expect(page.get_by_role("link", name="The recipe uses it")).to_be_visible()
    expect(page).to_have_url(re.compile("rule=a"))

    with Workspace.open(folder, create=False) as workspace:
        rule = Rule(fraction=0.3, where="channel <> 'form'")
        assert get_rule(workspace, "a third") == (rule, 1)
        before = _drawn(workspace)
        drawn = page.get_by_test_id("stMetric").filter(has=page.get_by_text("Drawn", exact=True))
        value = drawn.get_by_test_id("stMetricValue").first
        expect(value).to_have_text(str(len(before)), use_inner_text=True)
        import_file(workspace, OCTOBER, "support", mode="append", author="ann", message="October")
        after = _drawn(workspace)
    assert before < after, "every old row is still in, and new ones came"

    page.get_by_role("link", name="Recipe", exact=True).click()
    expect(page.get_by_text(re.compile(f"→ {len(after):,} rows")).first).to_be_visible()
    page.get_by_role("link", name="Sampling rules").click()
    expect(
        page.get_by_text(re.compile("used by recipe of support|The recipe uses it")).first
    ).to_be_visible()


def _write(page: Page) -> None:
    """Write a rule into the form: a fraction of some rows."""
    page.locator(".st-key-rule-start-tenth button").first.click()
    page.get_by_role("button", name="under a condition").click()
    _fill(page, "where", "chanel <> 'form'")
    expect(page.get_by_text("Did you mean 'channel'")).to_be_visible()
    _fill(page, "where", "channel <> 'form'")
    _fill(page, "fraction", "0.3")
    expect(page.get_by_text(re.compile(r"of 640 rows"))).to_be_visible()


def _save_by_keyboard(page: Page, name: str) -> None:
    field = page.locator("[class*='st-key-rule-'][class*='-name'] input")
    field.fill(name)
    field.press("Tab")
    page.keyboard.type("To look at")
    page.keyboard.press("Tab")
    expect(page.locator(".st-key-rule-save button").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{name} · support")).to_be_visible()


def _fill(page: Page, field: str, text: str) -> None:
    box = page.locator(f"[class*='st-key-rule-'][class*='-{field}'] input")
    box.fill(text)
    box.press("Enter")


def _drawn(workspace: Workspace) -> set[str]:
    with run_on_dataset(workspace, "support", load_draft(workspace, "support")) as result:
        return set(result.table()["message_id"].to_pylist())

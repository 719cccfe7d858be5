"""A class is split after 300 decisions: only its records wait, and nothing that was said is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
from playwright.sync_api import Page, expect

from curation.lake.annotations import Verdict, annotate_many, events
from curation.lake.decisions import decisions
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
from curation.ui.state import user_name

ABOUT = {
    "card": ["My credit card was declined {}", "The debit card machine kept my card {}"],
    "transfer": ["A transfer to my sister is missing {}", "How long is a transfer abroad {}"],
    "cash": ["The cash machine gave too little {}", "Where can I pay in cash {}"],
}
ROWS = [
    (f"m{n:03}", ABOUT[label][n % 2].format(f"since day {n}"), label)
    for n, label in enumerate(["card", "transfer", "cash", "transfer"] * 100)
]
TABLE = pa.table(
    {name: [row[at] for row in ROWS] for at, name in enumerate(("id", "text", "label"))}
)


def test_a_class_is_split_and_only_its_records_wait(
    page: Page, press, serve, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    with Workspace.open(folder) as workspace:
        roles = {"id": "key", "text": "text", "label": "label"}
        import_table(workspace, TABLE, "mail", roles=roles, author="ann")  # type: ignore[arg-type]
        # Of 300 records every tenth is relabelled, the first ten of those to card.
        verdicts = [Verdict(key, "confirm") for key, _, _ in ROWS[:300]]
        for place in range(5, 300, 10):
            value = "card" if place < 100 else "cash"
            verdicts[place] = Verdict(ROWS[place][0], "relabel", value)
        annotate_many(workspace, "mail", verdicts, annotator=user_name())
        before = {d.record_key: (d.decision, d.value) for d in decisions(workspace, "mail")}
    assert len(before) == 300
    card = {key for key, _, label in ROWS if before.get(key, ("", label))[1] == "card"}

    page.goto(serve(folder) + "/taxonomy?dataset=mail")
    _split(page, "card", ["credit card", "debit card"])
    expect(page.get_by_text(re.compile(f"{len(card)} records")).first).to_be_visible()
    page.locator(".st-key-taxonomy-apply button").click()
    page.get_by_role("button", name=f"Review the {len(card)} records").click()

    # A key is heard when its button is there, and the record's words come after its frame.
    expect(page.get_by_text("has to be chosen again")).to_be_visible()
    for key in "1212121212":
        press(key)
    expect(page.get_by_text(str(len(card) - 10), exact=True).first).to_be_visible()
    page.locator(".st-key-queue-again button").click()
    expect(page.get_by_text(re.compile("ranked by a model of 10 decided records"))).to_be_visible()
    expect(page.get_by_text(re.compile("Relabel to"))).to_be_visible()
    press("a")

    page.get_by_role("link", name="Taxonomy").click()
    expect(page.get_by_role("button", name=f"Review the {len(card) - 11} records")).to_be_visible()
    with Workspace.open(folder, create=False) as workspace:
        now = {d.record_key: d for d in decisions(workspace, "mail")}
        again = {e.record_key for e in events(workspace, "mail")[300:]}
        assert len(again) == 11
        assert again <= card
        for key, (decision, value) in before.items():
            if key not in card:
                assert (now[key].decision, now[key].value_read) == (decision, value)
                assert now[key].standing == "in_force"
            elif key not in again:
                assert now[key].standing == "queue"
        assert {now[key].value_read for key in again} <= {"credit card", "debit card"}
        old = {d.record_key: d.value_read for d in decisions(workspace, "mail", taxonomy_version=1)}
        assert {key: old[key] for key in before} == {key: v for key, (_, v) in before.items()}
        assert {old[key] for key in again} == {"card"}

    page.locator(".st-key-frame-undo button").first.click()
    expect(page.get_by_role("button", name=f"Review the {len(card) - 10} records")).to_be_visible()
    page.locator(".st-key-frame-redo button").first.click()
    expect(page.get_by_role("button", name=f"Review the {len(card) - 11} records")).to_be_visible()


def _split(page: Page, name: str, parts: list[str]) -> None:
    form = page.locator(".st-key-operation-mail-kind")
    form.get_by_role("radio", name="Split").or_(form.get_by_text("Split", exact=True)).first.click()
    page.locator(".st-key-operation-mail-0-split-class input").click()
    page.get_by_role("option", name=name, exact=True).click()
    into = page.locator(".st-key-operation-mail-0-split-into input")
    for part in parts:
        into.fill(part)
        into.press("Enter")
        expect(
            page.locator(".st-key-operation-mail-0-split-into").get_by_text(part)
        ).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".st-key-operation-mail-add button").click()

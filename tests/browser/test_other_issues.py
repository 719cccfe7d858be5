"""Other issues by keyboard alone: look for them, open one, decide about its rows, take it back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from playwright.sync_api import Page, expect

from curation.lake.decisions import decisions
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace

COPIED = 3


def test_copies_are_found_excluded_and_brought_back_by_keyboard(
    page: Page, serve, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    with Workspace.open(folder) as workspace:
        import_table(workspace, _messages(), "mail", author="test", roles={
            "id": "key", "text": "text", "label": "label",
        })  # fmt: skip
    address = serve(folder)

    page.goto(f"{address}/other_issues?dataset=mail")
    _press(page, "other-start")
    expect(page.locator(".st-key-kind-exact_duplicate")).to_contain_text("6 rows", timeout=120_000)
    _press(page, "open-exact_duplicate")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Exact duplicates · mail")
    assert "kind=exact_duplicate" in page.url
    _press(page, "kind-exclude")
    expect(page.get_by_text("One record of each group stays")).to_be_visible()
    _press(page, "kind-exclude-now")
    expect(page.get_by_text("decided: exclude").first).to_be_visible()
    _press(page, "frame-undo")
    expect(page.get_by_text("decided: exclude")).to_have_count(0)
    with Workspace.open(folder) as workspace:
        assert decisions(workspace, "mail") == []

    _press(page, "kind-step")
    expect(page.get_by_text("The recipe has drop_duplicates")).to_be_visible()

    page.set_viewport_size({"width": 420, "height": 860})
    for query in ("", "?kind=exact_duplicate"):
        page.goto(f"{address}/other_issues{query}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("mail")
        expect(page.get_by_text("Looked for", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 420


def _messages() -> pa.Table:
    """Return messages of two classes, the first three of which come a second time."""
    words = ("the invoice", "a parcel", "my order", "this chair", "your letter", "our contract")
    texts = [
        f"{word} {verb} on day {day}"
        for day in range(5)
        for word in words
        for verb in ("came late", "was lost")
    ]
    texts += texts[:COPIED]
    return pa.table({
        "id": [f"m{number:02d}" for number in range(len(texts))],
        "text": texts,
        "label": ["lost" if "lost" in text else "late" for text in texts],
    })  # fmt: skip


def _press(page: Page, key: str) -> None:
    """Reach a button as Tab does, and press Enter."""
    button = page.locator(f".st-key-{key} button").first
    button.focus()
    page.keyboard.press("Enter")

"""What holds for every page: its frame, its width, and that it asks no other machine."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Request, expect

from curation.demo import import_example
from curation.finders.stored import find_in_dataset
from curation.lake.workspace import Workspace

PAGES = {
    "recipe": "Recipe",
    "": "support",
    "datasets": "Datasets",
    "label_issues": "Label issues",
    "other_issues": "Other issues",
    "balance": "Balance",
    "sampling_rules": "Sampling rules",
    "taxonomy": "Taxonomy",
    "annotators": "Annotators",
    "versions": "Versions",
    "versions?view=Combine": "Versions",
}


def test_every_page_stands_in_its_frame_and_asks_no_other_machine(
    page: Page, serve, tmp_path: Path
) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        name = import_example(workspace, author="test")
        find_in_dataset(workspace, name)
    address = serve(tmp_path / "workspace")
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.extend(_foreign(request, address)))

    # The first one is a deep link on a fresh server, where Streamlit would show its own page list.
    for path, title in PAGES.items():
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        # An icon is a word in a font, so a link's text begins with the icon's name.
        links = page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
        named = [link.splitlines()[-1] for link in links]
        assert named == [
            "Home", "Datasets", "Label issues", "Other issues", "Balance", "Sampling rules",
            "Taxonomy", "Annotators",
            "Recipe",
            "Versions",
        ]  # fmt: skip
        expect(page.get_by_text("640 rows · 10 classes").first).to_be_visible()

    page.set_viewport_size({"width": 420, "height": 860})
    for path, title in PAGES.items():
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 420, f"/{path} is {width} pixels wide in a window of 420"

    assert elsewhere == []


def _foreign(request: Request, address: str) -> list[str]:
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    return [] if request.url.startswith(own) else [request.url]

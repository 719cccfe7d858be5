"""Home says where a dataset stands and what to do next."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Split
from curation.lake.workspace import Workspace

OpenPage = Callable[..., AppTest]


def test_an_empty_workspace_offers_the_example_and_an_import(
    open_page: OpenPage, workspace: Workspace
) -> None:
    at = open_page(workspace)
    assert at.button(key="import").label == "Import a file"
    assert at.button(key="example").label == "Look at the example"
    assert not at.selectbox


def test_the_example_becomes_the_dataset(
    open_page: OpenPage, workspace: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    at = open_page(workspace)
    at.button(key="example").click().run()
    wait_for_jobs(workspace)
    at.run()
    assert not at.exception
    assert at.selectbox(key="dataset").value == "support"
    assert at.button(key="next").label == "Find label issues"


def test_flagged_labels_are_the_next_action(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found)
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Data"] == "640"
    assert int(figures["Issues"]) > 20
    assert figures["Decisions"] == "0"
    assert at.button(key="next").label == "Review the flagged labels"


def test_what_waits_for_another_reason_leads_to_its_queue(
    open_page: OpenPage, found: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    operation = Split(name="change_order", into=("add item", "remove item"))
    apply(found, "support", [operation], author="ann", message="two kinds")
    at = open_page(found)
    [button] = [b for b in at.button if b.label == "Choose their new class"]
    button.click().run()
    wait_for_jobs(found)
    at.run()
    assert not at.exception
    assert at.title[0].value == "Split or retired class · support"


@pytest.mark.parametrize(
    "page",
    [
        "home",
        "datasets",
        "label_issues",
        "balance",
        "sampling_rules",
        "taxonomy",
        "annotators",
        "recipe",
        "versions",
    ],
)
@pytest.mark.parametrize("filled", ["workspace", "imported", "found"])
def test_every_page_has_a_title_and_at_most_one_primary_button(
    open_page: OpenPage, request: pytest.FixtureRequest, page: str, filled: str
) -> None:
    at = open_page(request.getfixturevalue(filled), page)
    primary = [b.label for b in at.button if b.proto.type == "primary"]
    assert len(primary) <= 1, primary
    assert at.title


def test_a_link_leads_to_its_dataset(open_page: OpenPage, found: Workspace) -> None:
    assert open_page(found, dataset="support").selectbox(key="dataset").value == "support"
    assert open_page(found, dataset="nothing").selectbox(key="dataset").value == "support"


def test_the_dataset_is_named_in_the_sidebar(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "recipe")
    assert "640 rows · 10 classes" in at.sidebar.caption[0].value
    assert at.query_params["dataset"] in ("support", ["support"])

"""Annotators: how far they agree, who is how good, and the workflow that says whose word counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.finders.agreement import Agreement
from curation.lake.actions import undo
from curation.lake.annotations import Verdict, annotate_many
from curation.lake.datasets import get_dataset, set_roles
from curation.lake.documents import versions
from curation.lake.workflows import Workflow, current_workflow, save_workflow
from curation.lake.workspace import Workspace
from curation.ui import state
from curation.ui.annotators_view import in_words

OpenPage = Callable[..., AppTest]
Wait = Callable[[Workspace], None]
Show = Callable[[AppTest], AppTest]

SAID = {
    "ann": ["refund_status"] * 6,
    "bob": ["refund_status"] * 4 + ["return_request"] * 2,
    "cat": ["refund_status"] * 3 + ["return_request"] * 3,
}
"""Of the first six records; on the fourth and the last two, they are not at one."""


@pytest.fixture
def labelled(imported: Workspace) -> Workspace:
    """Support messages that three people labelled."""
    for who, labels in SAID.items():
        verdicts = [
            Verdict(f"m-{number:04d}", "relabel", label)
            for number, label in enumerate(labels, start=1)
        ]
        annotate_many(imported, "support", verdicts, annotator=who)
    return imported


@pytest.fixture
def show(imported: Workspace, wait_for_jobs: Wait) -> Show:
    """Wait for the page's work and draw it again."""

    def drawn(at: AppTest) -> AppTest:
        wait_for_jobs(imported)
        at.run()
        assert not at.exception, at.exception
        return at

    return drawn


@pytest.fixture
def page(labelled: Workspace, open_page: OpenPage, show: Show) -> AppTest:
    return show(open_page(labelled, "annotators"))


def _figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def _primary(at: AppTest) -> list[str]:
    return [b.label for b in at.button if b.proto.type == "primary"]


def test_an_empty_workspace_leads_to_an_import(open_page: OpenPage, workspace: Workspace) -> None:
    assert open_page(workspace, "annotators").button(key="to-datasets")


def test_a_dataset_without_a_label_leads_to_its_roles(
    open_page: OpenPage, imported: Workspace
) -> None:
    roles = get_dataset(imported, "support").roles
    set_roles(imported, "support", roles.with_roles({"intent": "ignore"}), "tester")
    assert open_page(imported, "annotators").button(key="to-roles")


def test_while_nobody_labelled_the_page_leads_to_the_label_issues(
    open_page: OpenPage, imported: Workspace, show: Show
) -> None:
    at = show(open_page(imported, "annotators"))
    assert not at.metric
    assert not at.error
    at.button(key="annotators-to-issues").click().run()
    assert at.title[0].value.startswith("Label issues")


def test_the_annotators_stand_with_what_they_did(
    page: AppTest, labelled: Workspace, content_of: Callable[[Workspace], Any]
) -> None:
    before = content_of(labelled)
    figures = _figures(page)
    assert (figures["Annotators"], figures["Labels"], figures["With two or more"]) == (
        "3", "18", "6",
    )  # fmt: skip
    assert figures["Disputed"] == "3"
    assert "rule of thumb" in " ".join(caption.value for caption in page.caption)
    table = page.dataframe[0].value.set_index("annotator")
    assert table["labels"].tolist() == [6, 6, 6]
    assert table.loc["bob", "quality"] > table.loc["ann", "quality"]
    assert table.loc["ann", "worst class"] == "return_request"
    assert _primary(page) == ["Review the 3 disputed"]
    assert content_of(labelled) == before


@pytest.mark.parametrize(
    ("button", "queue"), [("annotators-disputed", "disputed"), ("annotators-next", "label_next")]
)
def test_the_buttons_lead_to_their_queue(page: AppTest, button: str, queue: str) -> None:
    page.button(key=button).click().run()
    assert page.session_state["queue"] == queue


def test_a_workflow_is_saved_once_it_is_changed(
    page: AppTest, labelled: Workspace, show: Show
) -> None:
    key = "workflow-support-1-1"
    assert page.button(key="workflow-save").disabled
    page.radio(key=f"{key}-policy").set_value("reviewer_over_annotator").run()
    assert "Without a reviewer" in " ".join(caption.value for caption in page.caption)
    page.multiselect(key=f"{key}-reviewers").set_value(["bob"])
    page.multiselect(key=f"{key}-counts").set_value([1])
    page.text_area(key=f"{key}-guideline").set_value("Money first.")
    page.text_input(key=f"{key}-why").set_value("Bob knows").run()
    assert "would not count" in " ".join(caption.value for caption in page.caption)
    assert _primary(page) == ["Save as version 2"]
    assert versions(labelled, "workflow", "support", "intent") == []

    page.button(key="workflow-save").click().run()
    show(page)
    assert current_workflow(labelled, "support", "intent") == Workflow(
        policy="reviewer_over_annotator", reviewers=("bob",), counts=(1,), guideline="Money first."
    )
    assert page.button(key="workflow-save").disabled
    assert page.button(key="workflow-save").label == "Save as version 3"
    table = page.dataframe[1].value
    assert table["why"].tolist() == ["Bob knows", ""]
    assert page.text_input(key="workflow-support-2-2-why").value == ""
    assert table["standing"].tolist() == ["in force", ""]

    undo(labelled, "support", state.user_name(), kinds=["workflow"])
    show(page)
    assert page.radio(key="workflow-support-2-1-policy").value == "latest"
    assert page.dataframe[1].value["standing"].tolist() == ["taken back", "in force"]


def test_somebody_elses_workflow_is_told_and_nothing_typed_is_lost(
    page: AppTest, labelled: Workspace, show: Show
) -> None:
    page.text_area(key="workflow-support-1-1-guideline").set_value("Mine").run()
    save_workflow(
        labelled, "support", "intent", Workflow(policy="majority"), author="ann", message="Most"
    )
    show(page)
    assert "ann: Most" in page.warning[0].value.replace("\\", "")
    assert page.text_area(key="workflow-support-1-1-guideline").value == "Mine"
    page.button(key="workflow-again").click().run()
    show(page)
    assert not page.warning
    assert page.radio(key="workflow-support-2-2-policy").value == "majority"


def test_a_policy_that_needs_label_issues_says_so_and_can_be_changed(
    open_page: OpenPage, labelled: Workspace, show: Show
) -> None:
    save_workflow(labelled, "support", "intent", Workflow(policy="crowdlab"), author="ann")
    at = show(open_page(labelled, "annotators"))
    assert "find label issues" in at.error[0].value
    assert at.button(key="annotators-to-issues")
    at.radio(key="workflow-support-2-2-policy").set_value("majority").run()
    at.button(key="workflow-save").click().run()
    show(at)
    assert not at.error
    assert _figures(at)["Annotators"] == "3"


@pytest.mark.parametrize(
    ("alpha", "low", "high", "said"),
    [
        (0.9, 0.85, 0.95, "the labels are reliable"),
        (0.7, 0.68, 0.72, "tentative conclusions"),
        (0.3, 0.28, 0.32, "too unsure to rely on"),
        (0.7, 0.6, 0.75, "does not settle it"),
    ],
)
def test_agreement_is_put_in_words(alpha: float, low: float, high: float, said: str) -> None:
    assert said in in_words(Agreement(alpha, low, high, 10, 20))


def test_agreement_that_nothing_tells_is_said_to_be_so() -> None:
    assert "nothing tells" in in_words(Agreement(None, None, None, 0, 0))
    assert "one class" in in_words(Agreement(None, None, None, 5, 10))

"""Versions: combine and replay in the browser, and undo from every page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset
from curation.lake.decisions import decisions
from curation.lake.imports import import_file
from curation.lake.tags import list_tags
from curation.lake.taxonomies import apply, current
from curation.lake.taxonomy import Split
from curation.lake.workspace import Workspace
from curation.recipe.builds import build, list_builds, pin
from curation.resources import resource
from curation.ui.state import user_name

OpenPage = Callable[..., AppTest]
Wait = Callable[[Workspace], None]
OCTOBER = resource("examples", "support", "messages-2026-10.csv")


@pytest.fixture
def decided(imported: Workspace) -> Workspace:
    for key in ("m-0001", "m-0002"):
        annotate(imported, "support", key, "relabel", value="change_order", annotator="ann")
    annotate(imported, "support", "m-0003", "exclude", annotator=user_name())
    return imported


def test_an_empty_workspace_leads_to_the_import(open_page: OpenPage, workspace: Workspace) -> None:
    at = open_page(workspace, "versions")
    assert at.button(key="to-datasets")


def test_versions_are_combined_and_what_was_built_is_listed(
    open_page: OpenPage, decided: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(decided, "versions", view="Combine")
    assert "Nothing yet" in " ".join(caption.value for caption in at.caption)
    at.text_input(key="build-into").input("support built").run()
    at.button(key="build-start").click().run()
    wait_for_jobs(decided)
    at.run()
    assert not at.exception
    [made] = list_builds(decided, "support built")
    assert made.manifest["output"]["rows"] == 639
    assert "640 → 639 rows" in at.success[0].value
    assert at.selectbox(key="build-which").value == made.run_id
    at.button(key="build-open").click().run()
    assert not at.exception
    assert get_dataset(decided, "support built").snapshot == made.snapshot


def test_a_build_that_cannot_be_made_says_why(
    open_page: OpenPage, decided: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(decided, "versions", view="Combine")
    at.text_input(key="build-into").input("support").run()
    at.button(key="build-start").click().run()
    wait_for_jobs(decided)
    at.run()
    assert not at.exception
    assert "cannot go into 'support' itself" in " ".join(error.value for error in at.error)
    assert list_builds(decided) == []


def test_a_replay_counts_every_annotation_and_opens_each_list(
    open_page: OpenPage, decided: Workspace, wait_for_jobs: Wait
) -> None:
    import_file(decided, OCTOBER, "support", author="tester")
    at = open_page(decided, "versions", view="Replay")
    wait_for_jobs(decided)
    at.run()
    assert not at.exception
    assert "**3 annotations**" in " ".join(text.value for text in at.markdown)
    at.selectbox(key="replay-onto").select_index(1).run()
    wait_for_jobs(decided)
    at.run()
    assert "3 apply" in " ".join(text.value for text in at.markdown)


def test_undo_and_redo_stand_on_every_page(open_page: OpenPage, decided: Workspace) -> None:
    at = open_page(decided, "versions")
    assert at.button(key="frame-redo").disabled
    at.button(key="frame-undo").click().run()
    assert not at.exception
    assert {d.record_key for d in decisions(decided, "support")} == {"m-0001", "m-0002"}
    assert at.button(key="frame-undo").disabled
    at.switch_page("pages/recipe.py").run()
    at.button(key="frame-redo").click().run()
    assert len(decisions(decided, "support")) == 3


def test_undo_takes_back_a_change_of_the_classes(open_page: OpenPage, decided: Workspace) -> None:
    operation = Split(name="change_order", into=("add", "remove"))
    apply(decided, "support", [operation], author=user_name(), message="two kinds")
    at = open_page(decided, "label_issues")
    assert (
        "split" in at.button(key="frame-undo").help
        or "taxonomy" in at.button(key="frame-undo").help
    )
    at.button(key="frame-undo").click().run()
    assert current(decided, "support").version == 1


def test_a_split_class_is_a_queue_of_its_own(
    open_page: OpenPage, decided: Workspace, wait_for_jobs: Wait
) -> None:
    operation = Split(name="change_order", into=("add item", "remove item"))
    apply(decided, "support", [operation], author="ann", message="two kinds")
    at = open_page(decided, "label_issues")
    at.segmented_control(key="queue").select("reclassify").run()
    wait_for_jobs(decided)
    at.run()
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    queued = int(figures["To decide"])
    labels = [button.label for button in at.button]
    assert {"add item", "remove item"} <= set(labels)
    review = at.session_state.review
    assert ("Keep given" in labels) == (review.item.given_label != "change_order")
    at.button(key=f"choose-1-{review.position}").click().run()
    assert not at.exception
    review.settle()
    assert [d.value_read for d in decisions(decided, "support")][-1] == "add item"
    at.run()
    figures = {metric.label: metric.value for metric in at.metric}
    assert int(figures["To decide"]) == queued - 1
    at.button(key=f"redo-{review.position}").click().run()
    at.button(key=f"undo-{review.position}").click().run()
    assert [d.value_read for d in decisions(decided, "support")][-1] != "add item"
    at.button(key=f"redo-{at.session_state.review.position}").click().run()
    assert [d.value_read for d in decisions(decided, "support")][-1] == "add item"


def test_the_lineage_opens_each_node(open_page: OpenPage, decided: Workspace) -> None:
    build(decided, pin(decided, "support"), "built", author="ann")
    at = open_page(decided, "versions", dataset="support")
    chosen = at.selectbox(key="lineage-open")
    assert chosen.value == f"snapshot:{get_dataset(decided, 'support').snapshot}"
    assert any("build" in option for option in chosen.options)
    run = next(option for option in chosen.options if option.startswith("build"))
    chosen.select(run).run()
    assert not at.exception
    assert any(text.value.startswith("Made from: ") for text in at.markdown)


def test_a_record_s_life_is_told_and_an_unknown_one_refused(
    open_page: OpenPage, decided: Workspace
) -> None:
    at = open_page(decided, "versions", view="Record", record="m-0001")
    assert "**m-0001** is **change" in at.markdown[0].value.replace("\\", "")
    at.text_input(key="life-key-support").input("nobody").run()
    assert not at.exception
    assert "There is no record 'nobody'" in at.error[0].value


def test_two_snapshots_are_compared(
    open_page: OpenPage, decided: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(decided, "versions", view="Compare")
    assert "One snapshot so far" in at.markdown[0].value
    import_file(decided, OCTOBER, "support", author="tester")
    at.run()
    wait_for_jobs(decided)
    at.run()
    assert not at.exception
    assert any("405 rows" in text.value for text in at.markdown)


def test_a_tag_is_set_once_and_removed(open_page: OpenPage, decided: Workspace) -> None:
    at = open_page(decided, "versions", view="Tags")
    for _ in range(2):
        at.text_input(key="tag-name").input("release 1")
        at.button(key="tag-add").click().run()
        assert not at.exception
    assert "release 1" in at.error[0].value
    assert [tag.name for tag in list_tags(decided)] == ["release 1"]
    at.button(key="untag-yes").click().run()
    assert list_tags(decided) == []

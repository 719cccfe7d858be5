"""Taxonomy: classes with their rows, and a change that is looked at before it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.errors import UsageError
from curation.lake.actions import undo
from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset, set_roles
from curation.lake.taxonomies import apply, current, history
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split, Taxonomy
from curation.lake.taxonomy_yaml import render
from curation.lake.translation import TaxonomyHistory
from curation.lake.workspace import Workspace
from curation.ui import state
from curation.ui.taxonomy_file import operations_in

OpenPage = Callable[..., AppTest]
Wait = Callable[[Workspace], None]
Show = Callable[[AppTest], AppTest]

RENAME = Rename(old="refund_status", new="refund")


@pytest.fixture
def show(imported: Workspace, wait_for_jobs: Wait) -> Show:
    """Wait for the page's counting and draw it again."""

    def drawn(at: AppTest) -> AppTest:
        wait_for_jobs(imported)
        at.run()
        assert not at.exception, at.exception
        return at

    return drawn


@pytest.fixture
def page(imported: Workspace, open_page: OpenPage, show: Show) -> AppTest:
    return show(open_page(imported, "taxonomy"))


def _figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def _kind(at: AppTest, kind: str) -> None:
    at.segmented_control(key="operation-support-kind").set_value(kind).run()


def _add(at: AppTest) -> None:
    at.button(key="operation-support-add").click().run()
    assert not at.exception, at.exception


def _rename(at: AppTest, old: str, new: str, number: int = 0) -> None:
    at.selectbox(key=f"operation-support-{number}-rename-class").set_value(old)
    at.text_input(key=f"operation-support-{number}-rename-new").set_value(new)
    at.run()
    _add(at)


def _said(at: AppTest) -> str:
    return "\n".join(one.value for one in [*at.markdown, *at.caption]).replace("\\", "")


def _operations(at: AppTest) -> list[Operation]:
    return at.session_state["_taxonomy-change-support-intent"].operations


def test_a_dataset_without_a_label_leads_to_its_roles(
    open_page: OpenPage, imported: Workspace
) -> None:
    roles = get_dataset(imported, "support").roles
    set_roles(imported, "support", roles.with_roles({"intent": "ignore"}), "tester")
    assert open_page(imported, "taxonomy").button(key="to-roles")


def test_an_empty_workspace_leads_to_an_import(open_page: OpenPage, workspace: Workspace) -> None:
    assert open_page(workspace, "taxonomy").button(key="to-datasets")


def test_the_classes_stand_with_their_rows_and_nothing_is_written(
    open_page: OpenPage, imported: Workspace, show: Show, content_of: Callable[[Workspace], Any]
) -> None:
    annotate(imported, "support", "m-0001", "relabel", value="refund_status", annotator="ann")
    before = content_of(imported)
    at = show(open_page(imported, "taxonomy"))
    assert _figures(at) == {"Classes": "10", "Version in force": "1", "Records that wait": "0"}
    table = at.dataframe[0].value
    rows = dict(zip(table["class"], table["rows"], strict=True))
    assert sum(rows.values()) == 640
    assert (rows["refund_status"], rows["warranty_claim"]) == (84, 18)
    assert not any(b.proto.type == "primary" for b in at.button)
    assert content_of(imported) == before


def test_what_a_change_would_do_stands_before_it_is_applied(
    page: AppTest, imported: Workspace, show: Show, content_of: Callable[[Workspace], Any]
) -> None:
    before = content_of(imported)
    _rename(page, "refund_status", "refund")
    _kind(page, "split")
    page.selectbox(key="operation-support-1-split-class").set_value("delivery_status").run()
    page.multiselect(key="operation-support-1-split-into").set_value(["late", "lost"]).run()
    _add(page)
    show(page)
    assert "83 records and 0 annotations will be read as 'refund'." in _said(page)
    assert "141 records and 0 annotations will wait for a person to choose." in _said(page)
    assert page.table[0].value["queued"].tolist() == ["0", "141", "141"]
    assert content_of(imported) == before
    assert [b.label for b in page.button if b.proto.type == "primary"] == ["Apply as version 2"]

    page.text_input(key="operation-why-support-0").set_value("Two kinds of trouble").run()
    page.button(key="taxonomy-apply").click().run()
    show(page)
    assert current(imported, "support").operations == (
        RENAME, Split(name="delivery_status", into=("late", "lost")),
    )  # fmt: skip
    assert _figures(page) == {"Classes": "11", "Version in force": "2", "Records that wait": "141"}
    versions = page.dataframe[1].value
    assert versions["why"].tolist() == ["Two kinds of trouble", ""]
    assert versions["standing"].tolist() == ["in force", ""]
    classes = page.dataframe[0].value.set_index("class")
    assert classes.loc["late", "came from"] == "part of delivery_status"
    assert _operations(page) == []

    page.button(key="taxonomy-review").click().run()
    assert page.session_state["queue"] == "reclassify"


def test_an_older_version_is_read_as_it_saw_the_data(
    open_page: OpenPage, imported: Workspace, show: Show
) -> None:
    apply(imported, "support", [RENAME], author="ann", message="Shorter")
    at = show(open_page(imported, "taxonomy"))
    assert "refund" in at.dataframe[0].value["class"].tolist()
    at.selectbox(key="taxonomy-version-support").set_value(1).run()
    show(at)
    rows = at.dataframe[0].value.set_index("class")["rows"]
    assert rows["refund_status"] == 83
    assert _figures(at)["Version in force"] == "2"


def test_a_change_that_is_undone_shows_the_version_before(
    page: AppTest, imported: Workspace, show: Show
) -> None:
    _rename(page, "refund_status", "refund")
    show(page)
    page.button(key="taxonomy-apply").click().run()
    show(page)
    assert _figures(page)["Version in force"] == "2"
    undo(imported, "support", state.user_name(), kinds=["taxonomy"])
    page.run()
    show(page)
    assert _figures(page)["Version in force"] == "1"
    assert "refund_status" in page.dataframe[0].value["class"].tolist()
    assert page.dataframe[1].value["standing"].tolist() == ["taken back", "in force"]


def test_what_cannot_be_done_is_said_and_nothing_typed_is_lost(page: AppTest) -> None:
    _rename(page, "refund_status", "warranty_claim")
    assert "there is a class 'warranty\\_claim' already" in page.error[0].value
    assert page.selectbox(key="operation-support-0-rename-class").value == "refund_status"
    assert page.text_input(key="operation-support-0-rename-new").value == "warranty_claim"
    assert _operations(page) == []
    _kind(page, "retire")
    _add(page)
    assert page.error[0].value == "Choose the class to retire."


def test_each_kind_of_operation_has_its_fields(page: AppTest) -> None:
    _kind(page, "merge")
    key = "operation-support-0-merge"
    page.multiselect(key=f"{key}-classes").set_value(["refund_status", "return_request"]).run()
    page.selectbox(key=f"{key}-into").set_value("return_request").run()
    _add(page)
    _kind(page, "add")
    page.text_input(key="operation-support-1-add-name").set_value(" other ")
    page.text_input(key="operation-support-1-add-description").set_value("All else").run()
    _add(page)
    _kind(page, "retire")
    page.selectbox(key="operation-support-2-retire-class").set_value("other").run()
    page.radio(key="operation-support-2-retire-then").set_value(True).run()
    _add(page)
    assert _operations(page) == [
        Merge(classes=("refund_status", "return_request"), into="return_request"),
        Add(name="other", description="All else"),
        Retire(name="other", then="exclude"),
    ]


def test_an_operation_that_another_needs_can_be_removed_and_the_page_says_so(
    page: AppTest, show: Show
) -> None:
    _rename(page, "refund_status", "refund")
    _rename(page, "refund", "money back", number=1)
    page.button(key="operation-remove-0").click().run()
    show(page)
    assert "There is no class 'refund'" in page.error[0].value.replace("\\", "")
    assert page.button(key="taxonomy-apply").disabled
    page.button(key="taxonomy-discard").click().run()
    assert not page.error
    assert _operations(page) == []


def test_who_was_overtaken_is_told_and_keeps_the_change(
    page: AppTest, imported: Workspace, show: Show
) -> None:
    _rename(page, "refund_status", "refund")
    show(page)
    apply(imported, "support", [Add(name="other")], author="ann", message="Room for more")
    page.button(key="taxonomy-apply").click().run()
    show(page)
    page.button(key="taxonomy-apply").click().run()
    assert "was changed by somebody else" in page.error[0].value
    assert "ann made version 2" in page.warning[0].value
    assert current(imported, "support").version == 2
    page.button(key="taxonomy-go-on").click().run()
    show(page)
    assert not page.warning
    page.button(key="taxonomy-apply").click().run()
    assert current(imported, "support").classes[-1] == "other"
    assert "refund" in current(imported, "support").classes


def test_a_change_outlives_a_look_at_another_page(page: AppTest, show: Show) -> None:
    _rename(page, "refund_status", "refund")
    page.text_input(key="operation-support-1-rename-new").set_value("half typed").run()
    page.switch_page("pages/home.py").run()
    page.switch_page("pages/taxonomy.py").run()
    show(page)
    assert _operations(page) == [RENAME]
    assert page.text_input(key="operation-support-1-rename-new").value == "half typed"


def test_a_file_becomes_operations_to_look_at(
    page: AppTest, imported: Workspace, show: Show
) -> None:
    key = "taxonomy-file-support-0"
    page.file_uploader(key=key).upload("ops.yaml", b"- operation: rename\n  old: x\n").run()
    assert "'new' is missing" in page.error[0].value.replace("\\", "")
    text = b"- operation: rename\n  old: refund_status\n  new: refund\n"
    page.file_uploader(key=key).upload("ops.yaml", text).run()
    page.button(key="taxonomy-file-take").click().run()
    show(page)
    assert _operations(page) == [RENAME]
    assert page.button(key="taxonomy-apply").label == "Apply as version 2"
    assert history(imported, "support").newest == 1


KNOWN = TaxonomyHistory(versions=(Taxonomy.first(["a", "b"]),))


def test_a_history_that_goes_on_from_here_gives_its_operations() -> None:
    second = KNOWN.current.changed([Rename(old="a", new="c")])
    third = second.changed([Add(name="d")])
    there = TaxonomyHistory(versions=(*KNOWN.versions, second, third))
    onward = (Rename(old="a", new="c"), Add(name="d"))
    assert operations_in(render(there).encode(), KNOWN) == (onward, "")
    assert operations_in(render(there).encode(), there) == ((), "")


@pytest.mark.parametrize("text", ["[a, c]", "versions: [{version: 1, classes: [a, c]}]"])
def test_of_another_list_only_the_difference_is_taken(text: str) -> None:
    operations, note = operations_in(text.encode(), KNOWN)
    assert operations == (Add(name="c"), Retire(name="b", then="queue"))
    assert "looks like a class that went" in note


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"- operation: renam\n  old: a\n", "Did you mean 'rename'"),
        (b"just words", "A taxonomy is a list of classes"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        operations_in(content, KNOWN)

"""Sampling rules: from an empty library to saved versions that a recipe uses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.lake.actions import undo
from curation.lake.workspace import Workspace
from curation.recipe.drafts import load_draft
from curation.sampling.rules.library import get_rule, list_rules, save_rule
from curation.sampling.rules.rule import Rule
from curation.steps import Sample
from curation.ui.state import user_name

OpenPage = Callable[..., AppTest]
Settle = Callable[[Workspace, AppTest], None]


@pytest.fixture
def settled(wait_for_jobs: Callable[[Workspace], None]) -> Settle:
    """Wait for a page's background work and draw the page again."""

    def wait(workspace: Workspace, at: AppTest) -> None:
        wait_for_jobs(workspace)
        at.run()
        assert not at.exception, at.exception

    return wait


def _save(workspace: Workspace, name: str, rule: Rule) -> None:
    save_rule(workspace, name, rule, author=user_name(), message="For the test")


def _key(at: AppTest, field: str) -> str:
    """The key of a field of the form that is open, whose number grows with each form."""
    return f"rule-{at.session_state['rule-draft'].number}-{field}"


def _said(at: AppTest) -> str:
    parts = [*at.markdown, *at.caption, *at.warning, *at.error, *at.info]
    return "\n".join(part.value for part in parts)


def _figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_an_empty_library_offers_rules_to_start_from(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    at = open_page(imported, "sampling_rules")
    assert "There is no rule yet" in _said(at)
    at.button(key="rule-start-even-classes").click().run()
    settled(imported, at)
    assert at.title[0].value.startswith("New rule")
    assert _figures(at)["Drawn"] == "199"
    assert "1 row fewer than asked" in _said(at)
    assert "has 19 of 20" in _said(at)
    assert at.dataframe[0].value.shape[0] == 20

    at.text_input(key=_key(at, "name")).input("even")
    at.button(key="rule-save").click().run()
    settled(imported, at)
    assert get_rule(imported, "even") == (Rule(n=20, per=("intent",)), 1)
    assert at.query_params["rule"] in ("even", ["even"])
    at.button(key="rule-use").click().run()
    assert [s.rule for s in load_draft(imported, "support").steps if isinstance(s, Sample)] == [
        "even"
    ]
    assert not any(button.key == "rule-use" for button in at.button)


def test_a_change_becomes_a_version_with_its_reason_and_undo_takes_it_back(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    at = open_page(imported, "sampling_rules")
    assert "used by nobody yet" in _said(at)
    at.button(key="rule-open-0").click().run()
    assert not any(button.key == "rule-save" for button in at.button), "nothing to save yet"
    at.number_input(key=_key(at, "fraction")).set_value(0.5).run()
    settled(imported, at)
    assert at.button(key="rule-use").disabled, "the recipe would use what is saved"
    why = at.text_input(key=_key(at, "why"))
    assert why.placeholder == "fraction: 0.1 -> 0.5"
    why.input("Half is enough")
    at.button(key="rule-save").click().run()
    assert get_rule(imported, "some") == (Rule(fraction=0.5), 2)
    settled(imported, at)
    assert [tab.label for tab in at.tabs][1] == "Versions (2)"

    at.button(key="frame-undo").click().run()
    settled(imported, at)
    assert list_rules(imported) == {"some": 1}
    assert at.number_input(key=_key(at, "fraction")).value == 0.1


def test_bad_input_is_told_beside_the_form_and_nothing_is_lost(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    at = open_page(imported, "sampling_rules", rule="some")
    at.number_input(key=_key(at, "fraction")).set_value(1.5).run()
    assert "Fraction should be less than or equal to 1." in _said(at)
    assert at.button(key="rule-save").disabled
    at.number_input(key=_key(at, "fraction")).set_value(0.2)
    at.selectbox(key=_key(at, "by")).set_value("weighted").run()
    assert "Still needed: the weight." in _said(at)
    at.text_input(key=_key(at, "weight")).input("lenght(message)").run()
    settled(imported, at)
    assert at.error or at.warning
    at.text_input(key=_key(at, "weight")).input("chanel").run()
    assert "Did you mean 'channel'" in _said(at).replace("\\", "")
    assert at.number_input(key=_key(at, "fraction")).value == 0.2
    at.switch_page("pages/home.py").run()
    at.switch_page("pages/sampling_rules.py").run()
    assert at.text_input(key=_key(at, "weight")).value == "chanel"
    at.button(key="rule-back").click().run()
    assert "'some' has changes that are not saved" in _said(at)
    at.button(key="rule-take-up").click().run()
    assert at.text_input(key=_key(at, "weight")).value == "chanel"


def test_a_rule_is_edited_as_yaml(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    at = open_page(imported, "sampling_rules", rule="some")
    at.segmented_control(key="rule-as").set_value("YAML").run()
    assert "fraction: 0.1" in at.text_area[0].value
    at.text_area[0].input("fractoin: 0.2").run()
    assert "fraction" in _said(at)
    at.text_area[0].input("n: 3\nper: [intent]").run()
    settled(imported, at)
    assert _figures(at)["Drawn"] == "30"
    at.segmented_control(key="rule-as").set_value("Form").run()
    assert at.multiselect(key=_key(at, "per")).value == ["intent"]
    assert at.number_input(key=_key(at, "n")).value == 3


def test_rules_are_combined_and_circles_are_refused(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "part *a*", Rule(fraction=0.1))
    _save(imported, "part b", Rule(fraction=0.1, seed=1))
    _save(imported, "both", Rule(combine="union", parts=("part *a*", "part b")))
    at = open_page(imported, "sampling_rules", rule="part b")
    at.segmented_control(key=_key(at, "made-of")).set_value("rules").run()
    assert "Still needed: two rules." in _said(at)
    at.multiselect(key=_key(at, "parts")).set_value(["part *a*", "both"]).run()
    settled(imported, at)
    at.button(key="rule-save").click().run()
    assert any("made of itself" in error.value for error in at.error)
    at.multiselect(key=_key(at, "parts")).set_value(["part *a*", "part *a*@1"])
    at.selectbox(key=_key(at, "combine")).set_value("priority").run()
    assert "Still needed: the rows in all." in _said(at)


def test_two_versions_are_compared_and_the_users_are_named(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    _save(imported, "some", Rule(fraction=0.3))
    _save(imported, "other", Rule(combine="except", parts=("some", "some@1")))
    at = open_page(imported, "sampling_rules", rule="some", version="1")
    assert "version 2 is in force" in _said(at)
    assert at.number_input(key=_key(at, "fraction")).value == 0.1
    at.session_state["rule-view-some"] = "Versions (2)"
    at.run()
    settled(imported, at)
    figures = _figures(at)
    assert figures["In common"] == figures["Version 1 draws"], "a larger fraction holds a smaller"
    at.session_state["rule-view-some"] = "Used by (2)"
    at.run()
    assert not at.exception


def test_a_link_to_no_rule_says_so_and_shows_the_others(
    open_page: OpenPage, imported: Workspace
) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    at = open_page(imported, "sampling_rules", rule="sone")
    assert "Did you mean 'some'" in at.error[0].value.replace("\\", "")
    assert at.button(key="rule-open-0").label == "Open"


def test_a_rule_that_asks_a_model_waits_for_a_press(
    open_page: OpenPage, imported: Workspace, settled: Settle
) -> None:
    _save(imported, "unsure", Rule(by="uncertainty", n=10))
    at = open_page(imported, "sampling_rules", rule="unsure")
    assert not _figures(at)
    at.button(key="rule-preview").click().run()
    settled(imported, at)
    assert _figures(at)["Drawn"] == "10"


def test_without_a_dataset_the_page_leads_to_one(open_page: OpenPage, workspace: Workspace) -> None:
    at = open_page(workspace, "sampling_rules")
    assert at.button(key="to-datasets")


def test_a_rule_that_was_taken_back_is_told(open_page: OpenPage, imported: Workspace) -> None:
    _save(imported, "some", Rule(fraction=0.1))
    undo(imported, "support", user_name())
    at = open_page(imported, "sampling_rules", rule="some")
    assert "was taken back" in at.error[0].value

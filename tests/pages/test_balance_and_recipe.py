"""Balance and Recipe: a step from its form to the exported file, and a run on a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.recipe.drafts import export, load_draft, save_draft
from curation.recipe.model import Recipe
from curation.recipe.yaml import parse
from curation.resources import resource
from curation.steps import Split

OpenPage = Callable[..., AppTest]
Wait = Callable[[Workspace], None]


@pytest.fixture
def settled(wait_for_jobs: Wait) -> Callable[[Workspace, AppTest], None]:
    """Wait for a page's background work and draw the page again."""

    def wait(workspace: Workspace, at: AppTest) -> None:
        wait_for_jobs(workspace)
        at.run()
        assert not at.exception, at.exception

    return wait


def _steps(workspace: Workspace) -> list[str]:
    return [step.name for step in load_draft(workspace, "support").steps]


def test_balance_shows_the_mix_and_adds_the_step(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "balance")
    settled(imported, at)
    at.number_input(key="balance-support-rows_per_class").set_value(40).run()
    settled(imported, at)
    assert {metric.label: metric.value for metric in at.metric}["Classes"] == "10"
    at.button(key="balance-save").click().run()
    settled(imported, at)
    assert _steps(imported) == ["apply_annotations", "rebalance"]
    assert at.button(key="balance-save").label == "Update the step"
    assert at.button(key="balance-save").disabled


def test_balance_draws_the_fields_of_the_chosen_method_alone(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "balance")
    settled(imported, at)
    at.selectbox(key="balance-support-method").set_value("undersample").run()
    settled(imported, at)
    fields = {widget.key for widget in (*at.number_input, *at.selectbox, *at.text_input)}
    assert "balance-support-undersample-ratio" in fields
    assert not {key for key in fields if "rows_per_class" in key or "beta" in key}
    at.selectbox(key="balance-support-method").set_value("weights").run()
    settled(imported, at)
    assert "balance-support-weights-beta" not in {widget.key for widget in at.number_input}
    at.selectbox(key="balance-support-weights-weights").set_value("effective").run()
    at.number_input(key="balance-support-weights-beta").set_value(0.99).run()
    settled(imported, at)
    assert any("Changes no row." in text.value for text in at.markdown)
    at.button(key="balance-save").click().run()
    settled(imported, at)
    step = load_draft(imported, "support").steps[-1]
    assert step.model_dump() == {
        "step": "rebalance", "id": None, "method": "weights", "weights": "effective",
        "beta": 0.99, "where": None,
    }  # fmt: skip


def test_the_options_are_measured_and_told_in_sentences(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "balance")
    settled(imported, at)
    at.button(key="balance-measure").click().run()
    settled(imported, at)
    told = "\n".join(text.value for text in at.markdown)
    assert "ranking" in told
    assert "Undersample to" in told
    assert "log loss" in told
    assert at.button(key="balance-measure").label == "Measure again"
    at.number_input(key="balance-support-rows_per_class").set_value(30).run()
    settled(imported, at)
    assert any("The form has changed" in caption.value for caption in at.caption)


def test_too_few_rows_to_measure_are_refused_in_words(
    open_page: OpenPage, workspace: Workspace, settled: Callable[[Workspace, AppTest], None],
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "few.csv"
    path.write_text("text,label\n" + "".join(f"row {n},{'ab'[n % 3 == 0]}\n" for n in range(20)))
    import_file(workspace, path, "few", author="tester", message="Few")
    at = open_page(workspace, "balance")
    settled(workspace, at)
    at.button(key="balance-measure").click().run()
    settled(workspace, at)
    assert any("20 rows have a label" in error.value for error in at.error)


def test_balance_says_what_is_wrong_with_a_condition(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "balance")
    at.text_input(key="balance-support-where").input("read_csv('/etc/passwd')").run()
    settled(imported, at)
    assert at.warning or at.error
    assert _steps(imported) == ["apply_annotations"]


def test_a_step_is_added_edited_moved_and_removed(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "recipe")
    at.button(key="step-add-sample").click().run()
    at.segmented_control(key="step-new-support-sample-strata").set_value("columns").run()
    at.button(key="step-new-save").click().run()
    assert _steps(imported) == ["apply_annotations"], "the strata are not said yet"
    at.multiselect(key="step-new-support-sample-per").set_value(["intent"]).run()
    at.selectbox(key="step-new-support-sample-amount-strata").set_value("n").run()
    at.number_input(key="step-new-support-sample-n").set_value(20).run()
    at.button(key="step-new-save").click().run()
    settled(imported, at)
    assert _steps(imported) == ["apply_annotations", "sample"]
    assert any("640 → " in text.value for text in at.markdown)
    at.number_input(key="step-form-support-sample-1-n").set_value(10).run()
    at.button(key="step-save").click().run()
    settled(imported, at)
    edited = load_draft(imported, "support").steps[1].model_dump()
    assert (edited["n"], edited["per"]) == (10, ("intent",))
    at.button(key="step-up").click().run()
    assert _steps(imported) == ["sample", "apply_annotations"]
    at.button(key="step-open-1").click().run()
    at.button(key="step-remove").click().run()
    settled(imported, at)
    assert _steps(imported) == ["sample"]


def test_two_steps_of_a_kind_get_their_own_ids(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "recipe")
    for _ in range(2):
        at.button(key="step-add-drop_duplicates").click().run()
        at.button(key="step-new-save").click().run()
        settled(imported, at)
    assert len({step.step_id for step in load_draft(imported, "support").steps}) == 3


def test_a_step_on_an_unknown_column_is_refused_in_its_form(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "recipe")
    at.button(key="step-add-filter").click().run()
    at.text_input(key="step-new-support-filter-where").input("intnet = 'x'").run()
    at.button(key="step-new-save").click().run()
    settled(imported, at)
    assert any("intnet" in said.value and "intent" in said.value for said in at.warning)
    assert _steps(imported) == ["apply_annotations"]


def test_a_new_cap_begins_at_the_median_class(open_page: OpenPage, imported: Workspace) -> None:
    at = open_page(imported, "recipe")
    at.button(key="step-add-rebalance").click().run()
    assert at.number_input(key="step-new-support-rebalance-rows_per_class").value == 59


def test_a_step_that_fails_says_where(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "recipe")
    at.button(key="step-add-filter").click().run()
    at.text_input(key="step-new-support-filter-where").input("CAST(message AS BIGINT) = 1").run()
    at.button(key="step-new-save").click().run()
    settled(imported, at)
    assert any("Step 2 (filter)" in error.value for error in at.error)
    at.button(key="step-remove").click().run()
    settled(imported, at)
    assert not at.error


def test_the_recipe_runs_on_an_uploaded_file(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    at = open_page(imported, "recipe")
    at.button(key="step-add-drop_duplicates").click().run()
    at.button(key="step-new-save").click().run()
    at.button(key="run-open").click().run()
    october = resource("examples", "support", "messages-2026-10.csv")
    at.file_uploader(key="run-file").upload(october.name, october.read_bytes(), "text/csv").run()
    settled(imported, at)
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Rows in"] == "431"
    shown = at.dataframe[0].value
    expected = parse(export(imported, "support")).run(october_table())
    assert shown["message"].tolist() == expected["message"].to_pylist()[: len(shown)]
    assert figures["Rows out"] == str(len(expected))


def october_table() -> object:
    import pyarrow.csv

    return pyarrow.csv.read_csv(resource("examples", "support", "messages-2026-10.csv"))


def test_the_bounds_of_a_split_are_frozen_by_a_button(
    open_page: OpenPage, imported: Workspace, settled: Callable[[Workspace, AppTest], None]
) -> None:
    recipe = Recipe(name="support", steps=(Split(by="stratified"),))
    save_draft(imported, "support", recipe, "tester")
    at = open_page(imported, "recipe")
    settled(imported, at)
    at.button(key="step-freeze").click().run()
    assert not at.exception
    frozen = load_draft(imported, "support").steps[0]
    assert isinstance(frozen, Split)
    assert len(frozen.thresholds) == 10
    assert "step-freeze" not in {button.key for button in at.button}

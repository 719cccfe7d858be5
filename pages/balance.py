"""Balance: is the class mix right?"""

from collections.abc import Mapping

import streamlit as st

from curation.lake.datasets import Dataset
from curation.recipe.drafts import load_draft, save_draft
from curation.recipe.model import Recipe
from curation.steps import step_named
from curation.ui import charts, parts, state
from curation.ui.balance_effect_view import effect_section
from curation.ui.balance_form import rebalance_form
from curation.ui.class_mix import class_figures, grows, mix
from curation.ui.errors import as_text
from curation.ui.labelled import labelled_dataset
from curation.ui.numbers import count
from curation.ui.recipe_run import position_of, run_here
from curation.ui.step_editor import columns_at, made_step, starting_values

TITLE = "Balance"
STEP = step_named("rebalance")


def draw() -> None:
    """Draw the classes before and after the step that is being edited."""
    dataset = labelled_dataset(TITLE)
    if dataset is None:
        return
    recipe = load_draft(state.workspace(), dataset.name)
    at = position_of(recipe, STEP.name)
    parts.heading(
        f"{TITLE} · {as_text(dataset.name)}",
        "Is the class mix right? Which rows stay or are copied is decided by a hash of the record "
        "key, so yesterday's choice stays.",
    )
    top = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with right:
        candidate, where = _form(dataset, recipe, at)
        if candidate is None:
            return
        _save(dataset, recipe, candidate, at)
    with left:
        result = run_here(dataset, candidate, until=where + 1, kind="balance")
    if result is None:
        return
    before, after = result.classes[where], result.classes[where + 1]
    with top:
        parts.figures(class_figures(before, after), key="balance")
    with left:
        charts.draw(
            charts.class_bars(before, after, side_by_side=grows(before, after)),
            "balance-chart",
            f"Before, {mix(before)}. After, {mix(after)}.",
        )
    with right:
        st.markdown(f"{_change(before, after)} After it, {as_text(mix(after))}.")
        if note := result.steps[where].note:
            st.caption(as_text(f"{note[:1].upper()}{note[1:]}."))
    effect_section(dataset, candidate, where, sum(before.values()))


def _change(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Say how many rows go and come."""
    gone = sum(max(0, rows - after.get(name, 0)) for name, rows in before.items())
    come = sum(max(0, rows - before.get(name, 0)) for name, rows in after.items())
    said = [f"Leaves out **{count(gone, 'row')}** of {sum(before.values()):,}."] if gone else []
    said += [f"Adds **{count(come, 'row')}**."] if come else []
    return " ".join(said) or "Changes no row."


def _form(dataset: Dataset, recipe: Recipe, at: int | None) -> tuple[Recipe | None, int]:
    """Draw the step's form; return the recipe with the step as the form has it, and its place."""
    place = len(recipe.steps) if at is None else at
    start = starting_values(STEP, dataset) if at is None else recipe.steps[at].model_dump()
    st.subheader(STEP.title if at is None else f"Step {at + 1}: {STEP.title.lower()}", anchor=False)
    columns = columns_at(dataset, recipe, place)
    values = rebalance_form(start, key=f"balance-{dataset.name}", dataset=dataset, columns=columns)
    step_id = None if at is None else recipe.steps[at].id
    step, wrong = made_step(STEP, {**values, "id": step_id}, columns)
    for sentence in wrong:
        st.warning(as_text(sentence))
    if step is None:
        return None, place
    return (recipe.with_step(step) if at is None else recipe.replaced(at, step)), place


def _save(dataset: Dataset, recipe: Recipe, candidate: Recipe, at: int | None) -> None:
    same = candidate == recipe
    # Not on_click: that would save the form as it was drawn, not as it is at the press.
    if st.button(
        "Add the step" if at is None else "Update the step",
        key="balance-save",
        type="primary",
        disabled=same,
    ):
        save_draft(state.workspace(), dataset.name, candidate, state.user_name())
        state.notice_later("The recipe has the step.")
        st.rerun()
    if same:
        st.caption("The recipe has this step as it stands here.")
        st.page_link("pages/recipe.py", label="See the recipe", icon=":material/receipt_long:")


draw()

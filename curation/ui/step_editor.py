"""One step of a recipe in its form, with what it does to the classes and its YAML."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from curation.errors import unknown_name
from curation.lake.datasets import Dataset, class_counts
from curation.recipe.freezing import with_frozen_splits
from curation.recipe.model import Recipe
from curation.recipe.yaml import step_text
from curation.steps import Rebalance, Sample, Split, Step, step_named
from curation.ui import charts, forms, state
from curation.ui.balance_form import rebalance_form
from curation.ui.class_mix import grows, mix
from curation.ui.errors import as_text
from curation.ui.recipe_run import Ran
from curation.ui.sample_form import sample_form
from curation.ui.step_rows import first_sentence

Save = Callable[[Recipe, int | None], None]
"""Takes the changed recipe and which step to select then, and draws the page anew.

It is called where a button was pressed, not from ``on_click``: a callback would get the form as it
was drawn, not as it is when the button is pressed.
"""


def edit_step(
    dataset: Dataset, recipe: Recipe, number: int, result: Ran | None, save: Save
) -> None:
    """Draw the form of a step that is in the recipe, with its place, effect and YAML."""
    step = recipe.steps[number]
    kind = type(step)
    _title(kind, f"{number + 1} · {step.name}")
    key = f"step-form-{dataset.name}-{step.step_id}-{number}"
    columns = columns_at(dataset, recipe, number)
    values = _form(kind, step.model_dump(), key, dataset, columns)
    changed, wrong = None, list[str]()
    if values is not None:
        changed, wrong = made_step(kind, {**values, "id": step.id}, columns)
    _problems(wrong)
    with st.container(horizontal=True, gap="small"):
        edited = recipe if changed is None else recipe.replaced(number, changed)
        if forms.has_fields(kind):
            unchanged = changed is None or changed == step
            if st.button("Save", key="step-save", disabled=unchanged):
                save(edited, number)
        _place(recipe, number, save)
    if isinstance(step, Split) and not step.is_fixed:
        _freeze(dataset, recipe, number, save)
    if result is not None and number < len(result.steps):
        _effect(result, number, dataset)
    st.code(step_text(changed or step), language="yaml")


def new_step(
    dataset: Dataset, recipe: Recipe, name: str, save: Save, leave: Callable[[], None]
) -> None:
    """Draw the empty form of a step that is about to be added at the end."""
    kind = step_named(name)
    _title(kind, f"New step: {kind.title.lower()}")
    columns = columns_at(dataset, recipe, len(recipe.steps))
    key = f"step-new-{dataset.name}-{name}"
    values = _form(kind, starting_values(kind, dataset), key, dataset, columns)
    made, wrong = (None, []) if values is None else made_step(kind, values, columns)
    touched = st.session_state.get("_step_tried") == name
    _problems(wrong if touched else [])
    with st.container(horizontal=True, gap="small"):
        if st.button("Add the step", key="step-new-save", type="primary"):
            if made is not None:
                save(recipe.with_step(made), len(recipe.steps))
            st.session_state["_step_tried"] = name
            st.rerun()
        st.button("Cancel", key="step-new-cancel", type="tertiary", on_click=leave)
    if made is not None:
        st.code(step_text(made), language="yaml")


def starting_values(kind: type[Step], dataset: Dataset) -> dict[str, Any]:
    """Return what a new step's form begins with, where the data suggest something."""
    if kind is Rebalance and dataset.roles.label is not None:
        counts = class_counts(state.workspace(), dataset.name)
        return {"rows_per_class": max(1, round(statistics.median(counts.values() or [1])))}
    return {}


def columns_at(dataset: Dataset, recipe: Recipe, place: int) -> list[str]:
    """Return the columns that rows have when they come to a step: those that steps added too."""
    columns = list(dataset.columns)
    for step in recipe.steps[:place]:
        columns += sorted(step.columns_added() - set(columns))
    return columns


def made_step(
    kind: type[Step], values: Mapping[str, Any], columns: Sequence[str]
) -> tuple[Step | None, list[str]]:
    """Return the step that a form's values make, or what is wrong with them in words.

    A step that names a column which the data lack is refused here, not first in its run.
    """
    made, wrong = forms.validated(kind, values)
    known = {column.lower() for column in columns}
    missing = sorted(c for c in made.columns_used() if c.lower() not in known) if made else []
    if missing:
        return None, [unknown_name("column", missing[0], columns)]
    return made, wrong


def _form(
    kind: type[Step], start: Mapping[str, Any], key: str, dataset: Dataset, columns: Sequence[str]
) -> dict[str, Any] | None:
    """Draw the form of a kind of step; None while something is to be filled in, drawn."""
    if kind is Rebalance:
        return rebalance_form(start, key=key, dataset=dataset, columns=columns)
    if kind is Sample:
        return sample_form(start, key=key, dataset=dataset)
    return forms.model_form(kind, start, key=key, columns=columns)


def _title(kind: type[Step], title: str) -> None:
    st.subheader(title, anchor=False)
    st.caption(as_text(first_sentence(kind.__doc__)))


def _problems(sentences: list[str]) -> None:
    for sentence in sentences:
        st.warning(as_text(sentence))


def _effect(result: Ran, number: int, dataset: Dataset) -> None:
    if dataset.roles.label is None:
        return
    before, after = result.classes[number], result.classes[number + 1]
    if before and before != after:
        st.markdown("**Rows a class**, before → after")
        figure = charts.class_bars(before, after, side_by_side=grows(before, after))
        charts.draw(figure, f"step-chart-{number}", f"Before, {mix(before)}. After, {mix(after)}.")


def _freeze(dataset: Dataset, recipe: Recipe, number: int, save: Save) -> None:
    """Draw the button that writes out the bounds of splits, so that no row moves any more."""
    st.caption("Its bounds are fitted to the rows of each run, so old rows may change sides.")
    if st.button("Freeze the bounds", key="step-freeze", icon=":material/ac_unit:"):
        save(with_frozen_splits(state.workspace(), dataset.name, recipe), number)


def _place(recipe: Recipe, number: int, save: Save) -> None:
    """Draw the buttons that move a step and take it out."""
    for name, icon, by, at_end in (
        ("up", "arrow_upward", -1, number == 0),
        ("down", "arrow_downward", 1, number == len(recipe.steps) - 1),
    ):
        if st.button(
            "",
            key=f"step-{name}",
            icon=f":material/{icon}:",
            help=f"Move {name}",
            type="tertiary",
            disabled=at_end,
        ):
            save(recipe.moved(number, by), number + by)
    if st.button("Remove", key="step-remove", icon=":material/delete:", type="tertiary"):
        save(recipe.without_step(number), None)

"""Recipe: what will happen to tomorrow's data?"""

import streamlit as st

from curation.lake.datasets import Dataset
from curation.recipe.drafts import export, exported, load_draft, save_draft
from curation.recipe.model import Recipe
from curation.ui import parts, state
from curation.ui.numbers import count
from curation.ui.recipe_run import Ran, run_here
from curation.ui.run_view import run_view
from curation.ui.step_editor import edit_step, new_step
from curation.ui.step_rows import add_step, step_rows

TITLE = "Recipe"


def draw() -> None:
    """Draw the steps with what they do to the current rows, or a run on an uploaded file."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(TITLE)
        return
    if st.session_state.get("running-file"):
        parts.heading(f"Run {dataset.name}'s recipe on a file", "The workspace does not change.")
        st.button(
            "Back", key="run-back", icon=":material/arrow_back:", on_click=_file, args=(False,)
        )
        run_view(exported(state.workspace(), dataset.name))
        return
    recipe = load_draft(state.workspace(), dataset.name)
    parts.heading(f"Recipe · {recipe.name}")
    summary, actions = st.container(), st.container(horizontal=True)
    adding = st.session_state.get("step-adding")
    with actions:
        _actions(dataset, adding is None)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        result = run_here(dataset, recipe)
        selected = _selected(dataset, recipe) if adding is None else None
        step_rows(recipe, result, selected, lambda number: _select(dataset.name, number))
        add_step(_add)
    with summary:
        st.caption(_summary(dataset, recipe, result))

    def save(changed: Recipe, select: int | None) -> None:
        _save(dataset.name, changed, select)

    with right:
        if adding is not None:
            new_step(dataset, recipe, adding, save, lambda: _add(None))
        elif selected is not None:
            edit_step(dataset, recipe, selected, result, save)


def _actions(dataset: Dataset, primary: bool) -> None:
    name, workspace = dataset.name, state.workspace()
    st.download_button(
        "Export",
        data=lambda: export(workspace, name),
        file_name=f"{name}.yaml",
        mime="application/yaml",
        key="recipe-export",
        type="primary" if primary else "secondary",
        icon=":material/download:",
        help="With its contract and the decisions in it; `curation run` runs it anywhere.",
        on_click="ignore",
    )
    st.button(
        "Run on a file…", key="run-open", icon=":material/play_arrow:", on_click=_file, args=(True,)
    )


def _summary(dataset: Dataset, recipe: Recipe, result: Ran | None) -> str:
    start = f"{count(len(recipe.steps), 'step')} · on snapshot {dataset.snapshot}"
    if result is None or not result.steps:
        return start
    rows = parts.rows_line(result.rows_in, result.rows_out)
    return f"{start}: {rows}" + (
        f" · {result.waiting:,} waiting for a person" if result.waiting else ""
    )


def _selected(dataset: Dataset, recipe: Recipe) -> int | None:
    number = st.session_state.get(f"step-selected-{dataset.name}", len(recipe.steps) - 1)
    return number if isinstance(number, int) and 0 <= number < len(recipe.steps) else None


def _select(dataset: str, number: int | None) -> None:
    st.session_state[f"step-selected-{dataset}"] = number
    st.session_state["step-adding"] = None


def _add(name: str | None) -> None:
    st.session_state["step-adding"] = name
    st.session_state["_step_tried"] = None


def _save(dataset: str, recipe: Recipe, select: int | None) -> None:
    save_draft(state.workspace(), dataset, recipe, state.user_name())
    _select(dataset, select if select is not None else max(0, len(recipe.steps) - 1))
    st.rerun()


def _file(now: bool) -> None:
    st.session_state["running-file"] = now


draw()

"""The steps of a recipe as rows: what each does, rows in and out, and how many it touched."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.recipe.model import Recipe
from curation.steps import STEPS
from curation.ui.errors import as_text
from curation.ui.numbers import share
from curation.ui.parts import rows_line
from curation.ui.recipe_run import Ran


def step_rows(
    recipe: Recipe, result: Ran | None, selected: int | None, select: Callable[[int], None] | None
) -> None:
    """Draw one row a step; a click on its name selects it, where that is offered."""
    for number, step in enumerate(recipe.steps):
        mark = "selected" if number == selected else "other"
        with (
            st.container(border=True, key=f"step-{mark}-{number}"),
            st.container(horizontal=True, vertical_alignment="center", gap="small"),
        ):
            with st.container(width=18, key=f"step-number-{number}"):
                st.markdown(str(number + 1))
            with st.container(width="stretch", gap=None, key=f"step-what-{number}"):
                if select is None:
                    st.markdown(f"**{step.name}**")
                else:
                    st.button(
                        f"**{step.name}**",
                        key=f"step-open-{number}",
                        type="tertiary",
                        on_click=select,
                        args=(number,),
                    )
                st.caption(as_text(_what(step.describe(), result, number)))
            with st.container(width=170, gap=None, key=f"step-rows-{number}"):
                _rows(result, number)


def add_step(add: Callable[[str], None]) -> None:
    """Draw the list of step kinds that can be added."""
    with st.popover("Add a step", key="step-add", icon=":material/add:", type="tertiary"):
        for kind in STEPS:
            st.button(
                kind.title,
                key=f"step-add-{kind.name}",
                type="tertiary",
                on_click=add,
                args=(kind.name,),
            )
            st.caption(as_text(first_sentence(kind.__doc__)))


def first_sentence(text: str | None) -> str:
    """Return a docstring's first line without its line breaks."""
    return " ".join((text or "").split("\n\n")[0].split())


def _what(described: str, result: Ran | None, number: int) -> str:
    note = result.steps[number].note if result is not None and number < len(result.steps) else ""
    return f"{described} · {note}" if note else described


def _rows(result: Ran | None, number: int) -> None:
    if result is None or number >= len(result.steps):
        return
    outcome = result.steps[number]
    st.markdown(rows_line(outcome.rows_in, outcome.rows_out))
    st.caption(f"touched {share(outcome.touched, outcome.rows_in)}")

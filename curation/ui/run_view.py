"""Run the recipe on an uploaded file: what each step did, the first rows, and the curated file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import streamlit as st

from curation.privacy import gate
from curation.recipe.model import Recipe
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.numbers import count
from curation.ui.recipe_run import FileRun, run_there
from curation.ui.step_rows import step_rows
from curation.ui.uploads import upload

_SHOWN = 50
_MOST_WAITING = 1_000


def run_view(recipe: Recipe) -> None:
    """Draw the run of an exported recipe on a file that the person brings."""
    found = upload("A file with the same columns", key="run-file")
    if found is None:
        return
    path, name = found
    run = run_there(recipe, path, name)
    if run is not None:
        _outcome(run, recipe, name)


def _outcome(run: FileRun, recipe: Recipe, name: str) -> None:
    parts.figures(
        [
            parts.Figure("Rows in", f"{run.ran.rows_in:,}", name),
            parts.Figure("Rows out", f"{run.ran.rows_out:,}"),
            parts.Figure("Waiting for a person", f"{run.ran.waiting:,}"),
        ],
        key="run",
    )
    for note in run.ran.notes:
        st.caption(as_text(note))
    st.download_button(
        "Download the curated file",
        data=run.written.read_bytes,
        file_name=f"{Path(name).stem}-curated.csv",
        mime="text/csv",
        key="run-download",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )
    rows, waiting, steps = st.tabs(["Rows", f"Waiting ({run.ran.waiting:,})", "Steps"])
    with rows:
        shown = gate.preview(state.viewer(), run.table, _SHOWN)
        st.dataframe(shown, hide_index=True, height=420, key="run-rows")
        if run.ran.rows_out > len(shown):
            st.caption(f"The first {len(shown)} of {count(run.ran.rows_out, 'row')}.")
    with waiting:
        _waiting(run)
    with steps:
        step_rows(recipe, run.ran, None, None)


def _waiting(run: FileRun) -> None:
    """Draw the records that a step left for a person, and why."""
    queues = [
        step.queue.append_column("step", pa.array([step.id] * len(step.queue), pa.string()))
        for step in run.ran.steps
        if step.queue is not None and len(step.queue)
    ]
    if not queues:
        st.markdown("No record waits for a person.")
        return
    st.caption(
        "Left as they came. Import the file to review its labels; `curation run --report` writes "
        "this list beside the curated file."
    )
    shown = gate.preview(state.viewer(), pa.concat_tables(queues), _MOST_WAITING)
    st.dataframe(shown, hide_index=True, height=420, key="run-waiting")
    if run.ran.waiting > len(shown):
        st.caption(f"The first {len(shown):,} of {count(run.ran.waiting, 'record')}.")

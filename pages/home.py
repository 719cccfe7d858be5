"""Home: where am I, and what needs me?"""

import streamlit as st

from curation.lake.datasets import Dataset
from curation.ui import parts, state
from curation.ui.example import example_button
from curation.ui.job_panel import job_panel
from curation.ui.jobs import JOBS
from curation.ui.overview import ISSUES, Action, overview
from curation.ui.queues import LABEL, QUEUE

PROMISE = "From a labelled dataset to a recipe that repeats your curation on new data."


def draw() -> None:
    """Draw the loop with one figure each, the one next action, and what else waits for a person."""
    dataset = state.current()
    if dataset is None:
        _empty()
        return
    parts.heading(dataset.name, PROMISE)
    stand = overview(state.workspace(), state.viewer(), dataset)
    parts.figures(stand.figures(), key="loop", width=150)
    st.space("small")
    action = stand.next_action()
    st.subheader("Next", anchor=False)
    st.markdown(action.why)
    if st.button(action.label, key="next", type="primary", icon=":material/arrow_forward:"):
        _go(action)
    st.space("small")
    _waiting(dataset, stand.waiting()[1:])


def _waiting(dataset: Dataset, actions: list[Action]) -> None:
    jobs = [
        job
        for job in JOBS.of(str(state.workspace().path), dataset.name)
        if job.running or job.error
    ]
    if not (jobs or actions):
        return
    st.subheader("Also waiting", anchor=False)
    for number, job in enumerate(jobs):
        st.caption(job.title)
        job_panel(job, f"home-job-{number}")
    for number, action in enumerate(actions):
        if st.button(
            action.label, key=f"also-{number}", type="tertiary", icon=":material/arrow_forward:"
        ):
            _go(action)
        st.caption(action.why)


def _go(action: Action) -> None:
    if action.page == ISSUES:
        st.session_state[QUEUE] = action.queue or LABEL
    st.switch_page(action.page)


def _empty() -> None:
    parts.heading("Curation", PROMISE)
    parts.nothing_yet(
        "**Nothing is here yet.** Import a labelled file: messages with an intent, rows with a "
        "class, images with a digit. You will find likely label errors, decide about them by "
        "keyboard, cap large classes, and export a recipe that does it all on tomorrow's file."
    )
    with st.container(horizontal=True):
        if st.button("Import a file", key="import", type="primary", icon=":material/upload:"):
            st.switch_page("pages/datasets.py")
        example_button()


draw()

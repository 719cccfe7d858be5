"""Annotators: do they agree, and whom to trust?"""

import streamlit as st

from curation.lake.documents import versions
from curation.ui import parts, state
from curation.ui.annotators_view import (
    annotator_figures,
    annotator_table,
    annotators_now,
    in_words,
    nobody_yet,
)
from curation.ui.errors import as_text
from curation.ui.labelled import labelled_dataset
from curation.ui.workflow_form import workflow_form, workflow_versions

TITLE = "Annotators"


def draw() -> None:
    """Draw how far the annotators agree, each of them, and the workflow that says who counts."""
    dataset = labelled_dataset(TITLE)
    if dataset is None:
        return
    parts.heading(f"{TITLE} · {as_text(dataset.name)}")
    top = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        known = annotators_now(dataset)
    found = None if known is None else known.annotators
    if known is not None and found is None:
        with top:
            nobody_yet()
        return
    stored = versions(state.workspace(), "workflow", dataset.name, dataset.roles.label)
    names = [] if found is None else found.consensus.annotators["annotator"].to_pylist()
    with right:
        is_changed = workflow_form(dataset, dataset.roles.label, stored, names)
    if known is not None and found is not None:
        with top:
            parts.figures(annotator_figures(found, known.disputed), key="annotators", width=150)
            st.caption(in_words(found.agreement))
            _next(known.disputed, primary=not is_changed)
        with left:
            annotator_table(found)
    workflow_versions(stored)


def _next(disputed: int, *, primary: bool) -> None:
    """Draw the ways to the two queues; the disputed come first where there are any."""
    first = "primary" if primary else "secondary"
    with st.container(horizontal=True, gap="small"):
        if disputed:
            label = f"Review the {disputed:,} disputed"
            if st.button(label, key="annotators-disputed", type=first, icon=":material/balance:"):
                _to_queue("disputed")
        if st.button(
            "Label next",
            key="annotators-next",
            type="secondary" if disputed else first,
            icon=":material/arrow_forward:",
        ):
            _to_queue("label_next")


def _to_queue(queue: str) -> None:
    st.session_state["queue"] = queue
    st.switch_page("pages/label_issues.py")


draw()

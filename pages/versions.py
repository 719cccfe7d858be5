"""Versions: what was built from what, and what becomes of everything that was said?"""

import streamlit as st

from curation.ui import parts, state
from curation.ui.build_view import build_view
from curation.ui.errors import as_text
from curation.ui.replay_view import replay_view

TITLE = "Versions"


def draw() -> None:
    """Draw the versions of a dataset: combined and replayed."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(TITLE)
        return
    if dataset.roles.label is None:
        parts.needs_label(TITLE, dataset.name)
        return
    parts.heading(
        f"{TITLE} · {as_text(dataset.name)}",
        "Data, annotations, classes, rules and recipe each have versions, and any of them combine.",
    )
    combine, replayed = st.tabs(["Combine", "Replay"])
    with combine:
        build_view(dataset)
    with replayed:
        replay_view(dataset)


draw()

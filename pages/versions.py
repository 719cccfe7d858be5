"""Versions: what was built from what, and what becomes of everything that was said?"""

import streamlit as st

from curation.lake.datasets import Dataset
from curation.ui import parts, state
from curation.ui.build_view import build_view
from curation.ui.compare_view import compare_view
from curation.ui.errors import as_text
from curation.ui.lineage_view import lineage_view
from curation.ui.record_life_view import record_life_view
from curation.ui.replay_view import replay_view
from curation.ui.tags_view import tags_view

TITLE = "Versions"


def _tags(_: Dataset) -> None:
    tags_view()


VIEWS = {
    "Lineage": lineage_view,
    "Compare": compare_view,
    "Record": record_life_view,
    "Combine": build_view,
    "Replay": replay_view,
    "Tags": _tags,
}
NEEDS_LABEL = ("Combine", "Replay")


def draw() -> None:
    """Draw how versions came about, differ, combine and meet what was said; one tab at a time."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(TITLE)
        return
    parts.heading(
        f"{TITLE} · {as_text(dataset.name)}",
        "Data, annotations, classes, rules and recipe each have versions, and any of them combine.",
    )
    # Not bound to the query: Streamlit can then not switch to another page from a button.
    linked = st.query_params.get("view")
    tabs = st.tabs(
        list(VIEWS), default=linked if linked in VIEWS else None, key="view", on_change="rerun"
    )
    for tab, (name, view) in zip(tabs, VIEWS.items(), strict=True):
        if not tab.open:
            continue
        with tab:
            if name in NEEDS_LABEL and dataset.roles.label is None:
                parts.nothing_yet("This needs a label column. Give one the role *label*.")
            else:
                view(dataset)


draw()

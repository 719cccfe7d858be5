"""Taxonomy: which classes are there, and what would a change do?"""

import streamlit as st

from curation.lake.documents import versions
from curation.lake.taxonomies import history
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.labelled import labelled_dataset
from curation.ui.numbers import count
from curation.ui.taxonomy_change import change_of, change_view
from curation.ui.taxonomy_versions import versions_view
from curation.ui.taxonomy_view import class_table, pick_version, stand_under, taxonomy_figures

TITLE = "Taxonomy"


def draw() -> None:
    """Draw the classes of a version, the change that is put together, and all versions."""
    dataset = labelled_dataset(TITLE)
    if dataset is None:
        return
    parts.heading(
        f"{TITLE} · {as_text(dataset.name)}",
        f"The classes of {as_text(dataset.roles.label)}. A change makes a new version; labels that "
        "were given under an older one are read under it, and none is lost.",
    )
    known = history(state.workspace(), dataset.name)
    stored = versions(state.workspace(), "taxonomy", dataset.name, dataset.roles.label)
    change = change_of(dataset, known)
    top = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        taxonomy = pick_version(known, dataset)
        stand = stand_under(dataset, taxonomy.version)
        class_table(known, taxonomy, None if stand is None else stand.rows)
    with top:
        parts.figures(taxonomy_figures(known, stand, dataset), key="taxonomy")
        _waiting(0 if stand is None else stand.waiting, primary=not change.operations)
    with right:
        change_view(dataset, known, stored, change)
    versions_view(dataset, known, stored)


def _waiting(waiting: int, *, primary: bool) -> None:
    if waiting and st.button(
        f"Review the {count(waiting, 'record')}",
        key="taxonomy-review",
        type="primary" if primary else "secondary",
        icon=":material/fact_check:",
    ):
        st.session_state["queue"] = "reclassify"
        st.switch_page("pages/label_issues.py")


draw()

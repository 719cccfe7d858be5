"""The versions of a taxonomy: who made them and why, and all of them as a file."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.documents import Document
from curation.lake.taxonomy import Taxonomy
from curation.lake.taxonomy_yaml import render
from curation.lake.translation import TaxonomyHistory
from curation.ui.numbers import count
from curation.ui.taxonomy_view import standing_of


def versions_view(dataset: Dataset, known: TaxonomyHistory, stored: Sequence[Document]) -> None:
    """Draw the versions, newest first; and all of them as a file."""
    st.subheader("Versions", anchor=False)
    if not stored:
        st.caption(
            "One so far: the labels as they were found in the data. Each change makes another; "
            "none is lost, and labels that were given under one are read under any other."
        )
    else:
        _version_table(known, stored)
    st.download_button(
        "Download all versions",
        data=lambda: render(known),
        file_name=f"{dataset.name}-taxonomy.yaml",
        mime="application/yaml",
        key="taxonomy-download",
        icon=":material/download:",
        on_click="ignore",
    )


def _version_table(known: TaxonomyHistory, stored: Sequence[Document]) -> None:
    versions = [(known.get(one.version), one) for one in reversed(stored)]
    st.dataframe(
        {
            "version": [one.version for _, one in versions],
            "standing": [standing_of(known, taxonomy) for taxonomy, _ in versions],
            "when": [one.created_at for _, one in versions],
            "who": [one.author for _, one in versions],
            "why": [_why(taxonomy, one) for taxonomy, one in versions],
            "operations": [_what(taxonomy) for taxonomy, _ in versions],
        },
        hide_index=True,
        height="content" if len(versions) < 8 else 300,
        key="taxonomy-versions",
        column_config={
            "version": st.column_config.NumberColumn(width=70),
            "standing": st.column_config.TextColumn(width=100),
            "when": st.column_config.DatetimeColumn(
                "when (UTC)", format="YYYY-MM-DD HH:mm", width=120
            ),
            "why": st.column_config.TextColumn(width=180),
            "operations": st.column_config.TextColumn(width=320),
        },
    )


def _why(taxonomy: Taxonomy, stored: Document) -> str:
    """Return the reason, where one was given that says more than the operations."""
    is_said = taxonomy.operations and stored.message != "; ".join(map(str, taxonomy.operations))
    return stored.message if is_said else ""


def _what(taxonomy: Taxonomy) -> str:
    if taxonomy.parent is None:
        return f"{count(len(taxonomy.classes), 'class', 'classes')} as found"
    made = "" if taxonomy.parent == taxonomy.version - 1 else f" (on version {taxonomy.parent})"
    return "; ".join(map(str, taxonomy.operations)) + made

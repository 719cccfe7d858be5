"""Other issues: what else is wrong?"""

import streamlit as st

from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.other_issues_kind import kind_view
from curation.ui.other_issues_kinds import kind_named
from curation.ui.other_issues_list import KIND, kinds_list
from curation.ui.step_rows import first_sentence

TITLE = "Other issues"


def draw() -> None:
    """Draw all kinds of issues but label errors, or the one that the link names."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(TITLE)
        return
    kind = kind_named(state.workspace(), dataset.name, st.query_params.get(KIND))
    if kind is None:
        parts.heading(
            f"{TITLE} · {as_text(dataset.name)}",
            "What is wrong beside single labels: copies, outliers, gaps, leaks and the like.",
        )
        kinds_list(dataset)
        return
    parts.heading(
        f"{as_text(kind.finder.title)} · {as_text(dataset.name)}",
        as_text(first_sentence(kind.finder.__doc__)),
    )
    kind_view(dataset, kind)


draw()

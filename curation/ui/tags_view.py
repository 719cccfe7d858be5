"""Tags: names for a state of the whole workspace, which nothing removes."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.lake.tags import list_tags, tag, untag
from curation.ui import state
from curation.ui.errors import as_text, show_error


def tags_view() -> None:
    """Draw the tags, and the way to another."""
    workspace = state.workspace()
    st.caption(
        "A tag names the workspace as it is now: data, annotations, classes, rules and recipes "
        "together. The command line takes it in place of a snapshot, and compaction keeps it."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key="tag-name", placeholder="release-2026-11", width=220)
        why = st.text_input("What for", key="tag-why", width=320)
        if st.button("Tag", key="tag-add", icon=":material/sell:"):
            try:
                tag(workspace, name.strip(), author=state.user_name(), message=why.strip())
            except CurationError as error:
                show_error(error)
            else:
                state.notice_later(f"Tagged {as_text(name)}.")
                st.rerun()
    found = list_tags(workspace)
    if not found:
        return
    st.dataframe(
        {
            "tag": [one.name for one in found],
            "snapshot": [one.snapshot for one in found],
            "what for": [one.message for one in found],
            "who": [one.author for one in found],
            "when (UTC)": [one.created_at for one in found],
        },
        hide_index=True,
        height="content" if len(found) < 8 else 300,
    )
    with st.popover("Remove a tag…", key="untag", type="tertiary"):
        which = st.selectbox("Tag", [one.name for one in found], key="untag-which")
        if st.button("Remove", key="untag-yes") and which:
            untag(workspace, which, author=state.user_name())
            state.notice_later(f"Removed {as_text(which)}.")
            st.rerun()

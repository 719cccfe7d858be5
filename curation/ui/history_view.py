"""A dataset's snapshots: what each one did, and going back."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset, restore
from curation.lake.snapshots import Snapshot, log
from curation.ui import state
from curation.ui.errors import as_text, show_error


def history(dataset: Dataset) -> None:
    """Draw the snapshots of a dataset, newest first, and restore."""
    snapshots = log(state.workspace(), dataset.name)
    st.dataframe(
        {
            "snapshot": [s.snapshot for s in snapshots],
            "when": [s.time for s in snapshots],
            "who": [s.author for s in snapshots],
            "what": [s.message for s in snapshots],
            "rows": [s.rows for s in snapshots],
        },
        hide_index=True,
        height="content" if len(snapshots) < 8 else 300,
        column_config={
            "snapshot": st.column_config.NumberColumn(width=70),
            "when": st.column_config.DatetimeColumn(
                "when (UTC)", format="YYYY-MM-DD HH:mm", width=120
            ),
            "rows": st.column_config.NumberColumn(format="localized", width=70),
        },
    )
    if len(snapshots) < 2:
        st.caption("One snapshot so far. Each import and each change of roles adds one.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _restore(dataset, [s for s in snapshots if s.snapshot != dataset.snapshot])
        st.page_link("pages/versions.py", label="Compare two", icon=":material/compare_arrows:")


def _restore(dataset: Dataset, others: list[Snapshot]) -> None:
    names = {s.snapshot: _name(s) for s in others}
    with st.popover("Restore…", key="restore"):
        chosen = st.selectbox(
            "Make this snapshot the newest again",
            list(names),
            format_func=names.__getitem__,
            key="restore-which",
        )
        st.caption("Nothing is deleted: the snapshots in between stay in the list.")
        st.button("Restore", key="restore-yes", on_click=_do_restore, args=(dataset.name, chosen))


def _do_restore(name: str, snapshot: int) -> None:
    try:
        new = restore(state.workspace(), name, snapshot, state.user_name())
    except CurationError as error:
        show_error(error)
        return
    state.notice_later(f"Snapshot {snapshot} restored as {new}.")


def snapshot_names(dataset: Dataset) -> dict[int, str]:
    """Return a dataset's snapshots, the newest first, with what a list calls them."""
    return {s.snapshot: _name(s) for s in log(state.workspace(), dataset.name)}


def _name(snapshot: Snapshot) -> str:
    return f"{snapshot.snapshot} · {as_text(snapshot.message)[:40]}"

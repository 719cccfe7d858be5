"""Undo and redo of what this person did, in the sidebar of every page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.errors import CurationError
from curation.lake.actions import Action, next_redo, next_undo, redo, undo
from curation.lake.datasets import Dataset
from curation.lake.workspace import Workspace
from curation.ui import state
from curation.ui.errors import as_text, show_error

_FORMS = ("step-", "balance-", "taxonomy-", "workflow-", "rule-")
"""Beginnings of the keys of forms, which are filled anew from what is in force."""


def undo_buttons(dataset: Dataset) -> None:
    """Draw both buttons; each says on hover what it would take back or bring back."""
    workspace, user = state.workspace(), state.user_name()
    with st.sidebar, st.container(horizontal=True, gap="small", key="undo-redo"):
        _button("Undo", next_undo(workspace, dataset.name, user), undo, dataset)
        _button("Redo", next_redo(workspace, dataset.name, user), redo, dataset)


def _button(
    name: str,
    action: Action | None,
    take: Callable[[Workspace, str, str], Action | None],
    dataset: Dataset,
) -> None:
    if not st.button(
        name,
        key=f"frame-{name.lower()}",
        icon=f":material/{name.lower()}:",
        type="tertiary",
        disabled=action is None,
        help=f"{name}: {as_text(action.what)}" if action else None,
    ):
        return
    try:
        done = take(state.workspace(), dataset.name, state.user_name())
    except CurationError as error:
        show_error(error)
        return
    if done is not None:
        state.notice_later(
            f"{'Taken back' if take is undo else 'Back again'}: {as_text(done.what)}"
        )
    for key in [key for key in st.session_state if str(key).startswith(_FORMS)]:
        del st.session_state[key]
    st.session_state.pop(state.REVIEW, None)
    st.rerun()

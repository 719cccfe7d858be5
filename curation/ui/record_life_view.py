"""A record's whole life: what happened to it, what was said of it, and where its label is from."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset
from curation.lake.record_life import LifeEvent
from curation.privacy import gate
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error

_ICONS = {
    "appeared": "add_circle", "changed": "edit", "vanished": "remove_circle",
    "annotation": "rate_review", "revert": "undo", "finding": "search", "run": "layers",
}  # fmt: skip


def record_life_view(dataset: Dataset) -> None:
    """Draw the life of the record whose key is typed or linked (``?record=``)."""
    keys = ", ".join(dataset.roles.having("key")) or "hash of the content"
    linked = st.query_params.get("record", "")
    key = st.text_input(
        f"Record key ({keys})", linked, key=f"life-key-{dataset.name}", width=320
    ).strip()  # fmt: skip
    if not key:
        parts.nothing_yet(
            "Type the key of a record to see every snapshot that changed it, everything that was "
            "said about it, and where its label comes from."
        )
        return
    workspace, viewer = state.workspace(), state.viewer()
    try:
        life = gate.life_of_record(workspace, viewer, dataset.name, key)
        origins = gate.blame_for_label(workspace, viewer, dataset.name, key)
    except CurationError as error:
        show_error(error)
        return
    label = "left out" if life.is_excluded else life.label or "no label"
    there = "" if life.rows else " It is not in the newest snapshot."
    st.markdown(f"**{as_text(key)}** is **{as_text(label)}** now.{there}")
    for origin in origins:
        said = f"{origin.label or 'no label'}: {origin.what}"
        st.caption(as_text(f"{said} ({origin.who}, {origin.when:%Y-%m-%d %H:%M})"))
    st.subheader("From the first to the last", anchor=False)
    for event in life.events:
        _event(event)


def _event(event: LifeEvent) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        st.markdown(f":material/{_ICONS[event.kind]}:", width=24)
        with st.container(gap=None):
            struck = " (taken back)" if event.is_taken_back else ""
            st.markdown(f"{as_text(event.what)}{struck}")
            where = f" · snapshot {event.snapshot}" if event.snapshot else ""
            now = ""
            if event.label and event.reads_now != event.label:
                now = f" · reads {event.reads_now or 'as no class'} now"
            who = f" · {event.who}" if event.who else ""
            st.caption(as_text(f"{event.time:%Y-%m-%d %H:%M:%S}{who}{where}{now}"))
            for column, (before, after) in event.columns.items():
                st.caption(as_text(f"{column}: {_short(before)} → {_short(after)}"))


def _short(value: object, most: int = 120) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""The rows that one kind of issue flags: 20 a page, the worst first, copies together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

import numpy as np
import streamlit as st

from curation.lake.findings import FindingSummary
from curation.lake.roles import Roles
from curation.privacy import gate
from curation.ui import state
from curation.ui.errors import as_text
from curation.ui.record_card import as_pixels

PAGE: Final = 20
_SIDE: Final = 96
"""Pixels of a drawn image's side."""
_MOST_TEXT: Final = 400
_MOST_COLUMNS: Final = 12
_MOST_VALUE: Final = 60


@st.fragment
def flagged_list(finding: FindingSummary, roles: Roles) -> None:
    """Draw one page of the flagged rows, with the way to the next and the one before."""
    key = f"_other_pages_{finding.finding_id}"
    before: list[int | None] = st.session_state.setdefault(key, [None])
    page = gate.flagged_rows(
        state.workspace(), state.viewer(), finding.finding_id, after=before[-1], limit=PAGE
    )
    start = (len(before) - 1) * PAGE
    with st.container(horizontal=True, vertical_alignment="center", key="flagged-head"):
        st.subheader("Flagged rows", anchor=False, width="content")
        st.caption(
            f"{start + 1:,} to {start + len(page.rows):,} of {finding.flagged:,}, worst first",
            width="content",
        )
    for group, rows in groupby(page.rows, key=lambda row: row.group):
        for together in [list(rows)] if group is not None else [[row] for row in rows]:
            _together(together, start, roles)
            start += len(together)
    with st.container(horizontal=True, gap="small", key="flagged-pages"):
        st.button(
            "Previous", key="flagged-previous", icon=":material/arrow_back:",
            disabled=len(before) == 1, on_click=_turn, args=(key, before[:-1]),
        )  # fmt: skip
        st.button(
            "Next", key="flagged-next", icon=":material/arrow_forward:",
            disabled=page.next is None, on_click=_turn, args=(key, [*before, page.next]),
        )  # fmt: skip


def _turn(key: str, pages: list[int | None]) -> None:
    st.session_state[key] = pages


def _together(rows: list[gate.FlaggedRow], start: int, roles: Roles) -> None:
    """Draw rows that belong together in one frame; what is said of all of them is said once."""
    same = len(rows) > 1 and len({row.explanation for row in rows}) == 1
    with st.container(border=True, key=f"flagged-{start}", gap="small"):
        if len(rows) > 1:
            st.caption(f"{len(rows)} rows that belong together")
        if same:
            st.markdown(_explained(rows[0]))
        for row in rows:
            with st.container(horizontal=True, gap="medium"):
                with st.container(width="stretch", gap="small"):
                    _record(row, roles)
                with st.container(width=340, gap=None):
                    _said(row, explain=not same)


def _record(row: gate.FlaggedRow, roles: Roles) -> None:
    texts, images = roles.having("text"), roles.having("image")
    for column in images:
        _image(row.values.get(column))
    for column in texts:
        _text(row.values.get(column))
    if not texts and not images:
        st.markdown(_pairs(row, roles))
    st.caption(_about(row, roles))


def _explained(row: gate.FlaggedRow) -> str:
    return as_text(row.explanation or "Flagged without a word.")


def _said(row: gate.FlaggedRow, *, explain: bool) -> None:
    if explain:
        st.markdown(_explained(row))
    if row.suggestion is not None:
        st.markdown(f"Suggested: **{as_text(_short(row.suggestion))}**")
    decided = f" · decided: {row.decision}" if row.decision else ""
    st.caption(f"score {row.score:.2f}{decided}")


def _image(value: Any) -> None:
    if isinstance(value, bytes):
        st.image(value, width=_SIDE)
    elif (pixels := as_pixels(value)) is not None:
        times = max(1, _SIDE // len(pixels))
        st.image(np.kron(pixels, np.ones((times, times))), width=_SIDE, clamp=True)
    else:
        st.caption("This image cannot be drawn.")


def _text(value: Any) -> None:
    text = "" if value is None else str(value)
    shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
    st.markdown(f"**{as_text(' '.join(shown.split()))}**" if shown.strip() else "*empty*")


def _pairs(row: gate.FlaggedRow, roles: Roles) -> str:
    """Return a record's values in one line; the columns that the explanation names come first."""
    known = [c for c in roles.having("feature", "embedding") if c in row.values]
    named = [c for c in known if f"'{c}'" in (row.explanation or "")]
    ordered = [*named, *(c for c in known if c not in named)]
    pairs = [
        f"{as_text(column)} **{as_text(_short(row.values[column]))}**"
        for column in ordered[:_MOST_COLUMNS]
    ]
    if len(ordered) > _MOST_COLUMNS:
        pairs.append(f"and {len(ordered) - _MOST_COLUMNS} more")
    return " · ".join(pairs) or "*no content*"


def _about(row: gate.FlaggedRow, roles: Roles) -> str:
    """Return the record's name and its given label in one line."""
    parts = _named(row.values, roles) or [f"record {row.record_key[:6]}…"]
    if row.given_label is not None:
        parts.append(f"given {row.given_label}")
    return as_text(" · ".join(parts))


def _named(values: Mapping[str, Any], roles: Roles) -> list[str]:
    wanted = roles.having("key", "timestamp", "group")
    return [f"{c} {_short(values[c])}" for c in wanted if values.get(c) is not None]


def _short(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "empty"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list):
        return f"{len(value)} numbers"
    text = str(value)
    return text if len(text) <= _MOST_VALUE else f"{text[: _MOST_VALUE - 1]}…"

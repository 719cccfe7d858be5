"""One record, so that a person can decide about its label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import streamlit as st

from curation.lake.roles import Roles
from curation.privacy.gate import ReviewItem
from curation.ui.errors import as_text

_SIDE: Final = 240
"""Pixels of a drawn image's side."""
_MOST_ROWS: Final = 12
_MOST_TEXT: Final = 1200


def record_card(item: ReviewItem, roles: Roles) -> None:
    """Draw the record's text large, its image, or else its values as a table; the rest small."""
    texts, images = roles.having("text"), roles.having("image")
    with st.container(border=True, key="record"):
        st.caption(_about(item, roles))
        for column in images:
            _image(item.values.get(column))
        for column in texts:
            _text(column, item.values.get(column), named=len(texts) > 1)
        if not texts and not images:
            _table(item.values, roles)


def why(item: ReviewItem, finder: str = "label") -> str:
    """Return one sentence that says why the record is shown, in Markdown."""
    return f"**Why it is here** — {_drawn() if item.is_drawn else _reason(item, finder)}."


def _drawn() -> str:
    return (
        "drawn at random, to measure how good the queue is. What a model thinks of it is left out, "
        "so that it does not sway you"
    )


def _reason(item: ReviewItem, finder: str) -> str:
    given = _code(item.given_label or "no label")
    rather = _rather(item)
    suggests = rather.replace(" and ", "; a model suggests ", 1)
    if finder == "reclassify":
        # Where the given label is a class still, it is the decided one that is none any more.
        what = "the class decided for it" if item.can_keep else given
        return f"{what} was split or retired, so its class has to be chosen again{suggests}"
    if finder == "disputed":
        said = ", ".join(f"{_code(n)} {_percent(p)}" for n, p in item.probabilities.items())
        return f"annotators disagree: {said}"
    if finder == "label_next":
        return f"a label would teach more here than elsewhere{suggests}"
    if item.given_label_probability is None:
        return as_text((item.explanation or "it is not flagged").rstrip("."))
    of_given = _percent(item.given_label_probability)
    if item.given_label == item.suggested_label:
        return f"it is not flagged: a model that did not see it agrees with {given}, at {of_given}"
    if item.suggested_label is not None and not rather:
        rather = f" and prefers {_code(item.suggested_label)}"
    flagged = "" if item.is_label_issue else "it is not flagged, but "
    return f"{flagged}a model that did not see it gives {given} {of_given}{rather}"


def _rather(item: ReviewItem) -> str:
    """Say what the model suggests, if it suggests something."""
    suggested = item.suggested_label
    if suggested is None or suggested not in item.probabilities:
        return ""
    return f" and {_code(suggested)} {_percent(item.probabilities[suggested])}"


def as_pixels(value: Any) -> npt.NDArray[np.float64] | None:
    """Return a square grey image in [0, 1] from a list of a square number of values, else None."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return None
    side = math.isqrt(len(value))
    if side < 4 or side * side != len(value):
        return None
    pixels = np.asarray(value, dtype=float).reshape(side, side)
    low, high = float(pixels.min()), float(pixels.max())
    return (pixels - low) / (high - low or 1.0)


def _image(value: Any) -> None:
    if isinstance(value, bytes):
        st.image(value, width=_SIDE)
    elif (pixels := as_pixels(value)) is not None:
        times = max(1, _SIDE // len(pixels))
        st.image(np.kron(pixels, np.ones((times, times))), width=_SIDE, clamp=True)
    else:
        st.caption("This image cannot be drawn.")


def _text(column: str, value: Any, *, named: bool) -> None:
    if named:
        st.caption(as_text(column))
    text = "" if value is None else str(value)
    shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
    with st.container(key=f"record-text-{column}" if len(text) <= 400 else f"record-long-{column}"):
        st.markdown(as_text(shown) if shown.strip() else "*empty*")


def _table(values: Mapping[str, Any], roles: Roles) -> None:
    columns = [c for c in roles.having("feature", "embedding") if c in values] or list(values)
    shown = {column: _short(values[column]) for column in columns}
    height: Literal["content"] | int = "content" if len(shown) <= _MOST_ROWS else 420
    st.dataframe(
        {"column": list(shown), "value": list(shown.values())},
        hide_index=True,
        height=height,
        key="record-values",
    )


def _about(item: ReviewItem, roles: Roles) -> str:
    small = roles.having("key", "timestamp", "group", "annotator")
    parts = [
        f"{column} {_short(item.values[column])}"
        for column in small
        if item.values.get(column) is not None
    ]
    if not roles.having("key"):
        parts.insert(0, f"record {item.record_key[:6]}…")
    given = f"given {item.given_label}" if item.given_label is not None else "no label given"
    return as_text(" · ".join([given, *parts]))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list):
        return f"{len(value)} numbers"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _percent(share: float) -> str:
    return "under 1%" if share < 0.01 else f"{100 * share:.0f}%"


def _code(name: str) -> str:
    return f"`{name.replace('`', chr(39))}`"

"""Rows that a rule draws, as a table: why each was drawn, its chance, then what it holds."""

from __future__ import annotations

import base64
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from curation.lake.roles import Roles
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN

_MOST_TEXT: Final = 300
_MOST_IMAGE: Final = 200_000
"""Bytes of an image that is sent to the browser within a table."""
_MOST_COLUMNS: Final = 12
_ORDER: Final = ("text", "image", "label", "group", "timestamp", "key", "feature")


def drawn_rows(rows: pa.Table, roles: Roles) -> None:
    """Draw some drawn rows with their chance and reason."""
    shown: dict[str, list[Any]] = {}
    settings: dict[str, Any] = {}
    columns = _in_order(rows, roles)
    for place, column in enumerate(columns):
        values = rows.column(column).to_pylist()
        shown[column] = [_value(value) for value in values]
        if roles.role_of(column) == "image" and any(isinstance(v, bytes) for v in values):
            settings[column] = st.column_config.ImageColumn(width=70)
        elif roles.role_of(column) == "text":
            settings[column] = st.column_config.TextColumn(width=400 if place == 0 else 200)
        else:
            settings[column] = st.column_config.Column(width=120)
    # Names of our own: a column of the data may be called the same, which a table cannot have.
    because, chance = _free("why drawn", columns), _free("chance", columns)
    shown[because] = rows.column(REASON_COLUMN).to_pylist()
    shown[chance] = rows.column(PROBABILITY_COLUMN).to_pylist()
    settings[because] = st.column_config.TextColumn(width=280)
    settings[chance] = st.column_config.NumberColumn(
        format="percent", width=75, help="How likely the row is drawn; empty where rows are ranked."
    )
    st.dataframe(
        shown,
        hide_index=True,
        height="content" if rows.num_rows < 10 else 390,
        key="rule-rows",
        column_config=settings,
        column_order=[*columns[:1], chance, because, *columns[1:]],
        placeholder="",
        alt="Some of the drawn rows, why each was drawn, and how likely that was",
    )


def _in_order(rows: pa.Table, roles: Roles) -> list[str]:
    """Return the columns that tell most of a row first, and not too many."""
    ours = {REASON_COLUMN, PROBABILITY_COLUMN}
    known = [c for c in rows.column_names if c not in ours and roles.role_of(c) != "ignore"]
    ranks = {role: rank for rank, role in enumerate(_ORDER)}
    known.sort(key=lambda column: ranks.get(roles.role_of(column) or "", len(ranks)))
    return known[:_MOST_COLUMNS]


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += " "
    return name


def _value(value: Any) -> Any:
    """Return a value as a table shows it: short, and images as data."""
    if isinstance(value, bytes):
        if len(value) > _MOST_IMAGE:
            return None
        return f"data:image;base64,{base64.b64encode(value).decode()}"
    if isinstance(value, list | dict):
        return f"{len(value)} values"
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        return f"{value[:_MOST_TEXT]}…"
    return value

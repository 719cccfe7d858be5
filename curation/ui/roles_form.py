"""The role of each column, shown and correctable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import pandas as pd
import streamlit as st

from curation.lake.roles import ROLES, Role, Roles
from curation.ui.errors import as_text

NONE: Final = "none"
_OPTIONS: Final = (*ROLES, NONE)
_MOST_BOXES: Final = 16
"""Wider data get one table to edit instead of a box a column."""

_KINDS: Final = {
    "VARCHAR": "text",
    "BIGINT": "whole number",
    "INTEGER": "whole number",
    "DOUBLE": "number",
    "FLOAT": "number",
    "BOOLEAN": "yes or no",
    "TIMESTAMP": "time",
    "DATE": "date",
    "BLOB": "bytes",
}


def roles_form(
    columns: Mapping[str, str], roles: Roles, key: str, examples: Mapping[str, Any] | None = None
) -> dict[str, Role]:
    """Draw each column with its kind, an example and its role; return the roles changed."""
    if len(columns) > _MOST_BOXES:
        chosen = _table(columns, roles, key, examples or {})
    else:
        chosen = {
            name: _box(name, columns[name], roles, key, (examples or {}).get(name))
            for name in columns
        }
    return {
        name: cast("Role", "ignore" if role == NONE else role)
        for name, role in chosen.items()
        if role != (roles.role_of(name) or NONE)
    }


def kind_in_words(kind: str) -> str:
    """Return what a DuckDB type holds, in a word or two."""
    return "list of numbers" if kind.endswith("]") else _KINDS.get(kind, kind.lower())


def _box(name: str, kind: str, roles: Roles, key: str, example: Any) -> str:
    with st.container(
        key=f"{key}-row-{name}", horizontal=True, vertical_alignment="center", gap="small"
    ):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{as_text(name)}**")
            shown = "" if example is None else f" · {str(example)[:60]}"
            st.caption(f"{kind_in_words(kind)}{as_text(shown)}")
        return str(
            st.selectbox(
                f"Role of {name}",
                _OPTIONS,
                index=_OPTIONS.index(roles.role_of(name) or NONE),
                key=f"{key}-{name}",
                label_visibility="collapsed",
                width=150,
            )
        )


def _table(
    columns: Mapping[str, str], roles: Roles, key: str, examples: Mapping[str, Any]
) -> dict[str, str]:
    frame = pd.DataFrame(
        {
            "column": list(columns),
            "kind": [kind_in_words(kind) for kind in columns.values()],
            "example": [str(examples.get(name, ""))[:80] for name in columns],
            "role": [roles.role_of(name) or NONE for name in columns],
        }
    )
    edited = st.data_editor(
        frame,
        key=f"{key}-table",
        hide_index=True,
        height=420,
        disabled=["column", "kind", "example"],
        column_config={
            "role": st.column_config.SelectboxColumn("role", options=_OPTIONS, required=True)
        },
    )
    return dict(zip(edited["column"], edited["role"], strict=True))

"""Widgets for single fields of a rule; what they hold outlives a rerun and a page switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from curation.ui.rule_words import about, title


@dataclass(frozen=True)
class FormFields:
    """The widgets of one form: their keys are ``{key}-{field}``, the model gives their words.

    Numbers have no bounds here: the rule says what is wrong with one, and nothing typed is lost.
    """

    key: str
    start: Mapping[str, Any]
    """What the widgets show first; a field that is not in it begins empty."""

    def text(self, field: str, placeholder: str = "") -> dict[str, Any]:
        """Draw a line of text; return the field, or nothing where it is empty."""
        entered = st.text_input(
            title(field),
            str(self.start.get(field) or ""),
            key=f"{self.key}-{field}",
            help=about(field),
            placeholder=placeholder,
            persist_state="session",
        ).strip()
        return {field: entered} if entered else {}

    def whole(self, field: str, first: int | None = None, label: str = "") -> dict[str, Any]:
        """Draw a whole number; return the field, or nothing where it is empty."""
        value = self.start.get(field, first)
        entered = st.number_input(
            label or title(field),
            value=None if value is None else int(value),
            step=1,
            format="%d",
            key=f"{self.key}-{field}",
            help=about(field),
            persist_state="session",
        )
        return {} if entered is None else {field: int(entered)}

    def number(self, field: str, first: float | None = None, step: float = 1.0) -> dict[str, Any]:
        """Draw a number; return the field, or nothing where it is empty."""
        value = self.start.get(field, first)
        entered = st.number_input(
            title(field),
            value=None if value is None else float(value),
            step=step,
            format="%g",
            key=f"{self.key}-{field}",
            help=about(field),
            persist_state="session",
        )
        return {} if entered is None else {field: float(entered)}

    def several(
        self, field: str, options: Iterable[str], placeholder: str, *, new: bool = False
    ) -> dict[str, Any]:
        """Draw a choice of several; return the field, or nothing where none is chosen."""
        chosen = [str(one) for one in self.start.get(field, ())]
        known = list(options)
        picked = st.multiselect(
            title(field),
            [*known, *(one for one in chosen if one not in known)],
            default=chosen,
            key=f"{self.key}-{field}",
            help=about(field),
            placeholder=placeholder,
            accept_new_options=new,
            select_all=False,
            persist_state="session",
        )
        return {field: list(picked)} if picked else {}

    def one(
        self, field: str, options: Mapping[str, str] | Sequence[str], *, label: str = ""
    ) -> dict[str, Any]:
        """Draw a choice of one, called by its words; return the field, or nothing."""
        words = options if isinstance(options, Mapping) else {one: one for one in options}
        start = self.start.get(field)
        listed = [*words, *([start] if start is not None and start not in words else [])]
        chosen = st.selectbox(
            label or title(field),
            listed,
            index=listed.index(start) if start is not None else None,
            format_func=lambda one: words.get(one, str(one)),
            key=f"{self.key}-{field}",
            help=about(field),
            placeholder="Choose",
            persist_state="session",
        )
        return {} if chosen is None else {field: chosen}

    def chosen(self, what: str, label: str, options: Mapping[str, str], start: str) -> str:
        """Draw a choice that is no field itself and decides which fields are shown."""
        listed = list(options)
        return st.selectbox(
            label,
            listed,
            index=listed.index(start),
            format_func=options.__getitem__,
            key=f"{self.key}-{what}",
            persist_state="session",
        )

    def switched(self, what: str, label: str, options: Mapping[str, str], start: str) -> str:
        """Draw a choice of a few words side by side that decides which fields are shown."""
        picked = st.segmented_control(
            label,
            list(options),
            format_func=options.__getitem__,
            default=start,
            required=True,
            key=f"{self.key}-{what}",
            wrap=True,
            persist_state="session",
        )
        return picked or start

    def toggle(self, field: str) -> dict[str, Any]:
        """Draw a switch; return the field where it is on."""
        is_on = st.toggle(
            title(field),
            bool(self.start.get(field)),
            key=f"{self.key}-{field}",
            help=about(field),
            persist_state="session",
        )
        return {field: True} if is_on else {}

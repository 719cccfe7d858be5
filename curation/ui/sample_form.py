"""The form of the step that draws a sample: by a rule of the library, or by what it says itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.sampling.rules.library import list_rules
from curation.ui import state
from curation.ui.rule_draft import RULE
from curation.ui.rule_form import rule_form

_DRAWN_BY: Final = {"rule": "a rule", "here": "what stands here"}


def sample_form(start: Mapping[str, Any], *, key: str, dataset: Dataset) -> dict[str, Any] | None:
    """Draw the form and return what it holds, or None while something is to be filled in, drawn.

    Args:
        start: what the form shows first.
        key: start of the widgets' keys, which are ``{key}-{field}``.
        dataset: its columns and classes are offered.
    """
    rules = list(list_rules(state.workspace()))
    named = start.get("rule")
    drawn_by = "rule" if named else "here"
    if rules or named:
        drawn_by = st.segmented_control(
            "Drawn by", list(_DRAWN_BY), default=drawn_by, key=f"{key}-drawn-by",
            format_func=lambda one: _DRAWN_BY[one], required=True,
        )  # fmt: skip
    if drawn_by == "here":
        values, missing = rule_form(dataset, start, key, rules, with_seed=False)
        if missing:
            st.caption(f"Still needed: {', '.join(missing)}.")
        return None if missing else values
    options = [*rules, *([named] if named and named not in rules else [])]
    chosen = st.selectbox(
        "Rule", options, index=options.index(named) if named else None, key=f"{key}-rule",
        placeholder="Choose a rule",
    )  # fmt: skip
    if chosen is None:
        return None
    st.page_link(
        "pages/sampling_rules.py", label="Open the rule", icon=":material/filter_alt:",
        query_params={RULE: chosen.partition("@")[0]},
    )  # fmt: skip
    return {"rule": chosen}

"""One rule: its form beside what it draws, its versions, and who uses it."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset
from curation.sampling.rules.library import duplicate_rule, list_rules, rule_versions
from curation.sampling.rules.rule_users import users_of
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error
from curation.ui.rule_draft import BACK, RuleDraft, close, open_rule
from curation.ui.rule_drawn import drawn_figures, mix_view, rows_view
from curation.ui.rule_editor import rule_editor, save_view, use_view
from curation.ui.rule_estimates import estimates_view
from curation.ui.rule_history import users_view, versions_view
from curation.ui.rule_preview import preview_of


def rule_view(dataset: Dataset, draft: RuleDraft) -> None:
    """Draw the rule that is open, one tab at a time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="rule-bar"):
        st.button(
            "All rules", key=BACK, icon=":material/arrow_back:", type="tertiary", on_click=close
        )
        if draft.name is not None:
            _duplicate(draft.name)
    if draft.name is None:
        _work(dataset, draft)
        return
    users = users_of(state.workspace(), draft.name)
    versions = rule_versions(state.workspace(), draft.name)
    _older(draft)
    work, history, use = st.tabs(
        ["What it draws", f"Versions ({len(versions)})", f"Used by ({len(users)})"],
        key=f"rule-view-{draft.name}",
        on_change="rerun",
    )
    if work.open:
        with work:
            _work(dataset, draft)
    if history.open:
        with history:
            versions_view(dataset, versions)
    if use.open:
        with use:
            users_view(users)


def _work(dataset: Dataset, draft: RuleDraft) -> None:
    top = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with right:
        rule = rule_editor(dataset, draft)
        save_view(draft, rule)
        use_view(dataset, draft)
    with left:
        if rule is None:
            parts.nothing_yet("What it draws stands here once nothing is missing or wrong.")
            return
        found = preview_of(dataset, rule)
        if found is None:
            return
        mix_view(dataset, rule, found)
        estimates_view(dataset, rule)
    with top:
        drawn_figures(dataset, rule, found)
    rows_view(dataset, found)


def _older(draft: RuleDraft) -> None:
    assert draft.name is not None
    in_force = list_rules(state.workspace()).get(draft.name)
    if in_force == draft.version:
        return
    standing = f"version {in_force} is in force" if in_force else "the rule was taken back"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.info(
            f"This is version {draft.version}; {standing}. Saved, it is in force again.",
            icon=":material/history:",
        )
        if in_force:
            st.button(
                f"Open version {in_force}", key="rule-open-newest", on_click=open_rule,
                args=(draft.name,),
            )  # fmt: skip


def _duplicate(name: str) -> None:
    with st.popover("Duplicate…", key="rule-duplicate", type="tertiary"):
        new = st.text_input(
            "Name of the copy", f"{name[:90]} copy", key=f"rule-duplicate-name-{name}",
            max_chars=100, persist_state="session",
        ).strip()  # fmt: skip
        if not st.button("Duplicate", key="rule-duplicate-now", disabled=not new):
            return
        try:
            duplicate_rule(state.workspace(), name, new, author=state.user_name())
        except CurationError as error:
            show_error(error)
            return
        state.notice_later(as_text(f"{new} says what {name} says."))
        open_rule(new)
        st.rerun()

"""All sampling rules: what each draws, who uses it, who changed it; and rules to start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.sampling.rules.library import RuleVersion, list_rules, rule_versions
from curation.sampling.rules.rule_users import RuleUser, users_of
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.rule_draft import begin, discard, held, open_rule, take_up
from curation.ui.rule_starters import Starter, starters

_MANY: Final = 8
"""More rules than this can be searched."""
_MOST: Final = 50


def rule_list(dataset: Dataset) -> None:
    """Draw the rules of the workspace, or, where there are none, rules to start from."""
    names = list(list_rules(state.workspace()))
    _not_saved()
    if not names:
        parts.nothing_yet(
            "There is no rule yet. A rule says once what to take: it draws the same rows again "
            "tomorrow, and a recipe uses it by its name. Start from one of these."
        )
        for number, starter in enumerate(starters(dataset)):
            _starter(starter, "primary" if number == 0 else "secondary")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("New rule", key="rule-new", type="primary", icon=":material/add:"):
            for starter in starters(dataset):
                _starter(starter, "secondary")
        sought = ""
        if len(names) > _MANY:
            sought = st.text_input(
                "Find a rule", key="rule-find", placeholder="part of its name", width=260,
                label_visibility="collapsed",
            ).strip()  # fmt: skip
    shown = [name for name in names if sought.lower() in name.lower()]
    for number, name in enumerate(shown[:_MOST]):
        _row(number, name)
    if not shown:
        st.caption(as_text(f"No rule's name holds '{sought}'."))
    elif len(shown) > _MOST:
        st.caption(f"{len(shown) - _MOST:,} more. Find them by a part of their name.")


def used_by(users: Sequence[RuleUser]) -> str:
    """Say in a few words who uses a rule."""
    if not users:
        return "used by nobody yet"
    first, more = users[0].describe(), len(users) - 1
    return f"used by {first}" + (f" and {more} more" if more else "")


def changed_by(version: RuleVersion) -> str:
    """Say who made a version, and when."""
    return f"changed by {version.author}, {version.created_at:%d %b %Y %H:%M} UTC"


def _row(number: int, name: str) -> None:
    workspace = state.workspace()
    # Recipes are read for it, and every press of a key draws the list.
    users = workspace.keep_newest(("rule users", name), lambda: users_of(workspace, name))
    version = next(v for v in reversed(rule_versions(workspace, name)) if not v.is_taken_back)
    with (
        st.container(border=True, key=f"rule-row-{number}"),
        st.container(horizontal=True, vertical_alignment="center", gap="medium"),
    ):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{as_text(name)}** · version {version.version}")
            st.markdown(as_text(version.rule.describe()))
            said = f"{used_by(users)} · {changed_by(version)}"
            st.caption(as_text(said))
        st.button(
            "Open",
            key=f"rule-open-{number}",
            help=f"Open {as_text(name)}",
            on_click=open_rule,
            args=(name,),
        )


def _starter(starter: Starter, kind: str) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="medium",
        key=f"rule-starter-{starter.suggested.replace(' ', '-')}",
    ):  # fmt: skip
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{starter.title}** · {as_text(starter.rule.describe())}")
            st.caption(starter.why)
        st.button(
            "Start",
            key=f"rule-start-{starter.suggested.replace(' ', '-')}",
            type="primary" if kind == "primary" else "secondary",
            help=f"Start from: {starter.title.lower()}",
            on_click=begin,
            args=(starter.rule, starter.suggested),
        )


def _not_saved() -> None:
    draft = held()
    if draft is None or draft.is_open:
        return
    name = f"'{draft.name}'" if draft.name else "A new rule"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(as_text(f"{name} has changes that are not saved."), width="content")
        st.button("Go on with it", key="rule-take-up", on_click=take_up)
        st.button("Discard", key="rule-discard", type="tertiary", on_click=discard)

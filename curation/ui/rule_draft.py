"""The rule that a session writes: which one is open, what its form began with, what it says now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import streamlit as st

from curation.errors import UsageError
from curation.lake.workspace import Workspace
from curation.sampling.rules.library import get_rule, rule_versions
from curation.sampling.rules.rule import Rule

RULE: Final = "rule"
VERSION: Final = "version"
"""Query parameters of the rule that is open, so that a link leads to it."""
DRAFT: Final = "rule-draft"
"""Key in the session; undo drops it with the widgets of the form."""
BACK: Final = "rule-back"
"""Key of the button that leads back to the list."""
_NUMBER: Final = "_rule_number"

As = Literal["Form", "YAML"]


@dataclass
class RuleDraft:
    """One rule as a person changes it; it outlives a rerun and a page switch."""

    name: str | None
    """None for a rule that was never saved."""
    version: int
    """The version that the form began with; 0 for a new rule."""
    newest: int
    """The newest version there was then."""
    start: dict[str, Any]
    """What the form began with, as fields of a rule."""
    number: int
    """Of the form; a new one begins with other values."""
    suggested: str = ""
    """A name for a new rule."""
    shown_as: As = "Form"
    saved: Rule | None = None
    """What the version says."""
    rule: Rule | None = field(default=None, repr=False)
    """What the form says now, where that is a rule."""
    is_open: bool = True

    @property
    def key(self) -> str:
        """Start of the keys of the form's widgets."""
        return f"rule-{self.number}"

    @property
    def is_changed(self) -> bool:
        """Whether it says something that is not saved."""
        return self.rule is None or self.rule != self.saved

    def show(self, rule: Rule, shown_as: As) -> None:
        """Begin the form anew with what a rule says."""
        self.start, self.shown_as, self.number = said_by(rule), shown_as, _next_number()


def said_by(rule: Rule) -> dict[str, Any]:
    """Return what a rule says as plain fields, without what it leaves at its default."""
    return rule.model_dump(mode="json", exclude_defaults=True, exclude={"name"})


def begin(rule: Rule, suggested: str = "") -> None:
    """Open the form of a new rule that begins with what ``rule`` says."""
    _close_link()
    st.session_state[DRAFT] = RuleDraft(None, 0, 0, said_by(rule), _next_number(), suggested)


def open_rule(name: str, version: int | None = None) -> None:
    """Open a rule from the next run on: the version in force, or another one."""
    st.session_state.pop(DRAFT, None)
    st.query_params[RULE] = name
    if version is None:
        st.query_params.pop(VERSION, None)
    else:
        st.query_params[VERSION] = str(version)


def close() -> None:
    """Go back to the list; what is not saved can be taken up again there."""
    _close_link()
    draft = held()
    if draft is not None and draft.is_changed:
        draft.is_open = False
    else:
        st.session_state.pop(DRAFT, None)


def take_up() -> None:
    """Open what is not saved again."""
    draft = held()
    if draft is not None:
        draft.is_open = True
        _link(draft)


def discard() -> None:
    """Forget what is not saved."""
    st.session_state.pop(DRAFT, None)


def held() -> RuleDraft | None:
    """Return the rule that the session has in hand, open or not."""
    found = st.session_state.get(DRAFT)
    return found if isinstance(found, RuleDraft) else None


def opened(workspace: Workspace) -> RuleDraft | None:
    """Return the rule that the link or the session has open, None for the list of all.

    Raises:
        UsageError: the link names a rule or a version that is not there.
    """
    name, version, draft = st.query_params.get(RULE), _linked_version(), held()
    if name is None:
        if draft is None or not draft.is_open:
            return None
        if draft.name is not None and BACK in st.session_state:
            close()  # it was drawn just now, so the browser went back to the list
            return None
        _link(draft)
        return draft
    if draft is not None and draft.name == name and version in (None, draft.version):
        draft.is_open = True
        return draft
    rule, found = get_rule(workspace, name, version)
    newest = rule_versions(workspace, name)[-1].version
    draft = RuleDraft(name, found, newest, said_by(rule), _next_number(), saved=rule)
    st.session_state[DRAFT] = draft
    return draft


def _linked_version() -> int | None:
    text = st.query_params.get(VERSION)
    if text is None or st.query_params.get(RULE) is None:
        return None
    if not text.isdecimal() or not 0 < int(text[:9]) < 10**6:
        raise UsageError(f"The link asks for version {text[:40]!r}. Give a whole number from 1.")
    return int(text)


def _link(draft: RuleDraft) -> None:
    if draft.name is not None:
        st.query_params[RULE] = draft.name


def _close_link() -> None:
    st.query_params.pop(RULE, None)
    st.query_params.pop(VERSION, None)


def _next_number() -> int:
    st.session_state[_NUMBER] = st.session_state.get(_NUMBER, 0) + 1
    return int(st.session_state[_NUMBER])

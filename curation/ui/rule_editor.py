"""A rule in its form or as YAML: what is wrong with it, saving it, and using it in the recipe."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from curation.errors import CurationError, UsageError, unknown_name
from curation.lake.datasets import Dataset
from curation.recipe.drafts import load_draft, save_draft
from curation.sampling.rules.library import difference, list_rules, rule_versions, save_rule
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_yaml import parse_rule, render_rule
from curation.steps import Sample
from curation.ui import forms, state
from curation.ui.errors import as_text, show_error
from curation.ui.rule_draft import As, RuleDraft, open_rule
from curation.ui.rule_form import rule_form

_MOST_CHANGES = 4


def rule_editor(dataset: Dataset, draft: RuleDraft) -> Rule | None:
    """Draw the rule to change; return it as it stands there, None where it is none."""
    shown_as: As = st.segmented_control(
        "Written as",
        list(get_args(As)),
        default=draft.shown_as,
        required=True,
        key="rule-as",
        label_visibility="collapsed",
        persist_state="session",
    )
    rule, wrong = _as_yaml(draft) if draft.shown_as == "YAML" else _as_form(dataset, draft)
    if rule is not None:
        wrong = [*wrong, *_not_here(dataset, rule)]
    for sentence in wrong:
        st.warning(as_text(sentence))
    draft.rule = rule
    if shown_as != draft.shown_as:
        if rule is None:
            st.caption(f"It can be shown as {shown_as} once nothing is missing or wrong here.")
        else:
            draft.show(rule, shown_as)
            st.rerun()
    return None if wrong else rule


def save_view(draft: RuleDraft, rule: Rule | None) -> None:
    """Draw what saves the rule as a new version, with the reason that is kept with it."""
    if draft.name is not None and not draft.is_changed:
        return
    name = draft.name or _new_name(draft)
    why = st.text_input(
        "Why (kept with the version)",
        key=f"{draft.key}-why",
        placeholder=_changes(draft, rule),
        persist_state="session",
    ).strip()
    label = "Save the rule" if draft.name is None else f"Save as version {draft.newest + 1}"
    # Not on_click: that would save the form as it was drawn, not as it is at the press.
    if st.button(label, key="rule-save", type="primary", disabled=rule is None):
        assert rule is not None
        try:
            version = _save(draft, name, rule, why or _changes(draft, rule))
        except CurationError as error:
            show_error(error)
            return
        state.notice_later(f"{as_text(name)} is saved as version {version}.")
        open_rule(name)
        st.rerun()


def use_view(dataset: Dataset, draft: RuleDraft) -> None:
    """Draw what puts the rule into the dataset's recipe, or that it is there."""
    if draft.name is None:
        return
    recipe = load_draft(state.workspace(), dataset.name)
    named = [s.rule for s in recipe.steps if isinstance(s, Sample) and s.rule is not None]
    mine = [reference for reference in named if reference.partition("@")[0] == draft.name]
    if mine:
        pinned = mine[0].partition("@")[2]
        always = f", always version {pinned}" if pinned else ""
        st.page_link(
            "pages/recipe.py", label=f"The recipe uses it{always}", icon=":material/receipt_long:"
        )
        return
    is_saved = not draft.is_changed
    if st.button(
        "Use in the recipe",
        key="rule-use",
        type="primary" if is_saved else "secondary",
        icon=":material/receipt_long:",
        disabled=not is_saved,
        help=None if is_saved else "Save it first: the recipe uses the version in force.",
    ):
        save_draft(
            state.workspace(), dataset.name, recipe.with_step(Sample(rule=draft.name)),
            state.user_name(),
        )  # fmt: skip
        state.notice_later(as_text(f"The recipe draws by {draft.name}."))
        st.rerun()


def _as_form(dataset: Dataset, draft: RuleDraft) -> tuple[Rule | None, list[str]]:
    others = [name for name in list_rules(state.workspace()) if name != draft.name]
    values, missing = rule_form(dataset, draft.start, draft.key, others)
    if missing:
        st.caption(f"Still needed: {', '.join(missing)}.")
        return None, []
    return forms.validated(Rule, _without_defaults(values))


def _as_yaml(draft: RuleDraft) -> tuple[Rule | None, list[str]]:
    text = st.text_area(
        "The rule as YAML",
        render_rule(Rule.model_validate(draft.start)),
        height=320,
        key=f"{draft.key}-yaml",
        label_visibility="collapsed",
        persist_state="session",
    )
    try:
        return parse_rule(text), []
    except CurationError as error:
        return None, [str(error)]


def _without_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without those that the form shows as they are by default.

    A number of clusters, for one, is nobody's wish where it was not touched.
    """
    defaults = Rule.model_fields
    return {n: v for n, v in values.items() if n == "combine" or v != defaults[n].default}


def _not_here(dataset: Dataset, rule: Rule) -> list[str]:
    """Say what the dataset lacks that the rule names."""
    known = {column.lower() for column in dataset.columns}
    missing = sorted(c for c in rule.columns_used() if c.lower() not in known)
    return [unknown_name("column", missing[0], dataset.columns)] if missing else []


def _new_name(draft: RuleDraft) -> str:
    taken = list_rules(state.workspace())
    name, number = draft.suggested, 2
    while name in taken:
        name, number = f"{draft.suggested} {number}", number + 1
    return st.text_input(
        "Name", name, key=f"{draft.key}-name", max_chars=100, persist_state="session"
    ).strip()


def _changes(draft: RuleDraft, rule: Rule | None) -> str:
    """Say in one line what the rule says, or what is other than in the version before."""
    if rule is None:
        return ""
    if draft.saved is None:
        return rule.describe()
    lines = difference(draft.saved, rule)
    more = f"; and {len(lines) - _MOST_CHANGES} more" if len(lines) > _MOST_CHANGES else ""
    return "; ".join(lines[:_MOST_CHANGES]) + more


def _save(draft: RuleDraft, name: str, rule: Rule, why: str) -> int:
    workspace, after = state.workspace(), draft.newest
    if draft.name is None:
        if name in list_rules(workspace):
            raise UsageError(
                f"There is a rule '{name}' already. Open it to make a new version of it, or "
                "choose another name."
            )
        after = _versions_taken_back(name)
    return save_rule(
        workspace, name, rule, author=state.user_name(), message=" ".join(why.split()), after=after
    )


def _versions_taken_back(name: str) -> int:
    """Return the newest version of a name whose rule was taken back; 0 for a fresh name."""
    try:
        return rule_versions(state.workspace(), name)[-1].version
    except UsageError:
        return 0

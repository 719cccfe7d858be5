"""What can be done about one kind of issue: a step, a decision about all its records, a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from curation.errors import CurationError
from curation.lake.annotations import annotate_many
from curation.lake.datasets import Dataset
from curation.lake.decisions import said_until_now
from curation.lake.findings import FindingSummary
from curation.recipe.drafts import load_draft, save_draft
from curation.steps import step_named
from curation.ui import state
from curation.ui.errors import as_text, show_error
from curation.ui.numbers import count
from curation.ui.other_issues_decide import COPIES, RELABELS, Plan, Verb, plan
from curation.ui.other_issues_kinds import Kind
from curation.ui.recipe_run import position_of

STEPS: Final[Mapping[str, str]] = {"exact_duplicate": "drop_duplicates"}
"""The step that repeats on new data what a person would do about a kind."""
_ROLES = ("pages/datasets.py", "Change the roles of columns", ":material/database:")
_PAGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "class_imbalance": ("pages/balance.py", "Balance the classes", ":material/balance:"),
    "string_mismatch": ("pages/taxonomy.py", "Merge classes", ":material/account_tree:"),
    "constant": _ROLES,
    "identifier_leakage": _ROLES,
    "label_leakage": _ROLES,
    "missing_values": _ROLES,
    "mixed_types": _ROLES,
    "spurious_correlation": _ROLES,
}  # fmt: skip
"""Where something is done about a kind: the page, what to do there, its icon."""


def next_steps(dataset: Dataset, kind: Kind, finding: FindingSummary) -> None:
    """Draw what can be done about the kind, the best first."""
    with st.container(horizontal=True, vertical_alignment="center", key="kind-next"):
        if kind.name in STEPS:
            _step(dataset, STEPS[kind.name])
        if finding.flagged:
            if kind.name in RELABELS:
                _decide(dataset, finding, "relabel", kind)
            _decide(dataset, finding, "exclude", kind)
        if kind.name in _PAGES:
            page, label, icon = _PAGES[kind.name]
            st.page_link(page, label=label, icon=icon)


def _step(dataset: Dataset, name: str) -> None:
    recipe = load_draft(state.workspace(), dataset.name)
    if position_of(recipe, name) is not None:
        st.page_link(
            "pages/recipe.py", label=f"The recipe has {name}", icon=":material/receipt_long:"
        )
        return
    if st.button(f"Add step {name} to the recipe", key="kind-step", type="primary"):
        changed = recipe.with_step(step_named(name)())
        save_draft(state.workspace(), dataset.name, changed, state.user_name())
        state.notice_later(f"The recipe has the step {name}.")
        st.rerun()


def _decide(dataset: Dataset, finding: FindingSummary, verb: Verb, kind: Kind) -> None:
    """Draw the button that decides about all flagged records, behind a confirmation."""
    label, why_not = _label(finding, verb), _why_not(dataset, finding)
    key = f"kind-{verb}"
    popover = st.popover(
        label, key=key, on_change="rerun", disabled=bool(why_not), help=why_not or None
    )
    if why_not or not popover.open:
        return
    with popover:
        wanted = _planned(dataset, finding, verb)
        st.markdown(_in_words(wanted, finding, verb))
        if st.button(
            f"{verb.capitalize()} {count(len(wanted.verdicts), 'record')}",
            key=f"{key}-now",
            disabled=not wanted.verdicts,
        ):
            _write(dataset, wanted, verb, kind)


def _label(finding: FindingSummary, verb: Verb) -> str:
    if verb == "relabel":
        return "Relabel to the suggestion…"
    if finding.finder in COPIES:
        return "Exclude all copies but one…"
    return f"Exclude the {count(finding.flagged, 'flagged record')}…"


def _why_not(dataset: Dataset, finding: FindingSummary) -> str:
    if dataset.roles.label is None:
        return "Decisions need a label column. Give one the role label on Datasets."
    if finding.snapshot != dataset.snapshot:
        return "Look again first: the records may have changed since."
    return ""


def _planned(dataset: Dataset, finding: FindingSummary, verb: Verb) -> Plan:
    workspace = state.workspace()
    said = said_until_now(workspace, dataset.name)
    held = st.session_state.get("_other_plan")
    asked = (finding.finding_id, verb, said)
    if held is None or held[0] != asked:
        held = (asked, plan(workspace, dataset, finding, verb))
        st.session_state["_other_plan"] = held
    planned: Plan = held[1]
    return planned


def _in_words(wanted: Plan, finding: FindingSummary, verb: Verb) -> str:
    """Say what the press would do, in Markdown."""
    number = count(len(wanted.verdicts), "record")
    if verb == "relabel" and not wanted.verdicts:
        said = ["No flagged record without a decision has another class as its suggestion."]
    elif verb == "relabel":
        said = [f"Gives {number} the label that is suggested."]
    else:
        said = [f"Marks {number} to be left out of builds and recipes. The data stay as they are."]
    if verb == "exclude" and finding.finder in COPIES:
        said.append(f"One record of each group stays, {count(wanted.kept, 'record')} in all.")
    if wanted.decided:
        verb_there = "has" if wanted.decided == 1 else "have"
        said.append(
            f"{count(wanted.decided, 'record')} {verb_there} a decision already and "
            f"{'is' if wanted.decided == 1 else 'are'} left alone."
        )
    if not wanted.verdicts and verb == "exclude" and finding.finder in COPIES:
        said.append("Copies that share one record key cannot be told apart; use the step.")
    if wanted.verdicts:
        said.append("*Undo* in the sidebar takes all of it back at once.")
    return "  \n".join(said)


def _write(dataset: Dataset, wanted: Plan, verb: Verb, kind: Kind) -> None:
    try:
        with st.spinner("Writing the decisions"):
            annotate_many(
                state.workspace(), dataset.name, wanted.verdicts,
                annotator=state.user_name(), reason=f"{kind.finder.title}, all at once",
            )  # fmt: skip
    except CurationError as error:
        show_error(error)
        return
    done = "excluded" if verb == "exclude" else "relabelled"
    number = count(len(wanted.verdicts), "record")
    state.notice_later(as_text(f"{number} {done}. Undo in the sidebar takes it back."))
    st.session_state.pop(f"kind-{verb}", None)
    st.rerun()

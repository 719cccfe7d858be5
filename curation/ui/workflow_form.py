"""The workflow of a labelling job: a form that makes a new version, and the versions so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset
from curation.lake.documents import Document
from curation.lake.fold import Policy
from curation.lake.workflows import Workflow, save_workflow
from curation.ui import state
from curation.ui.errors import as_text, show_error

POLICIES: Final[dict[Policy, tuple[str, str]]] = {
    "latest": ("Newest", "The newest decision counts, whoever made it."),
    "majority": ("Majority", "What most annotators say; a tie is in dispute."),
    "reviewer_over_annotator": (
        "Reviewers first",
        "A reviewer's newest, else the newest.",
    ),
    "crowdlab": ("CROWDLAB", "Annotators and a model, each as far as it is trusted."),
    "dawid_skene": ("Dawid-Skene", "Each annotator weighed by what they confuse; no model."),
}
assert set(POLICIES) == set(get_args(Policy))


@dataclass(frozen=True)
class Start:
    """What a session's form began from."""

    newest: int
    """The highest version number then, 1 where none was stored."""
    version: int
    """The version in force then."""
    workflow: Workflow


def start_of(stored: Sequence[Document]) -> Start:
    """Return what a form begins from now."""
    standing = [one for one in stored if not one.is_taken_back]
    if not standing:
        return Start(max(1, len(stored)), 1, Workflow())
    now = standing[-1]
    return Start(len(stored), now.version, Workflow.model_validate_json(now.text))


def workflow_form(
    dataset: Dataset, label: str, stored: Sequence[Document], annotators: Sequence[str]
) -> bool:
    """Draw the form with Save; return whether it holds something that is not saved.

    Args:
        dataset: whose labels are given.
        label: its label column.
        stored: all versions.
        annotators: who labelled so far; offered as reviewers.
    """
    key, now = f"_workflow-start-{dataset.name}-{label}", start_of(stored)
    start = st.session_state.get(key)
    if not isinstance(start, Start):
        start = st.session_state[key] = now
    st.subheader(f"Workflow · version {now.version}", anchor=False)
    made = _fields(dataset, start, annotators)
    is_changed = made != start.workflow
    if start != now:
        if not is_changed:
            st.session_state[key] = now
            st.rerun()
        _overtaken(key, now, stored)
    why = st.text_input(
        "Why (kept with the version)",
        key=f"workflow-{dataset.name}-{start.newest}-{start.version}-why",
        placeholder="Workflow changed",
        persist_state="session",
    )
    if st.button(
        f"Save as version {now.newest + 1}",
        key="workflow-save",
        type="primary" if is_changed else "secondary",
        disabled=not is_changed,
    ):
        _save(dataset, label, made, (why or "").strip(), key)
    st.caption("No annotation is changed; a version says which of them count, and how.")
    return is_changed


def workflow_versions(stored: Sequence[Document]) -> None:
    """Draw the versions, newest first."""
    st.subheader("Workflow versions", anchor=False)
    if not stored:
        st.caption("One so far: of several decisions about a record, the newest counts.")
        return
    now, versions = start_of(stored).version, list(reversed(stored))
    flows = [Workflow.model_validate_json(one.text) for one in versions]
    st.dataframe(
        {
            "version": [one.version for one in versions],
            "standing": [
                "in force" if one.version == now else "taken back" if one.is_taken_back else ""
                for one in versions
            ],
            "when": [one.created_at for one in versions],
            "who": [one.author for one in versions],
            # The first is what was in force before anybody said so.
            "why": ["" if one.version == 1 else one.message for one in versions],
            "policy": [POLICIES[flow.policy][0] for flow in flows],
            "reviewers": [", ".join(flow.reviewers) for flow in flows],
            "versions that count": [
                "all" if flow.counts is None else ", ".join(map(str, flow.counts)) for flow in flows
            ],
            "guideline": [flow.guideline for flow in flows],
        },
        hide_index=True,
        height="content" if len(versions) < 8 else 300,
        key="workflow-versions",
        column_config={
            "version": st.column_config.NumberColumn(width=70),
            "standing": st.column_config.TextColumn(width=100),
            "when": st.column_config.DatetimeColumn(
                "when (UTC)", format="YYYY-MM-DD HH:mm", width=120
            ),
        },
    )


def _fields(dataset: Dataset, start: Start, annotators: Sequence[str]) -> Workflow:
    """Draw the fields, filled from where the form began, and return what they hold."""
    was, key = start.workflow, f"workflow-{dataset.name}-{start.newest}-{start.version}"
    names = list(POLICIES)
    policy = st.radio(
        "Of several decisions about a record",
        names,
        index=names.index(was.policy),
        format_func=lambda name: POLICIES[name][0],
        captions=[meaning for _, meaning in POLICIES.values()],
        key=f"{key}-policy",
        persist_state="session",
    )
    reviewers = list(was.reviewers)
    if policy == "reviewer_over_annotator":
        reviewers = st.multiselect(
            "Reviewers",
            list(dict.fromkeys([*was.reviewers, *annotators])),
            default=reviewers,
            key=f"{key}-reviewers",
            placeholder="Choose, or type a name",
            accept_new_options=True,
            select_all=False,
            persist_state="session",
        )
        if not reviewers:
            st.caption("Without a reviewer, this is the newest decision.")
    counts = _counts(start, key)
    guideline = st.text_area(
        "Guideline",
        was.guideline,
        key=f"{key}-guideline",
        placeholder="What annotators are told about the classes",
        persist_state="session",
    )
    return Workflow(
        policy=policy, reviewers=tuple(reviewers), counts=counts, guideline=guideline or ""
    )


def _counts(start: Start, key: str) -> tuple[int, ...] | None:
    coming = start.newest + 1
    chosen = st.multiselect(
        "Labels given under these versions count",
        list(range(1, coming + 1)),
        default=list(start.workflow.counts or ()),
        format_func=lambda number: f"{number}, the next" if number == coming else str(number),
        key=f"{key}-counts",
        placeholder="All versions",
        select_all=False,
        persist_state="session",
    )
    if chosen and coming not in chosen:
        st.caption(f"Labels that are given from now on, under version {coming}, would not count.")
    return tuple(sorted(chosen)) or None


def _overtaken(key: str, now: Start, stored: Sequence[Document]) -> None:
    """Say that another version is in force than the form began from, and offer that one."""
    made = next((one for one in stored if one.version == now.version), None)
    who = f"{made.author}: {made.message}" if made is not None else "as it was at first"
    st.warning(
        as_text(
            f"Version {now.version} came in force since you began ({who}). Saving puts yours in "
            "its place."
        )
    )
    if st.button(f"Begin again from version {now.version}", key="workflow-again"):
        st.session_state[key] = now
        st.rerun()


def _save(dataset: Dataset, label: str, made: Workflow, why: str, key: str) -> None:
    try:
        version = save_workflow(
            state.workspace(), dataset.name, label, made, author=state.user_name(),
            message=why or "Workflow changed",
        )  # fmt: skip
    except CurationError as error:
        show_error(error)
        return
    st.session_state.pop(key, None)
    state.notice_later(f"Workflow version {version} is in force.")
    st.rerun()

"""What a rule draws from the dataset as it is: computed at once, or on demand where a model is."""

from __future__ import annotations

from typing import Final

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset
from curation.progress import Progress
from curation.sampling.previews.preview import Preview, preview_rule
from curation.sampling.previews.preview_rows import asks_model
from curation.sampling.rules.library import written_out
from curation.sampling.rules.rule import Rule
from curation.ui import imports, parts, state
from curation.ui.errors import show_error
from curation.ui.jobs import JOBS, JobKey, Work

_TITLE: Final = "Drawing"
_PATIENCE: Final = 3.0
"""Seconds that a rule without a model may take before its progress is shown."""


def preview_of(dataset: Dataset, rule: Rule) -> Preview | None:
    """Return what a rule draws; None while that is computed, was not asked for, or failed, drawn.

    It is computed once for the same snapshot and rule; one that asks a model waits for a press.
    """
    whole = whole_rule(rule)
    if whole is None:
        return None
    key = state.job_key(dataset.name, f"rule-preview-{state.user_name()}-{whole.sha256[:20]}")
    imports.wait_for_learning()
    inputs = f"{dataset.snapshot}"
    workspace, viewer = state.workspace(), state.viewer()

    def work(progress: Progress) -> Preview:
        return preview_rule(workspace, viewer, dataset.name, whole, progress=progress)

    if asks_model(whole) and not _is_known(key, inputs):
        st.markdown("This rule asks a model about every row, which takes a while.")
        st.button(
            "Preview", key="rule-preview", icon=":material/visibility:",
            on_click=_start, args=(key, work, inputs),
        )  # fmt: skip
        return None
    found = parts.result_of(
        key, work, title=_TITLE, inputs=inputs, panel="rule-preview-job", patience=_PATIENCE
    )
    return found if isinstance(found, Preview) else None


def whole_rule(rule: Rule) -> Rule | None:
    """Return a rule with the rules in it written out; where that cannot be, draw why."""
    try:
        return written_out(state.workspace(), rule)
    except CurationError as error:
        show_error(error)
        return None


def _start(key: JobKey, work: Work, inputs: str) -> None:
    JOBS.start(key, work, title=_TITLE, inputs=inputs)


def _is_known(key: JobKey, inputs: str) -> bool:
    job = JOBS.get(key)
    return job is not None and job.inputs == inputs and job.state != "cancelled"

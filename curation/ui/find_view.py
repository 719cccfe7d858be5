"""Looking for label issues: how, the job that does it, and its progress."""

from __future__ import annotations

import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.findings import FindingSummary
from curation.learn.cross_validation import ESTIMATORS
from curation.learn.presets import LEARNERS, Preset
from curation.progress import Progress
from curation.ui import imports, parts, state
from curation.ui.jobs import JOBS


def find_form(dataset: Dataset, *, primary: bool) -> None:
    """Draw how to look, and the button that starts."""
    presets: tuple[Preset, ...] = ("fast", "accurate", "custom")
    preset = st.radio(
        "How",
        presets,
        captions=[
            "seconds for 10,000 short texts", "about five times as long", "models of your choice",
        ],
        format_func=str.capitalize,
        key="find-preset",
    )  # fmt: skip
    models: list[str] = []
    if preset == "custom":
        models = st.multiselect(
            "Models",
            [*LEARNERS, *ESTIMATORS],
            format_func=_model_name,
            key="find-models",
            help="Their probabilities are averaged. Estimators are cross-validated in five folds.",
        )
    with st.expander("Use your own probabilities", key="find-own"):
        prefix = st.text_input(
            "Columns that begin with",
            key="find-prefix",
            placeholder="p_",
            help="One column a class, named after it: p_refund, p_fees. All out of sample.",
        ).strip()
    st.button(
        "Find label issues",
        key="find-start",
        type="primary" if primary else "secondary",
        icon=":material/search:",
        disabled=preset == "custom" and not models,
        on_click=_start,
        args=(dataset, preset, tuple(models), prefix or None),
    )


def find_progress(dataset: Dataset) -> None:
    """Draw how far the search is, or why it failed; redraw the page once it is done."""
    key = state.job_key(dataset.name, "find")
    job = parts.started(key, "find-job")
    if job is not None and job.state == "done":
        JOBS.forget(key)
        st.rerun()


def finding_now(dataset: Dataset) -> bool:
    """Say whether a search goes on."""
    job = JOBS.get(state.job_key(dataset.name, "find"))
    return job is not None and job.running


def _model_name(name: str) -> str:
    package, _, estimator = name.rpartition(".")
    if package:
        return f"{estimator} ({package.partition('.')[0]})"
    return name.replace("_", " ").capitalize()


def _start(dataset: Dataset, preset: Preset, models: tuple[str, ...], prefix: str | None) -> None:
    workspace = state.workspace()

    def work(progress: Progress) -> FindingSummary:
        imports.wait_for_learning()
        from curation.finders.stored import find_in_dataset  # needs cleanlab, which sessions share
        from curation.learn.shared import Settings

        settings = Settings(preset=preset, learners=models, pred_probs_prefix=prefix)
        return find_in_dataset(workspace, dataset.name, settings=settings, progress=progress)

    inputs = f"{dataset.snapshot} {preset} {models} {prefix}"
    JOBS.start(
        state.job_key(dataset.name, "find"), work, title="Finding label issues", inputs=inputs
    )

"""Pieces that several pages draw the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from curation.ui.job_panel import job_panel
from curation.ui.jobs import JOBS, Job, JobKey, Work
from curation.ui.numbers import count

PATIENCE = 1.5
"""Seconds that a page waits for a job before it shows how far the job is."""


@dataclass(frozen=True)
class Figure:
    """One number at the top of a page: what it counts, and a note such as an interval."""

    label: str
    value: str
    note: str = ""
    help: str | None = None


def figures(items: Sequence[Figure], key: str, width: int = 165) -> None:
    """Draw the numbers that answer a page's question side by side; they wrap where it is narrow."""
    with st.container(key=f"figures-{key}", horizontal=True, gap="small"):
        for item in items:
            with st.container(width=width, gap=None):
                st.metric(item.label, item.value, help=item.help)
                if item.note:
                    st.caption(item.note)


def heading(title: str, caption: str = "") -> None:
    """Draw the page's title with one line about what it shows."""
    st.title(title, anchor=False)
    if caption:
        st.caption(caption)


def nothing_yet(text: str) -> None:
    """Say in an empty state what is missing and what to do."""
    with st.container(border=True):
        st.markdown(text)


def needs_dataset(title: str) -> None:
    """Draw a page that has no dataset to show, with the way to one."""
    heading(title)
    nothing_yet(
        "There is no dataset in this workspace yet. Import a file, or take the example on Home."
    )
    with st.container(horizontal=True):
        if st.button("Import a file", key="to-datasets", type="primary", icon=":material/upload:"):
            st.switch_page("pages/datasets.py")
        if st.button("Home", key="to-home", icon=":material/home:"):
            st.switch_page("pages/home.py")


def needs_label(title: str, dataset: str) -> None:
    """Draw a page that needs a label column which the dataset lacks."""
    heading(title)
    nothing_yet(f"`{dataset}` has no label column. Give one of its columns the role *label*.")
    if st.button("Choose the label column", key="to-roles", type="primary"):
        st.switch_page("pages/datasets.py")


def result_of(
    key: JobKey, work: Work, *, title: str, inputs: str, panel: str, patience: float = PATIENCE
) -> Any | None:
    """Return what the work gives; while it takes longer than a moment, draw its progress.

    The work is done once for the same inputs. None stands for not yet, or failed, which is drawn.
    """
    job = JOBS.result_of(key, work, title=title, inputs=inputs)
    return _ended(job, panel, patience)


def started(key: JobKey, panel: str, patience: float = 0.0) -> Job | None:
    """Draw the job under this key if it runs or failed, and return it, or None if there is none."""
    job = JOBS.get(key)
    if job is not None:
        _ended(job, panel, patience)
    return job


def _ended(job: Job, panel: str, patience: float) -> Any | None:
    job.wait(patience)
    if job.state == "done":
        return job.result
    job_panel(job, panel)
    return None


def rows_line(rows_in: int, rows_out: int) -> str:
    """Return ``"13,083 → 9,874 rows"``, or the one number where nothing changed."""
    if rows_in == rows_out:
        return count(rows_out, "row")
    return f"{rows_in:,} → {count(rows_out, 'row')}"

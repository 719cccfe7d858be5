"""How a background job looks on a page."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.ui.errors import as_text, show_error
from curation.ui.jobs import Job
from curation.ui.numbers import span


def job_panel(job: Job, key: str) -> None:
    """Draw how far a job is, with Cancel; redraw the page when it ends.

    Of an ended job, draw its error or that it was cancelled; its result is the page's to draw.
    """
    if job.running:
        _running(job, key)
    elif job.state == "cancelled":
        st.caption(f"{job.title}: cancelled after {span(job.seconds)}. Nothing was changed.")
    elif isinstance(job.error, CurationError):
        show_error(job.error)
    elif job.error is not None:
        show_bug(job.error, job.title)


def show_bug(error: BaseException, what: str) -> None:
    """Draw an error that nobody using the workbench can mend."""
    kind = type(error).__name__
    st.error(
        f"{what} stopped at a bug in the workbench, not in your data: "
        f"`{kind}`: {as_text(str(error)[:300])}  \nThe full trace is in the log of the server.",
        icon=":material/bug_report:",
    )


@st.fragment(run_every=0.5)
def _running(job: Job, key: str) -> None:
    if not job.running:
        st.rerun()
    left = job.seconds_left
    if job.cancelling:
        estimate = "stopping"
    elif left is None:
        estimate = "estimating the time left"
    else:
        estimate = f"about {span(left)} left"
    with st.container(key=f"{key}-panel", horizontal=True, vertical_alignment="center"):
        message = job.message[:1].upper() + job.message[1:]
        st.progress(job.fraction, text=f"{message} · {estimate}")
        st.button(
            "Cancel",
            key=f"{key}-cancel",
            icon=":material/close:",
            disabled=job.cancelling,
            on_click=job.cancel,
        )

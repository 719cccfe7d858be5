"""The example, offered where a workspace is empty."""

from __future__ import annotations

import streamlit as st

from curation.progress import Progress
from curation.ui import parts, state
from curation.ui.jobs import JOBS


def example_button() -> None:
    """Draw the button that puts the example into the workspace."""
    key = state.job_key("", "example")
    workspace, author = state.workspace(), state.user_name()

    def work(progress: Progress) -> str:
        from curation.demo import import_example  # needs cleanlab, which sessions share

        return import_example(workspace, author=author, progress=progress)

    if st.button("Look at the example", key="example", icon=":material/school:"):
        JOBS.start(key, work, title="Importing the example")
    job = parts.started(key, "example-job", patience=parts.PATIENCE)
    if job is not None and job.state == "done":
        JOBS.forget(key)
        state.look_at(str(job.result))
        st.rerun()

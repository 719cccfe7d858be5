"""Label issues: which labels are wrong?"""

import streamlit as st

from curation.finders.waiting import Queue
from curation.lake.datasets import Dataset
from curation.lake.findings import FindingSummary, latest_finding
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.find_view import find_form, find_progress, finding_now
from curation.ui.labelled import labelled_dataset
from curation.ui.numbers import count, span
from curation.ui.queues import MEANS, NAMES, again, pick_queue, queue_now
from curation.ui.review import Review
from curation.ui.review_view import review_view

TITLE = "Label issues"


def draw() -> None:
    """Draw the review of the newest finding, or the way to one."""
    dataset = labelled_dataset(TITLE)
    if dataset is None:
        return
    title = f"{TITLE} · {as_text(dataset.name)}"
    top = st.container()
    queue = pick_queue(dataset)
    if queue is not None:
        with top:
            parts.heading(f"{NAMES[queue]} · {as_text(dataset.name)}", MEANS[queue])
        _queue(dataset, queue)
        return
    finding = latest_finding(state.workspace(), dataset.name)
    with top:
        parts.heading(title, _about(finding) if finding else "")
    if finding is None:
        _first_time(dataset)
        return
    _outdated(dataset, finding)
    review_view(_review(finding), dataset.roles)
    with st.popover("Find again…", key="find-again", type="tertiary", icon=":material/refresh:"):
        find_form(dataset, primary=False)


def _queue(dataset: Dataset, queue: Queue) -> None:
    finding = queue_now(dataset, queue)
    if finding is None:
        return
    for note in finding.notes:
        st.caption(as_text(note))
    review_view(_review(finding), dataset.roles)
    again(dataset, queue)


def _first_time(dataset: Dataset) -> None:
    st.markdown(
        f"Each of the {count(dataset.rows, 'row')} gets a score: how likely its label is, by a "
        "model that did not see it. The least likely come first, for you to decide."
    )
    if not finding_now(dataset):
        find_form(dataset, primary=True)
    find_progress(dataset)


def _outdated(dataset: Dataset, finding: FindingSummary) -> None:
    if finding.snapshot != dataset.snapshot and not finding_now(dataset):
        st.info(
            f"These issues were found on snapshot {finding.snapshot}; the dataset is at "
            f"{dataset.snapshot} now. Find again, below, to review what is new.",
            icon=":material/history:",
        )
    find_progress(dataset)


def _review(finding: FindingSummary) -> Review:
    held = st.session_state.get(state.REVIEW)
    if not isinstance(held, Review) or held.finding.finding_id != finding.finding_id:
        held = Review(state.workspace(), state.viewer(), finding)
        st.session_state[state.REVIEW] = held
    return held


def _about(finding: FindingSummary) -> str:
    return (
        f"{finding.flagged:,} of {count(finding.rows, 'row')} flagged "
        f"on snapshot {finding.snapshot} by {finding.learner} in {span(finding.seconds)}"
        + "".join(f" · {note}" for note in finding.notes)
    )


draw()

"""Which queue is worked on: likely label errors, or records that wait for another reason."""

from __future__ import annotations

from typing import Final

import streamlit as st

from curation.finders.waiting import QUEUES, Queue, count_waiting, find_waiting
from curation.lake.datasets import Dataset
from curation.lake.findings import FindingSummary
from curation.ui import parts, state

QUEUE: Final = "queue"
"""Key of the queue in session state; a page that leads here sets it."""
LABEL: Final = "label"
NAMES: Final = {
    LABEL: "Label issues",
    "reclassify": "Split or retired class",
    "disputed": "Disputed",
    "label_next": "Label next",
}
MEANS: Final[dict[Queue, str]] = {
    "reclassify": "Their class was split or retired. Those that a model of your decisions is least "
    "sure of come first.",
    "disputed": "Annotators disagree about them. The most divided come first.",
    "label_next": "Where another label would teach most, by ActiveLab.",
}


def pick_queue(dataset: Dataset) -> Queue | None:
    """Draw the choice of queue where there is more than one, and return it.

    None stands for likely label errors.
    """
    waiting = count_waiting(state.workspace(), dataset.name)
    chosen = st.session_state.get(QUEUE, LABEL)
    names = [LABEL, *(name for name in QUEUES if name == chosen or waiting.get(name, 0))]
    if len(names) == 1:
        return None
    if chosen not in names:
        st.session_state[QUEUE] = LABEL

    def named(name: str) -> str:
        count = next((n for queue, n in waiting.items() if queue == name), 0)
        return f"{NAMES[name]} · {count:,}" if count else NAMES[name]

    picked = st.segmented_control(
        "Queue",
        names,
        format_func=named,
        default=None if QUEUE in st.session_state else LABEL,
        required=True,
        key=QUEUE,
        label_visibility="collapsed",
        persist_state="session",
    )
    return next((queue for queue in QUEUES if queue == picked), None)


def queue_now(dataset: Dataset, queue: Queue) -> FindingSummary | None:
    """Return the finding of a queue; None while it is computed or where it failed, drawn.

    It stays the same while it is worked on; `again` ranks it anew.
    """
    held = st.session_state.get(f"_queue-{dataset.name}-{queue}")
    if isinstance(held, FindingSummary) and held.snapshot == dataset.snapshot:
        return held
    workspace = state.workspace()
    found = parts.result_of(
        state.job_key(dataset.name, f"queue-{queue}"),
        lambda progress: find_waiting(workspace, dataset.name, queue, progress=progress),
        title="Looking for what waits",
        inputs=f"{dataset.snapshot} {st.session_state.get('_queue-asked', 0)}",
        panel=f"queue-{queue}",
    )
    if isinstance(found, FindingSummary):
        st.session_state[f"_queue-{dataset.name}-{queue}"] = found
        return found
    return None


def again(dataset: Dataset, queue: Queue) -> None:
    """Draw the button that ranks the queue by what was decided since."""
    if st.button("Rank again", key="queue-again", type="tertiary", icon=":material/refresh:"):
        st.session_state["_queue-asked"] = st.session_state.get("_queue-asked", 0) + 1
        del st.session_state[f"_queue-{dataset.name}-{queue}"]
        st.rerun()

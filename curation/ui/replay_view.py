"""What becomes of every annotation on a snapshot: counts that add up, and each list to open."""

from __future__ import annotations

import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.decisions import said_until_now
from curation.privacy import gate
from curation.progress import Progress
from curation.recipe.replay import NOT_IN_FORCE, Replay, replay
from curation.steps.matching import OUTCOMES
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.history_view import snapshot_names
from curation.ui.numbers import count

_WORDS = {**OUTCOMES, **NOT_IN_FORCE}
_COLUMNS = (
    "record_key",
    "key_now",
    "given",
    "label_now",
    "decision",
    "value",
    "annotator",
    "created_at",
)


def replay_view(dataset: Dataset) -> None:
    """Draw the replay of a dataset's annotations onto one of its snapshots."""
    workspace = state.workspace()
    snapshots = snapshot_names(dataset)
    onto = st.selectbox(
        "Onto snapshot", list(snapshots), format_func=snapshots.__getitem__, key="replay-onto",
        width=320,
    )  # fmt: skip
    if onto is None:
        return

    def work(progress: Progress) -> Replay:
        return replay(workspace, dataset.name, onto=onto, progress=progress)

    found = parts.result_of(
        state.job_key(dataset.name, "replay"), work, title="Replaying",
        inputs=f"{onto} {said_until_now(workspace, dataset.name)}",
        panel="replay-job",
    )  # fmt: skip
    if not isinstance(found, Replay):
        return
    if not len(found.rows):
        parts.nothing_yet("Nothing was said about this dataset's labels yet.")
        return
    counts = found.counts
    st.markdown(
        f"**{count(len(found.rows), 'annotation')}**: "
        f"{counts['applied'] + counts['moved']:,} apply, "
        f"{len(found.waiting):,} wait for a person, {counts['gone']:,} are about records that are "
        "gone. Nothing is overwritten."
    )
    for note in found.notes:
        st.caption(as_text(note))
    left, right = st.columns([2, 3], gap="medium")
    there = [name for name, number in counts.items() if number]
    with left:
        st.dataframe(
            {
                "annotations": [counts[name] for name in there],
                "outcome": [_WORDS[name] for name in there],
            },
            hide_index=True,
            height="content",
            column_config={
                "annotations": st.column_config.NumberColumn(format="localized", width=90)
            },
        )
    with right:
        chosen = st.selectbox(
            "Open", there, format_func=_WORDS.__getitem__, key="replay-open", width=320
        )
        if chosen is not None:
            rows = found.having(chosen).select(list(_COLUMNS))
            st.dataframe(gate.preview(state.viewer(), rows, 500), hide_index=True, height=300)
            if len(rows) > 500:
                st.caption(f"The first 500 of {len(rows):,}.")

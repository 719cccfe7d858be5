"""How two snapshots of a dataset differ: rows, columns, cells, labels and distributions."""

from __future__ import annotations

import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.diffs import Diff
from curation.privacy import gate
from curation.progress import Progress
from curation.ui import charts, parts, state
from curation.ui.class_mix import mix
from curation.ui.errors import as_text
from curation.ui.history_view import snapshot_names
from curation.ui.numbers import count


def compare_view(dataset: Dataset) -> None:
    """Draw the choice of two snapshots, and what differs between them."""
    names = snapshot_names(dataset)
    if len(names) < 2:
        parts.nothing_yet(
            "One snapshot so far. Each import and each change of roles adds one, and then two can "
            "be compared here."
        )
        return
    ids = list(names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        old = st.selectbox(
            "From", ids, index=1, format_func=names.__getitem__, key="diff-old", width=260
        )
        new = st.selectbox(
            "to", ids, index=0, format_func=names.__getitem__, key="diff-new", width=260
        )
    if old == new:
        st.caption("Choose two different snapshots.")
        return
    workspace, viewer = state.workspace(), state.viewer()

    def work(_: Progress) -> Diff:
        return gate.difference(workspace, viewer, dataset.name, old, new)

    found = parts.result_of(
        state.job_key(dataset.name, "diff"), work, title="Comparing", inputs=f"{old} {new}",
        panel="diff",
    )  # fmt: skip
    if isinstance(found, Diff):
        _difference(dataset, found)


def _difference(dataset: Dataset, found: Diff) -> None:
    for words, columns in (
        ("Columns added", found.columns_added), ("Columns removed", found.columns_removed)
    ):  # fmt: skip
        if columns:
            listed = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
            st.markdown(as_text(f"{words}: {listed}."))
    for name, change in found.types_changed.items():
        st.markdown(as_text(f"{name} is {change.after} now; it was {change.before}."))
    if not (found.added or found.removed or found.changed):
        st.markdown("The rows are the same.")
        return
    st.markdown(
        f"**{count(found.added, 'row')}** added, **{found.removed:,}** removed, "
        f"**{found.changed:,}** changed, **{found.labels_changed:,}** of them with another label."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _labels(found)
        _cells(found)
        for column in found.distributions or []:
            st.caption(as_text(column.summary))
    with right:
        if found.classes_before and found.classes_before != found.classes_after:
            st.markdown("**Rows a class**, before → after")
            chart = charts.class_bars(found.classes_before, found.classes_after)
            words = f"Before, {mix(found.classes_before)}. After, {mix(found.classes_after)}."
            charts.draw(chart, "diff-classes", words)
    if found.changed:
        st.markdown("**Cells that changed**, of the first 50 records")
        cells = gate.cells_changed(
            state.workspace(), state.viewer(), dataset.name, found.old, found.new
        )
        st.dataframe(cells, hide_index=True, height=260, key="diff-cells")


def _labels(found: Diff) -> None:
    if not found.label_changes:
        return
    st.markdown("**Labels**, from → to")
    st.dataframe(
        {
            "from": [change.before or "no label" for change in found.label_changes],
            "to": [change.after or "no label" for change in found.label_changes],
            "rows": [change.rows for change in found.label_changes],
        },
        hide_index=True,
        height="content" if len(found.label_changes) < 8 else 300,
    )


def _cells(found: Diff) -> None:
    changed = {name: rows for name, rows in found.cells_changed.items() if rows}
    if changed:
        said = ", ".join(f"{name} in {rows:,}" for name, rows in changed.items())
        st.caption(as_text(f"Changed cells: {said}."))

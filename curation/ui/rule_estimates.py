"""What a rule's sample says of all rows, with intervals; computed once somebody wants to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.progress import Progress
from curation.sampling.previews.dataset_estimates import column_estimates
from curation.sampling.previews.estimates import Estimate
from curation.sampling.rules.rule import Rule
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.rule_preview import whole_rule

_MEASURED: Final = ("label", "group", "feature", "timestamp", "weight", "sensitive", "annotator")
"""Roles of columns whose values are worth counting."""


def estimates_view(dataset: Dataset, rule: Rule) -> None:
    """Draw the totals that the drawn rows stand for, folded until they are wanted."""
    columns = [c for c in dataset.columns if dataset.roles.role_of(c) in _MEASURED]
    if not columns:
        return
    folded = st.expander(
        "What the sample says of all rows", key="rule-estimates", on_change="rerun"
    )
    if not folded.open:
        return
    with folded:
        label = dataset.roles.label
        column = st.selectbox(
            "Column",
            columns,
            index=columns.index(label) if label in columns else 0,
            key=f"rule-estimates-of-{dataset.name}",
            persist_state="session",
        )
        found = _estimates(dataset, rule, column)
        if found is not None:
            _table(column, found)


def _estimates(dataset: Dataset, rule: Rule, column: str) -> list[Estimate] | None:
    workspace, whole = state.workspace(), whole_rule(rule)
    if whole is None:
        return None

    def work(progress: Progress) -> list[Estimate]:
        return column_estimates(workspace, dataset.name, whole, column, progress=progress)

    found = parts.result_of(
        state.job_key(dataset.name, f"rule-estimates-{whole.sha256[:20]}"), work,
        title="Estimating", inputs=f"{dataset.snapshot} {column}", panel="rule-estimates-job",
    )  # fmt: skip
    return found if isinstance(found, list) else None


def _table(column: str, found: Sequence[Estimate]) -> None:
    if not found:
        st.caption("Nothing is drawn, so nothing can be said.")
        return
    st.dataframe(
        {
            column: [one.name for one in found],
            "estimate": [_number(one.total) for one in found],
            "from": [_number(one.low) for one in found],
            "to": [_number(one.high) for one in found],
            "drawn rows": [one.rows for one in found],
        },
        hide_index=True,
        height="content" if len(found) < 12 else 390,
        key="rule-estimates-table",
        placeholder="unknown",
        alt="Estimates of all rows from the drawn ones, with intervals",
        column_config={
            "estimate": st.column_config.NumberColumn(format="localized", width=90),
            "from": st.column_config.NumberColumn(format="localized", width=80),
            "to": st.column_config.NumberColumn(format="localized", width=80),
            "drawn rows": st.column_config.NumberColumn(format="localized", width=90),
        },
    )
    st.caption(
        as_text(
            "Each drawn row stands for as many as its chance says, among the rows that may be "
            "drawn or are always kept. From and to: an interval of 95%."
        )
    )


def _number(value: float) -> float | None:
    """Return a number as it is worth telling; None where nothing is known."""
    if not math.isfinite(value):
        return None
    return round(value) if abs(value) >= 1000 else round(value, 1 if abs(value) >= 10 else 4)

"""How well the annotators of a dataset agree, and how good each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from curation.errors import CurationError, LabelError
from curation.finders.waiting import count_waiting
from curation.lake.datasets import Dataset
from curation.lake.effective_labels import newest_change
from curation.progress import Progress
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.jobs import JOBS
from curation.ui.numbers import count, share

if TYPE_CHECKING:
    from curation.finders.agreement import Agreement
    from curation.finders.consensus import Annotators

RELIABLE: Final = 0.8
TENTATIVE: Final = 0.667
"""Krippendorff 2004, "Content Analysis", 2nd edition, section 11.4: from the first on, data are
reliable; from the second on, they allow tentative conclusions."""

_QUALITY: Final = {
    "majority": "How often the others who labelled the same records say the same.",
    "dawid_skene": "How often they are right, as Dawid and Skene's model estimates it.",
    "crowdlab": "How often they are right, as CROWDLAB estimates it from all annotators and a "
    "model.",
}


@dataclass(frozen=True)
class Known:
    """What is known of the annotators, which is nothing while nobody labelled."""

    annotators: Annotators | None
    disputed: int = 0
    """Records in the queue of those with more than one verdict."""


def annotators_now(dataset: Dataset) -> Known | None:
    """Return what is known; None while it is computed, or where it failed, which is drawn."""
    workspace = state.workspace()

    def work(progress: Progress) -> Known:
        from curation.finders.consensus import annotators, vote_table  # cleanlab, shared

        progress(0.1, "Reading what was said")
        try:
            found = annotators(workspace, dataset)
        except LabelError:
            if len(vote_table(workspace, dataset)):
                raise
            return Known(None)
        progress(0.8, "Counting what is disputed")
        return Known(found, count_waiting(workspace, dataset.name).get("disputed", 0))

    key = state.job_key(dataset.name, "annotators")
    found = parts.result_of(
        key,
        work,
        title="Comparing the annotators",
        inputs=str(newest_change(workspace)),
        panel="annotators-job",
    )
    job = JOBS.get(key)
    if job is not None and isinstance(job.error, CurationError):
        _to_issues("Go to label issues")
    return found if isinstance(found, Known) else None


def nobody_yet() -> None:
    """Draw the page of a dataset that nobody labelled, with the way to do it."""
    parts.nothing_yet(
        "**Nobody has given a label yet.** Decide about some records; once two people have "
        "labelled the same ones, this page says how far they agree and how good each of them is."
    )
    _to_issues("Label issues", primary=True)


def annotator_figures(found: Annotators, disputed: int) -> list[parts.Figure]:
    """Return who labelled how much, how far they agree, and what is in dispute."""
    rows, each = found.consensus.rows, found.consensus.annotators
    labels = pc.sum(rows["votes"]).as_py() or 0
    unsettled = pc.sum(rows["is_disputed"]).as_py() or 0
    return [
        parts.Figure("Annotators", f"{len(each):,}"),
        parts.Figure("Labels", f"{labels:,}", f"on {count(len(rows), 'record')}"),
        parts.Figure(
            "With two or more",
            f"{found.shared:,}",
            f"{share(found.shared, len(rows))} of them",
            "Records that several annotators labelled; only these tell how far they agree.",
        ),
        _alpha(found.agreement),
        parts.Figure(
            "Disputed",
            f"{disputed:,}",
            f"{unsettled:,} not settled" if disputed else "",
            "Records with more than one label. Not settled: none of the labels is sure enough "
            "under the policy.",
        ),
    ]


def in_words(agreement: Agreement) -> str:
    """Say what an agreement means by Krippendorff's rule of thumb."""
    if agreement.alpha is None:
        if not agreement.records:
            return "No record has labels of two annotators, so nothing tells how far they agree."
        return "All labels on shared records are of one class, so there is nothing to disagree on."
    if agreement.alpha >= RELIABLE:
        said = "at or above 0.8: the labels are reliable"
    elif agreement.alpha >= TENTATIVE:
        said = "between 0.667 and 0.8: the labels allow tentative conclusions"
    else:
        said = "below 0.667: one annotator's label is too unsure to rely on"
    sure = ""
    if agreement.low is not None and agreement.high is not None:
        is_sure = _band(agreement.low) == _band(agreement.high)
        sure = "" if is_sure else " The interval does not settle it."
    return f"Krippendorff's alpha is {said}.{sure} The limits are his rule of thumb."


def annotator_table(found: Annotators) -> None:
    """Draw a row for each annotator, the most labels first."""
    policy = found.consensus.policy
    table = found.consensus.annotators.sort_by(
        [("votes", "descending"), ("annotator", "ascending")]
    )
    st.dataframe(
        {
            "annotator": table["annotator"].to_pylist(),
            "labels": table["votes"].to_pylist(),
            "quality": _percent(table["quality"]),
            "agreement": _percent(table["agreement"]),
            "worst class": table["worst_class"].to_pylist(),
        },
        hide_index=True,
        height="content" if len(table) < 17 else 600,
        key="annotators-table",
        placeholder="–",
        column_config={
            "labels": st.column_config.NumberColumn(format="localized", width=70),
            "quality": st.column_config.ProgressColumn(
                format="%.0f%%", min_value=0.0, max_value=100.0, width=110, help=_QUALITY[policy]
            ),
            "agreement": st.column_config.NumberColumn(
                format="%.0f%%",
                width=90,
                help="The share of their labels that equal the consensus, on shared records.",
            ),
            "worst class": st.column_config.TextColumn(
                help="Of the consensus: the class that they most often gave another label."
            ),
        },
    )
    st.caption(
        f"Who labelled most comes first. Quality: {_QUALITY[policy][:1].lower()}"
        f"{_QUALITY[policy][1:]} Of few labels, it says little."
    )
    for note in found.consensus.notes:
        st.caption(as_text(note))


def _alpha(agreement: Agreement) -> parts.Figure:
    note = ""
    if agreement.low is not None and agreement.high is not None:
        note = f"{agreement.low:.2f} to {agreement.high:.2f}"
    return parts.Figure(
        "Agreement (alpha)",
        "–" if agreement.alpha is None else f"{agreement.alpha:.2f}",
        note,
        "Krippendorff's alpha, agreement beyond chance: 1 is perfect, 0 is as by chance. The range "
        "is a 95% interval (bootstrap over records).",
    )


def _percent(shares: pa.ChunkedArray) -> list[float | None]:
    return [None if one is None else 100 * one for one in shares.to_pylist()]


def _band(alpha: float) -> int:
    return (alpha >= TENTATIVE) + (alpha >= RELIABLE)


def _to_issues(label: str, *, primary: bool = False) -> None:
    if st.button(
        label,
        key="annotators-to-issues",
        type="primary" if primary else "secondary",
        icon=":material/fact_check:",
    ):
        st.session_state["queue"] = "label"
        st.switch_page("pages/label_issues.py")

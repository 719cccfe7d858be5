"""One kind of issue opened: what it means, what it is about, its picture, its rows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st
from pydantic import create_model

from curation.lake.datasets import Dataset
from curation.lake.findings import FindingSummary
from curation.learn.shared import Settings
from curation.ui import forms, parts, state
from curation.ui.errors import as_text
from curation.ui.jobs import JOBS
from curation.ui.numbers import count, share, span
from curation.ui.other_issues_chart import kind_chart
from curation.ui.other_issues_kinds import Kind, asked_key, lacking
from curation.ui.other_issues_list import (
    looked_figure,
    open_kind,
    show_failure,
)
from curation.ui.other_issues_next import next_steps
from curation.ui.other_issues_rows import flagged_list
from curation.ui.other_issues_search import (
    all_key,
    as_before,
    failures,
    look_again,
    looking_now,
    settings_before,
)
from curation.ui.parts import Figure

_UNDRAWN: Final = frozenset({"learner_parameters"})
"""Shared settings for which a form has no widget; they stay as they were."""
_DRAWN: Final[dict[str, Any]] = {
    name: (about.annotation, about)
    for name, about in Settings.model_fields.items()
    if name not in _UNDRAWN
}
_DrawnSettings = create_model("_DrawnSettings", **_DRAWN)
_MOST_SUBJECTS: Final = 8
_MOST_FOLDED: Final = 200
_FLAGGED: Final[Mapping[str, str]] = {
    "column": "Columns flagged", "class": "Classes flagged", "classes": "Sets of classes",
    "slice": "Slices flagged", "group": "Groups flagged", "dataset": "Whole dataset",
}  # fmt: skip


def kind_view(dataset: Dataset, kind: Kind) -> None:
    """Draw one kind of issue, or why there is nothing to draw."""
    reason = lacking(state.workspace(), state.viewer(), dataset).get(kind.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="kind-bar"):
        st.button(
            "All kinds", key="kind-back", icon=":material/arrow_back:", type="tertiary",
            on_click=open_kind, args=(None,),
        )  # fmt: skip
        _meaning(kind)
        if reason is None:
            _again(dataset, kind)
    if reason is not None:
        parts.nothing_yet(f"It cannot be looked for in these data. {as_text(reason)}")
        return
    _progress(dataset, kind)
    finding = kind.finding
    if finding is None:
        parts.nothing_yet("Nobody has looked for it in this dataset yet. Look, above.")
        return
    _found(dataset, kind, finding)


def _found(dataset: Dataset, kind: Kind, finding: FindingSummary) -> None:
    stale = finding.snapshot != dataset.snapshot
    if stale:
        st.info(
            f"This was found on snapshot {finding.snapshot}; the dataset is at "
            f"{dataset.snapshot} now. Look again, above, to see what is new.",
            icon=":material/history:",
        )
    parts.figures(_figures(dataset, kind, finding), key="kind")
    if not kind.has_issues:
        st.markdown("Nothing was flagged.")
    else:
        st.markdown(f"**What to do** — {as_text(kind.finder.advice)}")
        next_steps(dataset, kind, finding)
    _subjects(kind)
    kind_chart(state.workspace(), finding)
    for note in finding.notes:
        st.caption(as_text(note))
    if finding.flagged:
        flagged_list(finding, dataset.roles)


def _figures(dataset: Dataset, kind: Kind, finding: FindingSummary) -> list[Figure]:
    figures = []
    if finding.rows:
        note = f"{share(finding.flagged, finding.rows)} of {count(finding.rows, 'row')}"
        figures.append(Figure("Rows flagged", f"{finding.flagged:,}", note))
    if kind.subjects:
        nouns = {one["kind"] for one in kind.subjects}
        label = _FLAGGED[nouns.pop()] if len(nouns) == 1 else "Others flagged"
        figures.append(Figure(label, f"{len(kind.subjects):,}"))
    if finding.estimated_errors is not None:
        figures.append(Figure("Errors (est.)", f"{finding.estimated_errors:,}", "by a model"))
    figures.append(looked_figure(dataset, finding.created_at, finding.snapshot))
    return figures


def _meaning(kind: Kind) -> None:
    with st.popover("What it means", key="kind-meaning", type="tertiary", icon=":material/help:"):
        st.markdown(as_text(inspect.getdoc(kind.finder) or ""))
        st.markdown(f"**Score** — {as_text(kind.finder.scores)}")
        if kind.finding is not None and kind.finding.learner:
            st.caption(as_text(f"{kind.finding.learner}, in {span(kind.finding.seconds)}"))


def _again(dataset: Dataset, kind: Kind) -> None:
    label = "Look again…" if kind.finding is not None else "Look…"
    with st.popover(label, key="kind-again", type="tertiary", icon=":material/refresh:"):
        columns = list(dataset.columns)
        start = f"other-{kind.name}-{kind.finding.finding_id if kind.finding else 'new'}"
        values = forms.model_form(
            kind.finder, as_before(kind).model_dump(), key=start, columns=columns
        )
        with st.expander("Shared settings", key="kind-settings"):
            st.caption("How features, neighbours and probabilities are computed.")
            before = settings_before(kind).model_dump()
            shared = forms.model_form(_DrawnSettings, before, key=f"{start}-shared")
        finder, wrong = forms.validated(kind.finder, values)
        settings, also_wrong = forms.validated(Settings, {**_undrawn(before), **shared})
        for sentence in [*wrong, *also_wrong]:
            st.warning(as_text(sentence))
        if st.button(
            "Look", key="kind-look", icon=":material/search:",
            disabled=finder is None or settings is None,
        ):  # fmt: skip
            assert finder is not None
            assert settings is not None
            look_again(dataset, finder, settings)
            st.rerun()


def _undrawn(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in _UNDRAWN}


def _progress(dataset: Dataset, kind: Kind) -> None:
    key = asked_key(state.workspace(), dataset.name, kind.name)
    parts.started(key, "kind-job")
    if looking_now(dataset.name):
        parts.started(all_key(dataset.name), "other-job")
    elif JOBS.get(key) is None:
        failed, unfit = failures(dataset)
        if kind.name in failed:
            show_failure(failed[kind.name], kind.finder.title)
        elif kind.name in unfit:
            st.info(as_text(unfit[kind.name]), icon=":material/info:")


def _subjects(kind: Kind) -> None:
    """Draw the columns, classes and slices that were flagged, the less bad ones folded."""
    if not kind.subjects:
        return
    _table(kind.subjects[:_MOST_SUBJECTS])
    if rest := kind.subjects[_MOST_SUBJECTS:_MOST_FOLDED]:
        with st.expander(f"{len(rest):,} more, less bad", key="kind-subjects"):
            _table(rest)


def _table(subjects: Sequence[Mapping[str, Any]]) -> None:
    st.table(
        {
            "": [one["kind"] for one in subjects],
            "Flagged": [f"**{as_text(str(one['subject'])[:80])}**" for one in subjects],
            "Rows": [f"{one['rows'] or 0:,}" for one in subjects],
            "What was found": [as_text(one["explanation"] or "") for one in subjects],
        },
        border="horizontal",
        hide_index=True,
    )

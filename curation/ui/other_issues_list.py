"""All kinds of other issues as rows: the worst first, the quiet ones folded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error
from curation.ui.job_panel import show_bug
from curation.ui.jobs import Job
from curation.ui.numbers import count, share, span
from curation.ui.other_issues_kinds import (
    MEANS,
    Kind,
    Severity,
    kinds,
    lacking,
    ranked,
    rows_flagged,
    worst_line,
)
from curation.ui.other_issues_search import all_key, failures, look_for_all, looking_now
from curation.ui.parts import Figure
from curation.ui.step_rows import first_sentence

KIND: Final = "kind"
"""The query parameter that names the kind that is opened."""
MARKS: Final[Mapping[Severity, str]] = {"high": "●●●", "medium": "●●○", "low": "●○○"}


def kinds_list(dataset: Dataset) -> None:
    """Draw what was found of every kind, and the button that looks for all of them."""
    workspace = state.workspace()
    lack = lacking(workspace, state.viewer(), dataset)
    everything = kinds(workspace, dataset.name)
    able = [kind for kind in everything if kind.name not in lack]
    failed, unfit = failures(dataset)
    working = [kind for kind in able if kind.name not in failed.keys() | unfit.keys()]
    looked = [kind for kind in working if kind.finding is not None]
    if looked:
        parts.figures(_figures(dataset, looked), key="other")
    elif not failed:
        st.markdown(
            f"{count(len(working), 'kind')} of issues can be looked for in these "
            f"{count(dataset.rows, 'row')}, on one shared computation."
        )
    _outdated(dataset, looked)
    _search(dataset, able)
    for kind in [k for k in able if k.name in failed]:
        _failed(kind, failed[kind.name])
    for kind in ranked(looked):
        _row(kind)
    _folded([kind for kind in working if not kind.has_issues], everything, lack | unfit)


def open_kind(name: str | None) -> None:
    """Show one kind, or all of them, from the next run on."""
    if name is None:
        st.query_params.pop(KIND, None)
    else:
        st.query_params[KIND] = name


def severity_text(severity: Severity) -> str:
    """Return a mark with its word, in Markdown."""
    marks = MARKS[severity]
    return f":orange[{marks}] {severity}" if severity == "high" else f"{marks} {severity}"


def looked_figure(dataset: Dataset, when: datetime, snapshot: int) -> Figure:
    """Return when somebody looked and on which snapshot, as a figure."""
    seconds = (datetime.now(UTC).replace(tzinfo=None) - when).total_seconds()
    ago = "just now" if seconds < 60 else f"{span(seconds)} ago"
    if seconds > 86_400:
        ago = f"{when:%d %b}"
    old = "" if snapshot == dataset.snapshot else ", not the newest"
    return Figure("Looked for", ago, f"on snapshot {snapshot}{old}")


def _figures(dataset: Dataset, looked: list[Kind]) -> list[Figure]:
    snapshot = max(k.finding.snapshot for k in looked if k.finding)
    same = [k for k in looked if k.finding and k.finding.snapshot == snapshot]
    flagged = rows_flagged(state.workspace(), same)
    when = max(k.finding.created_at for k in same if k.finding)
    return [
        Figure(
            "Kinds with issues",
            f"{sum(kind.has_issues for kind in looked):,}",
            f"of {len(looked):,} looked for",
            MEANS,
        ),
        Figure("Rows flagged", f"{flagged:,}", f"{share(flagged, dataset.rows)}, by any kind"),
        looked_figure(dataset, when, snapshot),
    ]


def _outdated(dataset: Dataset, looked: list[Kind]) -> None:
    old = [k for k in looked if k.finding and k.finding.snapshot != dataset.snapshot]
    if old and not looking_now(dataset.name):
        snapshots = sorted({k.finding.snapshot for k in old if k.finding})
        listed = ", ".join(map(str, snapshots))
        st.info(
            f"{count(len(old), 'kind')} looked for on snapshot {listed}; the dataset is at "
            f"{dataset.snapshot} now. Look again to see what is new.",
            icon=":material/history:",
        )


def _search(dataset: Dataset, able: list[Kind]) -> None:
    if not looking_now(dataset.name):
        st.button(
            "Look for issues",
            key="other-start",
            type="primary",
            icon=":material/search:",
            disabled=not able,
            on_click=look_for_all,
            args=(dataset, able),
        )
    parts.started(all_key(dataset.name), "other-job")


def _row(kind: Kind) -> None:
    line = worst_line(state.workspace(), state.viewer(), kind)
    with (
        st.container(border=True, key=f"kind-{kind.name}"),
        st.container(horizontal=True, vertical_alignment="center", gap="medium"),
    ):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{as_text(kind.finder.title)}**")
            st.caption(as_text(line))
        with st.container(width=150, gap=None):
            st.markdown(kind.counted)
            st.caption(severity_text(kind.severity))
        _open(kind)


def _open(kind: Kind) -> None:
    st.button(
        "Open",
        key=f"open-{kind.name}",
        help=f"Open {as_text(kind.finder.title.lower())}",
        on_click=open_kind,
        args=(kind.name,),
    )


def _failed(kind: Kind, job: Job) -> None:
    with st.container(border=True, key=f"failed-{kind.name}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{as_text(kind.finder.title)}** could not be looked for")
            _open(kind)
        show_failure(job, kind.finder.title)


def show_failure(job: Job, what: str) -> None:
    """Draw the error of a search, a bug as well."""
    if isinstance(job.error, CurationError):
        show_error(job.error)
    elif job.error is not None:
        show_bug(job.error, f"The search for {as_text(what.lower())}")


def _folded(rest: list[Kind], everything: list[Kind], lack: Mapping[str, str]) -> None:
    """Draw the kinds with nothing to show, folded: nothing found, not looked for, cannot work."""
    nothing = [kind for kind in rest if kind.finding is not None]
    unseen = [kind for kind in rest if kind.finding is None]
    unfit = [kind for kind in everything if kind.name in lack]
    if nothing:
        with st.expander(f"{count(len(nothing), 'kind')} found nothing", key="other-nothing"):
            _quiet(nothing)
    if unseen:
        with st.expander(f"{count(len(unseen), 'kind')} not looked for yet", key="other-unseen"):
            _quiet(unseen)
    if unfit:
        title = f"{count(len(unfit), 'kind')} cannot be looked for in these data"
        with st.expander(title, key="other-unfit"):
            for kind in unfit:
                st.markdown(f"**{as_text(kind.finder.title)}** · {as_text(lack[kind.name])}")


def _quiet(quiet: list[Kind]) -> None:
    for kind in quiet:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            with st.container(width="stretch", gap=None):
                about = as_text(first_sentence(kind.finder.__doc__))
                st.markdown(f"**{as_text(kind.finder.title)}** · {about}")
            _open(kind)

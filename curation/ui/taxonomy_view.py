"""The classes of a taxonomy under one version, with their rows and what each came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from curation.finders.waiting import count_waiting
from curation.lake.datasets import Dataset
from curation.lake.effective_labels import ClassRows, class_rows, newest_change
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Split, Taxonomy
from curation.lake.translation import TaxonomyHistory, backward
from curation.progress import Progress
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.numbers import count, share

_MOST_UNKNOWN: Final = 5


@dataclass(frozen=True)
class Stand:
    """How the data are under a version of the taxonomy."""

    rows: ClassRows
    waiting: int
    """Records in the queue of a split or retired class, under the version in force."""


def stand_under(dataset: Dataset, version: int) -> Stand | None:
    """Return how the data are under a version; None while it is counted or where that failed."""
    workspace = state.workspace()

    def work(progress: Progress) -> Stand:
        progress(0.1, "Counting the rows of each class")
        rows = class_rows(workspace, dataset.name, version)
        progress(0.6, "Counting what waits")
        return Stand(rows, count_waiting(workspace, dataset.name).get("reclassify", 0))

    found = parts.result_of(
        state.job_key(dataset.name, f"taxonomy-{version}"),
        work,
        title="Counting",
        inputs=f"{newest_change(workspace)}",
        panel="taxonomy-job",
    )
    return found if isinstance(found, Stand) else None


def taxonomy_figures(
    known: TaxonomyHistory, stand: Stand | None, dataset: Dataset
) -> list[parts.Figure]:
    """Return the number of classes, the version in force, and what waits because of it."""
    now = known.current
    before = "as found in the data" if now.parent is None else f"made from version {now.parent}"
    return [
        parts.Figure("Classes", f"{len(now.classes):,}"),
        parts.Figure("Version in force", str(now.version), before),
        parts.Figure(
            "Records that wait",
            "–" if stand is None else f"{stand.waiting:,}",
            f"{share(stand.waiting, dataset.rows)} of the rows" if stand and stand.waiting else "",
            "Their class was split or retired, so a person chooses another one.",
        ),
    ]


def pick_version(known: TaxonomyHistory, dataset: Dataset) -> Taxonomy:
    """Draw the choice of a version to read the classes under, and return it."""
    names = {version.version: _named(known, version) for version in reversed(known.versions)}
    key, newest = f"taxonomy-version-{dataset.name}", f"_taxonomy-newest-{dataset.name}"
    now = (known.newest, known.current.version)
    # A new version is what one wants to see.
    if key not in st.session_state or st.session_state.get(newest) != now:
        st.session_state[key], st.session_state[newest] = known.current.version, now
    chosen = st.selectbox(
        "Classes as this version saw them",
        list(names),
        format_func=names.__getitem__,
        key=key,
        width=330,
        persist_state="session",
    )
    taxonomy = known.get(chosen)
    if taxonomy.operations:
        st.caption(as_text(f"Made by: {'; '.join(map(str, taxonomy.operations))}."))
    return taxonomy


def class_table(known: TaxonomyHistory, taxonomy: Taxonomy, rows: ClassRows | None) -> None:
    """Draw the classes of a version with rows, description and what each came from."""
    columns: dict[str, Any] = {"class": list(taxonomy.classes)}
    if rows is not None:
        columns["rows"] = list(rows.classes.values())
    if taxonomy.descriptions:
        described = taxonomy.descriptions
        columns["description"] = [described.get(name, "") for name in taxonomy.classes]
    origins = came_from(known, taxonomy)
    if origins:
        columns["came from"] = [origins.get(name, "") for name in taxonomy.classes]
    most = max(columns.get("rows", ()), default=0)
    st.dataframe(
        columns,
        hide_index=True,
        height="content" if len(taxonomy.classes) < 14 else 500,
        key="taxonomy-classes",
        placeholder="",
        column_config={
            "rows": st.column_config.ProgressColumn(
                format="localized", min_value=0, max_value=max(1, most), width=110
            ),
            "came from": st.column_config.TextColumn(width=185),
        },
    )
    if rows is not None:
        for sentence in rest_of(rows):
            st.caption(as_text(sentence))


def rest_of(rows: ClassRows) -> list[str]:
    """Say which rows are of none of the classes."""
    said = [
        f"{count(number, 'row')} {what}."
        for number, what in (
            (rows.waiting, "of a class that was split or retired"),
            (rows.excluded, "left out"),
            (rows.disputed, "on which annotators are not at one"),
            (rows.unlabelled, "without a label"),
        )
        if number
    ]
    sentences = [f"Besides: {' '.join(said)}"] if said else []
    if rows.unknown:
        named = [f"'{name}' ({n:,})" for name, n in rows.unknown.items()]
        more = f" and {len(named) - _MOST_UNKNOWN:,} more" if len(named) > _MOST_UNKNOWN else ""
        sentences.append(
            f"{count(sum(rows.unknown.values()), 'row')} with a label that is no class here: "
            f"{', '.join(named[:_MOST_UNKNOWN])}{more}."
        )
    return sentences


def came_from(known: TaxonomyHistory, taxonomy: Taxonomy) -> dict[str, str]:
    """Return what each class of a version was before, for those that were not there at first."""
    found: dict[str, str] = {}
    at = taxonomy
    while at.parent is not None:
        for operation in reversed(at.operations):
            for name in backward(operation).keys() - found.keys():
                earlier = "" if at == taxonomy else f" (v{at.version})"
                found[name] = f"{_origin(operation)}{earlier}"
        at = known.get(at.parent)
    return found


def _named(known: TaxonomyHistory, taxonomy: Taxonomy) -> str:
    standing = standing_of(known, taxonomy)
    return f"Version {taxonomy.version}{', ' if standing else ''}{standing}"


def standing_of(known: TaxonomyHistory, taxonomy: Taxonomy) -> str:
    """Return ``"in force"``, ``"taken back"`` or nothing."""
    if taxonomy.version == known.current.version:
        return "in force"
    return "taken back" if taxonomy.version in known.taken_back else ""


def _origin(operation: Operation) -> str:
    match operation:
        case Rename(old=old):
            return f"was {old}"
        case Merge(classes=merged):
            return " + ".join(merged)
        case Split(name=name):
            return f"part of {name}"
        case Add():
            return "added"
    return ""

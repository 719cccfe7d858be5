"""Combine versions in the browser: which of each, what comes out, and what waits."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, get_args

import streamlit as st

from curation.errors import CurationError
from curation.lake import documents, taxonomies
from curation.lake.annotations import MAIN, annotator_names
from curation.lake.branches import list_branches
from curation.lake.datasets import Dataset
from curation.lake.fold import Cut, Policy
from curation.lake.workflows import current_workflow
from curation.privacy import gate
from curation.progress import Progress
from curation.recipe.builds import Build, build, list_builds, pin
from curation.recipe.drafts import NAME
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error
from curation.ui.history_view import snapshot_names
from curation.ui.numbers import count

POLICIES: dict[Policy, str] = {
    "latest": "The newest decision",
    "majority": "What most annotators say",
    "reviewer_over_annotator": "A reviewer's, else the newest",
    "dawid_skene": "Dawid–Skene: annotators weighed by their errors",
    "crowdlab": "CROWDLAB: annotators and the model",
}


def build_view(dataset: Dataset) -> None:
    """Draw the choice of versions, and what was built."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _form(dataset)
    with right:
        _built(dataset)


def _form(dataset: Dataset) -> None:
    workspace, label = state.workspace(), dataset.roles.label
    assert label is not None, "the page asks for a label column first"
    snapshots = snapshot_names(dataset)
    history = taxonomies.history(workspace, dataset.name, label)
    in_force = history.current.version
    recipes = documents.versions(workspace, "recipe", dataset.name, NAME)
    st.subheader("Versions to combine", anchor=False)
    snapshot = st.selectbox(
        "Data", list(snapshots), format_func=snapshots.__getitem__, key="build-snapshot"
    )
    policy = st.selectbox(
        "Several decisions on one record", get_args(Policy), format_func=POLICIES.__getitem__,
        index=get_args(Policy).index(current_workflow(workspace, dataset.name, label).policy),
        key="build-policy",
    )  # fmt: skip
    cut = _cut(dataset, label)
    branches = [MAIN, *(b.branch for b in list_branches(workspace, dataset.name))]
    branch = MAIN
    if len(branches) > 1:
        branch = st.selectbox("Branch of annotations", branches, key="build-branch") or MAIN
    taxonomy = st.selectbox(
        "Classes", [t.version for t in reversed(history.versions)], key="build-taxonomy",
        format_func=lambda n: f"version {n}{' · in force' if n == in_force else ''}",
        index=len(history.versions) - in_force,
    )  # fmt: skip
    recipe = st.selectbox(
        "Recipe", [*(v.version for v in reversed(recipes)), 0], key="build-recipe",
        format_func=lambda n: f"version {n}" if n else "only apply the decisions",
    )  # fmt: skip
    into = st.text_input(
        "Name of the dataset that it makes", f"{dataset.name} curated", key="build-into"
    )
    if st.button("Build", key="build-start", type="primary", icon=":material/layers:"):
        cut = cut.model_copy(update={"branch": branch})
        try:
            coordinates = pin(
                workspace, dataset.name, snapshot=snapshot, cut=cut, policy=policy,
                taxonomy_version=taxonomy, recipe_version=recipe,
            )  # fmt: skip
        except CurationError as error:
            show_error(error)
            return
        st.session_state["_build"] = (coordinates, into.strip())
    wanted = st.session_state.get("_build")
    if wanted is not None and wanted[0].dataset == dataset.name:
        _result(dataset, *wanted)


def _cut(dataset: Dataset, label: str) -> Cut:
    """Draw which annotations count, folded away, since mostly all of them do."""
    workspace = state.workspace()
    people = annotator_names(workspace, dataset.name)
    workflows = [v.version for v in documents.versions(workspace, "workflow", dataset.name, label)]
    with st.popover("Which annotations…", key="build-cut"):
        day = st.date_input(
            "Said until the end of (UTC)", None, key="build-until", format="YYYY-MM-DD"
        )
        chosen = st.multiselect("By", people, key="build-people", placeholder="Everybody")
        counted: list[int] = []
        if workflows:
            counted = st.multiselect(
                "Under workflow version", workflows, key="build-workflows", placeholder="Any"
            )
    return Cut(
        until=datetime.combine(day, time.max) if isinstance(day, date) else None,
        annotators=tuple(chosen) or None,
        workflow_versions=tuple(counted) or None,
    )


def _result(dataset: Dataset, coordinates: Any, into: str) -> None:
    workspace, user = state.workspace(), state.user_name()

    def work(progress: Progress) -> Build:
        return build(workspace, coordinates, into, author=user, progress=progress)

    made = parts.result_of(
        state.job_key(dataset.name, "build"), work, title=f"Building {into}",
        inputs=f"{coordinates.sha256} {into}", panel="build-job",
    )  # fmt: skip
    if not isinstance(made, Build):
        return
    told = made.manifest
    again = " It was there already." if made.is_found_again else ""
    st.success(
        f"**{as_text(made.dataset)}**, snapshot {made.snapshot}: "
        f"{parts.rows_line(told['input']['rows'], told['output']['rows'])}, "
        f"{count(len(made.conflicts), 'record')} waiting for a person.{again}"
    )
    if st.button("Look at it", key="build-open", icon=":material/database:"):
        state.look_at(made.dataset)
        st.switch_page("pages/datasets.py")


def _built(dataset: Dataset) -> None:
    st.subheader("What was built from it", anchor=False)
    found = [b for b in list_builds(state.workspace()) if b.coordinates.dataset == dataset.name]
    if not found:
        st.caption(
            "Nothing yet. A build writes down which versions it combines; the same versions give "
            "the same bytes again."
        )
        return
    names = {b.run_id: f"{b.dataset} · snapshot {b.snapshot}" for b in found}
    st.dataframe(
        {
            "dataset": [b.dataset for b in found],
            "snapshot": [b.snapshot for b in found],
            "data": [b.coordinates.snapshot for b in found],
            "annotations": [b.manifest["annotations"]["events"] for b in found],
            "policy": [b.coordinates.policy for b in found],
            "classes": [b.coordinates.taxonomy_version for b in found],
            "recipe": [b.coordinates.recipe_version for b in found],
            "rows": [b.manifest["output"]["rows"] for b in found],
            "waiting": [len(b.conflicts) for b in found],
        },
        hide_index=True,
        height="content" if len(found) < 8 else 300,
    )
    chosen = st.selectbox(
        "Look into", list(names), format_func=names.__getitem__, key="build-which"
    )
    one = next(b for b in found if b.run_id == chosen)
    _opened(one)


def _opened(one: Build) -> None:
    waiting = one.conflicts
    if len(waiting):
        st.markdown(f"**{count(len(waiting), 'record')} waiting for a person**")
        st.dataframe(gate.preview(state.viewer(), waiting, 500), hide_index=True, height=260)
    for step in one.manifest["steps"]:
        st.caption(as_text(f"{step['id']}: {step['note'] or 'done'}"))
    with st.expander("Manifest"):
        st.json({k: v for k, v in one.manifest.items() if k != "conflicts"})

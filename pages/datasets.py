"""Datasets: what data do I have, and is it what I think?"""

import streamlit as st

from curation.errors import CurationError
from curation.lake.datasets import Dataset, list_datasets, set_roles
from curation.privacy import gate
from curation.ui import parts, state
from curation.ui.errors import show_error
from curation.ui.history_view import history
from curation.ui.import_view import import_view, report
from curation.ui.numbers import count
from curation.ui.roles_form import roles_form


def draw() -> None:
    """Draw the import, or the current dataset with its rows, roles and snapshots."""
    dataset = state.current()
    if dataset is None:
        parts.heading(
            "Datasets",
            "Nothing is imported yet. A file stays where it is; the workspace keeps a copy.",
        )
        import_view([])
        return
    if st.session_state.get("importing"):
        parts.heading("Import a file")
        st.button(
            "Back",
            key="import-back",
            icon=":material/arrow_back:",
            on_click=_importing,
            args=(False,),
        )
        import_view(list_datasets(state.workspace()))
        return
    parts.heading(f"Datasets · {dataset.name}")
    report(dataset)
    roles = dataset.roles
    parts.figures(
        [
            parts.Figure("Rows", f"{dataset.rows:,}"),
            parts.Figure(
                "Classes",
                "–" if dataset.classes is None else f"{dataset.classes:,}",
                roles.label or "no label column",
            ),
            parts.Figure("Columns", f"{len(dataset.columns):,}", _content(dataset)),
            parts.Figure("Snapshot", str(dataset.snapshot)),
        ],
        key="dataset",
    )
    with st.container(horizontal=True):
        if roles.label and st.button(
            "Find label issues", key="to-issues", type="primary", icon=":material/fact_check:"
        ):
            st.switch_page("pages/label_issues.py")
        st.button(
            "Import a file…",
            key="import-open",
            icon=":material/upload:",
            type="secondary" if roles.label else "primary",
            on_click=_importing,
            args=(True,),
        )
    first_rows, columns, snapshots = st.tabs(["Rows", "Roles", "Snapshots"])
    with first_rows:
        page = gate.rows(state.workspace(), state.viewer(), dataset.name, limit=50)
        st.dataframe(page.table, hide_index=True, height=420, key="rows")
        if dataset.rows > len(page.table):
            st.caption(f"The first {len(page.table)} of {count(dataset.rows, 'row')}.")
    with columns:
        _roles(dataset)
    with snapshots:
        history(dataset)


def _roles(dataset: Dataset) -> None:
    changed = roles_form(dataset.columns, dataset.roles, f"role-{dataset.name}-{dataset.snapshot}")
    st.button(
        "Save roles",
        key="roles-save",
        disabled=not changed,
        on_click=_save_roles,
        args=(dataset, changed),
    )
    if changed:
        st.caption(
            "Saving makes a new snapshot; findings and recipes see the new roles from then on."
        )


def _save_roles(dataset: Dataset, changed: dict) -> None:
    try:
        snapshot = set_roles(
            state.workspace(), dataset.name, dataset.roles.with_roles(changed), state.user_name()
        )
    except CurationError as error:
        show_error(error)
        return
    state.notice_later(f"Roles saved as snapshot {snapshot}.")


def _content(dataset: Dataset) -> str:
    return ", ".join(
        f"{len(columns)} {role}" for role in ("text", "feature", "embedding", "image")
        if (columns := dataset.roles.having(role))
    )  # fmt: skip


def _importing(now: bool) -> None:
    st.session_state["importing"] = now


draw()

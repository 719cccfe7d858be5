"""What a session holds: the workspace, the dataset that is looked at, and who looks."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import streamlit as st

from curation.lake.datasets import Dataset, list_datasets
from curation.lake.workspace import Workspace
from curation.privacy.gate import Viewer
from curation.ui.jobs import JobKey
from curation.ui.numbers import count
from curation.ui.review import Review
from curation.ui.server import workspace_path

DATASET = "dataset"
"""Key of the picker and name of the query parameter, so that a link leads to the same dataset."""
REVIEW = "review"
"""Key of the session's way through a finding."""
_NEXT = "_next_dataset"
_NOTICE = "_notice"


@st.cache_resource(show_spinner=False)
def _open(path: str) -> Workspace:
    return Workspace.open(path)


def workspace() -> Workspace:
    """Return the workspace of this server, opened once for all sessions.

    Raises:
        WorkspaceError: it cannot be opened.
    """
    return _open(workspace_path())


def viewer() -> Viewer:
    """Return who looks: the signed-in person, else the account that runs the server."""
    return Viewer(user=user_name())


def user_name() -> str:
    """Return the name that decisions and snapshots are signed with."""
    if st.user.get("is_logged_in"):
        return str(st.user.get("email") or st.user.get("name"))
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "somebody"


def job_key(dataset: str, kind: str) -> JobKey:
    """Return the key of a background job in this workspace."""
    return JobKey(str(workspace().path), dataset, kind)


def pick_dataset(datasets: Sequence[Dataset]) -> Dataset | None:
    """Draw the picker with its caption in the sidebar and return the dataset chosen, or None."""
    names = [dataset.name for dataset in datasets]
    wanted = st.session_state.pop(_NEXT, None)
    if not names:
        return None
    newest = max(datasets, key=lambda dataset: dataset.snapshot).name
    if wanted in names:
        st.session_state[DATASET] = wanted
    elif st.session_state.get(DATASET) not in names:
        linked = st.query_params.get(DATASET)
        st.session_state[DATASET] = linked if linked in names else newest
    with st.sidebar:
        st.selectbox("Dataset", names, key=DATASET, persist_state="session")
        chosen = next(d for d in datasets if d.name == st.session_state[DATASET])
        st.caption(size(chosen))
    if st.query_params.get(DATASET) != chosen.name:
        st.query_params[DATASET] = chosen.name
    return chosen


def size(dataset: Dataset) -> str:
    """Return ``"snapshot 14 · 13,083 rows · 77 classes"``."""
    parts = [f"snapshot {dataset.snapshot}", count(dataset.rows, "row")]
    if dataset.classes is not None:
        parts.append(count(dataset.classes, "class", "classes"))
    return " · ".join(parts)


def current() -> Dataset | None:
    """Return the dataset that the picker shows in this run, or None in an empty workspace."""
    found = st.session_state.get("_current")
    return found if isinstance(found, Dataset) else None


def open_frame() -> None:
    """Read the datasets, draw the picker and keep its choice for the page."""
    held = st.session_state.get(REVIEW)
    if isinstance(held, Review):
        held.settle()  # pages read decisions
    st.session_state["_current"] = pick_dataset(list_datasets(workspace()))


def look_at(dataset: str) -> None:
    """Make another dataset the current one from the next run on."""
    st.session_state[_NEXT] = dataset


def notice_later(text: str) -> None:
    """Show a short message after the next rerun."""
    st.session_state[_NOTICE] = text


def show_notice() -> None:
    """Show the message that the run before left."""
    if text := st.session_state.pop(_NOTICE, None):
        st.toast(text, icon=":material/check:")

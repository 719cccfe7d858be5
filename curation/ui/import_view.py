"""From an uploaded file to a snapshot: what was detected, what is refused, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.imports import (
    MAX_REFUSED,
    ImportPreview,
    ImportReport,
    Mode,
    import_file,
    kept_roles,
    preview_file,
)
from curation.lake.roles import Role
from curation.progress import Progress
from curation.ui import parts, state
from curation.ui.errors import as_text
from curation.ui.jobs import JOBS
from curation.ui.numbers import count
from curation.ui.roles_form import roles_form
from curation.ui.uploads import dataset_name, upload

_REPORT = "_import_report"
_UTF_8: Final = "utf-8"
_ENCODINGS: Final = {
    _UTF_8: "UTF-8",
    "cp1252": "Windows (cp1252)",
    "latin-1": "Latin-1",
    "utf-16": "UTF-16",
}
_MODES: Final = {"replace": "Replace its rows", "append": "Add the rows to it"}


@dataclass(frozen=True)
class _Source:
    path: Path
    name: str
    encoding: str | None


@dataclass(frozen=True)
class _Target:
    dataset: str
    mode: Mode
    message: str | None
    roles: dict[str, Role]


def import_view(datasets: Sequence[Dataset]) -> None:
    """Draw the import from upload to the button that writes, into a new dataset or one of these."""
    found = upload("CSV, TSV, JSON Lines, Parquet, Arrow or Feather", key="import-file")
    if found is None:
        return
    source = _Source(*found, encoding=_encoding())
    preview = parts.result_of(
        state.job_key(str(source.path), "preview"),
        lambda _: preview_file(source.path, name=source.name, encoding=source.encoding),
        title="Reading",
        inputs=f"{source.name} {source.encoding}",
        panel="preview",
    )
    if isinstance(preview, ImportPreview):
        _import_form(preview, source, {d.name: d for d in datasets})


def _encoding() -> str | None:
    with st.popover("How to read it", key="import-how", type="tertiary"):
        chosen = st.selectbox(
            "Encoding of a text file",
            list(_ENCODINGS),
            format_func=lambda name: _ENCODINGS[name],
            key="import-encoding",
        )
    return None if chosen == _UTF_8 else chosen


def _import_form(preview: ImportPreview, source: _Source, known: Mapping[str, Dataset]) -> None:
    refused = f", {count(preview.refused_count, 'row')} refused" if preview.refused_count else ""
    size = f"{count(preview.rows, 'row')}, {count(len(preview.columns), 'column')}"
    st.subheader(f"{size}{refused}", anchor=False)
    for note in preview.notes:
        st.caption(as_text(note))
    if preview.refused:
        _refused(preview)
    left, right = st.columns([3, 2], gap="medium")
    with right:
        dataset = st.text_input("Dataset", dataset_name(source.name), key="import-name").strip()
        mode: Mode = "replace"
        if dataset in known:
            chosen = st.radio(
                "This dataset exists already",
                list(_MODES),
                format_func=lambda mode: _MODES[mode],
                key="import-mode",
            )
            mode = "append" if chosen == "append" else "replace"
            st.caption("The snapshots before stay; each can be restored.")
        message = st.text_input(
            "Message (optional)", key="import-message", placeholder="why, for the history"
        )
    with left:
        there = known.get(dataset)
        st.markdown("**Roles detected**" if there is None else f"**Roles in {as_text(dataset)}**")
        example = next(iter(preview.sample.slice(0, 1).to_pylist()), None)
        # A column that the dataset has keeps its role there, so that is the one to show.
        begin = preview.roles if there is None else kept_roles(preview.roles, there.roles)
        key = "import-role" if there is None else f"import-role-{dataset}"
        roles = roles_form(preview.columns, begin, key, example)
    with right:
        _write(preview, source, _Target(dataset, mode, message.strip() or None, roles))


def _write(preview: ImportPreview, source: _Source, target: _Target) -> None:
    key = state.job_key(target.dataset, "import")
    workspace, author = state.workspace(), state.user_name()

    def work(progress: Progress) -> ImportReport:
        return import_file(
            workspace,
            source.path,
            target.dataset,
            name=source.name,
            encoding=source.encoding,
            roles=target.roles,
            mode=target.mode,
            # The refused rows are on the page, and the person has seen them.
            max_refused=preview.refused_count or MAX_REFUSED,
            author=author,
            message=target.message,
            progress=progress,
        )

    label = f"Import {count(preview.rows, 'row')}"
    if st.button(label, key="import-start", type="primary", icon=":material/upload:"):
        JOBS.start(key, work, title="Import", inputs=f"{source} {target}")
    job = parts.started(key, "import-job", patience=parts.PATIENCE)
    if job is not None and job.state == "done":
        JOBS.forget(key)
        st.session_state[_REPORT] = job.result
        st.session_state["importing"] = False
        state.look_at(target.dataset)
        st.rerun()


def report(dataset: Dataset) -> None:
    """Say what this session's import did, as long as its snapshot is the dataset's newest."""
    done: ImportReport | None = st.session_state.get(_REPORT)
    if done is None or (done.dataset, done.snapshot) != (dataset.name, dataset.snapshot):
        return
    lines = [
        f"Imported {count(done.taken, 'row')} into {as_text(done.dataset)}, "
        f"snapshot {done.snapshot}."
    ]
    if done.diff is not None:
        change = done.diff
        lines.append(
            f"{change.added:,} added, {change.removed:,} removed, {change.changed:,} changed, "
            f"{change.labels_changed:,} with another label."
        )
    if done.refused_count:
        where = f" They lie in {as_text(str(done.refused_file))}." if done.refused_file else ""
        lines.append(f"{count(done.refused_count, 'row')} refused.{where}")
    st.success("  \n".join(lines), icon=":material/check:")


def _refused(preview: ImportPreview) -> None:
    with st.expander(f"{count(preview.refused_count, 'refused row')}", key="import-refused"):
        st.dataframe(
            {
                "line": [r.line for r in preview.refused],
                "reason": [r.reason for r in preview.refused],
            },
            hide_index=True,
        )
        if preview.refused_count > len(preview.refused):
            st.caption(f"The first {len(preview.refused)}; all are kept in a file with the import.")

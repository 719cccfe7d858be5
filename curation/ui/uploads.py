"""Uploaded files: kept on the server's disk for as long as their session looks at them."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

KINDS: Final = ["csv", "tsv", "jsonl", "ndjson", "json", "parquet", "arrow", "feather"]


def upload(label: str, key: str) -> tuple[Path, str] | None:
    """Draw an uploader and return where the uploaded file lies and what it is called, or None."""
    uploaded = st.file_uploader(label, type=KINDS, key=key)
    if uploaded is None:
        return None
    return _path(uploaded), uploaded.name


def dataset_name(file_name: str) -> str:
    """Return a dataset's name made from a file's: ``"tickets 9.csv"`` gives ``"tickets 9"``."""
    name = re.sub(r"[^A-Za-z0-9 _.\-]+", "-", Path(file_name).stem).strip(" -._")
    return name[:100] or "dataset"


class _Folder:
    """A temporary folder that is deleted with the session that holds it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="curation-upload-"))
        self.files: dict[str, Path] = {}
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _path(uploaded: UploadedFile) -> Path:
    """Return the file's copy on disk, written once."""
    folder: _Folder | None = st.session_state.get("_uploads")
    if folder is None:
        folder = st.session_state["_uploads"] = _Folder()
    if uploaded.file_id not in folder.files:
        path = folder.path / f"{len(folder.files)}{Path(uploaded.name).suffix}"
        with path.open("wb") as target:
            shutil.copyfileobj(uploaded, target)
        folder.files[uploaded.file_id] = path
    return folder.files[uploaded.file_id]

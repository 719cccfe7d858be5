"""The pages' edge: errors that a person can mend are shown, all others are let through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from curation.errors import CurationError


@contextmanager
def page_errors() -> Iterator[None]:
    """Show a `CurationError` in place of what the block would have drawn."""
    try:
        yield
    except CurationError as error:
        show_error(error)


def show_error(error: CurationError) -> None:
    """Draw the text of an error that a person can mend."""
    st.error(as_text(str(error)), icon=":material/error:")


def as_text(message: str) -> str:
    """Return a message as Markdown that reads exactly as it is written."""
    for mark in "\\`*_[]$<>:#~|":
        message = message.replace(mark, f"\\{mark}")
    return message.replace("\n", "  \n")

"""Import heavy libraries once and in order.

Two Streamlit sessions are two threads. When both import pandas, Plotly or scikit-learn for the
first time, one of them can meet a "partially initialized module". So every session waits here.
"""

from __future__ import annotations

import importlib
import threading
from typing import Final

DRAWING: Final = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "duckdb",
    "plotly.graph_objects",
    "plotly.io",
)
"""What every page needs: about 0.7 s."""

LEARNING: Final = (
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
    "faiss",
    "wordllama",
)
"""What finding and recipes need besides: about 2.5 s, imported while the first page is read."""

_lock = threading.RLock()
_imported: set[str] = set()


def wait_for_drawing() -> None:
    """Return when the libraries that every page needs are imported."""
    _import_all(DRAWING)


def wait_for_learning() -> None:
    """Return when the libraries of finders and recipes are imported too."""
    _import_all(DRAWING + LEARNING)


def import_in_background() -> threading.Thread:
    """Start importing everything and return the thread that does it."""
    thread = threading.Thread(target=wait_for_learning, name="imports", daemon=True)
    thread.start()
    return thread


def _import_all(modules: tuple[str, ...]) -> None:
    for module in modules:
        if module not in _imported:
            with _lock:
                importlib.import_module(module)
                _imported.add(module)

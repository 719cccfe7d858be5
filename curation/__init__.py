"""Curate labelled data, and keep what was done as a recipe that runs again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.finders.label import find_label_issues
    from curation.lake.imports import import_table
    from curation.lake.workspace import Workspace
    from curation.recipe.model import Recipe
    from curation.recipe.yaml import load_recipe

__version__ = "0.1.0"

__all__ = [
    "CurationError",
    "Recipe",
    "Workspace",
    "find_label_issues",
    "import_table",
    "load_recipe",
]

_HOMES = {
    "Recipe": "curation.recipe.model",
    "Workspace": "curation.lake.workspace",
    "find_label_issues": "curation.finders.label",
    "import_table": "curation.lake.imports",
    "load_recipe": "curation.recipe.yaml",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `curation --help` should not wait for scikit-learn.
    if name not in _HOMES:
        raise AttributeError(f"module 'curation' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

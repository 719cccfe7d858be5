"""Sampling rules: what they say, how they draw, and where they are kept."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.sampling.drawing.frames import draw_frame
    from curation.sampling.rules.library import get_rule, save_rule
    from curation.sampling.rules.rule import Rule

__all__ = ["Rule", "draw_frame", "get_rule", "save_rule"]

_HOMES = {
    "Rule": "curation.sampling.rules.rule",
    "draw_frame": "curation.sampling.drawing.frames",
    "get_rule": "curation.sampling.rules.library",
    "save_rule": "curation.sampling.rules.library",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: what only reads a rule should not wait for what draws by it.
    if name not in _HOMES:
        raise AttributeError(f"module 'curation.sampling' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)

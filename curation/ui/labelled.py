"""The current dataset of a page that works on labels, or the way to one."""

from __future__ import annotations

from curation.lake.datasets import Dataset
from curation.ui import parts, state


def labelled_dataset(title: str) -> Dataset | None:
    """Return the current dataset; draw what is missing, and return None, if it has no label."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(title)
        return None
    if dataset.roles.label is None:
        parts.needs_label(title, dataset.name)
        return None
    return dataset

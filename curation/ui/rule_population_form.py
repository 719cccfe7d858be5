"""Who may be drawn, as fields of a form: only those that narrow the population are shown."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from curation.lake.datasets import Dataset, class_counts
from curation.ui import imports, state
from curation.ui.rule_fields import FormFields
from curation.ui.rule_words import WHO

_NEEDED: Final = {
    "where": "the condition", "classes": "a class", "issue": "the issue",
    "uncertain_above": "how unsure", "clusters_of": "a record key",
}  # fmt: skip


def population_fields(fields: FormFields, dataset: Dataset) -> tuple[dict[str, Any], list[str]]:
    """Draw what narrows the population; return the fields, and what is still to be filled in."""
    offered = [name for name in WHO if name != "classes" or dataset.roles.label is not None]
    start = [name for name in WHO if fields.start.get(name)]
    narrowed = st.pills(
        "Who may be drawn",
        [*offered, *(name for name in start if name not in offered)],
        selection_mode="multi",
        default=start,
        format_func=WHO.__getitem__,
        key=f"{fields.key}-who",
        help="All rows, where nothing is chosen here.",
        wrap=True,
        persist_state="session",
    )
    values: dict[str, Any] = {}
    for name in [name for name in WHO if name in narrowed]:
        values |= _field(fields, dataset, name)
    missing = [_NEEDED[name] for name in WHO if name in narrowed and name not in values]
    return values, missing


def _field(fields: FormFields, dataset: Dataset, name: str) -> dict[str, Any]:
    if name == "where":
        return fields.text(name, f"a condition, such as: {_example(dataset)}")
    if name == "classes":
        counts = class_counts(state.workspace(), dataset.name) if dataset.roles.label else {}
        return fields.several(name, counts, "Choose classes")
    if name == "issue":
        issue = fields.one(name, _finders())
        return issue | fields.number("issue_below", step=0.1) if issue else {}
    if name == "uncertain_above":
        return fields.number(name, 0.5, step=0.1)
    return fields.several(name, (), "Type a record key and press Enter", new=True)


def _example(dataset: Dataset) -> str:
    """Return a condition that the data could be asked, without a value of theirs."""
    texts = dataset.roles.having("text")
    return f"length({texts[0]}) > 20" if texts else f"{next(iter(dataset.columns))} IS NOT NULL"


def _finders() -> dict[str, str]:
    imports.wait_for_learning()
    from curation.finders.registry import finders  # needs cleanlab, which sessions share

    return {name: finder.title for name, finder in finders().items()}

"""How many rows a rule draws, as fields of a form: only those of the chosen amount are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from curation.lake.datasets import Dataset, class_counts
from curation.lake.reviewing import seconds_per_decision
from curation.ui import state
from curation.ui.rule_fields import FormFields
from curation.ui.rule_words import AMOUNTS, COSTS, about, title

_FIRST_ROWS: Final = 100
_FIRST_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Way:
    """What of the way rows are drawn decides how many can be asked for."""

    by: str
    per: Sequence[str]
    has_strata: bool


def amount_fields(
    fields: FormFields, dataset: Dataset, way: Way
) -> tuple[dict[str, Any], list[str]]:
    """Draw how many; return the fields, and what is still to be filled in."""
    kind = _kind(fields, way)
    values, missing = _amount(fields, dataset, way, kind)
    if way.has_strata and kind in ("fraction", "rows", "minutes"):
        values |= fields.whole("minimum", label="At least per stratum (optional)")
    if way.has_strata and kind in ("n", "quota"):
        values |= fields.toggle("fill")
    return values, missing


def _kind(fields: FormFields, way: Way) -> str:
    started = [kind for kind in AMOUNTS if fields.start.get(kind)]
    start = started[0] if started else "fraction"
    per = " of each stratum" if way.has_strata else ""
    offered = {
        kind: f"{words}{per}" if kind in ("fraction", "n") else words
        for kind, words in AMOUNTS.items()
        if way.has_strata or kind not in ("rows", "quota") or kind == start
    }
    # The words and choices differ with strata, so these are two widgets that follow each other.
    here, there = ("amount-strata", "amount") if way.has_strata else ("amount", "amount-strata")
    other = st.session_state.get(f"{fields.key}-{there}", start)
    return fields.chosen(here, "How many", offered, other if other in offered else start)


def _amount(
    fields: FormFields, dataset: Dataset, way: Way, kind: str
) -> tuple[dict[str, Any], list[str]]:
    if kind == "minutes":
        return _minutes(fields, dataset, way)
    if kind == "quota":
        quota = _quota(fields, dataset, way)
        return {"quota": quota}, [] if quota else ["a quota"]
    if kind == "fraction":
        values = fields.number(kind, 0.1, step=0.05)
    else:
        values = fields.whole(kind, _FIRST_ROWS, label="Rows" if kind == "n" else "")
    return values, [] if kind in values else [f"the {title(kind).lower()}"]


def _minutes(fields: FormFields, dataset: Dataset, way: Way) -> tuple[dict[str, Any], list[str]]:
    values = fields.number("minutes", 60.0, step=10.0)
    each = "cost" if fields.start.get("cost") else "seconds_per_row"
    if not way.has_strata and way.by in ("uniform", "weighted"):
        each = fields.chosen("each", "A row takes", COSTS, each)
    else:
        each = "seconds_per_row"
    if each == "cost":
        values |= fields.text("cost", "seconds: a column or an expression")
    else:
        measured = seconds_per_decision(state.workspace(), dataset.name, state.user_name())
        values |= fields.number("seconds_per_row", round(measured or _FIRST_SECONDS, 1))
    return values, [f"the {title(n).lower()}" for n in ("minutes", each) if n not in values]


def _quota(fields: FormFields, dataset: Dataset, way: Way) -> dict[str, Any]:
    """Draw a table of strata and their rows; return the lines that are filled in."""
    key, seeded = f"{fields.key}-quota", f"_{fields.key}-quota-start"
    held = f"_{fields.key}-quota-now"
    if key not in st.session_state:  # the first time, or after another page was shown
        before = st.session_state.get(held) or fields.start.get("quota")
        st.session_state[seeded] = dict(before or _first_quota(dataset, way))
    start: Mapping[str, int] = st.session_state[seeded]
    edited = st.data_editor(
        pa.table(
            {
                "stratum": pa.array(list(start), pa.string()),
                "rows": pa.array(list(start.values()), pa.int64()),
            }
        ),
        num_rows="dynamic",
        hide_index=True,
        height="content" if len(start) < 12 else 420,
        key=key,
        column_config={
            "stratum": st.column_config.TextColumn("Stratum", help=about("quota")),
            "rows": st.column_config.NumberColumn("Rows", step=1, format="localized"),
        },
        alt="Strata and the rows to draw of each",
    )
    lines = zip(edited["stratum"].to_pylist(), edited["rows"].to_pylist(), strict=True)
    quota = {str(name): int(rows) for name, rows in lines if name and rows is not None}
    st.session_state[held] = quota
    return quota


def _first_quota(dataset: Dataset, way: Way) -> dict[str, int]:
    """Return every class with the rows of the smallest, where strata are classes."""
    if list(way.per) != [dataset.roles.label]:
        return {"": _FIRST_ROWS}
    counts = class_counts(state.workspace(), dataset.name)
    return {name: min(_FIRST_ROWS, *counts.values()) for name in counts} if counts else {}

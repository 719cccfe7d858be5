"""The form of the step that rebalances classes: only the fields that its method needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import pyarrow as pa
import streamlit as st

from curation.lake.datasets import Dataset, class_counts
from curation.sampling.balance.plan import Method
from curation.steps import Rebalance
from curation.ui import forms, state

METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "cap": ("rows_per_class",),
    "undersample": ("ratio",),
    "oversample": ("ratio", "rows_per_class"),
    "proportions": ("total",),
    "weights": ("weights", "beta"),
    "smote": ("ratio", "rows_per_class"),
}
"""The fields of each method that stand in the form."""
_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "weights": ("weight_column",),
    "smote": ("neighbours",),
}
"""The fields of a method that are rarely needed."""
_SCOPE: Final = ("where", "split_column")
_MOST_LINES: Final = 12


def rebalance_form(
    start: Mapping[str, Any], *, key: str, dataset: Dataset, columns: Sequence[str]
) -> dict[str, Any]:
    """Draw the form and return what it holds; empty optional fields are left out.

    Args:
        start: what the form shows first.
        key: start of the widgets' keys, which are ``{key}-{field}`` for the method it begins with.
        dataset: its classes are offered.
        columns: that rows have when they come to the step.
    """
    first = str(start.get("method") or get_args(Method)[0])
    values = forms.model_form(Rebalance, start, key=key, columns=columns, only={"method"})
    method = values["method"]
    if method != first:
        # Other widgets, so that a number meant for one method does not stay for the next.
        start, key = {}, f"{key}-{method}"
    shown, needed = set(METHODS[method]), {"rows_per_class"} if method == "cap" else set()
    if method == "weights" and _weights(start, key) != "effective":
        shown.discard("beta")
    if method == "proportions":
        values["proportions"] = _shares(start.get("proportions"), key, dataset)
    values |= forms.model_form(
        Rebalance, start, key=key, columns=columns, only=shown, needed=needed
    )
    with st.expander("More", expanded=any(start.get(name) for name in _SCOPE)):
        more = {*_SCOPE, *_MORE.get(method, ())}
        values |= forms.model_form(Rebalance, start, key=key, columns=columns, only=more)
    return values


def _weights(start: Mapping[str, Any], key: str) -> str:
    return str(st.session_state.get(f"{key}-weights", start.get("weights")))


def _shares(start: Mapping[str, float] | None, key: str, dataset: Dataset) -> dict[str, float]:
    """Draw a table of the classes' shares in percent; return them scaled to 1 together."""
    counts = class_counts(state.workspace(), dataset.name)
    rows = sum(counts.values())
    now = {name: 100 * size / rows for name, size in counts.items()}
    wanted = {name: 100 * share for name, share in (start or {}).items()} or now
    edited = st.data_editor(
        pa.table(
            {
                "class": pa.array(list(wanted), pa.string()),
                "now": pa.array([now.get(name, 0.0) for name in wanted], pa.float64()),
                "share": pa.array([round(share, 2) for share in wanted.values()], pa.float64()),
            }
        ),
        hide_index=True,
        height="content" if len(wanted) <= _MOST_LINES else 420,
        key=f"{key}-proportions",
        disabled=["class", "now"],
        column_config={
            "class": st.column_config.TextColumn("Class"),
            "now": st.column_config.NumberColumn("Now", format="%.1f%%"),
            "share": st.column_config.NumberColumn(
                "Share", format="%.2f%%", min_value=0.0, max_value=100.0, step=0.01,
                help="Of the rows after the step; a class with share 0 is left out.",
            ),
        },
        alt="Classes, their share now, and the share that each is to have",
    )  # fmt: skip
    shares = dict(zip(edited["class"].to_pylist(), edited["share"].to_pylist(), strict=True))
    together = sum(share or 0.0 for share in shares.values())
    if abs(together - 100) > 0.05 and together > 0:
        st.caption(f"The shares add up to {together:.1f}%; they are scaled to 100%.")
    if together <= 0:
        return dict.fromkeys(shares, 0.0)
    return {name: (share or 0.0) / together for name, share in shares.items()}

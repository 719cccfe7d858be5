"""One kind of issue as a picture: how the scores lie, or which classes the flagged rows have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import pyarrow.compute as pc
import streamlit as st

from curation.lake.findings import FindingSummary, finding_rows
from curation.lake.workspace import Workspace
from curation.ui import charts
from curation.ui.class_mix import mix
from curation.ui.numbers import count
from curation.ui.theme import Palette, palette

BINS: Final = 25
_HEIGHT: Final = 190
_LEAST_FLAGGED: Final = 10
"""Of fewer rows the classes are read as quickly in the rows themselves."""


@dataclass(frozen=True)
class Spread:
    """The figures of a finding's rows.

    Attributes:
        rows: rows in each of `BINS` equal parts of the scores from 0 to 1.
        flagged: of those, the flagged ones.
        classes: flagged rows with each given label.
    """

    rows: Sequence[int]
    flagged: Sequence[int]
    classes: Mapping[str, int]

    @property
    def varies(self) -> bool:
        """Whether the scores lie in more than two parts, so that they make a picture."""
        return sum(number > 0 for number in self.rows) > 2


def kind_chart(workspace: Workspace, finding: FindingSummary) -> None:
    """Draw how the scores lie with the flagged part marked, or else flagged rows a class."""
    if not finding.flagged:
        return
    spread: Spread = workspace.keep(
        ("other issues spread", finding.finding_id), lambda: _spread(workspace, finding.finding_id)
    )
    key = f"kind-chart-{finding.finder}"
    if spread.varies:
        st.markdown("**Rows by score**, flagged ones marked")
        charts.draw(score_bars(spread, palette()), key, _in_words(spread))
    elif spread.classes and finding.flagged >= _LEAST_FLAGGED:
        st.markdown("**Flagged rows by given label**")
        suspect = replace(palette(), ours=palette().given)
        figure = charts.class_bars(spread.classes, colours=suspect)
        charts.draw(figure, key, f"Flagged rows by given label: {mix(dict(spread.classes))}.")


def score_bars(spread: Spread, colours: Palette) -> go.Figure:
    """Return bars of rows by score from 0 to 1, the flagged ones on top in the suspect's colour."""
    middles = [(place + 0.5) / BINS for place in range(BINS)]
    figure = go.Figure()
    # All rows behind, the flagged ones over them: that is true on a log axis too.
    for name, numbers, colour in (
        ("all rows", spread.rows, colours.context), ("flagged", spread.flagged, colours.given)
    ):  # fmt: skip
        figure.add_bar(
            x=middles, y=list(numbers), marker_color=colour, name=name,
            hovertemplate=name + " with a score about %{x:.2f}: %{y:,}<extra></extra>",
        )  # fmt: skip
    axis: dict[str, Any] = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True}
    figure.update_layout(
        template=None,
        barmode="overlay",
        font={"size": 12.5, "color": colours.faint},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=_HEIGHT,
        margin={"l": 6, "r": 6, "t": 4, "b": 4},
        bargap=0.1,
        legend={"orientation": "h", "x": 0, "y": 1.2},
    )
    figure.update_xaxes(**axis, range=[0, 1], automargin=True, title_text="score, 1 is clean")
    figure.update_yaxes(**axis, automargin=True, nticks=4)
    least = min(number for number in [*spread.rows, *spread.flagged] if number)
    if max(spread.rows) > charts.LOG_ABOVE * least:
        figure.update_yaxes(type="log", dtick=1, title_text="rows, log scale")
    return figure


def _spread(workspace: Workspace, finding_id: str) -> Spread:
    rows = finding_rows(workspace, finding_id, ["score", "is_issue", "given_label"])
    parts = np.minimum((rows["score"].to_numpy() * BINS).astype(np.int64), BINS - 1)
    bad = rows["is_issue"].to_numpy().astype(bool)
    labels = pc.value_counts(rows.filter(rows["is_issue"])["given_label"]).to_pylist()
    return Spread(
        np.bincount(parts, minlength=BINS).tolist(),
        np.bincount(parts[bad], minlength=BINS).tolist(),
        {str(one["values"]): one["counts"] for one in labels if one["values"] is not None},
    )


def _in_words(spread: Spread) -> str:
    """Say what the picture shows, for who cannot see it."""
    worst = next(place for place, number in enumerate(spread.flagged) if number)
    last = BINS - 1 - next(place for place, n in enumerate(reversed(spread.flagged)) if n)
    return (
        f"Scores of {count(sum(spread.rows), 'row')} from 0 to 1. The "
        f"{sum(spread.flagged):,} flagged ones lie between {worst / BINS:.2f} and "
        f"{(last + 1) / BINS:.2f}."
    )

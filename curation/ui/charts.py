"""The figures: one template, direct labels, no mode bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from curation.ui.theme import Palette, palette

MOST_CLASSES: Final = 20
LOG_ABOVE: Final = 100
"""Classes whose counts span more than this are drawn on a log axis."""

_FONT: Final = '"Source Sans", "Source Sans Pro", sans-serif'


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Put a figure on the page, with what it shows in words for who can't see it."""
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        alt=alt,
        config={"displayModeBar": False, "scrollZoom": False, "doubleClick": False},
    )


def probabilities(
    shares: Mapping[str, float],
    *,
    given: str | None,
    suggested: str | None,
    colours: Palette | None = None,
) -> go.Figure:
    """Return horizontal bars of a record's class probabilities; the given label is named."""
    colours = colours or palette()
    names = list(shares)
    fills = [
        colours.ours if n == suggested else colours.given if n == given else colours.context
        for n in names
    ]
    figure = go.Figure(
        go.Bar(
            y=list(range(len(names))),
            x=list(shares.values()),
            orientation="h",
            marker_color=fills,
            text=[
                _percent(value) + (" given" if name == given else "")
                for name, value in shares.items()
            ],
            textposition="outside",
            cliponaxis=False,
            customdata=names,
            hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
        )
    )
    largest = max([0.2, *shares.values()])
    figure.update_xaxes(visible=False, range=[0, largest])
    room = 84 if shares.get(given or "", 0) > 0.7 * largest else 46
    return _styled(figure, names, colours, room)


def class_bars(
    before: Mapping[str, int],
    after: Mapping[str, int] | None = None,
    *,
    side_by_side: bool = False,
    colours: Palette | None = None,
) -> go.Figure:
    """Return horizontal bars of rows a class, largest first, with what is left of it laid over.

    Args:
        before: class to rows.
        after: class to rows; only ``before`` is drawn without it.
        side_by_side: draw the two beside each other, where neither is a part of the other.
        colours: of the theme.
    """
    colours = colours or palette()
    shown = fold(before)
    left = None if after is None else fold_like(before, after)
    figure = go.Figure()
    places = list(range(len(shown)))
    figure.add_bar(
        y=places,
        x=list(shown.values()),
        orientation="h",
        marker_color=colours.ours if left is None else colours.context,
        customdata=list(shown),
        hovertemplate="%{customdata}: %{x:,.0f} rows<extra></extra>",
    )
    if left is not None:
        figure.add_bar(
            y=places,
            x=list(left.values()),
            orientation="h",
            marker_color=colours.ours,
            customdata=list(left),
            hovertemplate="%{customdata}: %{x:,.0f} rows after<extra></extra>",
        )
    figure.add_scatter(  # the labels stand beside the longer of the two bars
        y=places,
        x=[max(rows, (left or {}).get(name, 0)) for name, rows in shown.items()],
        mode="text",
        text=[f" {label}" for label in _labels(shown, left)],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.update_layout(barmode="group" if side_by_side else "overlay")
    _scale(figure, [*shown.values(), *(left or {}).values()])
    room = 10 + 7 * max((len(label) for label in _labels(shown, left)), default=0)
    return _styled(figure, list(shown), colours, room)


def fold(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the largest classes, and the mean of the others under one name."""
    return fold_like(counts, counts)


def fold_like(order: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, float]:
    """Return counts of the classes that `fold` shows of ``order``, in its order."""
    names = sorted(order, key=lambda name: (-order[name], name))
    if len(names) <= MOST_CLASSES:
        return {name: counts.get(name, 0) for name in names}
    kept, others = names[: MOST_CLASSES - 1], names[MOST_CLASSES - 1 :]
    mean = sum(counts.get(name, 0) for name in others) / len(others)
    return {name: counts.get(name, 0) for name in kept} | {f"mean of {len(others)} others": mean}


def shorten(name: str, most: int = 23) -> str:
    """Return a class name that fits beside its bar; its end tells names apart as its start does."""
    if len(name) <= most:
        return name
    return f"{name[: most - 9]}…{name[-8:]}"


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def _labels(before: Mapping[str, float], after: Mapping[str, float] | None) -> list[str]:
    if after is None:
        return [f"{rows:,.0f}" for rows in before.values()]
    return [
        f"{rows:,.0f}" if after[name] == rows else f"{rows:,.0f} → {after[name]:,.0f}"
        for name, rows in before.items()
    ]


def _scale(figure: go.Figure, values: list[float]) -> None:
    filled = [value for value in values if value > 0]
    if filled and max(filled) > LOG_ABOVE * min(filled):
        figure.update_xaxes(type="log", title_text="rows, log scale", dtick=1)
    else:
        figure.update_xaxes(visible=False, range=[0, max(filled, default=1)])


def _styled(figure: go.Figure, names: Sequence[str], colours: Palette, room: int) -> go.Figure:
    """Give a figure the template; ``room`` are the pixels that labels need right of the bars."""
    axis: dict[str, Any] = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True}
    figure.update_layout(
        template=None,
        font={"family": _FONT, "size": 12.5, "color": colours.faint},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=30 * len(names) + 24 + (34 if figure.layout.xaxis.type == "log" else 0),
        margin={"l": 6, "r": room, "t": 4, "b": 4},
        bargap=0.24,
        showlegend=False,
        hoverlabel={"font": {"family": _FONT}},
    )
    figure.update_yaxes(
        **axis,
        autorange="reversed",
        automargin=True,
        tickvals=list(range(len(names))),
        ticktext=[f"{_safe(shorten(name))}  " for name in names],
    )
    figure.update_xaxes(**axis, automargin=True, gridcolor=colours.line)
    return figure


def _safe(name: str) -> str:
    """Return a name in which Plotly finds no HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;")

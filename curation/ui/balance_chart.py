"""What options do to one figure of a model: a dot and its interval each, around no difference."""

from __future__ import annotations

from typing import Any, Final

import plotly.graph_objects as go

from curation.sampling.balance.balance_effect import ModelEffect, OptionEffect
from curation.sampling.balance.effect_figures import METRICS
from curation.sampling.balance.effect_sentences import signed
from curation.ui.charts import shorten
from curation.ui.theme import Palette, palette

_ROW: Final = 34


def difference_dots(
    effect: ModelEffect, metric: str, *, corrected: bool = False, colours: Palette | None = None
) -> go.Figure:
    """Return dots of the differences to the rows as they are, with their 95% intervals.

    What is better is drawn in our colour, what is worse in that of a suspect, and what cannot be
    told in grey.

    Args:
        effect: of one model.
        metric: one of `METRICS`.
        corrected: whether a hollow dot shows each option after the prior correction.
        colours: of the theme.
    """
    colours = colours or palette()
    shown = effect.options[1:]
    direction = 1 if METRICS[metric].higher_is_better else -1
    better = "higher" if direction > 0 else "lower"
    figure = go.Figure()
    figure.add_vline(x=0, line_color=colours.faint, line_width=1)
    for place, one in enumerate(shown):
        _add(figure, one, metric, place, colours, direction)
        if corrected and metric in one.corrected_differences:
            _add(figure, one, metric, place + 0.3, colours, direction, hollow=True)
    axis: dict[str, Any] = {"zeroline": False, "ticks": "", "fixedrange": True}
    figure.update_layout(
        template=None,
        font={"family": '"Source Sans", sans-serif', "size": 12.5, "color": colours.faint},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=_ROW * len(shown) + 64,
        margin={"l": 6, "r": 12, "t": 4, "b": 4},
        showlegend=False,
    )
    figure.update_xaxes(
        **axis, gridcolor=colours.line, automargin=True, nticks=6, title_font_size=12.5,
        title_text=f"difference of {_title(metric)}, {better} is better",
    )  # fmt: skip
    figure.update_yaxes(
        **axis, showgrid=False, automargin=True, range=[len(shown) - 0.4, -0.6],
        tickvals=list(range(len(shown))),
        ticktext=[f"{shorten(one.option.title, 30)}  " for one in shown],
    )  # fmt: skip
    return figure


def _add(
    figure: go.Figure,
    one: OptionEffect,
    metric: str,
    place: float,
    colours: Palette,
    direction: int,
    *,
    hollow: bool = False,
) -> None:
    found = (one.corrected_differences if hollow else one.differences)[metric]
    low, high = found.interval() or (found.value, found.value)
    sign = found.sign() * direction
    colour = {1: colours.ours, 0: colours.faint, -1: colours.given}[sign]
    after = ", corrected" if hollow else ""
    figure.add_scatter(
        x=[found.value], y=[place], mode="markers",
        marker={
            "color": colour, "size": 9, "symbol": "circle-open" if hollow else "circle",
            "line": {"width": 2, "color": colour},
        },
        error_x={
            "type": "data", "symmetric": False, "array": [high - found.value],
            "arrayminus": [found.value - low], "color": colour, "thickness": 1.6, "width": 0,
        },
        hovertemplate=f"{one.option.title}{after}: {signed(found.value, 3)} "
        f"({signed(low, 3)} to {signed(high, 3)})<extra></extra>",
    )  # fmt: skip


def _title(metric: str) -> str:
    name = METRICS[metric].title
    return name if name.isupper() else name[:1].lower() + name[1:]

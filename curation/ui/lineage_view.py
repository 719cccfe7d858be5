"""What was built from what, as a picture that opens each node."""

from __future__ import annotations

import html

import plotly.graph_objects as go
import streamlit as st

from curation.lake.datasets import Dataset
from curation.lake.lineage import lineage
from curation.lake.lineage_graph import Lineage, Node, NodeKind
from curation.ui import state
from curation.ui.charts import shorten
from curation.ui.errors import as_text
from curation.ui.numbers import count
from curation.ui.theme import Palette, palette

_NAMES: dict[NodeKind, str] = {
    "source": "source", "snapshot": "snapshot", "annotations": "annotations",
    "taxonomy": "classes", "recipe": "recipe", "rule": "rule", "run": "build",
    "finding": "finding", "tag": "tag",
}  # fmt: skip
_SYMBOLS: dict[NodeKind, str] = {
    "source": "square", "snapshot": "circle", "annotations": "diamond", "taxonomy": "triangle-up",
    "recipe": "triangle-right", "rule": "triangle-right", "run": "hexagon", "finding": "cross",
    "tag": "star",
}  # fmt: skip
_LAYER, _ROW = 190, 64
"""Pixels between two layers, and between two nodes of one."""
_CHART = "lineage-chart"
_OPEN = "lineage-open"


def lineage_view(dataset: Dataset) -> None:
    """Draw the graph of the workspace, or of what led to one dataset, and the node that is open."""
    scope = st.segmented_control(
        "Of", ["workspace", "dataset"], default="workspace", required=True, key="lineage-scope",
        format_func=lambda one: (
            f"What led to {dataset.name}" if one == "dataset" else "The whole workspace"
        ),
        label_visibility="collapsed",
    )  # fmt: skip
    graph = lineage(state.workspace(), dataset.name if scope == "dataset" else None)
    nodes = {node.id: node for node in graph.nodes}
    st.plotly_chart(
        _figure(graph, palette()),
        key=_CHART,
        theme=None,
        on_select=_opened,
        selection_mode="points",
        width="content",
        alt=f"{count(len(nodes), 'node')}: " + "; ".join(_title(node) for node in graph.nodes[:40]),
        config={"displayModeBar": False, "scrollZoom": False, "doubleClick": False},
    )
    if graph.left_out:
        st.caption(f"{count(graph.left_out, 'older snapshot')} not shown.")
    newest = [n for n, one in enumerate(graph.nodes) if one.id == f"snapshot:{dataset.snapshot}"]
    chosen = st.selectbox(
        "Open",
        list(nodes),
        index=newest[0] if newest else 0,
        format_func=lambda one: _title(nodes[one]),
        key=_OPEN,
        width=420,
    )
    if chosen in nodes:
        _details(graph, nodes, nodes[chosen])


def _opened() -> None:
    """Open the node that was clicked."""
    points = st.session_state[_CHART].selection.points
    if points:
        st.session_state[_OPEN] = points[0]["customdata"]


def _details(graph: Lineage, nodes: dict[str, Node], node: Node) -> None:
    when = f"{node.when:%Y-%m-%d %H:%M} UTC" if node.when else ""
    st.markdown(f"**{as_text(_title(node))}**")
    st.caption(as_text(" · ".join(part for part in (node.detail, node.who, when) if part)))
    made_from = [nodes[e.source] for e in graph.edges if e.target == node.id]
    led_to = [nodes[e.target] for e in graph.edges if e.source == node.id]
    for words, others in (("Made from", made_from), ("Led to", led_to)):
        if others:
            st.markdown(f"{words}: " + ", ".join(as_text(_title(other)) for other in others))


def _title(node: Node) -> str:
    return f"{_NAMES[node.kind]} · {node.title}"


def _figure(graph: Lineage, colours: Palette) -> go.Figure:
    """Return the graph from left to right; what a dataset is has our colour, the rest is grey."""
    places = {node.id: (node.layer, node.order) for node in graph.nodes}
    figure = go.Figure()
    for edge in graph.edges:
        (x0, y0), (x1, y1) = places[edge.source], places[edge.target]
        figure.add_scatter(
            x=[x0, x1], y=[y0, y1], mode="lines", hoverinfo="skip",
            line={
                "color": colours.context, "width": 1.5,
                "dash": "solid" if edge.kind == "from" else "dot",
            },
        )  # fmt: skip
    figure.add_scatter(
        x=[node.layer for node in graph.nodes],
        y=[node.order for node in graph.nodes],
        mode="markers+text",
        marker={
            "size": 15,
            "symbol": [_SYMBOLS[node.kind] for node in graph.nodes],
            "color": [
                colours.ours if node.kind in ("snapshot", "run") else colours.faint
                for node in graph.nodes
            ],
        },
        text=[html.escape(shorten(node.title), quote=False) for node in graph.nodes],
        textposition="bottom center",
        cliponaxis=False,
        customdata=[node.id for node in graph.nodes],
        hovertext=[
            html.escape(f"{_title(node)}: {node.detail}", quote=False) for node in graph.nodes
        ],
        hoverinfo="text",
    )
    layers = 1 + max((node.layer for node in graph.nodes), default=0)
    rows = 1 + max((node.order for node in graph.nodes), default=0)
    axis = {
        "visible": False, "showgrid": False, "zeroline": False, "fixedrange": True
    }  # fmt: skip
    figure.update_xaxes(**axis, range=[-0.6, layers - 0.4])
    figure.update_yaxes(**axis, range=[rows - 0.3, -0.5])
    figure.update_layout(
        template=None, showlegend=False, dragmode=False, clickmode="event+select",
        font={"size": 12, "color": colours.faint}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", margin={"l": 6, "r": 6, "t": 4, "b": 4},
        width=max(420, _LAYER * layers), height=_ROW * rows + 30,
    )  # fmt: skip
    return figure

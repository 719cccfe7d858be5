"""A graph of what was made from what: where each node goes in a picture, and as DOT text."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

NodeKind = Literal[
    "source", "snapshot", "annotations", "taxonomy", "recipe", "rule", "run", "finding", "tag",
]  # fmt: skip
EdgeKind = Literal["from", "after"]

_SHAPES: dict[NodeKind, str] = {
    "source": "note", "snapshot": "cylinder", "annotations": "ellipse", "taxonomy": "folder",
    "recipe": "tab", "rule": "tab", "run": "box", "finding": "diamond", "tag": "cds",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """Something that others were made from, or that was made from others."""

    id: str
    kind: NodeKind
    title: str
    detail: str
    when: datetime | None
    """UTC, without a zone."""
    who: str
    layer: int = 0
    """Its place from left to right: to the right of all that it was made from."""
    order: int = 0
    """Its place from top to bottom among those of its layer."""


@dataclass(frozen=True)
class Edge:
    """``target`` was made from ``source``, or only came after it and took its place."""

    source: str
    target: str
    kind: EdgeKind


@dataclass(frozen=True)
class Lineage:
    """What was made from what."""

    nodes: list[Node]
    """By layer, then order."""
    edges: list[Edge]
    """By their nodes' ids."""
    left_out: int = 0
    """Older snapshots of datasets that are not shown."""


def laid_out(nodes: Iterable[Node], edges: Iterable[Edge], left_out: int = 0) -> Lineage:
    """Return the lineage with a place for each node; edges to what is not there are dropped.

    The layer is the length of the longest path that leads to the node, so edges go to the right.
    The order is by kind, then by what the node is called: it does not change when others come.
    """
    by_id = {node.id: node for node in nodes}
    kept = sorted(
        {edge for edge in edges if edge.source in by_id and edge.target in by_id},
        key=lambda edge: (edge.source, edge.target, edge.kind),
    )
    layers = _layers(by_id, kept)
    kinds = get_args(NodeKind)
    placed: list[Node] = []
    counts: dict[int, int] = defaultdict(int)
    for node in sorted(
        by_id.values(), key=lambda node: (layers[node.id], kinds.index(node.kind), node.id)
    ):
        layer = layers[node.id]
        placed.append(replace(node, layer=layer, order=counts[layer]))
        counts[layer] += 1
    return Lineage(placed, kept, left_out)


def to_dot(lineage: Lineage) -> str:
    """Return the graph in the DOT language of Graphviz."""
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for node in lineage.nodes:
        label = json.dumps(f"{node.title}\n{node.detail}".strip(), ensure_ascii=False)
        lines.append(f"  {_quoted(node.id)} [shape={_SHAPES[node.kind]}, label={label}];")
    for edge in lineage.edges:
        style = " [style=dashed]" if edge.kind == "after" else ""
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{style};")
    return "\n".join([*lines, "}"])


def _layers(nodes: Iterable[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the length of the longest path to each node."""
    layers = dict.fromkeys(nodes, 0)
    waiting = dict.fromkeys(layers, 0)
    onward: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        onward[edge.source].append(edge.target)
        waiting[edge.target] += 1
    ready = [node for node, before in waiting.items() if before == 0]
    while ready:
        node = ready.pop()
        for target in onward[node]:
            layers[target] = max(layers[target], layers[node] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return layers


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""How even the classes are, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping

from curation.ui.errors import as_text
from curation.ui.numbers import count, ratio
from curation.ui.parts import Figure


def class_figures(before: Mapping[str, int], after: Mapping[str, int]) -> list[Figure]:
    """Return number, smallest, largest and ratio of the classes, and the ratio after a step."""
    left = [rows for rows in after.values() if rows]
    if not before or not left:
        return []
    small = min(before, key=lambda name: (before[name], name))
    large = max(before, key=lambda name: before[name])
    return [
        Figure("Classes", f"{len(before):,}"),
        Figure("Smallest", f"{before[small]:,}", as_text(small)),
        Figure("Largest", f"{before[large]:,}", as_text(large)),
        Figure(
            "Largest to smallest",
            ratio(before[large], before[small]),
            f"{ratio(max(left), min(left))} after the step",
        ),
    ]


def mix(counts: Mapping[str, int]) -> str:
    """Say in one line how even classes are: number, smallest, largest, ratio."""
    if not counts:
        return "no classes"
    smallest, largest = (
        min(counts, key=lambda c: (counts[c], c)),
        max(counts, key=lambda c: counts[c]),
    )
    if counts[smallest] == counts[largest]:
        return f"{count(len(counts), 'class', 'classes')} with {count(counts[largest], 'row')} each"
    return (
        f"{count(len(counts), 'class', 'classes')}: {smallest} has {counts[smallest]:,}, "
        f"{largest} has {counts[largest]:,}, {ratio(counts[largest], counts[smallest])} as many"
    )


def grows(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Say whether a class has more rows after, so that what is left is no part of what was."""
    return any(rows > before.get(name, 0) for name, rows in after.items())

"""How counts, shares and spans of time are written on pages."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``"1 row"`` or ``"13,083 rows"``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def share(part: int, whole: int) -> str:
    """Return the part in percent: ``"2.3%"``, ``"<0.1%"``, or a dash where there is no whole."""
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent in (0, 100) else f"{percent:.1f}%"


def ratio(largest: int, smallest: int) -> str:
    """Return how many times larger one count is: ``"12×"``."""
    if smallest == 0:
        return "–"
    times = largest / smallest
    return f"{times:,.0f}×" if times >= 10 else f"{times:.1f}×"


def span(seconds: float) -> str:
    """Return a span of time in one unit: ``"8 s"``, ``"3 min"``, ``"2 h"``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"

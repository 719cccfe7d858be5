"""How long work tells how far it is, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done, from 0 to 1, and what is being done now.

It may raise `Cancelled`, which the work lets through after it has put away what is half done.
"""


class Cancelled(Exception):  # noqa: N818 - a person's wish is not an error
    """The person who started the work asked it to stop."""


def no_progress(fraction: float, message: str) -> None:
    """Tell nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Map a piece of work's own 0 to 1 onto ``start`` to ``end`` of the whole."""

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return report

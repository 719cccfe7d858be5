"""Whether a review is worth going on with, in words."""

from __future__ import annotations

from typing import Final

from curation.finders.queue_quality import QueueQuality

FEWEST: Final = 10
"""Errors that an hour has to find to be worth it, where nobody says otherwise."""
ENOUGH_DRAWN: Final = 20
"""Records drawn at random from which on it is said that one may stop."""


def advice(quality: QueueQuality, an_hour: float | None, fewest: int = FEWEST) -> str:
    """Return one or two sentences: what is left, what the next hour finds, and when to stop.

    Args:
        quality: of the queue.
        an_hour: records that are decided in an hour; None where that is not known.
        fewest: errors that an hour has to find to be worth it.
    """
    undecided = quality.records - quality.checked
    if undecided == 0:
        return "Every record has a verdict."
    if not quality.checked:
        return "How many errors are left is told once some records are decided."
    left = quality.left.value
    start = f"{_errors(left).capitalize()} {'is' if round(left) <= 1 else 'are'} left in "
    start += _records(undecided)
    if an_hour is None:
        return f"{start}. What an hour finds is told once your pace is known."
    records = max(1, round(an_hour))
    found = min(quality.in_next(records), left)
    hour = "the next hour" if records < len(quality.chances) else "the rest of the queue"
    here = f"{start}; {hour} would find {_errors(found)}"
    if found >= fewest:
        more = quality.worth(records, fewest)
        is_near_end = more + records >= len(quality.chances)
        until = "only near the end" if is_near_end else f"after about {rounded(more)} more"
        return f"{here}. An hour finds fewer than {fewest:,} {until}."
    if quality.drawn < ENOUGH_DRAWN and quality.left.high >= fewest:
        return f"{here}. Too early to stop on: {quality.drawn} of {ENOUGH_DRAWN} random draws made."
    return f"{here}. A good place to stop."


def rounded(number: float) -> str:
    """Return an estimate with the two digits that it may claim: ``"2,400"``, ``"37"``, ``"0"``."""
    digits = max(0, len(str(round(number))) - 2)
    return f"{round(number, -digits):,.0f}"


def _errors(number: float) -> str:
    if number < 0.5:
        return "hardly an error"
    return "about 1 error" if round(number) == 1 else f"about {rounded(number)} errors"


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"

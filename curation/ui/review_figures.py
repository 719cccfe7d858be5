"""How far a review is: what is left, how often the flags were right, how fast it goes."""

from __future__ import annotations

from typing import Final

from curation.ui.numbers import span, wilson
from curation.ui.parts import Figure
from curation.ui.review import Review

_ENOUGH: Final = 5
"""Decided flags from which on the errors left are told from them, not from the model."""


def review_figures(review: Review) -> list[Figure]:
    """Return the figures at the top of the review, each estimate with its 95% interval."""
    counts, pace = review.counts(), review.pace()
    to_go = "" if pace is None else f"about {span(60 * counts.to_review / pace)} to go"
    shown = "flagged" if review.filters.show == "flagged" else "all undecided"
    pace_now = Figure("Pace", "–" if pace is None else f"{pace:.0f} a minute", to_go)
    if review.finding.finder != "label":
        return [
            Figure("To decide", f"{counts.to_review:,}"),
            Figure("Decided", f"{counts.decided:,}", "since they were found"),
            pace_now,
        ]
    return [
        Figure("To review", f"{counts.to_review:,}", shown),
        Figure("Decided", f"{counts.decided:,}"),
        _right_flags(counts.right_flags, counts.flagged_decided),
        _errors_left(review, counts.right_flags, counts.flagged_decided),
        pace_now,
    ]


def _right_flags(right: int, checked: int) -> Figure:
    low, high = wilson(right, checked)
    return Figure(
        "Right flags so far",
        f"{100 * right / checked:.0f}%" if checked else "–",
        f"between {100 * low:.0f} and {100 * high:.0f}%" if checked else "no flag decided yet",
        "Of the flagged records that were decided, those whose given label was wrong. "
        "The range is a 95% interval (Wilson).",
    )


def _errors_left(review: Review, right: int, checked: int) -> Figure:
    if checked < _ENOUGH:
        left = max(0, review.finding.estimated_errors - right)
        return Figure("Errors left (est.)", f"{left:,}", "rough, until you decide some")
    low, high = wilson(right, checked)
    unchecked = max(0, review.finding.flagged - checked)
    return Figure(
        "Errors left (est.)",
        f"{right / checked * unchecked:,.0f}",
        f"{low * unchecked:,.0f} to {high * unchecked:,.0f} of the flagged",
    )

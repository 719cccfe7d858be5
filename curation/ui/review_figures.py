"""How far a review is: what is left, how good the queue is, how fast it goes, when to stop."""

from __future__ import annotations

from curation.finders.queue_advice import ENOUGH_DRAWN, advice, rounded
from curation.finders.queue_quality import QueueQuality
from curation.ui.numbers import span
from curation.ui.parts import Figure
from curation.ui.review import DRAW_EVERY, Review


def review_figures(review: Review) -> list[Figure]:
    """Return the figures at the top of the review, each estimate with its 95% interval."""
    counts, pace = review.counts(), review.pace()
    to_go = "" if pace is None else f"about {span(60 * counts.to_review / pace)} to go"
    pace_now = Figure("Pace", "–" if pace is None else f"{pace:.0f} a minute", to_go)
    if not review.is_about_errors:
        return [
            Figure("To decide", f"{counts.to_review:,}"),
            Figure("Decided", f"{counts.decided:,}", "since they were found"),
            pace_now,
        ]
    shown = "flagged" if review.filters.show == "flagged" else "all undecided"
    quality = review.quality()
    return [
        Figure("To review", f"{counts.to_review:,}", shown),
        Figure("Decided", f"{counts.decided:,}", f"{quality.found:,} wrong"),
        _right_flags(quality),
        _errors_left(quality),
        pace_now,
    ]


def stop_line(review: Review) -> str:
    """Return whether it is worth going on; empty in a queue of records that just wait."""
    if not review.is_about_errors:
        return ""
    return advice(review.quality(), review.an_hour(), review.fewest)


def _right_flags(quality: QueueQuality) -> Figure:
    help_text = (
        "How many of all the flagged records have a wrong label: those that were decided are "
        "known, the others are judged by those that were drawn at random, since the worst come "
        "first. The range is a 95% interval."
    )
    if not quality.checked:
        return Figure("Right flags", "–", "nothing decided yet", help_text)
    low, high = quality.precision.low, quality.precision.high
    note = f"between {100 * low:.0f} and {100 * high:.0f}%"
    if round(100 * low) == round(100 * high):
        note = "all flags decided"
    return Figure("Right flags", f"{100 * quality.precision.value:.0f}%", note, help_text)


def _errors_left(quality: QueueQuality) -> Figure:
    help_text = (
        f"Wrong labels among all records without a verdict, flagged or not. Every {DRAW_EVERY}th "
        "record is drawn at random to tell; the range is a 95% interval. Records that you were "
        "unsure of count as not decided."
    )
    if not quality.checked:
        return Figure("Errors left (est.)", "–", "nothing decided yet", help_text)
    left = quality.left
    note = f"{rounded(left.low)} to {rounded(left.high)}"
    if quality.drawn < ENOUGH_DRAWN:
        note += ", rough yet"
    return Figure("Errors left (est.)", rounded(left.value), note, help_text)

"""The state of a review: a short queue, what was decided in this session, and how fast.

The next record is already here when a decision is made, and the decision is written by a thread, so
a key press changes the record without waiting for the lake. `Review.settle` waits for what is being
written; whatever reads decisions calls it first.

One record in `DRAW_EVERY` is the next of the finding's random order, so that it can be told how
good the queue is; see `finders.queue_quality`.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal

from curation.errors import CurationError
from curation.finders.queue_advice import FEWEST
from curation.finders.queue_quality import QueueQuality
from curation.finders.reviewed_queue import ReviewedQueue
from curation.finders.waiting import QUEUES
from curation.lake.actions import LABELS, redo, undo
from curation.lake.annotations import Annotation, Decision, Seen, annotate
from curation.lake.findings import FindingSummary
from curation.lake.reviewing import seconds_per_decision
from curation.lake.workspace import Workspace
from curation.privacy import gate
from curation.privacy.gate import ReviewItem, Viewer

FETCH: Final = 20
REFILL_BELOW: Final = 5
DRAW_EVERY: Final = 6
REFILL_DRAWS_BELOW: Final = 3
# One thread: decisions are written in the order in which they were made.
_WRITER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decisions")
_ABOUT_FLAGS: Final = frozenset({"relabel", "confirm", "exclude"})
_FLAG_WAS_RIGHT: Final = frozenset({"relabel", "exclude"})
_PACE_OVER: Final = 30
"""Decisions that the pace is measured over."""
_BREAK: Final = 180.0
"""Seconds without a decision that count as a break, not as work."""

Show = Literal["flagged", "all"]


@dataclass(frozen=True)
class Filters:
    """Which records a person wants to see."""

    show: Show = "flagged"
    given_label: str | None = None
    max_quality: float = 1.0


@dataclass
class Review:
    """One person's way through one finding. Held in session state; one session is one thread."""

    workspace: Workspace
    viewer: Viewer
    finding: FindingSummary
    filters: Filters = field(default_factory=Filters)
    queue: list[ReviewItem] = field(default_factory=list)
    done: list[tuple[ReviewItem, Decision]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    position: int = 0
    """Grows with each record shown; a press meant for an earlier record is told by it."""
    fewest: int = FEWEST
    """Errors that an hour has to find to be worth it."""
    choosing: bool = False
    """Whether the person is looking for another label."""
    times: list[float] = field(default_factory=list)
    problem: CurationError | None = None
    """Why the newest decision could not be written; its record is back in the queue."""
    _writing: list[tuple[Future[Annotation], ReviewItem]] = field(default_factory=list)
    _tally: gate.ReviewCounts | None = None
    _reviewed: ReviewedQueue | None = None
    _quality: QueueQuality | None = None
    _draws: list[ReviewItem] = field(default_factory=list)
    _drawn_out: bool = False
    _shown: int | None = None
    _shown_at: float = field(default_factory=time.monotonic)
    _exhausted: bool = False

    @cached_property
    def classes(self) -> list[str]:
        """The classes that a record may be given."""
        return gate.classes(self.workspace, self.viewer, self.finding.finding_id)

    @property
    def item(self) -> ReviewItem | None:
        """The record to decide now, or None at the end of the queue."""
        if not self.queue:
            self.refill()
        return self.queue[0] if self.queue else None

    def look_at(self, filters: Filters) -> None:
        """Use other filters; the queue starts anew if they differ."""
        if filters != self.filters:
            self.filters = filters
            self._restart()

    def decide(self, position: int, decision: Decision, value: str | None = None) -> None:
        """Write a decision about the record shown at this position and go to the next.

        A press that was meant for an earlier record does nothing.
        """
        if position != self.position or not self.queue:
            return
        item, now = self.queue[0], time.monotonic()
        written = _WRITER.submit(
            annotate,
            self.workspace,
            self.finding.dataset,
            item.record_key,
            decision,
            value=value,
            annotator=self.viewer.user,
            seen=Seen(
                snapshot=self.finding.snapshot,
                fingerprint=item.fingerprint,
                given=item.given_label,
                suggestion=None if item.is_drawn else item.suggested_label,
                score=item.label_quality,
                taxonomy_version=item.taxonomy_version,
                workflow_version=item.workflow_version,
            ),
            seconds=round(min(now - self._shown_at, _BREAK), 1),
        )
        self._writing.append((written, item))
        self.times.append(now)
        self.done.append((self.queue.pop(0), decision))
        self._count(item, decision, 1)
        self._next()

    @property
    def refused(self) -> bool:
        """Whether a decision could not be written that `settle` has not taken notice of."""
        return any(written.done() and written.exception() for written, _ in self._writing)

    def settle(self, *, wait: bool = True) -> None:
        """Take notice of written decisions; a record whose decision was refused comes back.

        Args:
            wait: until all of them are written; otherwise those that are written by now.
        """
        while self._writing and (wait or self._writing[0][0].done()):
            written, item = self._writing[0]
            try:
                written.result()
            except CurationError as error:
                self.problem = error
                self.done = [pair for pair in self.done if pair[0] is not item]
                self.queue.insert(0, item)
                self._tally = self._reviewed = None
                self._advance()
            del self._writing[0]

    def skip(self, position: int) -> None:
        """Leave the record undecided and out of this session's queue."""
        if position == self.position and self.queue:
            self.skipped.append(self.queue.pop(0).record_key)
            self._quality = None
            self._next()

    def undo(self, position: int) -> bool | None:
        """Take back this person's newest decision and show its record; False if there is none.

        A press that was meant for an earlier record does nothing, and gives None.
        """
        if position != self.position:
            return None
        self.settle()
        reverted = undo(self.workspace, self.finding.dataset, self.viewer.user, kinds=LABELS)
        if reverted is None:
            return False
        if self.done and self.done[-1][0].record_key == reverted.record_key:
            item, decision = self.done.pop()
            self.queue.insert(0, item)
            self._count(item, decision, -1)
            del self.times[-1:]
        else:
            self._restart()
        self._advance()
        return True

    def redo(self, position: int) -> bool | None:
        """Bring back this person's decision that was taken back last; False if there is none.

        A press that was meant for an earlier record does nothing, and gives None.
        """
        if position != self.position:
            return None
        self.settle()
        back = redo(self.workspace, self.finding.dataset, self.viewer.user, kinds=LABELS)
        if back is None:
            return False
        self._restart()
        return True

    def unskip(self) -> None:
        """Bring the skipped records back."""
        self.skipped.clear()
        self._restart()

    def refill(self) -> None:
        """Fetch more records where few are left."""
        self._refill_draws()
        if self._exhausted or len(self.queue) >= REFILL_BELOW:
            return
        self.settle()
        here = [item.record_key for item in self.queue]
        more = gate.review_queue(
            self.workspace,
            self.viewer,
            self.finding.finding_id,
            show=self.filters.show,
            given_label=self.filters.given_label,
            max_quality=self.filters.max_quality,
            skip=[*self.skipped, *here],
            limit=FETCH,
        )
        self.queue += more
        self._exhausted = len(more) < FETCH

    def _refill_draws(self) -> None:
        if self._drawn_out or len(self._draws) >= REFILL_DRAWS_BELOW or not self.is_measured:
            return
        self.settle()
        here = [item.record_key for item in (*self.queue[:1], *self._draws)]
        more = gate.random_draws(
            self.workspace, self.viewer, self.finding.finding_id, skip=[*self.skipped, *here]
        )
        self._draws += more
        self._drawn_out = not more

    @property
    def is_measured(self) -> bool:
        """Whether some records are drawn at random: of all records, so not under a filter."""
        return self.is_about_errors and self.filters == Filters(self.filters.show)

    @property
    def is_about_errors(self) -> bool:
        """Whether the records may or may not be errors; those of other queues just wait."""
        return self.finding.finder not in QUEUES

    def quality(self) -> QueueQuality:
        """Tell how good the queue is, from the same decisions as `counts`, filters aside."""
        if self._reviewed is None:
            self.settle()
            self._quality = None
            self._reviewed = ReviewedQueue.read(
                self.workspace, self.finding.finding_id, annotator=self.viewer.user
            )
        if self._quality is None:
            self._quality = self._reviewed.quality(self.skipped)
        return self._quality

    def counts(self) -> gate.ReviewCounts:
        """Count what is left and what the decisions say, under the filters.

        Read from the lake when the queue starts anew; decisions of this session are added to it.
        """
        if self._tally is None:
            self.settle()
            self._tally = self._read_counts()
        return self._tally

    def _read_counts(self) -> gate.ReviewCounts:
        return gate.review_counts(
            self.workspace,
            self.viewer,
            self.finding.finding_id,
            show=self.filters.show,
            given_label=self.filters.given_label,
            max_quality=self.filters.max_quality,
        )

    def pace(self) -> float | None:
        """Return decisions a minute in this session, breaks left out, or None before the third."""
        times = self.times[-_PACE_OVER:]
        worked = [b - a for a, b in pairwise(times) if b - a < _BREAK]
        if len(worked) < 2 or sum(worked) == 0:
            return None
        return 60 * len(worked) / sum(worked)

    def an_hour(self) -> float | None:
        """Return records decided in an hour, by this session or else by this person's last ones."""
        pace = self.pace()
        if pace is not None:
            return 60 * pace
        return 3600 / self._seconds_before if self._seconds_before else None

    @cached_property
    def _seconds_before(self) -> float | None:
        return seconds_per_decision(self.workspace, self.finding.dataset, self.viewer.user)

    def _count(self, item: ReviewItem, decision: Decision, by: int) -> None:
        if self._reviewed is not None:
            self._reviewed.note(item.record_key, decision if by > 0 else None)
            self._quality = None
        if (tally := self._tally) is None:
            return
        about_flag = by if item.is_label_issue and decision in _ABOUT_FLAGS else 0
        self._tally = replace(
            tally,
            to_review=tally.to_review - by,
            decided=tally.decided + by,
            flagged_decided=tally.flagged_decided + about_flag,
            right_flags=tally.right_flags + (about_flag if decision in _FLAG_WAS_RIGHT else 0),
        )

    def _restart(self) -> None:
        self.queue, self._draws = [], []
        self._exhausted = self._drawn_out = False
        self._tally = self._reviewed = None
        self._advance()

    def _next(self) -> None:
        """Go on to the next record, which is one drawn at random when it is time for one."""
        # Counted on from the decisions of earlier sessions: many short ones have their draws, too.
        self._shown = self.counts().decided if self._shown is None else self._shown + 1
        if self._shown % DRAW_EVERY == 0 and self.is_measured:
            seen = {item.record_key for item, _ in self.done} | set(self.skipped)
            self._draws = [item for item in self._draws if item.record_key not in seen]
            drawn = self._draws[:1]
            del self._draws[:1]
            keys = {item.record_key for item in drawn}
            self.queue = drawn + [item for item in self.queue if item.record_key not in keys]
        self._advance()

    def _advance(self) -> None:
        self.position += 1
        self.choosing = False
        self._shown_at = time.monotonic()

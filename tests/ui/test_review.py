"""A review in a session: every sixth record is drawn at random, and numbers follow each decision."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from queues import store_queue

from curation.finders.reviewed_queue import ReviewedQueue, queue_quality
from curation.lake.annotations import annotate, events
from curation.lake.reviewing import review_records, seconds_per_decision
from curation.lake.workspace import Workspace
from curation.privacy.gate import ReviewItem, Viewer, random_draws
from curation.ui.review import DRAW_EVERY, Filters, Review


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("review") / "workspace") as workspace:
        yield workspace


@pytest.fixture
def review(opened: Workspace) -> Review:
    finding = store_queue(opened, uuid.uuid4().hex, records=200, flagged=60)
    return Review(opened, Viewer("ann"), finding)


def _decide(review: Review, times: int) -> list[ReviewItem]:
    """Confirm records as a person at the page does: the quality is drawn, then the queue filled."""
    shown = []
    for _ in range(times):
        item = review.item
        assert item is not None
        shown.append(item)
        review.quality()
        review.counts()
        review.refill()
        review.decide(review.position, "confirm")
    review.settle()
    return shown


def test_every_sixth_record_is_the_next_of_the_random_order(review: Review) -> None:
    shown = _decide(review, 48)
    assert [n for n, item in enumerate(shown) if item.is_drawn] == [6, 12, 18, 24, 30, 36, 42]
    keys = [item.record_key for item in shown]
    assert len(set(keys)) == 48
    drawn = [item.record_key for item in shown if item.is_drawn]
    records = review_records(review.workspace, review.finding.finding_id)
    by_chance = [
        records["record_key"][int(place)].as_py() for place in np.argsort(records["chance"])
    ]
    unflagged = [key for key in drawn if key >= "k060"]
    assert unflagged == [key for key in by_chance if key >= "k060"][: len(unflagged)]
    assert 4 <= len(unflagged) < 7, "flagged ones are drawn in turn, unless decided by then"
    assert drawn != sorted(drawn), "not the worst first"


def test_what_a_model_thinks_of_a_drawn_record_is_neither_shown_nor_kept(review: Review) -> None:
    shown = _decide(review, DRAW_EVERY + 1)
    said = events(review.workspace, review.finding.dataset)
    assert [event.suggestion for event in said] == ["b"] * DRAW_EVERY + [None]
    assert shown[-1].is_drawn


def test_short_sessions_have_their_draws_too(review: Review) -> None:
    _decide(review, 4)
    later = Review(review.workspace, review.viewer, review.finding)
    assert [item.is_drawn for item in _decide(later, 3)] == [False, False, True]


def test_under_a_filter_nothing_is_drawn(review: Review) -> None:
    review.look_at(Filters(given_label="a"))
    assert not any(item.is_drawn for item in _decide(review, 20))


def test_a_skipped_draw_does_not_come_again(review: Review) -> None:
    _decide(review, DRAW_EVERY)
    item = review.item
    assert item is not None
    assert item.is_drawn
    review.skip(review.position)
    assert item.record_key not in {other.record_key for other in _decide(review, 25)}
    assert review.quality().drawn >= 2
    assert review.quality().drawn == _read(review).quality().drawn, "a gap in the lake is passed"


def test_the_numbers_of_a_session_are_those_of_the_lake(review: Review) -> None:
    _decide(review, 20)
    for decision in ("relabel", "exclude", "unsure"):
        review.decide(review.position, decision, "b" if decision == "relabel" else None)
    review.undo(review.position)
    review.settle()
    held, read = review.quality(), _read(review).quality()
    assert (held.checked, held.found, held.unsure) == (22, 2, 0)
    assert (held.left, held.precision, held.drawn) == (read.left, read.precision, read.drawn)
    assert queue_quality(review.workspace, review.finding.finding_id).found == 2


def test_records_with_one_key_are_one_record_of_the_queue(opened: Workspace) -> None:
    texts = ["same", "other", "same", "third"]
    finding = store_queue(opened, uuid.uuid4().hex, records=4, flagged=2, texts=texts)
    records = review_records(opened, finding.finding_id)
    assert records["is_issue"].to_pylist() == [True, True, False]
    assert sorted(records["chance"].to_pylist()) == [0, 1, 2]
    annotate(opened, finding.dataset, records["record_key"][0].as_py(), "exclude", annotator="ann")
    assert queue_quality(opened, finding.finding_id).found == 1


def test_records_without_a_label_are_not_drawn(opened: Workspace) -> None:
    """There is no label to be wrong, so they would only blur how many labels are."""
    finding = store_queue(opened, uuid.uuid4().hex, records=20, flagged=5, unlabelled=10)
    assert review_records(opened, finding.finding_id).num_rows == 10
    drawn = random_draws(opened, Viewer("ann"), finding.finding_id, of_each=20)
    assert {item.given_label for item in drawn} == {"a"}


def test_a_relabel_to_the_label_that_is_there_finds_no_error(opened: Workspace) -> None:
    finding = store_queue(opened, uuid.uuid4().hex, records=4, flagged=2)
    annotate(opened, finding.dataset, "k000", "relabel", value="a", annotator="ann")
    annotate(opened, finding.dataset, "k001", "relabel", value="b", annotator="ann")
    found = queue_quality(opened, finding.finding_id)
    assert (found.checked, found.found, found.precision.value) == (2, 1, 0.5)


def test_the_pace_of_earlier_sessions_is_known(opened: Workspace) -> None:
    finding = store_queue(opened, uuid.uuid4().hex, records=8, flagged=4)
    assert seconds_per_decision(opened, finding.dataset) is None
    for key, seconds in (("k000", 5.0), ("k001", 15.0)):
        annotate(opened, finding.dataset, key, "confirm", annotator="ann", seconds=seconds)
    assert seconds_per_decision(opened, finding.dataset, "ann") == 10
    assert seconds_per_decision(opened, finding.dataset, "bob") is None
    assert Review(opened, Viewer("ann"), finding).an_hour() == 360


def _read(review: Review) -> ReviewedQueue:
    return ReviewedQueue.read(review.workspace, review.finding.finding_id, annotator="ann")

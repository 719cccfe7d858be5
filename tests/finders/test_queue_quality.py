"""What the decisions so far say of a queue: fair to what was not looked at, and it adds up."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.finders.queue_advice import advice
from curation.finders.queue_quality import (
    QueueQuality,
    Verdicts,
    error_shape,
    estimate_quality,
    head_size,
    sample_size,
)
from curation.lake.reviewing import ERROR, OPEN, RIGHT, UNSURE
from curation.learn.arrays import Codes, Flags

SIGNS = {"x": ERROR, "-": RIGHT, "?": UNSURE, ".": OPEN}


def verdicts(text: str) -> Verdicts:
    """Read ``x`` error, ``-`` right, ``?`` unsure, ``.`` open."""
    return np.array([SIGNS[sign] for sign in text], dtype=np.int8)


def quality(text: str, flagged: int, by_chance: Codes | None = None) -> QueueQuality:
    known = verdicts(text)
    return estimate_quality(
        known, flagged, np.arange(len(known)) if by_chance is None else by_chance
    )


def reviewed(
    is_error: Flags, flagged: int, by_chance: Codes, decisions: int, every: int = 6
) -> Verdicts:
    """Review the worst first and every so often the next of the random order, strata in turn."""
    known = np.full(len(is_error), OPEN, dtype=np.int8)
    strata = ([p for p in by_chance if p >= flagged], [p for p in by_chance if p < flagged])
    for number in range(1, decisions + 1):
        wanted = strata[number // every % 2] if number % every == 0 else range(len(known))
        place = next((p for p in wanted if known[p] == OPEN), None)
        place = int(np.argmax(known == OPEN)) if place is None else place
        known[place] = is_error[place]
    return known


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("....", 0), ("xx-..", 3), ("xx-..x..", 3), ("x.xx..", 4), ("--", 2), (".x", 0)],
)
def test_the_head_of_a_queue_is_what_was_decided_almost_wholly(text: str, size: int) -> None:
    assert head_size(verdicts(text)) == size


@pytest.mark.parametrize(
    ("text", "skipped", "size"),
    [
        ("", [], 0),
        ("....", [], 0),
        ("x-x...", [], 3),
        ("x-x..-", [], 3),
        ("x?x...", [], 3),
        ("x.x..x", [], 3),
        ("x-..x.", [2, 3], 5),
        ("-.--------.-..-", [], 12),
    ],
)
def test_the_sample_ends_at_the_first_records_that_nobody_looked_at(
    text: str, skipped: list[int], size: int
) -> None:
    """One open record, and one more in ten, is passed over: it was skipped in another session."""
    passed = verdicts(text) == UNSURE
    passed[skipped] = True
    assert sample_size(verdicts(text), passed) == size


def test_the_sample_is_fair_over_all_random_orders() -> None:
    """However many are drawn, the share of errors in the sample is right on average."""
    is_error = np.array([1, 1, 0, 0, 0, 1], dtype=bool)
    for drawn in (1, 2, 4):
        shares = []
        for order in permutations(range(6)):
            known = np.full(6, OPEN, dtype=np.int8)
            known[list(order[:drawn])] = is_error[list(order[:drawn])]
            in_order = known[list(order)]
            size = sample_size(in_order, in_order == UNSURE)
            assert size == drawn
            shares.append(in_order[:size].mean())
        assert np.mean(shares) == pytest.approx(is_error.mean())


def test_the_sample_stays_fair_where_a_part_was_decided_for_another_reason() -> None:
    """Somebody decided all records of one class, which has most of the errors."""
    random = np.random.default_rng(0)
    is_error = np.arange(400) < 80
    shares = []
    for _ in range(400):
        order = random.permutation(400)
        known = np.full(400, OPEN, dtype=np.int8)
        known[:100] = is_error[:100]
        open_first = [place for place in order if known[place] == OPEN][:20]
        known[open_first] = is_error[open_first]
        in_order = known[order]
        decided = in_order[: sample_size(in_order, in_order == UNSURE)]
        shares.append((decided[decided != OPEN] == ERROR).mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.02)


def test_the_worst_first_do_not_fool_it() -> None:
    """Of the first flags nearly all are right, of all flags a third; most errors are unflagged."""
    flagged, records = 300, 3_000
    inside, errors_left, precisions = [], [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        chance = np.concatenate([np.linspace(0.9, 0.05, flagged) ** 2, np.full(2_700, 0.08)])
        is_error = random.random(records) < chance
        order = random.permutation(records)
        known = reviewed(is_error, flagged, order, 150)
        found = estimate_quality(known, flagged, order)
        left = int(is_error[known == OPEN].sum())
        inside.append(found.left.low <= left <= found.left.high)
        errors_left.append(found.left.value - left)
        precisions.append(found.precision.value - is_error[:flagged].mean())
    assert np.mean(inside) >= 0.9
    assert abs(np.mean(errors_left)) < 60, "of about 240"
    assert abs(np.mean(precisions)) < 0.03, "the decided flags alone are too high by 0.2"


def test_no_error_in_sixty_draws_means_at_most_one_in_twenty() -> None:
    order = np.random.default_rng(0).permutation(10_000)
    known = np.full(10_000, OPEN, dtype=np.int8)
    known[:20] = RIGHT
    known[order[order >= 20][:60]] = RIGHT
    found = estimate_quality(known, 20, order)
    assert (found.drawn, found.left.low) == (60, 0)
    assert 0.03 * 9_920 < found.left.high <= 0.05 * 9_920
    assert found.left.value < 0.01 * 9_920


def test_a_queue_that_was_reviewed_to_its_end_is_known() -> None:
    found = quality("xx-x" + "--x-", flagged=4)
    assert (found.precision.low, found.precision.value, found.precision.high) == (0.75, 0.75, 0.75)
    assert (found.left.low, found.left.value, found.left.high) == (0, 0, 0)
    assert (found.checked, found.found, found.unsure) == (8, 4, 0)
    assert found.in_next(100) == 0
    assert advice(found, 60) == "Every record has a verdict."
    fresh = estimate_quality(np.full(40, OPEN, dtype=np.int8), 9, np.arange(40))
    assert advice(fresh, 60) == "How many errors are left is told once some records are decided."


def test_unsure_is_no_verdict() -> None:
    found = quality("x?-x" + "-?-." * 3, flagged=4)
    assert (found.checked, found.unsure, found.found) == (9, 4, 2)
    assert found.left.high > 0
    assert len(found.chances) == 3


def test_an_empty_queue_has_nothing_left() -> None:
    found = quality("", flagged=0)
    assert (found.left.high, found.records, len(found.chances)) == (0, 0, 0)


@settings(max_examples=200)
@given(st.text("x-?.", max_size=60), st.data())
def test_counts_add_up_whatever_was_decided(text: str, data: st.DataObject) -> None:
    flagged = data.draw(st.integers(0, len(text)))
    order = np.array(data.draw(st.permutations(range(len(text)))), dtype=np.int64)
    found = quality(text, flagged, order)
    counts = {sign: text.count(sign) for sign in SIGNS}
    assert found.checked + found.unsure + len(found.chances) == found.records == len(text)
    assert (found.found, found.unsure) == (counts["x"], counts["?"])
    assert 0 <= found.left.low <= found.left.value <= found.left.high
    assert found.left.high <= counts["?"] + counts["."]
    assert found.drawn <= found.checked
    known = text[:flagged].count("x") / max(1, flagged)
    assert known - 1e-9 <= found.precision.low <= found.precision.value <= found.precision.high <= 1
    assert ((found.chances >= 0) & (found.chances <= 1)).all()
    assert (np.diff(found.chances) <= 1e-12).all()


@given(st.text("x-.", min_size=1, max_size=80), st.data())
def test_errors_grow_no_more_likely_along_the_queue(text: str, data: st.DataObject) -> None:
    shape = error_shape(verdicts(text), data.draw(st.integers(0, len(text))))
    assert (np.diff(shape) <= 1e-12).all()
    assert ((shape >= 0) & (shape <= 1)).all()


def test_the_same_decisions_give_the_same_numbers() -> None:
    text = "xx-x" + "." * 40
    one, other = quality(text, 10), quality(text, 10)
    assert (one.left, one.precision) == (other.left, other.precision)


def test_going_on_is_worth_it_as_long_as_an_hour_finds_enough() -> None:
    random = np.random.default_rng(1)
    is_error = np.arange(4_000) < 400
    order = random.permutation(4_000)
    early = estimate_quality(reviewed(is_error, 500, order, 120), 500, order)
    assert early.in_next(60) > 40
    assert 200 < early.worth(60, 10) < 2_000, "few draws: rather too late than too early"
    assert "An hour finds fewer than 10 after" in advice(early, 60)
    late = estimate_quality(reviewed(is_error, 500, order, 700), 500, order)
    assert late.worth(60, 10) == 0
    assert advice(late, 60).endswith("A good place to stop.")
    assert late.worth(60, 0) == len(late.chances), "to the end, where nothing is too little"


def test_a_random_sample_without_errors_does_not_hide_what_the_next_records_show() -> None:
    """Half of the last hundred records were wrong, so the next ones will not all be right."""
    random = np.random.default_rng(3)
    is_error = (np.arange(5_000) < 600) & (random.random(5_000) < 0.5)
    order = random.permutation(5_000)
    known = np.full(5_000, OPEN, dtype=np.int8)
    known[:400] = is_error[:400]
    drawn = order[order >= 600][:40]
    known[drawn] = is_error[drawn]
    found = estimate_quality(known, 2_500, order)
    assert 20 < found.in_next(100) < 60


def test_the_advice_does_not_say_to_stop_before_there_is_a_random_sample() -> None:
    few = quality("-" * 60 + "." * 3_000, flagged=60)
    assert "Too early to stop on" in advice(few, 60)
    assert "once your pace is known" in advice(few, None)

"""Confident learning, beside cleanlab's on the same numbers."""

from __future__ import annotations

import threading
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint, estimate_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from curation.errors import DataError, UnknownNameError, UsageError
from curation.finders.confident import (
    Filter,
    Score,
    _at_least,
    judge_labels,
)
from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.learn.probability_blocks import check_probabilities
from curation.progress import Cancelled

FILTERS: tuple[Filter, ...] = get_args(Filter)
SCORES: tuple[Score, ...] = get_args(Score)
MARGINS = ("self_confidence", "normalized_margin")


@contextmanager
def sorts_that_are_stable() -> Iterator[None]:
    """Let equal values keep their order in cleanlab's sorts, which otherwise leave it open."""
    with (
        mock.patch.object(np, "argsort", partial(np.argsort, kind="stable")),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="May not flag all label issues")
        yield


def cleanlabs_flags(codes: Codes, probabilities: Matrix, filter_by: Filter) -> Flags:
    """Return cleanlab's flags, but for rows that are their class's only one."""
    with sorts_that_are_stable():
        flags = find_label_issues(
            codes, probabilities.astype(np.float64), filter_by=filter_by, n_jobs=1
        )
    return np.asarray(flags) & (np.bincount(codes)[codes] > 1)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Codes, Matrix]:
    """Draw labels and probabilities that are exact in float32, with many ties and empty classes."""
    width = draw(st.integers(2, 7))
    size = draw(st.integers(2, 40))
    parts = draw(st.sampled_from([2, 8, 64, 2**12]))
    cuts = draw(
        st.lists(
            st.lists(st.integers(0, parts), min_size=width - 1, max_size=width - 1),
            min_size=size,
            max_size=size,
        )
    )
    ends = np.sort(np.array(cuts), axis=1)
    padded = np.pad(ends, ((0, 0), (1, 1)), constant_values=((0, 0), (0, parts)))
    probabilities = (np.diff(padded, axis=1) / parts).astype(np.float32)
    classes = draw(st.lists(st.integers(0, width - 1), min_size=2, unique=True))
    codes = draw(st.lists(st.sampled_from(classes), min_size=size, max_size=size))
    codes[:2] = classes[:2]  # cleanlab takes no labels of one class only
    return np.array(codes, dtype=np.int64), probabilities


def noisy(size: int, width: int, seed: int = 0, spread: float = 2.5) -> tuple[Codes, Matrix]:
    """Return labels of which a tenth is drawn anew, and a fair model's probabilities."""
    random = np.random.default_rng(seed)
    true = random.integers(0, width, size)
    logits = random.normal(size=(size, width))
    logits[np.arange(size), true] += spread
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    codes = np.where(random.random(size) < 0.1, random.integers(0, width, size), true)
    return codes, probabilities.astype(np.float32)


@cache
def digits() -> tuple[Codes, Matrix, Flags]:
    """Return digits with 5% wrong labels, out-of-sample probabilities, and which are wrong."""
    data, true = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    wrong = random.random(len(true)) < 0.05
    codes = np.where(wrong, (true + random.integers(1, 10, len(true))) % 10, true).astype(np.int64)
    model = LogisticRegression(C=0.01, max_iter=2000)
    probabilities = cross_val_predict(model, data / 16, codes, method="predict_proba")
    return codes, probabilities.astype(np.float32), wrong


@pytest.mark.parametrize("filter_by", FILTERS)
@given(data=labelled())
def test_every_filter_flags_cleanlabs_rows(filter_by: Filter, data: tuple[Codes, Matrix]) -> None:
    codes, probabilities = data
    judged = judge_labels(codes, probabilities, filter_by=filter_by)
    np.testing.assert_array_equal(judged.is_issue, cleanlabs_flags(codes, probabilities, filter_by))


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize(("size", "width"), [(3_000, 3), (3_000, 40), (500, 90)])
def test_every_filter_flags_cleanlabs_rows_of_many_classes(
    filter_by: Filter, size: int, width: int
) -> None:
    codes, probabilities = noisy(size, width)
    judged = judge_labels(codes, probabilities, filter_by=filter_by)
    expected = cleanlabs_flags(codes, probabilities, filter_by)
    assert expected.any()
    np.testing.assert_array_equal(judged.is_issue, expected)


@pytest.mark.parametrize("filter_by", FILTERS)
def test_real_digits_get_cleanlabs_flags_and_most_wrong_labels_are_among_them(
    filter_by: Filter,
) -> None:
    codes, probabilities, wrong = digits()
    judged = judge_labels(codes, probabilities, filter_by=filter_by)
    np.testing.assert_array_equal(judged.is_issue, cleanlabs_flags(codes, probabilities, filter_by))
    assert judged.is_issue[wrong].mean() > 0.6
    assert wrong[judged.is_issue].mean() > 0.3


@pytest.mark.parametrize(
    ("score", "adjust"),
    [*((score, False) for score in SCORES), *((score, True) for score in MARGINS)],
)
@given(data=labelled())
def test_every_score_is_cleanlabs(score: Score, adjust: bool, data: tuple[Codes, Matrix]) -> None:
    codes, probabilities = data
    quality = judge_labels(codes, probabilities, score=score, adjust_pred_probs=adjust).quality
    expected = get_label_quality_scores(
        codes, probabilities.astype(np.float64), method=score, adjust_pred_probs=adjust
    )
    same = np.ones(len(codes), dtype=bool)
    if score == "confidence_weighted_entropy":
        # What is not spread, or leaves the given class nothing: see the next test.
        same = (probabilities.max(axis=1) < 1) & (probabilities[np.arange(len(codes)), codes] > 0)
    np.testing.assert_allclose(quality[same], expected[same], rtol=1e-9, atol=1e-12)
    assert ((quality >= 0) & (quality <= 1)).all()


def test_a_row_that_is_certain_of_its_label_is_clean_by_every_score() -> None:
    probabilities = np.array([[1, 0], [0.999999, 0.000001], [0.9, 0.1], [0, 1]], dtype=np.float32)
    codes = np.zeros(4, dtype=np.int64)
    for score in SCORES:
        quality = judge_labels(codes, probabilities, score=score).quality
        assert quality[0] == 1, score
        assert (np.diff(quality) < 0).all(), score
    theirs = get_label_quality_scores(
        codes, probabilities.astype(np.float64), method="confidence_weighted_entropy"
    )
    assert theirs[0] == 0  # why ours is not theirs


@given(data=labelled())
def test_the_joint_is_cleanlabs_confident_calibrated_and_estimated(
    data: tuple[Codes, Matrix],
) -> None:
    check_joint(*data)


@pytest.mark.parametrize(("size", "width"), [(4_000, 4), (3_000, 60), (300, 500)])
def test_the_joint_of_many_classes_is_cleanlabs(size: int, width: int) -> None:
    check_joint(*noisy(size, width))


def test_where_a_matrix_of_all_pairs_is_too_large_counts_still_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes, probabilities = noisy(3_000, 60)
    dense = judge_labels(codes, probabilities).joint
    monkeypatch.setattr("curation.finders.joint._DENSE_CLASSES", 1)
    sparse = judge_labels(codes, probabilities).joint
    assert np.abs(sparse.calibrated - dense.calibrated).max() <= 1
    np.testing.assert_array_equal(
        np.bincount(sparse.given, sparse.calibrated, 60), np.bincount(codes)
    )


def check_joint(codes: Codes, probabilities: Matrix) -> None:
    joint = judge_labels(codes, probabilities).joint
    exact = probabilities.astype(np.float64)
    with sorts_that_are_stable():
        confident = compute_confident_joint(codes, exact, calibrate=False)
        calibrated = compute_confident_joint(codes, exact, calibrate=True)
        estimated = estimate_joint(codes, exact)
    np.testing.assert_array_equal(joint.matrix(joint.confident), confident)
    np.testing.assert_array_equal(joint.matrix(joint.calibrated), calibrated)
    np.testing.assert_allclose(joint.matrix(joint.estimated), estimated, atol=1e-12)


@given(data=labelled(), filter_by=st.sampled_from(FILTERS))
def test_figures_of_a_judgement_fit_each_other(
    data: tuple[Codes, Matrix], filter_by: Filter
) -> None:
    codes, probabilities = data
    judged = judge_labels(codes, probabilities, filter_by=filter_by)
    counts = np.bincount(codes, minlength=probabilities.shape[1])
    flagged = judged.is_issue
    assert (judged.suggestion[flagged] != codes[flagged]).all()
    assert not flagged[counts[codes] == 1].any()
    assert 0 <= judged.error_rate <= 1
    assert sum(pair.expected for pair in judged.pairs) == round(judged.error_rate * len(codes))
    assert sum(pair.flagged for pair in judged.pairs) == flagged.sum()
    assert all(pair.expected or pair.flagged for pair in judged.pairs)
    assert all(pair.rows == counts[pair.given] for pair in judged.pairs)
    assert len({(pair.given, pair.true) for pair in judged.pairs}) == len(judged.pairs)
    expected = [pair.expected for pair in judged.pairs]
    assert expected == sorted(expected, reverse=True)
    np.testing.assert_array_equal(
        np.bincount(judged.joint.given, judged.joint.calibrated, len(counts)), counts
    )


def test_of_rows_that_tie_at_the_cut_the_earlier_ones_are_flagged() -> None:
    # Two of six sure rows of class 0 belong to class 1, so of its eight rows it should be three.
    of_zero = [[0.875, 0.125]] * 4 + [[0.375, 0.625]] * 2 + [[0.25, 0.75]] * 2
    probabilities = np.array(of_zero + [[0.25, 0.75]] * 4, dtype=np.float32)
    judged = judge_labels(np.array([0] * 8 + [1] * 4), probabilities)
    assert [tuple(pair) for pair in judged.pairs] == [(0, 1, 3, 3, 8)]
    assert np.flatnonzero(judged.is_issue).tolist() == [4, 6, 7]


def test_a_probability_that_misses_its_threshold_by_rounding_counts() -> None:
    # Class 1's threshold is the mean of its two rows; row 0 misses it by less than a millionth.
    least = np.float32(2**-22)
    high = [[0.25 - least, 0.75 + least]]
    probabilities = np.array([[0.25, 0.75], [1, 0], [1, 0], *high, *high], dtype=np.float32)
    codes = np.array([0, 0, 0, 1, 1])
    joint = judge_labels(codes, probabilities).joint
    assert joint.matrix(joint.confident).tolist() == [[2, 1], [0, 2]]
    probabilities[0] = [0.25 + 8 * least, 0.75 - 8 * least]
    joint = judge_labels(codes, probabilities).joint
    assert joint.matrix(joint.confident).tolist() == [[2, 0], [0, 2]]


@given(bound=st.floats(2e-6, 2), value=st.floats(0, 1, width=32), steps=st.integers(-2, 2))
def test_comparing_in_float32_is_exact(bound: float, value: float, steps: int) -> None:
    (cut,) = _at_least(np.array([bound]))
    near = np.float32(bound) + steps * np.spacing(np.float32(bound))
    for probability in (np.float32(value), near):
        assert (probability >= cut) == (np.float64(probability) >= bound)


def test_a_class_without_rows_changes_no_other() -> None:
    codes, probabilities = noisy(500, 4)
    wider = np.insert(probabilities, 2, 0, axis=1)
    moved = np.where(codes >= 2, codes + 1, codes)
    for filter_by in FILTERS:
        narrow = judge_labels(codes, probabilities, filter_by=filter_by)
        wide = judge_labels(moved, wider, filter_by=filter_by)
        np.testing.assert_array_equal(narrow.is_issue, wide.is_issue)
        assert narrow.error_rate == wide.error_rate


@pytest.mark.parametrize("filter_by", FILTERS)
def test_one_class_one_row_and_no_rows_have_no_issues(filter_by: Filter) -> None:
    for codes, probabilities in [
        (np.zeros(3, dtype=np.int64), np.ones((3, 1), dtype=np.float32)),
        (np.array([1]), np.array([[1, 0]], dtype=np.float32)),
        (np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32)),
    ]:
        for score in SCORES:
            judged = judge_labels(codes, probabilities, filter_by=filter_by, score=score)
            assert not judged.is_issue.any()
            assert np.isfinite(judged.quality).all()


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, probabilities = noisy(700, 6)
    probabilities[5] *= np.float32(1.0005)
    whole = judgements(codes, probabilities)
    for block in (1, 6 * 7, 6 * 699):
        monkeypatch.setattr("curation.learn.probability_blocks._BLOCK", block)
        monkeypatch.setattr("curation.learn.probability_blocks._GATHERED", 3 * block)
        for one, other in zip(whole, judgements(codes, probabilities), strict=True):
            assert_same(one, other)


def judgements(codes: Codes, probabilities: Matrix) -> list[Any]:
    return [
        judge_labels(codes, probabilities, filter_by=filter_by, score=score)
        for filter_by, score in zip(FILTERS, SCORES * 3, strict=False)
    ]


def assert_same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.quality, other.quality)
    np.testing.assert_array_equal(one.is_issue, other.is_issue)
    np.testing.assert_array_equal(one.suggestion, other.suggestion)
    assert (one.error_rate, one.pairs) == (other.error_rate, other.pairs)


def test_a_memory_mapped_file_and_another_order_in_memory_give_the_same(tmp_path: Path) -> None:
    codes, probabilities = noisy(700, 6)
    np.save(tmp_path / "probabilities.npy", probabilities)
    mapped = np.load(tmp_path / "probabilities.npy", mmap_mode="r")
    whole = judgements(codes, probabilities)
    for same in (mapped, np.asfortranarray(probabilities), probabilities.astype(np.float64)):
        for one, other in zip(whole, judgements(codes, same), strict=True):
            assert_same(one, other)


def test_no_copy_of_the_probabilities_is_made() -> None:
    codes, probabilities = noisy(40_000, 100)
    judge_labels(codes, probabilities)  # what is imported on use
    tracemalloc.start()
    judge_labels(codes, probabilities)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < probabilities.nbytes / 2


def test_threads_do_not_mix_their_results() -> None:
    inputs = [noisy(4_000, 5 + seed, seed) for seed in range(4)]
    alone = [judge_labels(*each) for each in inputs]
    found: dict[int, Any] = {}

    def judge(place: int) -> None:
        found[place] = judge_labels(*inputs[place])

    threads = [threading.Thread(target=judge, args=(place,)) for place in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, judged in enumerate(alone):
        assert_same(judged, found[place])


def test_progress_rises_and_cancelling_comes_through_between_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curation.learn.probability_blocks._BLOCK", 1_000)
    codes, probabilities = noisy(1_000, 5)
    fractions: list[float] = []
    judge_labels(codes, probabilities, progress=lambda done, _: fractions.append(done))
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] <= 1
    assert len(fractions) == 5 + 5 + 5
    for stop in range(len(fractions)):
        left = iter([False] * stop + [True])

        def cancel(done: float, message: str, left: Iterator[bool] = left) -> None:
            if next(left):
                raise Cancelled

        with pytest.raises(Cancelled):
            judge_labels(codes, probabilities, progress=cancel)


@settings(max_examples=30)
@given(data=labelled(), off=st.floats(-0.0009, 0.0009))
def test_rows_that_are_off_a_little_are_scaled(data: tuple[Codes, Matrix], off: float) -> None:
    codes, probabilities = data
    stretched = probabilities.copy()
    stretched[0] *= np.float32(1 + off)
    scaled = stretched.copy()
    if abs(off) > 2e-6:
        scaled[0] /= scaled[0].sum()
    elif abs(off) > 5e-7:
        return  # float32 does not tell on which side it is
    judged, expected = judge_labels(codes, stretched), judge_labels(codes, scaled)
    np.testing.assert_allclose(judged.quality, expected.quality, atol=1e-7)
    assert judged.quality.max() <= 1


def test_a_little_less_than_nothing_is_nothing() -> None:
    codes, probabilities = noisy(200, 3)
    below = probabilities.copy()
    below[7] = [1.0005, -0.0005, 0]
    probabilities[7] = [1, 0, 0]
    assert_same(judge_labels(codes, probabilities), judge_labels(codes, below))


def broken(place: tuple[int, int], value: float) -> Matrix:
    probabilities = np.full((300, 2), 0.5, dtype=np.float32)
    probabilities[place] = value
    return probabilities


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (broken((299, 1), np.nan), "The probability of class 'dog' in row 299 is nan"),
        (broken((7, 0), np.inf), "class 'cat' in row 7 is inf; a probability is a number from 0"),
        (broken((0, 1), -0.25), "class 'dog' in row 0 is -0.25"),
        (broken((150, 1), 0.75), "of row 150 sum to 1.25; a row must sum to 1"),
        (broken((150, 1), 0.498), "of row 150 sum to 0.998"),
        (np.ones((300, 3), dtype=np.float32) / 3, r"the shape \(300, 3\), but there are 2 classes"),
        (np.ones(300, dtype=np.float32), r"the shape \(300,\), but there are 2 classes"),
        (np.ones((299, 2), dtype=np.float32) / 2, "300 labels, but probabilities of 299 rows"),
        (np.ones((300, 2), dtype=np.int64), "are int64. Give them as float32"),
    ],
)
def test_what_are_no_probabilities_is_refused(
    probabilities: Matrix, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.learn.probability_blocks._BLOCK", 200)
    with pytest.raises(DataError, match=message) as caught:
        check_probabilities(probabilities, ["cat", "dog"], labels=300)
    assert len(str(caught.value).splitlines()) <= 3
    if probabilities.ndim == 2 and probabilities.shape[1] == 2:
        with pytest.raises(DataError):
            judge_labels(np.arange(300) % 2, probabilities)


def test_good_probabilities_are_let_through_in_one_pass() -> None:
    _, probabilities = noisy(500, 4)
    told: list[float] = []
    check_probabilities(
        probabilities, list("abcd"), labels=500, progress=lambda done, _: told.append(done)
    )
    assert told == [0]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (
            [0, 1, 2],
            "Row 2 is of class 2, but the probabilities have columns for the classes 0 to 1",
        ),
        ([0, -1, 1], "Row 1 is of class -1"),
        ([0, 1], "There are 2 labels, but probabilities of 3 rows"),
    ],
)
def test_labels_that_do_not_fit_are_refused(codes: list[int], message: str) -> None:
    probabilities = np.full((3, 2), 0.5, dtype=np.float32)
    with pytest.raises(DataError, match=message):
        judge_labels(np.array(codes), probabilities)


def test_a_filter_or_score_that_is_none_is_refused() -> None:
    codes, probabilities = noisy(20, 2)
    wrong: Any = "prune_by_noise"
    with pytest.raises(UnknownNameError, match="Did you mean 'prune_by_noise_rate'"):
        judge_labels(codes, probabilities, filter_by=wrong)
    wrong = "self_confidense"
    with pytest.raises(UnknownNameError, match="Did you mean 'self_confidence'"):
        judge_labels(codes, probabilities, score=wrong)
    with pytest.raises(UsageError, match="cannot be adjusted"):
        judge_labels(
            codes, probabilities, score="confidence_weighted_entropy", adjust_pred_probs=True
        )


def test_adjusting_lifts_a_rare_class() -> None:
    # Good rows of a rare class get little probability, as bad rows of a frequent one do.
    probabilities = np.array([[0.9, 0.1]] * 96 + [[0.6, 0.4]] * 4 + [[0.4, 0.6]], dtype=np.float32)
    codes = np.array([0] * 96 + [1] * 4 + [0])

    def ranked(adjust: bool) -> Vector:
        return judge_labels(codes, probabilities, adjust_pred_probs=adjust).quality

    assert ranked(False)[96] == ranked(False)[100]
    assert ranked(True)[96] > ranked(True)[100]

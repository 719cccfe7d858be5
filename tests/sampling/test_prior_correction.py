"""Prior correction: true probabilities come back, and bad shares are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import DataError, UsageError
from curation.sampling.balance.prior_correction import class_shares, correct_priors


def test_two_classes_follow_elkans_formula() -> None:
    p, sampled, true = 0.8, 0.5, 0.02
    # Elkan 2001, theorem 2: p' = b' (p - p b) / (b - p b + b' p - b b').
    expected = true * (p - p * sampled) / (sampled - p * sampled + true * p - sampled * true)
    found = correct_priors([[1 - p, p]], [1 - sampled, sampled], [1 - true, true])
    assert found[0, 1] == pytest.approx(expected)


def test_a_model_of_even_rows_is_calibrated_again_where_the_class_is_rare() -> None:
    random = np.random.default_rng(3)
    true = np.array([0.9, 0.08, 0.02])
    codes = random.choice(3, 60_000, p=true)
    x = random.normal(np.array([0.0, 1.0, 2.0])[codes])
    density = np.exp(-0.5 * (x[:, None] - np.array([0.0, 1.0, 2.0])) ** 2)
    as_if_even = density / density.sum(axis=1, keepdims=True)
    bayes = density * true / (density * true).sum(axis=1, keepdims=True)
    found = correct_priors(as_if_even, class_shares([1, 1, 1]), true)
    assert np.allclose(found, bayes)
    assert np.allclose(found.mean(axis=0), np.bincount(codes) / len(codes), atol=0.01)
    assert np.abs(as_if_even.mean(axis=0) - true).max() > 0.2


shares = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(class_shares)
rows = st.lists(shares, min_size=0, max_size=5).map(lambda r: np.array(r).reshape(-1, 4))


@given(rows, shares, shares)
def test_a_correction_and_its_opposite_cancel_out(
    matrix: np.ndarray, sampled: np.ndarray, true: np.ndarray
) -> None:
    there = correct_priors(matrix, sampled, true)
    assert np.allclose(there.sum(axis=1), 1)
    assert np.allclose(correct_priors(there, true, sampled), matrix)


def test_equal_shares_change_nothing_and_float32_stays() -> None:
    matrix = np.array([[0.2, 0.8], [1.0, 0.0]], dtype=np.float32)
    found = correct_priors(matrix, [0.3, 0.7], [0.3, 0.7])
    assert found.dtype == np.float32
    assert np.allclose(found, matrix)


def test_a_class_that_is_truly_absent_gets_nothing() -> None:
    found = correct_priors([[0.5, 0.3, 0.2]], [0.4, 0.4, 0.2], [0.5, 0.5, 0.0])
    assert found.tolist() == [[0.625, 0.375, 0.0]]


@pytest.mark.parametrize(
    ("matrix", "sampled", "true", "said"),
    [
        ([0.2, 0.8], [0.5, 0.5], [0.5, 0.5], "shape (2,)"),
        ([[0.2, 0.8]], [0.5, 0.3, 0.2], [0.5, 0.5], "shape (3,)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    matrix: list, sampled: list, true: list, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        correct_priors(matrix, sampled, true)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("matrix", "sampled", "true", "said"),
    [
        ([[0.2, 0.9]], [0.5, 0.5], [0.5, 0.5], "sums to 1.1"),
        ([[-0.2, 1.2]], [0.5, 0.5], [0.5, 0.5], "not from 0 to 1"),
        ([[np.nan, 1.0]], [0.5, 0.5], [0.5, 0.5], "not from 0 to 1"),
        ([["a", "b"]], [0.5, 0.5], [0.5, 0.5], "are numbers"),
        ([[0.2, 0.8]], [0.5, 0.6], [0.5, 0.5], "sampled shares sum to 1.1"),
        ([[0.2, 0.8]], [0.5, 0.5], [1.5, -0.5], "true shares hold a number that is negative"),
        ([[0.2, 0.8]], [1.0, 0.0], [0.5, 0.5], "taught no row"),
        ([[0.0, 1.0]], [0.5, 0.5], [1.0, 0.0], "nothing is left"),
    ],
)
def test_what_is_no_probability_is_refused(
    matrix: list, sampled: list, true: list, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        correct_priors(matrix, sampled, true)
    assert said in str(raised.value)


def test_classes_are_called_by_name_in_errors() -> None:
    with pytest.raises(DataError, match="'refund'"):
        correct_priors([[0.2, 0.8]], [1, 0], [0.5, 0.5], classes=["card", "refund"])
    with pytest.raises(UsageError, match="1 class names for 2 columns"):
        correct_priors([[0.2, 0.8]], [0.5, 0.5], [0.5, 0.5], classes=["card"])


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1], [np.inf, 1], [[1, 2]]])
def test_counts_that_make_no_shares_are_refused(counts: list) -> None:
    with pytest.raises(DataError, match="Class shares need"):
        class_shares(counts)

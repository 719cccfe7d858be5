"""Amounts are shared to the row, and what cannot be given is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UsageError
from curation.sampling.drawing.allocation import Allocation, allocate, share
from curation.sampling.rules.rule import Rule

SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=12)


def counts(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


def of(sizes: list[int], available: list[int] | None = None, **fields: object) -> Allocation:
    names = [chr(97 + place) for place in range(len(sizes))]
    rule = Rule.model_validate({"per": ["kind"], **fields})
    can_give = None if available is None else counts(available)
    return allocate(rule, names, counts(sizes), can_give)


@given(SIZES, st.integers(0, 800))
def test_shares_add_up_and_differ_from_their_part_by_less_than_a_row(
    weights: list[int], total: int
) -> None:
    caps = counts([total] * len(weights))
    given_rows = share(total, counts(weights), caps)
    assert given_rows.sum() == total
    exact = total * np.array(weights) / sum(weights)
    assert (np.abs(given_rows - exact) < 1 + 1e-9).all()


@given(st.data(), st.integers(0, 800))
def test_no_share_is_above_its_cap_and_no_row_is_held_back(data: st.DataObject, total: int) -> None:
    weights = counts(data.draw(SIZES))
    caps = counts(data.draw(st.lists(st.integers(0, 60), min_size=len(weights),
                                     max_size=len(weights))))  # fmt: skip
    given_rows = share(total, weights, caps)
    assert (given_rows <= caps).all()
    assert (given_rows >= 0).all()
    assert given_rows.sum() == min(total, caps.sum())
    # One that has room left got at least its part of what all those with room got.
    open_ = given_rows < caps
    if open_.any():
        level = given_rows[open_].sum() / weights[open_].sum()
        assert (given_rows[open_] >= np.floor(level * weights[open_] - 1)).all()


@given(SIZES, st.integers(1, 600), st.integers(1, 20))
def test_rows_in_all_are_met_to_the_row_after_the_minimum(
    sizes: list[int], rows: int, minimum: int
) -> None:
    found = of(sizes, rows=rows, minimum=minimum)
    least = np.minimum(sizes, minimum)
    assert found.take.sum() == min(rows, sum(sizes))
    assert found.shortfall == max(0, rows - sum(sizes))
    if least.sum() <= rows:
        assert (found.take >= least).all()
        assert not found.notes
    else:
        assert found.notes
    assert (found.take <= sizes).all()


@given(SIZES, st.integers(1, 60))
def test_n_is_met_or_reported(sizes: list[int], n: int) -> None:
    found = of(sizes, n=n)
    assert found.take.tolist() == [min(n, size) for size in sizes]
    assert found.shortfall == sum(max(0, n - size) for size in sizes)


@given(SIZES, st.integers(1, 60))
def test_others_fill_up_what_a_stratum_lacks(sizes: list[int], n: int) -> None:
    found = of(sizes, n=n, fill=True)
    assert found.take.sum() == min(n * len(sizes), sum(sizes))
    assert (found.take >= np.minimum(sizes, n)).all()
    assert found.shortfall == max(0, n * len(sizes) - sum(sizes))


@pytest.mark.parametrize(
    ("size", "part", "rows"),
    [(100, 0.07, 7), (100, 0.29, 29), (10, 0.1, 1), (10, 0.11, 2), (3, 1e-9, 1), (7, 1.0, 7)],
)
def test_a_stratum_gives_its_part_rounded_up(size: int, part: float, rows: int) -> None:
    assert of([size], fraction=part).take.tolist() == [rows]


def test_quotas_are_met_by_name_and_others_give_none() -> None:
    found = of([10, 10, 3], quota={"a": 4, "c": 5})
    assert found.take.tolist() == [4, 0, 3]
    assert found.shortfall == 2


def test_a_quota_of_a_stratum_that_is_not_there_is_a_shortfall_with_the_nearest_name() -> None:
    rule = Rule(per=("kind",), quota={"refnd": 4})
    found = allocate(rule, ["card", "refund"], counts([5, 5]))
    assert (found.take.tolist(), found.absent, found.shortfall) == ([0, 0], {"refnd": 4}, 4)
    assert found.notes == ["No row is in the stratum 'refnd'. Did you mean 'refund'?"]


def test_only_strata_with_a_quota_fill_up_those_that_lack() -> None:
    found = of([10, 10, 3], quota={"a": 4, "c": 5, "z": 1}, fill=True)
    assert found.take.tolist() == [7, 0, 3]
    assert found.shortfall == 0


def test_a_quota_for_two_strata_of_one_name_is_refused() -> None:
    rule = Rule(per=("kind",), quota={"(none)": 4})
    with pytest.raises(UsageError, match="two strata"):
        allocate(rule, ["(none)", "(none)"], counts([5, 5]))


def test_more_strata_than_rows_gives_the_rows_to_the_largest() -> None:
    found = of([5, 9, 1, 9], rows=2)
    assert found.take.tolist() == [0, 1, 0, 1]
    short = of([5, 9, 1, 9], rows=2, minimum=3)
    assert short.take.sum() == 2
    assert "fewer" in short.notes[0]


def test_minutes_are_rows_of_so_many_seconds() -> None:
    assert of([500], minutes=0.7, seconds_per_row=0.1).take.tolist() == [420]
    assert of([5], minutes=0.1, seconds_per_row=60).take.tolist() == [0]


def test_rows_that_cannot_be_drawn_count_for_the_share_and_not_for_the_rows() -> None:
    found = of([100, 100], [100, 10], rows=100)
    assert found.take.tolist() == [90, 10]
    assert of([100, 100], [100, 10], fraction=0.5).shortfall == 40


def test_a_million_strata_share_quickly() -> None:
    sizes = np.arange(1, 1_000_001, dtype=np.int64) % 37 + 1
    found = allocate(Rule(per=("k",), rows=5_000_000, minimum=2), [""] * len(sizes), sizes)
    assert found.take.sum() == 5_000_000
    assert (found.take >= np.minimum(sizes, 2)).all()

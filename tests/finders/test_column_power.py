"""What one column says of the label is measured on rows it was not learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.column_power import (
    LabelledSample,
    binned,
    code_power,
    column_power,
    labelled_sample,
)
from curation.lake.roles import Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)


def sample_of(labels: list[Any], most: int = 100_000) -> LabelledSample | str:
    table = pa.table({"id": [f"k{i}" for i in range(len(labels))], "label": labels})
    return labelled_sample(Shared(table, Roles(columns={"id": "key", "label": "label"})), most)


def sampled(labels: list[Any], most: int = 100_000) -> LabelledSample:
    found = sample_of(labels, most)
    assert isinstance(found, LabelledSample)
    return found


def test_a_copy_of_the_label_tells_all_and_chance_tells_nothing() -> None:
    sample = sampled(RANDOM.choice(["a", "b", "c"], 2_000).tolist())
    perfect = code_power(sample, sample.codes)
    assert perfect.gain > 0.98
    assert perfect.right == 1.0
    chance = code_power(sample, RANDOM.integers(0, 5, 2_000))
    assert chance.gain < 0.01
    assert chance.deviations < 3


def test_a_column_that_only_tells_rows_apart_gains_nothing() -> None:
    sample = sampled(["a", "b"] * 500)
    assert code_power(sample, np.arange(1_000)).gain == pytest.approx(0)


def test_a_column_tells_where_a_rare_class_is() -> None:
    labels = ["rare"] * 50 + ["usual"] * 950
    power = column_power(sampled(labels), pa.chunked_array([[1.0] * 50 + [0.0] * 950]))
    assert power.gain > 0.9
    assert power.usual == pytest.approx(0.95)


def test_a_threshold_in_a_number_is_found() -> None:
    values = RANDOM.normal(size=5_000)
    labels = np.where(values > 0.7, "high", "low").tolist()
    assert column_power(sampled(labels), pa.chunked_array([values])).gain > 0.9


def test_what_is_missing_may_tell_the_label() -> None:
    labels = ["a", "b"] * 500
    assert column_power(sampled(labels), pa.chunked_array([[None, 3.0] * 500])).gain > 0.9
    assert column_power(sampled(labels), pa.chunked_array([[None, "x"] * 500])).gain > 0.9


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a"] * 50, "has 1 class;"),
        ([None] * 50, "has 0 classes"),
        (["a", "b"] * 5, "Only 10 rows have a label"),
        ([f"c{i}" for i in range(50)], "looks like an identifier"),
    ],
)
def test_a_label_that_nothing_can_be_measured_of_is_named(labels: list[Any], reason: str) -> None:
    found = sample_of(pa.array(labels, pa.string()))
    assert isinstance(found, str)
    assert reason in found


def test_more_rows_are_sampled_by_key_and_new_rows_do_not_reshuffle_the_halves() -> None:
    labels = ["a", "b"] * 1_000
    sample = sampled(labels, most=500)
    assert 350 < len(sample.rows) < 650
    assert sample.notes
    fewer, more = sampled(labels[:1_000]), sampled(labels)
    assert (fewer.first == more.first[:1_000]).all()


@given(st.lists(st.one_of(st.floats(), st.sampled_from([0.0, 1.0])), max_size=300))
def test_bins_keep_the_order_of_numbers(values: list[float]) -> None:
    numbers = np.array(values, dtype=np.float64)
    codes = binned(numbers)
    assert ((codes < 0) == np.isnan(numbers)).all()
    known = ~np.isnan(numbers)
    order = np.argsort(numbers[known], kind="stable")
    assert (np.diff(codes[known][order]) >= 0).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 9)), min_size=40, max_size=200),
)
def test_a_gain_is_never_more_than_all(rows: list[tuple[int, int]]) -> None:
    found = sample_of([f"c{label}" for label, _ in rows])
    if isinstance(found, LabelledSample):
        power = code_power(found, np.array([code for _, code in rows]))
        assert power.gain <= 1
        assert 0 <= power.right <= 1

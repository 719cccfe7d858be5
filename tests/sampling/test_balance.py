"""How many rows each class is to have, and how much its rows count."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UnknownNameError, UsageError
from curation.sampling.balance.class_weights import class_weights
from curation.sampling.balance.plan import apportioned, plan_classes

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 5_000), min_size=1, max_size=8)  # fmt: skip
SUPPORT = {"refund": 50, "order": 200, "login": 8}


@given(COUNTS, st.floats(1, 50))
def test_no_class_is_more_than_the_ratio_times_another(
    counts: dict[str, int], ratio: float
) -> None:
    for method in ("undersample", "oversample"):
        planned = plan_classes(counts, method, ratio=ratio)  # type: ignore[arg-type]
        assert max(planned.values()) <= ratio * min(planned.values()) + 1e-6 * max(counts.values())
        fewer = method == "undersample"
        assert all(
            planned[name] <= size if fewer else planned[name] >= size
            for name, size in counts.items()
        )
        assert list(planned) == list(counts)
    assert set(plan_classes(counts, "undersample").values()) == {min(counts.values())}
    assert set(plan_classes(counts, "oversample").values()) == {max(counts.values())}


@given(COUNTS, st.data())
def test_proportions_take_the_most_rows_that_are_there(counts: dict[str, int], data: Any) -> None:
    parts = data.draw(
        st.lists(st.integers(0, 20), min_size=len(counts), max_size=len(counts)).filter(any)
    )
    shares = {name: part / sum(parts) for name, part in zip(counts, parts, strict=True)}
    planned = plan_classes(counts, "proportions", proportions=shares)
    total = sum(planned.values())
    for name, part in zip(counts, parts, strict=True):
        assert planned[name] <= counts[name]
        assert abs(planned[name] - total * part / sum(parts)) < 1 + 1e-6
    slack = 1 + 1e-9
    assert any(
        (total + 1) * share * slack > counts[name] for name, share in shares.items() if share
    )


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=9).filter(any))
def test_apportioned_rows_add_up_and_miss_no_share_by_a_row(total: int, parts: list[int]) -> None:
    shares = {f"c{i}": Fraction(part, sum(parts)) for i, part in enumerate(parts)}
    rows = apportioned(total, shares)
    assert sum(rows.values()) == total
    assert all(abs(rows[name] - share * total) < 1 for name, share in shares.items())
    assert all(rows[name] == 0 for name, share in shares.items() if not share)


def test_a_share_means_what_is_written() -> None:
    # 7 / 0.07 is 99.99999999999999 in doubles.
    assert plan_classes({"a": 7, "b": 93}, "proportions", proportions={"a": 0.07, "b": 0.93}) == {
        "a": 7,
        "b": 93,
    }
    thirds = dict.fromkeys("abc", 0.3333333)
    assert plan_classes({"a": 5, "b": 4, "c": 9}, "proportions", proportions=thirds) == {
        "a": 4, "b": 4, "c": 4,
    }  # fmt: skip


def test_each_method_on_one_dataset() -> None:
    assert plan_classes(SUPPORT, "cap", rows_per_class=60) == {
        "refund": 50,
        "order": 60,
        "login": 8,
    }
    assert plan_classes(SUPPORT, "undersample", ratio=1.5) == {
        "refund": 12,
        "order": 12,
        "login": 8,
    }
    assert plan_classes(SUPPORT, "oversample", ratio=3) == {"refund": 67, "order": 200, "login": 67}
    assert plan_classes(SUPPORT, "smote", rows_per_class=60) == {"refund": 60, "order": 200, "login": 60}  # fmt: skip
    assert plan_classes(SUPPORT, "weights") == SUPPORT
    shares = {"refund": 0.5, "order": 0.25, "login": 0.25}
    assert plan_classes(SUPPORT, "proportions", proportions=shares) == {"refund": 16, "order": 8, "login": 8}  # fmt: skip
    assert plan_classes(SUPPORT, "proportions", proportions=shares, total=101) == {
        "refund": 51, "order": 25, "login": 25,
    }  # fmt: skip


def test_smote_makes_nothing_from_one_row() -> None:
    assert plan_classes({"a": 9, "b": 1}, "smote") == {"a": 9, "b": 1}
    assert plan_classes({"a": 9, "b": 1}, "oversample") == {"a": 9, "b": 9}


def test_nothing_is_planned_for_no_rows() -> None:
    assert plan_classes({}, "proportions", proportions={"a": 1.0}) == {}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "ratio below 1": ({"method": "undersample", "ratio": 0.5}, "ratio must be 1 or more, got 0.5"),
    "ratio not a number": ({"method": "oversample", "ratio": math.nan}, "ratio must be 1 or more"),
    "no rows": ({"method": "cap", "rows_per_class": 0}, "rows_per_class must be 1 or more, got 0"),
    "cap without rows": ({"method": "cap"}, "cap needs rows_per_class"),
    "no shares": ({"method": "proportions"}, "needs proportions"),
    "negative total": ({"method": "proportions", "total": -3}, "total must be 1 or more, got -3"),
    "sum below 1": (
        {"method": "proportions", "proportions": {"refund": 0.5, "order": 0.2, "login": 0.2}},
        "add up to 0.9; they must add up to 1",
    ),
    "negative share": (
        {"method": "proportions", "proportions": {"refund": -0.5, "order": 1.5}},
        "share of 'refund' must be from 0 to 1, got -0.5",
    ),
    "class without share": (
        {"method": "proportions", "proportions": {"refund": 0.5, "order": 0.5}},
        "says nothing of the class 'login'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_planned_is_told(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_classes(SUPPORT, **given_)


def test_a_share_of_a_misspelt_class_names_the_nearest() -> None:
    shares = {"refund": 0.5, "order": 0.25, "logn": 0.25}
    with pytest.raises(UnknownNameError, match=r"no class 'logn'. Did you mean 'login'"):
        plan_classes(SUPPORT, "proportions", proportions=shares)


@given(COUNTS, st.floats(0.01, 0.999999999))
def test_the_mean_weight_over_all_rows_is_1(counts: dict[str, int], beta: float) -> None:
    rows = sum(counts.values())
    for weights in (class_weights(counts), class_weights(counts, "effective", beta=beta)):
        assert math.fsum(weights[n] * size for n, size in counts.items()) == pytest.approx(rows)
        by_size = sorted(counts, key=lambda name: counts[name])
        assert all(
            weights[small] >= weights[large] * (1 - 1e-9)
            for small, large in itertools.pairwise(by_size)
        )


def test_weights_are_those_of_the_papers() -> None:
    counts = {"a": 90, "b": 10}
    assert class_weights(counts) == pytest.approx({"a": 100 / 180, "b": 100 / 20})
    effective = {name: (1 - 0.9) / (1 - 0.9**size) for name, size in counts.items()}
    scale = 100 / (90 * effective["a"] + 10 * effective["b"])
    assert class_weights(counts, "effective", beta=0.9) == pytest.approx(
        {name: weight * scale for name, weight in effective.items()}
    )


def test_effective_weights_go_from_none_to_balanced() -> None:
    counts = {"a": 5_000, "b": 20}
    assert class_weights(counts, "effective", beta=1e-9) == pytest.approx({"a": 1, "b": 1})
    near = class_weights(counts, "effective", beta=1 - 1e-12)
    assert near == pytest.approx(class_weights(counts), rel=1e-6)
    with pytest.raises(UsageError, match="beta must be above 0 and below 1, got 1"):
        class_weights(counts, "effective", beta=1)

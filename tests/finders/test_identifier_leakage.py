"""Keys, times and places that tell the label are named; those that do not are left alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from curation.finders.base import Finding
from curation.finders.identifier_leakage import ORDER, IdentifierLeakage, is_key_like, numbers_rows
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)
SIZE = 600
LABELS = RANDOM.choice(["a", "b"], SIZE).tolist()


def look(roles: dict[str, Role], **columns: Any) -> Finding:
    table = pa.table({"label": LABELS} | columns)
    return IdentifierLeakage().find(Shared(table, Roles(columns={"label": "label", **roles})))


def flagged(finding: Finding) -> set[str]:
    return {one["subject"] for one in finding.subjects.to_pylist() if one["is_issue"]}


def test_a_key_that_begins_with_the_class_is_named() -> None:
    keys = [f"{label}-{i:04}" for i, label in enumerate(LABELS)]
    found = look({"id": "key"}, id=keys)
    assert flagged(found) == {"id"}
    assert "guesses right in 100% of the rows" in found.subjects["explanation"][0].as_py()
    assert found.rows.num_rows == 0


def test_a_key_that_ends_with_a_number_given_class_by_class_is_named() -> None:
    numbers = {"a": iter(range(1_000)), "b": iter(range(5_000, 6_000))}
    keys = [f"row{next(numbers[label])}" for label in LABELS]
    assert flagged(look({"id": "key"}, id=keys)) == {"id"}


def test_keys_given_out_by_chance_are_left_alone() -> None:
    keys = [f"k{i}" for i in RANDOM.permutation(SIZE)]
    assert flagged(look({"id": "key"}, id=keys)) == set()


def test_rows_sorted_by_class_are_named() -> None:
    found = look({}, label=sorted(LABELS))
    assert flagged(found) == {ORDER}
    assert found.subjects["kind"].to_pylist() == ["dataset"]


def test_a_time_that_tells_the_label_is_named() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    late = [start + dt.timedelta(days=int(i) + 900 * (label == "b")) for i, label in zip(
        RANDOM.integers(0, 900, SIZE), LABELS, strict=True)]  # fmt: skip
    found = look({"when": "timestamp"}, when=late)
    assert flagged(found) == {"when"}
    any_time = [start + dt.timedelta(hours=int(i)) for i in RANDOM.integers(0, 9_000, SIZE)]
    assert flagged(look({"when": "timestamp"}, when=any_time)) == set()


def test_a_feature_that_numbers_the_rows_is_named_even_when_it_tells_nothing() -> None:
    found = look({"t": "feature"}, t=list(range(100, 100 + SIZE)))
    assert flagged(found) == {"t"}
    assert "Give it the role key" in found.subjects["explanation"][0].as_py()


def test_measures_are_no_identifiers_though_they_all_differ() -> None:
    size = pa.chunked_array([RANDOM.normal(size=SIZE)])
    price = pa.chunked_array([RANDOM.choice(10**6, SIZE, replace=False)])
    assert not is_key_like(size)
    assert not is_key_like(price)
    assert not numbers_rows(price)
    tells = np.where(np.array(LABELS) == "a", 0, 10**9) + np.arange(SIZE) * 997
    assert flagged(look({"price": "feature"}, price=tells)) == set()


def test_a_label_with_one_class_gives_a_note_and_no_alarm() -> None:
    found = look({}, label=["a"] * SIZE)
    assert (found.subjects.num_rows, len(found.notes)) == (0, 1)

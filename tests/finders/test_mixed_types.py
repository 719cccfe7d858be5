"""A few values of another type are flagged; columns that are meant to be mixed are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.finders.base import Finding
from curation.finders.mixed_types import KINDS, MixedTypes, read_types
from curation.lake.roles import Roles
from curation.learn.shared import Shared


def look(**columns: Any) -> Finding:
    table = pa.table(columns)
    roles = Roles(columns=dict.fromkeys(table.column_names, "feature"))
    return MixedTypes().find(Shared(table, roles))


def test_a_word_among_numbers_is_flagged() -> None:
    found = look(amount=[str(i) for i in range(98)] + ["abc", "12,5"], other=["x"] * 100)
    flagged = found.rows.filter(found.rows["is_issue"]).to_pylist()
    assert [one["row"] for one in flagged] == [98, 99]
    assert flagged[0]["explanation"] == "'abc' in 'amount' is no number"
    assert [one["suggestion"] for one in flagged] == [None, "12.5"]
    assert [one["score"] for one in flagged] == [0.5, 0.5]
    [about] = found.subjects.to_pylist()
    assert about["explanation"] == ("'amount' holds numbers, but 'abc', '12,5' in 2 rows (2.0%).")


@pytest.mark.parametrize(
    "values",
    [
        ["S", "M", "38", "40"] * 30,  # sizes: the mix is meant
        ["a", "b", "c"] * 40,
        [str(i) for i in range(100)],
        ["1", "2", "?", "N/A", "", None] * 20,  # missing is no other type
        [*map(str, range(97)), "?", "N/A", "None"],
        ["11th", "9th", "Bachelors", "1st-4th"] * 30,
        ["1", "2", "x"],
    ],
)
def test_a_column_of_one_type_or_of_a_meant_mix_is_left_alone(values: list[str]) -> None:
    assert look(a=values).summary.subjects_flagged == 0


def test_a_number_among_dates_is_flagged() -> None:
    found = look(day=[f"2024-01-{i % 28 + 1:02}" for i in range(99)] + ["17"])
    assert np.flatnonzero(found.rows["is_issue"]).tolist() == [99]


@pytest.mark.parametrize(
    ("word", "kind", "mended"),
    [
        ("12", "number", "12"),
        ("-1.5e3", "number", None),
        ("1,234,567.8", "text", "1234567.8"),
        ("1.234,50", "text", "1234.50"),
        ("$ 12.50", "text", "12.50"),
        ("80%", "text", "80"),
        ("12 kg", "text", "12"),
        ("2024-05-01", "date", None),
        ("2024-05-01 10:00:00", "date", None),
        ("31.12.2024", "date", None),
        ("TRUE", "boolean", None),
        ("yes", "text", None),
        ("12" * 40, "text", None),
    ],
)
def test_a_value_reads_as_its_type(word: str, kind: str, mended: str | None) -> None:
    types, numbers = read_types(pa.array([word], pa.large_string()))
    assert KINDS[types[0]] == kind
    assert numbers.to_pylist() == [mended]

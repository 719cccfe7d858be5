"""The user's own class probabilities."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import DataError, UsageError
from curation.learn.given import given_probabilities


def test_columns_are_found_by_class_or_by_place() -> None:
    named = pa.table({"p_dog": [0.2, 1.0], "p_cat": [0.8, 0.0]})
    placed = pa.table({"p0": [0.8, 0.0], "p1": [0.2, 1.0]})
    expected = np.array([[0.8, 0.2], [0.0, 1.0]], dtype=np.float32)
    for table, prefix in ((named, "p_"), (placed, "p")):
        probabilities, notes = given_probabilities(table, prefix, ["cat", "dog"])
        np.testing.assert_allclose(probabilities, expected)
        assert probabilities.dtype == np.float32
        assert notes == []


def test_numbered_classes_are_found_by_name_first() -> None:
    table = pa.table({"p10": [0.1], "p2": [0.9]})
    np.testing.assert_allclose(given_probabilities(table, "p", ["2", "10"])[0], [[0.9, 0.1]])


def test_rounding_is_mended_silently_and_more_with_a_note() -> None:
    assert given_probabilities(pa.table({"p0": [1.00001], "p1": [0.0]}), "p", ["a", "b"])[1] == []
    probabilities, notes = given_probabilities(
        pa.table({"p0": [0.5], "p1": [0.52]}), "p", ["a", "b"]
    )
    assert notes == ["The given probabilities of 1 row was scaled to sum to 1."]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"p0": [0.5], "p1": [0.7]}, DataError, "of row 0 sum to 1.2; a row must sum to 1"),
        (
            {"p0": [3.2], "p1": [-1.0]},
            DataError,
            "Column 'p1' of given probabilities holds -1.0 in row 0",
        ),
        ({"p0": [None, 0.5], "p1": [0.5, 0.5]}, DataError, "holds nan in row 0"),
        ({"p0": ["x"], "p1": ["y"]}, DataError, "holds string, not numbers"),
        ({"pa": [0.5], "q": [0.5]}, UsageError, "There is no column 'pb' of given probabilities"),
        (
            {"p0": [0.5], "p1": [0.2], "p2": [0.3]},
            UsageError,
            "There are 3 columns .* but 2 classes",
        ),
    ],
)
def test_what_are_no_probabilities_is_refused(
    columns: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        given_probabilities(pa.table(columns), "p", ["a", "b"])
    assert len(str(caught.value).splitlines()) <= 3

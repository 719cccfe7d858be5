"""A label column as classes."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import LabelError, UnknownNameError
from curation.learn.labels import encode_labels, labels_as_text


def labels(values: object, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"label": pa.array(values, kind)})


def test_classes_are_sorted_and_rows_coded() -> None:
    found = encode_labels(labels(["b", "a", "b", "a", "b", None, "  "]), "label")
    assert found.classes == ["a", "b"]
    assert found.codes.tolist() == [1, 0, 1, 0, 1, -1, -1]
    assert found.notes == ["2 rows without a label, which teach nothing and get a suggestion."]


def test_numbers_are_sorted_as_numbers() -> None:
    assert encode_labels(labels([10, 2, 1] * 3), "label").classes == ["1", "2", "10"]


def test_not_a_number_is_no_label() -> None:
    found = encode_labels(labels([1.0, float("nan"), 0.0, 1.0, 0.0, 1.0]), "label")
    assert found.classes == ["0.0", "1.0"]
    assert found.codes[1] == -1


def test_flags_and_dictionaries_are_labels() -> None:
    assert encode_labels(labels([True, False] * 4), "label").classes == ["false", "true"]
    coded = pa.table({"label": pa.array(["x", "y"] * 4).dictionary_encode()})
    assert encode_labels(coded, "label").classes == ["x", "y"]
    unused = pa.DictionaryArray.from_arrays([2, 1, 2, 1, 2, None], ["never", "y", "x", "nor this"])
    found = encode_labels(pa.table({"label": unused}), "label")
    assert (found.classes, found.codes.tolist()) == (["x", "y"], [0, 1, 0, 1, 0, -1])


def test_ten_thousand_classes_of_two_rows_are_labels() -> None:
    found = encode_labels(labels([str(i // 2) for i in range(20_000)]), "label")
    assert len(found.classes) == 10_000
    assert (np.bincount(found.codes) == 2).all()


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from([None, "", " ", "a", "b", "c c"]), min_size=1, max_size=30),
    st.integers(1, 4),
    st.booleans(),
)
def test_codes_name_the_label_of_each_row(
    words: list[str | None], chunks: int, coded: bool
) -> None:
    words = ["a", "b", "c c"] * 3 + words
    parts = [
        pa.array(part.tolist(), pa.string())
        for part in np.array_split(np.array(words, object), chunks)
    ]
    column = pa.chunked_array([part.dictionary_encode() if coded else part for part in parts])
    found = encode_labels(pa.table({"label": column}), "label")
    expected = [word if word and word.strip() else None for word in words]
    assert [None if c < 0 else found.classes[c] for c in found.codes] == expected
    assert labels_as_text(pa.chunked_array(parts)).to_pylist() == expected


def test_dates_and_prices_are_labels_as_the_lake_writes_them() -> None:
    days = pa.array([dt.date(2024, 1, 2), dt.date(2023, 1, 2), None] * 3)
    assert encode_labels(labels(days), "label").classes == ["2023-01-02", "2024-01-02"]
    prices = pa.array([decimal.Decimal("1.50"), decimal.Decimal("20.00")] * 3)
    assert encode_labels(labels(prices), "label").classes == ["1.50", "20.00"]


def test_a_class_with_one_row_is_said() -> None:
    notes = encode_labels(labels(["a"] * 5 + ["b"] * 5 + ["refnud"]), "label").notes
    assert len(notes) == 1
    assert notes[0].startswith("1 class has one row only ('refnud')")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b", None, None], "has 2 rows with a label, of 4. At least 5 are needed"),
        ([None] * 9, "has 0 rows with a label, of 9"),
        ([], "has 0 rows with a label, of 0"),
        (["same"] * 9, "has one class only, 'same', in 9 rows"),
        (
            [str(i) for i in range(50)],
            "has 50 different values in 50 labelled rows: it looks like an identifier",
        ),
        (
            [str(i // 3) for i in range(33_000)],
            "has 11,000 different values in 33,000 labelled rows",
        ),
        (list(np.linspace(0, 1, 50)), "it looks like an identifier, a number or a text"),
    ],
)
def test_a_column_from_which_nothing_can_be_learned_is_refused(
    values: list[object], message: str
) -> None:
    kind = pa.string() if values and values[0] is None else None
    with pytest.raises(LabelError, match=r"^Label column 'label' ") as caught:
        encode_labels(labels(values, kind), "label")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_list_column_and_an_unknown_column_are_refused() -> None:
    with pytest.raises(LabelError, match="not one class a row"):
        encode_labels(labels([["a"], ["b"]] * 5), "label")
    with pytest.raises(UnknownNameError, match=r"no column 'lable'\. Did you mean 'label'\?"):
        encode_labels(labels(["a", "b"] * 5), "lable")

"""Columns and texts as matrices."""

from __future__ import annotations

import datetime as dt
import decimal
import logging

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import DataError, UsageError
from curation.learn import text as text_module
from curation.learn.arrays import row_hashes
from curation.learn.tables import as_table
from curation.learn.tabular import can_encode, encode_features
from curation.learn.text import (
    MAX_CHARACTERS,
    distinct_texts,
    embed,
    embedded_batches,
    joined_text,
    tfidf_components,
)
from curation.learn.tokens import TokenCounter, wordllama_model
from curation.learn.vectors import encode_vectors, is_vector, scaled

ANYTHING = {
    "whole": pa.array([1, None, 3]),
    "real": pa.array([float("nan"), float("inf"), -1e300]),
    "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")]),
    "flag": pa.array([True, False, None]),
    "day": pa.array([dt.date(2024, 1, 1), None, dt.date(1900, 1, 1)]),
    "moment": pa.array(
        [dt.datetime(2024, 1, 1, 3, tzinfo=dt.UTC), None, dt.datetime(2024, 2, 1, tzinfo=dt.UTC)]
    ),
    "clock": pa.array([dt.time(3, 4), None, dt.time(5)]),
    "span": pa.array([dt.timedelta(days=1), None, dt.timedelta(seconds=3)]),
    "word": pa.array(["a", None, "b"]),
    "coded": pa.array(["a", None, "b"]).dictionary_encode(),
    "view": pa.array(["a", None, "b"], pa.string_view()),
}


@pytest.mark.parametrize("name", ANYTHING)
def test_every_kind_of_column_becomes_numbers_without_infinities(name: str) -> None:
    matrix = encode_features(pa.table({name: ANYTHING[name]}), [name])
    assert matrix.shape[0] == 3
    assert matrix.shape[1] >= 1
    assert matrix.dtype == np.float32
    assert not np.isinf(matrix).any()


def test_few_categories_get_a_column_each_and_many_get_three() -> None:
    few = encode_features(pa.table({"c": ["x", "y", "z"] * 10}), ["c"])
    many = encode_features(pa.table({"c": [f"v{i:02}" for i in range(20)] + ["v00", None]}), ["c"])
    assert few.shape[1] == 3
    np.testing.assert_array_equal(many[0], many[20])
    assert np.isnan(many[21]).all()


def test_columns_with_one_value_give_nothing() -> None:
    table = pa.table(
        {"same": ["x"] * 4, "none": pa.array([None] * 4, pa.float64()), "one": [1, 1, 1, 1]}
    )
    assert encode_features(table, table.column_names).shape == (4, 0)


def test_lists_and_bytes_are_no_features() -> None:
    assert not can_encode(pa.list_(pa.int64()))
    assert not can_encode(pa.binary())


@settings(deadline=None, max_examples=25)
@given(st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=2, max_size=40), st.randoms())
def test_a_category_is_written_the_same_wherever_its_row_stands(
    words: list[str | None], random: object
) -> None:
    order = list(range(len(words)))
    random.shuffle(order)  # type: ignore[attr-defined]
    table = pa.table({"c": pa.array(words, pa.string())})
    straight = encode_features(table, ["c"])[order]
    np.testing.assert_array_equal(straight, encode_features(table.take(order), ["c"]))


def test_a_row_hash_depends_on_the_row_alone() -> None:
    matrix = np.random.default_rng(0).normal(size=(100, 7)).astype(np.float32)
    matrix[3] = matrix[5]
    hashes = row_hashes(matrix)
    assert hashes[3] == hashes[5]
    assert len(set(hashes.tolist())) == 99
    np.testing.assert_array_equal(row_hashes(matrix[::-1]), hashes[::-1])
    assert row_hashes(matrix[:, ::-1])[0] != hashes[0]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int32(), 2)]
)
def test_vectors_of_every_list_type_are_read(kind: pa.DataType) -> None:
    table = pa.table({"v": pa.array([[1, 2], None, [3, 4]], kind)})
    matrix = encode_vectors(table, "v")
    np.testing.assert_array_equal(matrix, [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(scaled(matrix)[1], [0, 0])


def test_an_image_of_lines_is_one_vector() -> None:
    kind = pa.list_(pa.list_(pa.uint8()))
    table = pa.table({"v": pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], kind)})
    assert is_vector(kind)
    np.testing.assert_array_equal(encode_vectors(table, "v"), [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_vectors_of_different_lengths_are_refused() -> None:
    table = pa.table({"v": [[1.0, 2.0], [1.0]]})
    with pytest.raises(
        DataError, match="'v' holds vectors of 1 to 2 numbers; all must have the same length"
    ):
        encode_vectors(table, "v")


def test_a_text_has_the_same_embedding_among_any_others() -> None:
    alone = embed(["where is my card"])
    among = embed(["where is my card", "x " * 3_000, ""])
    np.testing.assert_allclose(alone[0], among[0], atol=1e-6)
    assert among.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(among[:2, :256], axis=1), 1, atol=1e-5)
    assert not among[2].any()


def test_loading_the_embeddings_leaves_logging_alone() -> None:
    level, handlers = logging.getLogger().level, logging.getLogger().handlers[:]
    embed(["a text"])
    assert logging.getLogger().level == level
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize(
    "text", ["where is my card", "a  b\tc\n\nd", " x ", "naïve café 中文字", "1,234.50!"]
)
def test_words_are_tokenised_as_their_text_is(text: str) -> None:
    model = wordllama_model()
    counted = TokenCounter().count(pa.array([text, "", text], pa.large_string()))
    ids = model.tokenizer.encode(" ".join(text.split()), add_special_tokens=False).ids
    expected = np.bincount(ids, minlength=len(model.embedding))
    np.testing.assert_array_equal(counted.toarray()[[0, 2]], [expected, expected])
    assert counted[[1]].nnz == 0


def test_distinct_texts_are_cut_and_in_the_same_order_wherever_their_rows_stand() -> None:
    words = ["bb", None, "a", "bb", "é" * (MAX_CHARACTERS + 5)]
    distinct, place = distinct_texts(joined_text([pa.chunked_array([words])]))
    back, place_back = distinct_texts(joined_text([pa.chunked_array([words[::-1]])]))
    assert distinct.equals(back)
    assert place.tolist() == place_back.tolist()[::-1]
    assert distinct.take(place).to_pylist() == ["bb", "", "a", "bb", "é" * MAX_CHARACTERS]
    assert len(distinct) == 4


def test_texts_are_embedded_batch_by_batch_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([f"text {i} " * (i % 5) for i in range(300)], pa.large_string())
    whole = embed(texts)
    monkeypatch.setattr(text_module, "_BATCH_BYTES", 100)
    np.testing.assert_allclose(embed(texts), whole, atol=1e-6)
    places = np.array([5, 5, 0, 299])
    found = np.concatenate([block for _, block in embedded_batches(texts, places)])
    np.testing.assert_allclose(found, whole[places], atol=1e-6)
    assert embed([]).shape == (0, 257)


def test_a_text_of_a_megabyte_is_read() -> None:
    distinct, place = distinct_texts(joined_text([pa.chunked_array([["x" * 2**20, "y " * 2**19]])]))
    assert np.isfinite(embed(distinct)[place]).all()


def test_several_text_columns_are_read_as_one() -> None:
    texts = joined_text([pa.chunked_array([["a", None]]), pa.chunked_array([["b", "c"]])])
    assert texts.to_pylist() == ["a\nb", "\nc"]


def test_tfidf_of_texts_without_common_words_has_no_columns() -> None:
    assert tfidf_components(["one", "two", "three"]).shape == (3, 0)
    assert tfidf_components(["", "!!"]).shape == (2, 0)


def test_pandas_and_polars_frames_become_tables() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    values = {"a": [1, 2], "b": ["x", None]}
    expected = pa.table(values).to_pylist()
    assert as_table(pandas.DataFrame(values, index=[7, 8])).to_pylist() == expected
    assert as_table(polars.DataFrame(values)).to_pylist() == expected


def test_what_is_no_table_is_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(
        UsageError, match="Got list; the data must be a pyarrow Table or a pandas or polars"
    ):
        as_table([1, 2])
    with pytest.raises(UsageError, match="Got a pandas Series"):
        as_table(pandas.Series([1]))
    with pytest.raises(DataError, match="more than one column 'a'"):
        as_table(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="more than one column 'a'"):
        as_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(DataError, match="Give each column one type"):
        as_table(pandas.DataFrame({"a": [1, "x", b"y"]}))

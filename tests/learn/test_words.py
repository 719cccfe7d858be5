"""Texts as weights of their words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.learn import words
from curation.progress import Cancelled


def weights(texts: list[str], places: list[int] | None = None) -> np.ndarray:
    of = np.arange(len(texts)) if places is None else np.array(places)
    return words.word_weights(pa.array(texts, pa.large_string()), of).toarray()


def test_words_weigh_one_plus_log_of_their_count_and_rows_have_length_one() -> None:
    found = weights(["card card lost", "lost card", "Card!"])
    assert found.shape == (3, 2)
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)
    first = np.sort(found[0])
    assert first[1] / first[0] == pytest.approx(1 + np.log(2), rel=1e-6)
    np.testing.assert_allclose(np.sort(found[2]), [0, 1])


def test_words_of_one_row_and_rows_without_words_weigh_nothing() -> None:
    assert weights(["alone", "other", "", "  ", "!"]).shape == (5, 0)
    assert weights([]).shape == (0, 0)
    assert weights(["same", ""], [0, 1, 0]).tolist() == [[1.0], [0.0], [1.0]]


def test_batches_make_no_difference_and_work_stops_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [f"word{n % 7} word{n % 3} word{n % 11}" for n in range(50)]
    whole = weights(texts)
    monkeypatch.setattr(words, "_BATCH", 8)
    np.testing.assert_array_equal(weights(texts), whole)

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        words.word_weights(pa.array(texts, pa.large_string()), np.arange(50), progress=stop)

"""Texts as matrices: WordLlama embeddings, and beside them a truncated SVD of TF-IDF.

Both look at the set of distinct texts in order of length, so a text's numbers depend neither on the
order of the rows nor on how often it comes.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.learn.arrays import Codes, Matrix
from curation.progress import Progress, no_progress

MAX_CHARACTERS = 8_000
"""What comes after so many characters of a text is not read."""

_BATCH = 2_048
_LENGTH_WEIGHT = 0.1
_MAX_TERMS = 100_000
_loading = threading.Lock()


def joined_text(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return one text a row from several text columns; a missing text is empty."""
    texts = [pc.fill_null(column.cast(pa.large_string()), "") for column in columns]
    if len(texts) == 1:
        return texts[0]
    return pc.binary_join_element_wise(*texts, pa.scalar("\n", pa.large_string()))


def distinct_texts(texts: pa.ChunkedArray) -> tuple[list[str], Codes]:
    """Return the distinct texts, shortest first, and the position of each row's text among them."""
    cut = pc.utf8_slice_codeunits(texts, 0, MAX_CHARACTERS)
    coded = pc.dictionary_encode(cut).combine_chunks()
    words: list[str] = coded.dictionary.to_pylist()
    order = sorted(range(len(words)), key=lambda i: (len(words[i]), words[i]))
    place = np.empty(len(words), dtype=np.int64)
    place[order] = np.arange(len(words))
    return [words[i] for i in order], place[coded.indices.to_numpy(zero_copy_only=False)]


def embed(texts: list[str], *, progress: Progress = no_progress) -> Matrix:
    """Return WordLlama embeddings: shape (n, 257), float32.

    The first 256 columns are the sum of the token embeddings, each weighted with 1 + log(count in
    the text), at length 1 (0 for an empty text); the last is log(1 + tokens) / 10. The sum is a
    sparse product, so a long text among short ones costs no padding.

    Source: WordLlama l2_supercat, https://github.com/dleemiller/WordLlama (MIT).
    """
    model = _wordllama()
    width = model.embedding.shape[1]
    matrix = np.zeros((len(texts), width + 1), dtype=np.float32)
    for start in range(0, len(texts), _BATCH):
        progress(start / len(texts), f"reading texts: {start:,} of {len(texts):,}")
        counts = _token_counts(model, texts[start : start + _BATCH])
        tokens = np.asarray(counts.sum(axis=1)).ravel()
        np.log(counts.data, out=counts.data)
        counts.data += 1
        block = matrix[start : start + _BATCH]
        block[:, :width] = _unit_rows(counts @ model.embedding)
        block[:, width] = _LENGTH_WEIGHT * np.log1p(tokens)
    progress(1.0, f"read {len(texts):,} texts")
    return matrix


def tfidf_components(texts: list[str], *, components: int = 256, seed: int = 0) -> Matrix:
    """Return a truncated SVD of the TF-IDF of words and pairs of words.

    Shape (n, at most `components`), float32; a row has length 1, or 0 without a known word.
    Latent semantic analysis: Deerwester et al. 1990.
    Texts without two words that come twice give a matrix without columns.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=_MAX_TERMS, dtype=np.float32
    )
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # sklearn's word for "no term is left"
        return np.zeros((len(texts), 0), dtype=np.float32)
    components = min(components, weights.shape[1] - 1, len(texts) - 1)
    if components < 1:
        return np.zeros((len(texts), 0), dtype=np.float32)
    svd = TruncatedSVD(components, n_iter=3, random_state=seed)
    return _unit_rows(np.asarray(svd.fit_transform(weights), dtype=np.float32))


@lru_cache(maxsize=1)
def _load() -> Any:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    import wordllama  # calls logging.basicConfig(level=INFO), which is the application's to decide

    root.setLevel(level)
    root.handlers[:] = handlers
    folder = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    model.tokenizer.no_padding()
    return model


def _wordllama() -> Any:
    """Return the one model of this process; `lru_cache` alone would load it once a thread."""
    with _loading:
        return _load()


def _token_counts(model: Any, texts: list[str]) -> Any:
    """Return how often each token comes in each text: a sparse matrix (texts, vocabulary)."""
    from scipy.sparse import csr_matrix

    ids = [
        encoded.ids
        for encoded in model.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]
    starts = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(tokens) for tokens in ids], out=starts[1:])
    vocabulary = model.embedding.shape[0]
    flat = np.fromiter(
        (token for tokens in ids for token in tokens), np.int64, count=int(starts[-1])
    )
    np.clip(flat, 0, vocabulary - 1, out=flat)
    ones = np.ones(len(flat), dtype=np.float32)
    counts = csr_matrix((ones, flat, starts), shape=(len(ids), vocabulary))
    counts.sum_duplicates()
    return counts


def _unit_rows(matrix: Matrix) -> Matrix:
    length: Matrix = np.linalg.norm(matrix, axis=1, keepdims=True)
    length[length == 0] = 1
    return matrix / length

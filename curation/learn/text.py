"""Texts as matrices: WordLlama embeddings, and beside them a truncated SVD of TF-IDF.

Both look at the set of distinct texts in an order of their own, so a text's numbers depend neither
on the order of the rows nor on how often it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.learn.arrays import Codes, Hashes, Matrix
from curation.learn.threads import in_threads
from curation.learn.tokens import TokenCounter, wordllama_model
from curation.progress import Progress, no_progress

MAX_CHARACTERS = 8_000
"""What comes after so many characters of a text is not read."""


_BATCH_TEXTS = 32_768
_BATCH_BYTES = 4 * 2**20
_DENSE_ROWS = 4_096
_LENGTH_WEIGHT = 0.1
_MAX_TERMS = 100_000
_FIT_TEXTS = 100_000
"""Words are counted, and components fitted, in at most so many texts."""


def joined_text(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return one text a row from several text columns; a missing text is empty."""
    texts = [pc.fill_null(column.cast(pa.large_string()), "") for column in columns]
    if len(texts) == 1:
        return texts[0]
    return pc.binary_join_element_wise(*texts, pa.scalar("\n", pa.large_string()))


def text_hashes(texts: pa.Array | pa.ChunkedArray) -> Hashes:
    """Return a 64-bit hash of each text or byte string: shape (n,)."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("source", pa.table({"text": texts}))
        found = connection.execute("SELECT hash(text) AS hash FROM source").to_arrow_table()
    hashes: Hashes = found.column("hash").to_numpy()
    return hashes


def distinct_texts(texts: pa.ChunkedArray) -> tuple[pa.LargeStringArray, Codes]:
    """Return the distinct texts in order of their hash, and the place of each row's text in them.

    Two texts with one hash of 64 bits are taken for one: among ten million, a chance of 3 in a
    million.
    """
    whole = texts.combine_chunks()
    longest = pc.max(pc.binary_length(whole)).as_py() or 0
    if longest > MAX_CHARACTERS:
        whole = pc.utf8_slice_codeunits(whole, 0, MAX_CHARACTERS)
    _, first, place = np.unique(text_hashes(whole), return_index=True, return_inverse=True)
    return whole.take(pa.array(first)), place.astype(np.int64, copy=False)


def embed(
    texts: pa.LargeStringArray | Sequence[str], *, progress: Progress = no_progress
) -> Matrix:
    """Return WordLlama embeddings: shape (n, 257), float32; see `embedded_batches`."""
    matrix = np.zeros((len(texts), embedding_width()), dtype=np.float32)
    for rows, block in embedded_batches(texts, progress=progress):
        matrix[rows] = block
    return matrix


def embedding_width() -> int:
    """Return the number of columns of an embedding."""
    return int(wordllama_model().embedding.shape[1]) + 1


def embedded_batches(
    texts: pa.LargeStringArray | Sequence[str],
    places: Codes | None = None,
    *,
    progress: Progress = no_progress,
) -> Iterator[tuple[slice, Matrix]]:
    """Yield slices of rows and the WordLlama embeddings of their texts, in order, by all cores.

    The first 256 columns are the sum of the token embeddings, each weighted with 1 + log(count in
    the text), at length 1 (0 for an empty text); the last is log(1 + tokens) / 10. The sum is a
    sparse product, so a long text among short ones costs no padding.

    Source: WordLlama l2_supercat, https://github.com/dleemiller/WordLlama (MIT).

    Args:
        texts: the texts.
        places: shape (n,), the place of each row's text; by default each text is a row.
        progress: told the fraction done; may raise between two batches.
    """
    if not isinstance(texts, pa.LargeStringArray):
        texts = pa.array(texts, pa.large_string())
    counter = TokenCounter()
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    rows_in_all = len(texts) if places is None else len(places)

    def embedded(rows: slice) -> tuple[slice, Matrix]:
        some = texts[rows] if places is None else texts.take(pa.array(places[rows]))
        return rows, _embedded(counter, some)

    progress(0.0, f"reading {rows_in_all:,} texts")
    for rows, block in in_threads(embedded, _batches(sizes if places is None else sizes[places])):
        yield rows, block
        progress(rows.stop / rows_in_all, f"read {rows.stop:,} of {rows_in_all:,} texts")
    progress(1.0, f"read {rows_in_all:,} texts")


def _batches(sizes: Codes) -> Iterator[slice]:
    """Yield slices with a bound on the texts and on their bytes."""
    ends = np.cumsum(sizes, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + _BATCH_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + _BATCH_TEXTS)
        yield slice(start, stop)
        start = stop


def _embedded(counter: TokenCounter, texts: pa.LargeStringArray) -> Matrix:
    counts = counter.count(texts)
    tokens = np.asarray(counts.sum(axis=1)).ravel()
    np.log(counts.data, out=counts.data)
    counts.data += 1
    embedding = wordllama_model().embedding
    width = embedding.shape[1]
    matrix = np.empty((len(texts), width + 1), dtype=np.float32)
    for start in range(0, len(texts), _DENSE_ROWS):  # so that a part stays in the cache
        part = slice(start, start + _DENSE_ROWS)
        matrix[part, :width] = _unit_rows(counts[part] @ embedding)
    matrix[:, width] = _LENGTH_WEIGHT * np.log1p(tokens)
    return matrix


def tfidf_components(
    texts: pa.LargeStringArray | Sequence[str], *, components: int = 256, seed: int = 0
) -> Matrix:
    """Return a truncated SVD of the TF-IDF of words and pairs of words.

    Shape (n, at most `components`), float32; a row has length 1, or 0 without a known word.
    Latent semantic analysis: Deerwester et al. 1990. Of more than 100,000 texts, the terms and
    components are those of the first 100,000, so texts in an order by chance are wanted.
    Texts without two words that come twice give a matrix without columns.
    """
    fitted = TfidfComponents(texts, components=components, seed=seed)
    return np.concatenate(
        [fitted.transform(texts[start : start + _BATCH_TEXTS])
         for start in range(0, max(len(texts), 1), _BATCH_TEXTS)]
    )  # fmt: skip


class TfidfComponents:
    """Fitted terms and components; see `tfidf_components`.

    Attributes:
        width: the number of components, 0 where no term is left.
    """

    def __init__(
        self, texts: pa.LargeStringArray | Sequence[str], *, components: int = 256, seed: int = 0
    ) -> None:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.width = 0
        self._vectorizer = TfidfVectorizer(
            sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=_MAX_TERMS,
            dtype=np.float32,
        )  # fmt: skip
        try:
            weights = self._vectorizer.fit_transform(_listed(texts[:_FIT_TEXTS]))
        except ValueError:  # sklearn's word for "no term is left"
            return
        components = min(components, weights.shape[1] - 1, weights.shape[0] - 1)
        if components >= 1:
            self._svd = TruncatedSVD(components, n_iter=3, random_state=seed).fit(weights)
            self.width = components

    def transform(self, texts: pa.LargeStringArray | Sequence[str]) -> Matrix:
        """Return the components of texts: shape (len(texts), width), float32."""
        if not self.width:
            return np.zeros((len(texts), 0), dtype=np.float32)
        weights = self._vectorizer.transform(_listed(texts))
        return _unit_rows(np.asarray(self._svd.transform(weights), dtype=np.float32))


def _listed(texts: Any) -> list[str]:
    words: list[str] = texts.to_pylist() if isinstance(texts, pa.Array) else list(texts)
    return words


def _unit_rows(matrix: Matrix) -> Matrix:
    """Bring rows to length 1, in place; a row of zeros stays."""
    length: Matrix = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    length[length == 0] = 1
    matrix *= (1 / length)[:, None]
    return matrix

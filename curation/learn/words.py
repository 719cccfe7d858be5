"""Texts as weights of their words, without a vocabulary: a word's column is a hash of it.

Weinberger, Dasgupta, Langford, Smola and Attenberg 2009, International Conference on Machine
Learning. Nothing is fitted, so any number of texts is read a batch at a time.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from curation.learn.arrays import Codes
from curation.progress import Progress, no_progress

_COLUMNS: Final = 2**20
_BATCH: Final = 50_000
_FEWEST: Final = 2
"""Rows that a word comes in, at least: one that only one row has teaches nothing about another."""


def word_weights(
    texts: pa.LargeStringArray, places: Codes, *, progress: Progress = no_progress
) -> Any:
    """Return how much of each word is in each row: scipy csr_matrix (n, words), float32.

    A word that comes c times weighs 1 + log(c), and a row has length 1, or 0 without a word that
    two rows have. A word is two letters or digits at least; case is not seen.

    Args:
        texts: the distinct texts.
        places: shape (n,), the place of each row's text.
        progress: told the fraction done; may raise between batches.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.feature_extraction.text import HashingVectorizer

    counter = HashingVectorizer(
        n_features=_COLUMNS, alternate_sign=False, norm=None, dtype=np.float32
    )
    batches = [csr_matrix((0, _COLUMNS), dtype=np.float32)]
    for start in range(0, len(places), _BATCH):
        progress(start / len(places), f"counting words: {start:,} of {len(places):,} texts")
        some = texts.take(pa.array(places[start : start + _BATCH])).to_pylist()
        counts = counter.transform(some)
        np.log(counts.data, out=counts.data)
        counts.data += 1
        batches.append(counts)
    weights = vstack(batches, format="csr")
    batches.clear()
    rows = np.bincount(weights.indices, minlength=_COLUMNS)
    weights = weights[:, np.flatnonzero(rows >= _FEWEST)]
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    weights.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(weights.indptr))
    progress(1.0, "counted words")
    return weights

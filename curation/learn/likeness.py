"""Which of some texts is most like another: for records whose content was edited a little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.text import MAX_CHARACTERS

_FEATURES = 2**18
_BATCH = 1_000


def most_alike(
    wanted: Sequence[str], there: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return for each wanted text the place of the most similar one that is there.

    Similarity is the cosine of the counts of the texts' character 3- to 5-grams within words: 1 for
    equal texts, 0 for texts that share none. It does not depend on other texts.

    Args:
        wanted: n texts.
        there: m texts, at least one.

    Returns:
        Positions and similarities, both of shape (n,); of equally similar ones the first.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=_FEATURES, alternate_sign=False,
        dtype=np.float32,
    )  # fmt: skip

    def counted(texts: Sequence[str]) -> Any:
        return vectorizer.transform([text[:MAX_CHARACTERS] for text in texts])

    columns = counted(there).T.tocsr()
    places = np.zeros(len(wanted), dtype=np.int64)
    similarity = np.zeros(len(wanted))
    for start in range(0, len(wanted), _BATCH):
        product = counted(wanted[start : start + _BATCH]) @ columns
        end = start + product.shape[0]
        places[start:end] = np.asarray(product.argmax(axis=1)).ravel()
        similarity[start:end] = product.max(axis=1).toarray().ravel()
    return places, similarity

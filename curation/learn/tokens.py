"""Texts as counts of tokens: each word is tokenised once, and the words of a text are added up.

No token of this vocabulary has a space inside, so a text has the tokens of its words, whichever
stand beside them. Runs of white space count as one space.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MOST_KEPT = 300_000
"""Words whose tokens are kept; the others are tokenised again in each batch."""
_LONG_WORD = 100
_loading = threading.Lock()


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


def wordllama_model() -> Any:
    """Return the one model of this process; `lru_cache` alone would load it once a thread."""
    with _loading:
        return _load()


class TokenCounter:
    """Counts tokens batch by batch, and remembers words from batch to batch; any thread may ask."""

    def __init__(self) -> None:
        self._model = wordllama_model()
        self._known: dict[str, tuple[int, ...]] = {}

    def count(self, texts: pa.LargeStringArray) -> Any:
        """Return how often each token comes in each text.

        Returns:
            scipy csr_matrix (texts, vocabulary), float32, each entry once.
        """
        from scipy.sparse import csr_matrix

        words = pc.utf8_split_whitespace(texts)
        coded = words.flatten().dictionary_encode()
        tokens = self._tokens(coded.dictionary.to_pylist())
        lengths = np.fromiter((len(word) for word in tokens), np.int64, count=len(tokens))
        flat = np.fromiter(chain.from_iterable(tokens), np.int32, count=int(lengths.sum()))
        of_words = csr_matrix(
            (np.ones(len(flat), dtype=np.float32), flat, _starts(lengths)),
            shape=(len(tokens), len(self._model.embedding)),
        )
        places = coded.indices.to_numpy()
        in_texts = csr_matrix(
            (np.ones(len(places), dtype=np.float32), places,
             _starts(pc.list_value_length(words).to_numpy())),
            shape=(len(texts), len(tokens)),
        )  # fmt: skip
        return in_texts @ of_words

    def _tokens(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        known = self._known.get
        found = [known(word) for word in words]
        missing = [place for place, tokens in enumerate(found) if tokens is None]
        encoded = self._model.tokenizer.encode_batch_fast(
            [words[place] for place in missing], add_special_tokens=False
        )
        highest = len(self._model.embedding) - 1
        keep = len(self._known) < _MOST_KEPT
        for place, one in zip(missing, encoded, strict=True):
            tokens = tuple(min(token, highest) for token in one.ids)
            found[place] = tokens
            if keep and len(tokens) < _LONG_WORD:
                self._known[words[place]] = tokens
        return found  # type: ignore[return-value]  # none is missing now


def _starts(lengths: Any) -> Any:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts

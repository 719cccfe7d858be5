"""Properties of texts that should not matter for their class: length, case, signs, debris."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.learn.arrays import Flags, Vector

_LETTERS = r"\pL"
_ALL = r"[\s\S]"


@dataclass(frozen=True)
class Measure:
    """A number that a text has: how often one pattern comes, alone or for each of another.

    Attributes:
        words: what it is, for a person.
        pattern: what is counted.
        of: what its count is divided by; "" for the plain count.
    """

    words: str
    pattern: str
    of: str = ""

    def write(self, value: float) -> str:
        """Write a value for a person."""
        return f"{value:.1%}" if self.of else f"{value:,.0f}"


MEASURES: tuple[Measure, ...] = (
    Measure("number of characters", _ALL),
    Measure("number of words", r"\S+"),
    Measure("share of capitals among the letters", r"\p{Lu}", _LETTERS),
    Measure("share of digits", r"[0-9]", _ALL),
    Measure("share of punctuation", r"[\p{P}\p{S}]", _ALL),
)
MARKS: Mapping[str, str] = {
    "HTML tags": r"</?[a-zA-Z][^<>\n]{0,200}>",
    "HTML entities": r"&(?:[a-zA-Z]{2,6}|#[0-9]{2,6});",
    "web addresses": r"(?i)https?://|www\.",
    "e-mail addresses": r"[\w.+-]+@[\w-]+\.\w+",
    "names after @": r"(?:^|\s)@\w+",
    "hash tags": r"(?:^|\s)#\w+",
    "signs beyond ASCII": r"[^\x00-\x7F]",
    "invisible signs": "[\u200b\u200e\u200f\ufeff\u00ad\ufffd]",
    "escape codes": r"\\[nrtux\"']|\\\\",
    "braces": r"[{}\[\]|]",
    "line breaks": r"\S\s*\n\s*\S",
    "spaces at the start or end": r"^\s|\s$",
}
"""Marks of how a text was written or copied, each a pattern."""


def measure(texts: pa.Array, wanted: Measure) -> Vector:
    """Return a number for each text: shape (n,)."""
    found: Vector = _count(texts, wanted.pattern)
    if wanted.of:
        found = found / np.maximum(_count(texts, wanted.of), 1)
    return found


def marked(texts: pa.Array | pa.ChunkedArray, mark: str) -> Flags:
    """Say which texts have a mark, one of `MARKS`: shape (n,)."""
    found = pc.fill_null(pc.match_substring_regex(texts, pattern=MARKS[mark]), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def first_words(texts: pa.Array) -> pa.ChunkedArray:
    """Return the first word of each text in lower case; null where there is none."""
    words = pc.extract_regex(texts, pattern=r"(?P<word>[\pL\pN]+)")
    return pa.chunked_array([pc.utf8_lower(pc.struct_field(words, "word"))])


def _count(texts: pa.Array, pattern: str) -> Vector:
    if pattern == _ALL:
        counts = pc.utf8_length(texts)
    else:
        counts = pc.count_substring_regex(texts, pattern=pattern)
    return np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.float64)

"""What the spellings of one name have in common, and which name is another one mistyped."""

from __future__ import annotations

import re
import unicodedata

import duckdb
import numpy as np
import pyarrow as pa

from curation.learn.arrays import Codes

_LONGEST = 200
_LONGEST_TYPED = 60
_MAX_USUAL = 2_000
# What only writes a name in another way. It stays between digits ("1.5", "18-24"); signs that may
# carry a meaning stay everywhere ("<=50K" and ">50K", "C" and "C++").
_APART = r"[\s_\-.,'’\"!?;:()\[\]{}/\\]+"
_SEPARATORS = re.compile(rf"(?<!\d){_APART}|{_APART}(?!\d)")
_LATIN_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")


def base_form(word: str) -> str | None:
    """Return what a value's spellings have in common, or None for one that has no other spelling.

    Case, separators and the accents of Latin letters go; a number, a value without a letter and one
    of more than 200 characters have none.
    """
    if len(word) > _LONGEST or not any(map(str.isalpha, word)) or _is_number(word):
        return None
    letters = unicodedata.normalize("NFKD", word).casefold()
    bare = _LATIN_ACCENTS.sub("", _SEPARATORS.sub("", letters))
    return unicodedata.normalize("NFC", bare) or None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def typing_errors(forms: pa.Array, totals: Codes, shortest: int, ratio: int) -> tuple[Codes, Codes]:
    """Return which forms are another one with one typing error, and that one.

    One letter is missing, added or changed, or two neighbours are swapped (Damerau 1964); never the
    first letter and never a digit. Pairs are found through what is left when one letter is dropped,
    so not all are compared with all.

    Args:
        forms: m distinct base forms.
        totals: shape (m,), how many rows have each.
        shortest: letters that both must have.
        ratio: how many times rarer the wrong one must be.
    """
    table = pa.table({"i": np.arange(len(forms)), "form": forms, "total": totals})
    with duckdb.connect() as connection:
        connection.register("forms", table)
        connection.execute(
            """
            CREATE MACRO shorter(form) AS list_prepend(form, list_transform(
                range(1, length(form)),
                lambda place: left(form, place) || substring(form, place + 2)
            ))
            """
        )
        pairs = connection.execute(
            r"""
            WITH long AS (
                SELECT * FROM forms WHERE length(form) BETWEEN $shortest AND $longest
            ),
            frequent AS (
                SELECT * FROM long WHERE total >= $ratio ORDER BY total DESC, form LIMIT $most
            ),
            rare AS (
                SELECT * FROM long WHERE total * $ratio <= (SELECT max(total) FROM frequent)
            ),
            rare_rests AS (
                SELECT i, form, total, unnest(shorter(form)) AS rest FROM rare
            ),
            frequent_rests AS (
                SELECT i, form, total, unnest(shorter(form)) AS rest FROM frequent
            ),
            pairs AS (
                SELECT DISTINCT rare.i AS wrong, usual.i AS usual, rare.form AS a,
                    usual.form AS b, usual.total AS total
                FROM rare_rests AS rare JOIN frequent_rests AS usual USING (rest)
                WHERE rare.total * $ratio <= usual.total
            )
            SELECT wrong, arg_max(usual, (total, -usual)) AS usual FROM pairs
            WHERE damerau_levenshtein(a, b) = 1
                AND regexp_replace(a, '\D', '', 'g') = regexp_replace(b, '\D', '', 'g')
            GROUP BY wrong ORDER BY wrong
            """,
            {"shortest": shortest, "longest": _LONGEST_TYPED, "ratio": ratio, "most": _MAX_USUAL},
        ).to_arrow_table()
    wrong = pairs["wrong"].to_numpy().astype(np.int64)
    right = pairs["usual"].to_numpy().astype(np.int64)
    # A usual spelling is no error itself: with a ratio of 2 or more chains could only lead upwards.
    keep = ~np.isin(right, wrong)
    return wrong[keep], right[keep]

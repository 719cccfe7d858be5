"""Find columns of text in which some values are numbers, dates or booleans and others are not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows
from curation.finders.columns import (
    Coded,
    coded,
    column_finding,
    columns_having,
    counted,
    is_text,
    joined_lines,
    over_words,
    percent,
    quoted,
    short,
    subject,
)
from curation.finders.missing_values import STAND_INS
from curation.learn.arrays import Codes, Flags
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

KINDS = ("number", "date", "boolean", "text")
_NONE = -1
_MAX_WORDS = 200_000
_LEAST_ROWS = 20


class MixedTypes(Finder):
    """Text columns in which most values read as one type and a few do not.

    A column of amounts with "abc" or "1,5" in three rows is read as text, and each amount becomes a
    category of its own. Each value reads as a number, a date, a boolean (true, false) or a text; a
    missing one, or one that stands for it ("N/A"), reads as nothing. Where one type fills nearly
    the whole column, the rows with another are flagged. Columns in which types are mixed evenly are
    left alone: there the mix is meant. After the check of mixed data types of Deepchecks.
    """

    name: ClassVar[str] = "mixed_types"
    title: ClassVar[str] = "Mixed types"
    scores: ClassVar[str] = (
        "The share of a row's text values that read as the others in the column."
    )
    advice: ClassVar[str] = "Mend the values that do not read as the others, or exclude the rows."

    rare: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        title="Rare",
        description="Values of another type are flagged when at most this share has it.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no text column."""
        kinds = shared.table.schema
        named = shared.roles.having("feature", "group", "weight")
        if any(is_text(kinds.field(name).type) for name in named):
            return ""
        return "The data have no feature that is kept as text."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for values of another type than the rest of their column."""
        columns, notes = columns_having(shared, "feature", "group", "weight")
        kinds = shared.table.schema
        columns = [name for name in columns if is_text(kinds.field(name).type)]
        size = shared.table.num_rows
        odd = np.zeros(size, dtype=np.int64)
        suggestion = pa.nulls(size, pa.large_string())
        subjects, lines = [], []
        for place, column in enumerate(columns):
            progress(place / len(columns), f"reading {column}")
            values = coded(shared.table.column(column))
            if len(values.words) > _MAX_WORDS:
                notes.append(
                    f"'{column}' has {len(values.words):,} different values; not looked at."
                )
                continue
            types, plain_numbers = read_types(values.words)
            usual = self._usual(types, values)
            if usual is None:
                continue
            others = (types != usual) & (types != _NONE)
            said, line = _explained(column, values, others, usual)
            subjects.append(said)
            lines.append(line)
            odd += np.append(others, False)[values.codes]  # -1, missing, reads the last
            if usual == KINDS.index("number"):
                mended = pc.if_else(pa.array(others), plain_numbers, None)
                suggestion = pc.coalesce(suggestion, values.take(mended))
        rows = finding_rows(
            shared,
            1 - odd / max(len(columns), 1),
            odd > 0,
            suggestion=suggestion,
            explanation=joined_lines(lines, size),
        )
        return column_finding(self, shared, rows, subjects, notes=notes)

    def _usual(self, types: Codes, values: Coded) -> int | None:
        """Return the type of nearly all values, where others are there and rare; else None."""
        known = types != _NONE
        rows = np.bincount(types[known], weights=values.counts()[known], minlength=len(KINDS))
        total = rows.sum()
        usual = int(np.argmax(rows)) if total else 0
        rest = total - rows[usual]
        if total < _LEAST_ROWS or not rest or rest > self.rare * total:
            return None
        return usual


def read_types(words: pa.Array) -> tuple[Codes, pa.Array]:
    """Return what each of m texts reads as, and the number that one may stand for.

    Returns:
        Shape (m,), the place in `KINDS`, -1 for a missing value; and m texts: the plain number
        where only a unit, a percent sign, grouping or a decimal comma keeps it from being one, else
        null.
    """
    found = over_words(
        words,
        r"""
        WITH trimmed AS (SELECT i, left(trim(word), 60) AS word, length(word) > 60 AS long FROM
        words), bare AS (
            SELECT *, CASE
                WHEN long THEN NULL
                WHEN regexp_full_match(word, '[-+]?\d{1,3}([ ,’'']\d{3})+(\.\d+)?')
                    THEN regexp_replace(word, '[ ,’'']', '', 'g')
                WHEN regexp_full_match(word, '[-+]?\d{1,3}(\.\d{3})+,\d+')
                    THEN replace(replace(word, '.', ''), ',', '.')
                WHEN regexp_full_match(word, '[-+]?\d+,\d+') THEN replace(word, ',', '.') WHEN
                regexp_full_match(word, '[$€£¥]?\s*[-+]?\d+(\.\d+)?\s*([$€£¥%]|[a-zA-Z]{1,3})?')
                    THEN regexp_extract(word, '[-+]?\d+(\.\d+)?')
            END AS mended
            FROM trimmed
        )
        SELECT
            CASE
                WHEN word = '' OR list_contains(?, lower(word)) OR word = 'None' THEN -1
                WHEN long THEN 3
                WHEN TRY_CAST(word AS DOUBLE) IS NOT NULL THEN 0
                WHEN TRY_CAST(word AS TIMESTAMP) IS NOT NULL
                    OR regexp_full_match(word, '\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4})') THEN 1
                WHEN lower(word) IN ('true', 'false') THEN 2
                ELSE 3
            END AS type,
            mended
        FROM bare ORDER BY i
        """,
        [sorted(STAND_INS)],
    )
    return (
        found["type"].to_numpy().astype(np.int64),
        found["mended"].combine_chunks().cast(pa.large_string()),
    )


def _explained(
    column: str, values: Coded, others: Flags, usual: int
) -> tuple[dict[str, object], pa.Array]:
    """Return the column's subject, and one line for each row with another type."""
    counts = values.counts()
    words = values.words.to_pylist() if others.any() else []
    places = np.flatnonzero(others)
    places = places[np.argsort(-counts[places], kind="stable")]
    count, known = int(counts[others].sum()), int(counts.sum())
    line = (
        f"'{column}' holds {KINDS[usual]}s, but {quoted(words[i] for i in places)} in "
        f"{counted(count)} ({percent(count, known)})."
    )
    per_word = pa.array(
        [
            f"'{short(words[i])}' in '{column}' is no {KINDS[usual]}" if others[i] else None
            for i in range(len(others))
        ],
        pa.large_string(),
    )
    return subject("column", column, 1 - count / known, True, count, line), values.take(per_word)

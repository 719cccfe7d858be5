"""Find what is not there: empty values, and values that stand for an empty one."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from curation.finders.base import Finder, Finding, finding_rows, listed
from curation.finders.columns import (
    class_mix,
    column_finding,
    columns_having,
    counted,
    is_number,
    is_text,
    label_codes,
    numbers,
    percent,
    plain,
    quoted,
    subject,
)
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

STAND_INS: frozenset[str] = frozenset({
    "?", "-", "--", "---", "—", ".", "n/a", "n.a.", "na", "#n/a", "#na", "<na>", "nan", "null",
    "(null)", "nil", "missing", "undefined", "not available", "not applicable", "#null!", "nat",
})  # fmt: skip
"""Texts, in lower case, that stand for a value that is missing."""
_EXACT_STAND_INS = ("None",)  # "none" may be an answer; "None" is what Python writes
_LEAST_ROWS = 5
_LEAST_SHARE = 0.001
_CERTAIN = 1e-6
_LONGEST_STAND_IN = 60


class MissingValues(Finder):
    """Rows and columns in which values are missing.

    Missing is a null, a number that is none (NaN), a blank text, and a value that stands for a
    missing one: a text such as "N/A", "-" or "?", and a number such as 9999 or -1 where it stands
    far from all others and comes often. A row's score is the share of its content that is there, as
    in cleanlab's Datalab ("null" issues). A row is flagged when nothing is there, or when less than
    half is and few rows are like that. A column is flagged when much of it is missing, when
    stand-ins hide among its values, or when it is missing in one class more than in the others.
    """

    name: ClassVar[str] = "missing_values"
    title: ClassVar[str] = "Missing values"
    scores: ClassVar[str] = "The share of a row's content that is there: 0 nothing, 1 all of it."
    advice: ClassVar[str] = (
        "Fill in what can be found, exclude rows with nothing in them, and write stand-ins as "
        "missing."
    )

    most: float = Field(
        default=0.05,
        gt=0,
        le=1,
        title="Most that may be missing",
        description="A column is flagged when more than this share of it is missing.",
    )
    least: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Least that must be there",
        description="A row is flagged when less of its content is there and few rows are like it.",
    )
    stand_ins: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(),
        title="More stand-ins",
        description="Texts that stand for a missing value in your data, beside the common ones.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no content."""
        return "" if shared.roles.content else "The data have no column with content."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for missing values."""
        columns, notes = columns_having(shared, "text", "feature", "embedding", "image")
        size = shared.table.num_rows
        codes, classes = label_codes(shared)
        there = np.zeros(size, dtype=np.int64)
        subjects = []
        for place, column in enumerate(columns):
            progress(place / len(columns), f"looking for missing values in {column}")
            absent, stand_ins = self._missing(shared.table.column(column))
            there += ~absent
            subjects.append(self._judge(column, absent, stand_ins, codes, classes))
        score = there / max(len(columns), 1)
        few = score < self.least
        if size and few.mean() > self.most:
            few[:] = False  # where many rows are sparse, being sparse is how the data are
        flagged = few | (there == 0)
        rows = finding_rows(
            shared, score, flagged, explanation=_lines(there, len(columns), flagged)
        )
        return column_finding(
            self, shared, rows, [one for one in subjects if one], notes=notes, classes=len(classes)
        )

    def _missing(self, values: pa.ChunkedArray) -> tuple[Flags, dict[str, int]]:
        """Return which rows have no value (n,), and the stand-ins with how often they come."""
        values = plain(values)
        empty = _flags(pc.is_null(values, nan_is_null=True))
        if is_text(values.type):
            return self._missing_texts(values, empty)
        if is_number(values.type):
            found = numbers(values)
            sentinel = stand_in_number(found[~empty])
            if sentinel is not None:
                marked = found == sentinel
                return empty | marked, {f"{sentinel:g}": int(marked.sum())}
        return empty, {}

    def _missing_texts(self, values: pa.ChunkedArray, empty: Flags) -> tuple[Flags, dict[str, int]]:
        texts = values.cast(pa.large_string())
        size = pc.binary_length(texts)
        blank = (_flags(pc.equal(size, 0)) | _flags(pc.utf8_is_space(texts))) & ~empty
        # A stand-in is short, so the other texts need not be read.
        brief = np.flatnonzero(_flags(pc.less_equal(size, _LONGEST_STAND_IN)) & ~blank)
        words = pc.utf8_trim_whitespace(texts.take(pa.array(brief)))
        common = pa.array(sorted({*STAND_INS, *map(_folded, self.stand_ins)}), pa.large_string())
        exact = pa.array(_EXACT_STAND_INS, pa.large_string())
        marked = _flags(pc.or_(pc.is_in(pc.utf8_lower(words), common), pc.is_in(words, exact)))
        if _are_codes(words, marked):
            marked &= _flags(pc.not_equal(pc.utf8_lower(words), "na"))
        counts = pc.value_counts(words.filter(pa.array(marked))).to_pylist()
        found = {str(entry["values"]): int(entry["counts"]) for entry in counts}
        blanks = int((blank & _flags(pc.greater(size, 0))).sum())
        absent = empty | blank
        absent[brief[marked]] = True
        return absent, found | ({"blanks": blanks} if blanks else {})

    def _judge(
        self,
        column: str,
        absent: Flags,
        stand_ins: dict[str, int],
        codes: Codes,
        classes: list[str],
    ) -> dict[str, Any] | None:
        missing, size = int(absent.sum()), len(absent)
        if not missing:
            return None
        hidden = sum(stand_ins.values())
        where = f"in {counted(missing)} ({percent(missing, size)})"
        words = quoted(sorted(stand_ins, key=lambda word: -stand_ins[word]))
        if hidden == missing:
            line = f"'{column}' holds {words}, which seems to stand for no value, {where}"
        else:
            line = f"'{column}' is empty {where}"
            line += f"; {words} stands for no value in {hidden:,} of them" if hidden else ""
        distance, chance, name, inside, outside = class_mix(codes, absent, classes)
        related = chance < _CERTAIN and distance >= 0.25 and missing >= _LEAST_ROWS
        if related:
            line += (
                f", most of them of class '{name}' ({percent(inside)}; "
                f"{percent(outside)} of the other rows)"
                if inside > 0.5
                else f", more often in class '{name}' ({percent(inside)} of them; "
                f"{percent(outside)} of the other rows)"
            )
        hides = hidden > 0 and hidden >= max(_LEAST_SHARE * size, min(_LEAST_ROWS, 0.05 * size))
        is_issue = missing > self.most * size or related or hides
        return subject("column", column, 1 - missing / size, is_issue, missing, f"{line}.")


def stand_in_number(values: Vector) -> float | None:
    """Return the number that stands for a missing one, or None.

    It is the largest or the smallest, is written with nines only (999, -9999, 99999) or is -1,
    comes often, and stands out: no other value lies within as much again as all the others span;
    for -1, no other value is negative.

    Args:
        values: shape (n,), without NaN.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    for extreme, beyond in ((float(finite.max()), 1.0), (float(finite.min()), -1.0)):
        digits = f"{abs(extreme):.0f}"
        nines = abs(extreme) == float(digits) and len(digits) >= 3 and set(digits) == {"9"}
        if not nines and extreme != -1:
            continue
        others = finite[finite != extreme]
        count = len(finite) - len(others)
        if count < max(_LEAST_ROWS, _LEAST_SHARE * len(finite)) or count > 0.9 * len(finite):
            continue
        low, high = float(others.min()), float(others.max())
        if extreme == -1:
            whole = bool((others == np.floor(others)).all())
            if low >= 0 and whole and high >= 20 and count >= 0.01 * len(finite):
                return extreme
            continue
        gap = extreme - high if beyond > 0 else low - extreme
        if gap > max(high - low, 1.0):
            return extreme
    return None


def _are_codes(words: pa.ChunkedArray, marked: Flags) -> bool:
    """Say whether most values are of two letters, so that "NA" may be one of them."""
    lengths = pc.utf8_length(words.filter(pa.array(~marked))).to_numpy()
    return len(lengths) > 0 and float(np.mean(lengths == 2)) > 0.5


def _folded(word: str) -> str:
    return word.strip().lower()


def _flags(values: pa.ChunkedArray) -> Flags:
    found: Flags = pc.fill_null(values, False).to_numpy()
    return found.astype(np.bool_)


def _lines(there: Codes, of: int, flagged: Flags) -> pa.Array:
    """Return one line for each flagged row: as many different ones as counts."""
    words = pa.array(
        ["nothing is there"]
        + [f"{of - count} of {of} values are missing" for count in range(1, of + 1)]
    )
    return words.take(pa.array(there, mask=~flagged))

"""Find categories and classes that are one but are written in several ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

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
    quoted,
    short,
    subject,
)
from curation.finders.spelling import base_form, typing_errors
from curation.learn.arrays import Codes, Flags
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

MAX_WORDS = 20_000
"""A column with more different values is not a category."""
_NONE = -1


class StringMismatch(Finder):
    """Categories and classes that are written in more than one way.

    "New York", "new-york " and "New Yorkk" are one place to a person and three categories to a
    model. Values are taken for one when they differ only in case, spaces, accents and punctuation
    that carries no meaning, or, if they are long enough, in one letter, where one spelling is far
    rarer than the other. The most frequent spelling is suggested, and the rows with the others are
    flagged. The classes of the label are looked at as well. The base form is an idea of Deepchecks;
    signs such as `<`, `+` and `#`, signs between digits, and numbers are kept apart here.
    """

    name: ClassVar[str] = "string_mismatch"
    title: ClassVar[str] = "Spelling variants"
    scores: ClassVar[str] = "The share of a row's categories that have their usual spelling."
    advice: ClassVar[str] = "Write the suggested spelling, or merge the classes in the taxonomy."

    typos: bool = Field(
        default=True,
        title="Typing errors",
        description="Also take values for one that differ in one letter, if one is far rarer.",
    )
    ratio: int = Field(
        default=20,
        ge=2,
        le=10_000,
        title="How much rarer",
        description="A typing error must be so many times rarer than the usual spelling.",
    )
    shortest: int = Field(
        default=6,
        ge=3,
        le=50,
        title="Shortest",
        description="Letters that a value must have to be taken for a typing error.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no category."""
        return "" if _columns(shared)[0] else "The data have no categories or classes of text."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for spelling variants."""
        columns, notes = _columns(shared)
        size = shared.table.num_rows
        found_in = []
        for place, column in enumerate(columns):
            progress(place / len(columns), f"comparing the values of {column}")
            values = coded(shared.table.column(column))
            if len(values.words) > MAX_WORDS:
                notes.append(
                    f"'{column}' has {len(values.words):,} different values, more than "
                    f"{MAX_WORDS:,}; not looked at."
                )
                continue
            usual = self._usual_spellings(values)
            if (usual != np.arange(len(usual))).any():
                found_in.append((column, values, usual))
        odd = np.zeros(size, dtype=np.int64)
        suggestion = pa.nulls(size, pa.large_string())
        subjects, lines, labels = [], [], dict[str, str]()
        for column, values, usual in found_in:
            words = values.words
            variant = usual != np.arange(len(usual))
            kind = "classes" if column == shared.roles.label else "column"
            subjects += _subjects(kind, column, values, usual)
            if kind == "classes":
                labels = _pairs(words, usual, variant)
            mended = pc.if_else(pa.array(variant), words.take(pa.array(usual)), None)
            suggestion = pc.coalesce(suggestion, values.take(mended))
            lines.append(values.take(_lines(column, words, usual)))
            odd += _of_rows(values, variant)
        group = _groups(found_in, size)
        rows = finding_rows(
            shared,
            1 - odd / max(len(columns), 1),
            odd > 0,
            suggestion=suggestion,
            group=group,
            explanation=joined_lines(lines, size),
        )
        found = column_finding(self, shared, rows, subjects, notes=notes)
        # A row's suggestion may be for another column: these alone are labels.
        return replace(found, info={"labels": labels})

    def _usual_spellings(self, values: Coded) -> Codes:
        """Return for each distinct value the place of its usual spelling: shape (m,)."""
        words, counts = values.words, values.counts()
        base = pa.array([base_form(word) for word in words.to_pylist()], pa.large_string())
        encoded = pc.dictionary_encode(base)
        codes = encoded.indices.fill_null(_NONE).to_numpy(zero_copy_only=False).astype(np.int64)
        usual = np.arange(len(words), dtype=np.int64)
        if not len(encoded.dictionary):
            return usual
        known = np.flatnonzero(codes >= 0)
        totals = np.bincount(codes[known], weights=counts[known]).astype(np.int64)
        target = np.arange(len(totals), dtype=np.int64)
        if self.typos:
            wrong, right = typing_errors(encoded.dictionary, totals, self.shortest, self.ratio)
            target[wrong] = right
        merged = target[codes[known]]
        # The most frequent spelling of a form stands for it; of equals the last in order of text.
        text_order = np.argsort(np.array(words.to_pylist(), dtype=object)[known], kind="stable")
        order = text_order[np.argsort(counts[known][text_order], kind="stable")]
        best = np.zeros(len(totals), dtype=np.int64)
        best[merged[order]] = known[order]
        usual[known] = best[merged]
        return usual


def _columns(shared: Shared) -> tuple[list[str], list[str]]:
    columns, notes = columns_having(shared, "label", "feature", "group")
    columns.sort(key=lambda name: name != shared.roles.label)  # the label's suggestion goes first
    kinds = shared.table.schema
    return [name for name in columns if is_text(kinds.field(name).type)], notes


def _lines(column: str, words: pa.Array, usual: Codes) -> pa.Array:
    lines: list[str | None] = [None] * len(words)
    for i in np.flatnonzero(usual != np.arange(len(usual))).tolist():
        wrong, right = short(words[i].as_py()), short(words[int(usual[i])].as_py())
        lines[i] = f"'{wrong}' in '{column}' seems to be '{right}'"
    return pa.array(lines, pa.large_string())


def _pairs(words: pa.Array, usual: Codes, variant: Flags) -> dict[str, str]:
    places = np.flatnonzero(variant)
    return dict(
        zip(
            words.take(pa.array(places)).to_pylist(),
            words.take(pa.array(usual[places])).to_pylist(),
            strict=True,
        )
    )


def _subjects(kind: str, column: str, values: Coded, usual: Codes) -> list[dict[str, Any]]:
    """Return one subject for each set of classes, or one for the column."""
    counts = values.counts()
    variant = np.flatnonzero(usual != np.arange(len(usual)))
    known = max(int(counts.sum()), 1)
    order = variant[np.argsort(-counts[variant], kind="stable")]

    def said(places: Codes) -> str:
        pairs = [
            f"'{short(values.words[i].as_py())}' ({counted(int(counts[i]))}) seems to be "
            f"'{short(values.words[int(usual[i])].as_py())}' ({counts[usual[i]]:,})"
            for i in places[:3].tolist()
        ]
        more = f", and {len(places) - 3:,} more" if len(places) > 3 else ""
        return f"{'; '.join(pairs)}{more}."

    if kind == "column":
        rows = int(counts[variant].sum())
        return [subject(kind, column, 1 - rows / known, True, rows, f"'{column}': {said(order)}")]
    subjects = []
    for target in dict.fromkeys(usual[order].tolist()):
        places = order[usual[order] == target]
        rows = int(counts[places].sum())
        names = quoted([values.words[i].as_py() for i in [target, *places.tolist()]])
        subjects.append(subject(kind, names, 1 - rows / known, True, rows, said(places)))
    return subjects


def _groups(found_in: list[tuple[str, Coded, Codes]], size: int) -> Codes:
    """Return a number for the rows whose values are spellings of one: shape (n,), -1 for none.

    A row may have variants in several columns; a value that is flagged goes before one that is not.
    """
    group = np.full(size, _NONE, dtype=np.int64)
    for flagged in (True, False):
        start = 0
        for _, values, usual in found_in:
            variant = usual != np.arange(len(usual))
            targets = np.unique(usual[variant])
            member = variant if flagged else np.isin(usual, targets)
            free = (group < 0) & _of_rows(values, member)
            group[free] = start + np.searchsorted(targets, usual[values.codes[free]])
            start += len(targets)
    return group


def _of_rows(values: Coded, per_word: Flags) -> Flags:
    """Return one flag a row from one flag a value; False where the value is missing."""
    return np.append(per_word, False)[values.codes]  # -1, missing, reads the last

"""What the finders over columns share: which columns, values as codes, and words for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation import sql
from curation.finders.base import Finder, Finding, finding_subjects, summarise
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.shared import Shared

MAX_COLUMNS = 500
"""So many columns are looked at; a note names how many are left out."""
MAX_CHARACTERS = 8_000
"""What comes after so many characters of a text is not read."""
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Coded:
    """A column as its distinct values.

    Attributes:
        codes: shape (n,), the place of each row's value in `words`, or -1 where it is null.
        words: the m distinct values as text, in no order that means anything.
    """

    codes: Codes
    words: pa.Array

    def counts(self) -> Codes:
        """Return how many rows hold each value: shape (m,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.words))

    def take(self, per_word: pa.Array) -> pa.Array:
        """Return one entry a row from one entry a value; null where the value is null."""
        return per_word.take(pa.array(self.codes, mask=self.codes < 0))


def coded(values: pa.ChunkedArray) -> Coded:
    """Return a column of texts, numbers, booleans or times as its distinct values."""
    texts = plain(values).cast(pa.large_string())
    if not len(texts):
        return Coded(np.zeros(0, dtype=np.int64), pa.array([], pa.large_string()))
    encoded = pc.dictionary_encode(texts).combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Coded(codes, encoded.dictionary)


def label_codes(shared: Shared) -> tuple[Codes, list[str]]:
    """Return each row's class, -1 for none, and the classes in order of text; no count is refused.

    A finder that only counts needs no label that can be learned, so this raises nothing.
    """
    found = coded(shared.given_labels)
    words: list[str] = found.words.to_pylist()
    order = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    rank = np.full(len(words) + 1, -1, dtype=np.int64)  # the last place serves -1
    rank[order] = np.arange(len(words))
    return rank[found.codes], [words[i] for i in order]


def numbers(values: pa.ChunkedArray) -> Vector:
    """Return numbers, booleans or times as float64: shape (n,), NaN where null."""
    values = plain(values)
    if pa.types.is_temporal(values.type):
        whole = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = values.cast(whole)
    wide = values.cast(pa.float64(), safe=False)
    found: Vector = pc.fill_null(wide, float("nan")).to_numpy()
    return found


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a dictionary-encoded column as its values, any other as it is."""
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def is_text(kind: pa.DataType) -> bool:
    """Say whether a column holds texts."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Say whether a column holds numbers; booleans are none."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def is_scalar(kind: pa.DataType) -> bool:
    """Say whether a column holds one text, number, boolean or time a row."""
    time = pa.types.is_temporal(kind) and not pa.types.is_interval(kind)
    return is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or bool(time)


def is_ordered(kind: pa.DataType) -> bool:
    """Say whether `numbers` can read a column and its order means something."""
    return is_scalar(kind) and not is_text(kind) and not pa.types.is_boolean(kind)


def columns_having(shared: Shared, *roles: str) -> tuple[list[str], list[str]]:
    """Return the columns with one of these roles, and a note where there are too many."""
    found = shared.roles.having(*roles)
    if len(found) <= MAX_COLUMNS:
        return found, []
    left = len(found) - MAX_COLUMNS
    return found[:MAX_COLUMNS], [f"{left:,} of {len(found):,} columns were not looked at."]


def over_words(words: pa.Array, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
    """Run a query over distinct values: a table `words` with columns `i` and `word`."""
    table = pa.table({"i": pa.array(np.arange(len(words))), "word": words})
    with duckdb.connect() as connection:
        connection.register("words", table)
        return connection.execute(query, list(parameters)).to_arrow_table()


def over_rows(table: pa.Table, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
    """Run a query over the data as a table `source`."""
    with duckdb.connect() as connection:
        connection.register("source", table)
        return connection.execute(query, list(parameters)).to_arrow_table()


def text_sql(columns: Iterable[str]) -> str:
    """Return the SQL of a row's text: its text columns with line ends between, cut, never null."""
    parts = [
        f"coalesce(left(CAST({sql.identifier(name)} AS VARCHAR), {MAX_CHARACTERS}), '')"
        for name in columns
    ]
    return parts[0] if len(parts) == 1 else f"concat_ws(chr(10), {', '.join(parts)})"


def joined_lines(parts: Sequence[pa.Array], size: int) -> pa.Array:
    """Return one explanation a row from several, each null where it has nothing to say."""
    joined = pa.nulls(size, pa.string())
    for part in parts:
        text = part.cast(pa.string())
        both = pc.binary_join_element_wise(joined, text, "; ")
        joined = pc.coalesce(both, joined, text)
    return joined


def column_finding(
    finder: Finder,
    shared: Shared,
    rows: pa.Table,
    subjects: Sequence[dict[str, Any]],
    *,
    notes: Sequence[str] = (),
    classes: int = 0,
    info: dict[str, Any] | None = None,
) -> Finding:
    """Return the finding of a finder that judges columns, classes or splits."""
    judged = finding_subjects(subjects)
    return Finding(
        finder=finder.name,
        rows=rows,
        summary=summarise(rows, judged, classes=classes),
        subjects=judged,
        roles=shared.roles,
        parameters=finder.model_dump(mode="json"),
        notes=list(notes),
        info=info or {},
    )


def subject(
    kind: str,
    name: str,
    score: float,
    is_issue: bool | np.bool_,
    rows: int,
    explanation: str | None,
) -> dict[str, Any]:
    """Return one row of a finding's subjects."""
    return {
        "kind": kind,
        "subject": name,
        "score": float(min(max(score, 0.0), 1.0)),
        "is_issue": bool(is_issue),
        "rows": int(rows),
        "explanation": explanation,
    }


def percent(part: float, whole: float = 1.0) -> str:
    """Write a share for a person; what is not all never reads 100%, what is not none never 0%."""
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if 0 < share < 0.1 or 0.99 < share < 1 else f"{share:.0%}"


def counted(count: int, noun: str = "row") -> str:
    """Write a number with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def short(value: str) -> str:
    """Return a value on one line, cut to 40 characters."""
    flat = re.sub(r"[\r\n\t]+", " ", value[:400])
    return flat if len(flat) <= _LONGEST_NAME else f"{flat[: _LONGEST_NAME - 1]}…"


def quoted(values: Iterable[str], most: int = 4) -> str:
    """Return a few values in quotes, and how many more there are."""
    names = list(values)
    listed = ", ".join(f"'{short(name)}'" for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most:,} more"


def class_mix(
    codes: Codes, marked: Flags, classes: Sequence[str]
) -> tuple[float, float, str, float, float]:
    """Say how the classes of marked rows differ from those of the other rows.

    Returns:
        Total variation distance of the two mixes, 0 to 1; the p-value of Pearson's chi-square test
        that they are one (1 where either side has no labelled row); the class whose share grows
        most, and its share in the marked rows and in the others.
    """
    from scipy.stats import chi2

    known = codes >= 0
    inside = np.bincount(codes[known & marked], minlength=len(classes)).astype(np.float64)
    outside = np.bincount(codes[known & ~marked], minlength=len(classes)).astype(np.float64)
    if not inside.sum() or not outside.sum():
        return 0.0, 1.0, "", 0.0, 0.0
    within, without = inside / inside.sum(), outside / outside.sum()
    both = inside + outside
    seen = both > 0
    statistic = 0.0
    for side in (inside, outside):
        expected = both[seen] * side.sum() / both.sum()
        statistic += float((np.square(side[seen] - expected) / expected).sum())
    chance = float(chi2.sf(statistic, max(int(seen.sum()) - 1, 1)))
    most = int(np.argmax(within - without))
    distance = float(np.abs(within - without).sum() / 2)
    return distance, chance, classes[most], float(within[most]), float(without[most])

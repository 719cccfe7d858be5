"""Slices of a table: conditions on one or two columns, and how a quality in them differs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa

from curation import sql
from curation.finders.columns import coded, is_number, is_text, numbers, plain
from curation.learn.arrays import Codes, Flags, Vector
from curation.progress import Progress

_MOST_VALUES = 20
_FEW_NUMBERS = 8
_BINS = 5
_PAIRED_COLUMNS = 20


@dataclass(frozen=True, eq=False)
class Binned:
    """A column cut into parts.

    Attributes:
        codes: shape (n,), the part of each row, -1 for none.
        conditions: one SQL condition for each part.
    """

    codes: Codes
    conditions: list[str]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the rows, and how the quality in it differs from that of all other rows.

    Attributes:
        name: a SQL condition, or what a person calls it.
        rows: shape (m,), its rows.
        mean: of the quality in it.
        rest: the mean quality of all other rows.
        chance: one-sided p-value that the mean is no lower (Welch's t-test), not corrected.
        kind: ``"slice"``, or ``"group"`` for one that no condition describes.
    """

    name: str
    rows: Codes
    mean: float
    rest: float
    chance: float
    kind: str = "slice"

    @property
    def ratio(self) -> float:
        """The mean over that of the rest; 1 where the rest has none."""
        return self.mean / self.rest if self.rest > 0 else 1.0


def binned(table: pa.Table, column: str) -> Binned | None:
    """Return a column's parts: its values if they are few, else fifths of its numbers.

    Of a text column, the 20 most frequent values. A missing value is a part of its own. None for a
    column that has fewer than two parts, or is neither number, text nor boolean.
    """
    values = plain(table.column(column))
    name = _name(column)
    if is_number(values.type):
        found = _number_parts(name, numbers(values))
    elif is_text(values.type) or pa.types.is_boolean(values.type):
        found = _value_parts(name, values)
    else:
        return None
    return found if len(found.conditions) > 1 else None


def compared(quality: Vector, parts: Codes, count: int) -> tuple[Codes, Vector, Vector, Vector]:
    """Compare each part with all other rows.

    Args:
        quality: shape (n,), 0 to 1.
        parts: shape (n,), -1 for a row in none.
        count: how many parts there are.

    Returns:
        For each part: its rows, mean, the mean of the rest, and the p-value; see `Part`.
    """
    from scipy.stats import t

    inside = parts >= 0
    own = parts[inside]
    sizes = np.bincount(own, minlength=count)
    sums = np.bincount(own, quality[inside], minlength=count)
    squares = np.bincount(own, np.square(quality[inside]), minlength=count)
    total, total_squares, size = quality.sum(), np.square(quality).sum(), len(quality)
    least = 0.05 * max(total_squares / size - (total / size) ** 2, 1e-12)
    n, others = np.maximum(sizes, 1), np.maximum(size - sizes, 1)
    mean, rest = sums / n, (total - sums) / others
    # A few rows that happen to be equal do not make the mean certain.
    spread = np.maximum(squares / n - mean**2, least) / np.maximum(n - 1, 1)
    spread += np.maximum((total_squares - squares) / others - rest**2, least) / others
    chance: Vector = t.sf((rest - mean) / np.sqrt(spread), np.maximum(n - 1, 1))
    return sizes, mean, rest, chance


def slices(
    columns: Sequence[Binned], quality: Vector, *, least_rows: int, progress: Progress
) -> tuple[list[Part], int]:
    """Return the slices of one column and of two whose quality is below that of the rest.

    A slice of two columns is returned only where it is a tenth worse than both slices of one. Pairs
    are formed of the columns that differ most.

    Returns:
        The slices, and how many were compared.
    """
    tried = 0
    found: list[Part] = []
    means: list[Vector] = []
    chances: list[float] = []
    for column in columns:
        count = len(column.conditions)
        sizes, mean, rest, chance = compared(quality, column.codes, count)
        counts = (sizes >= least_rows) & (sizes < len(quality))
        tried += int(counts.sum())
        means.append(mean)
        chances.append(float(chance[counts].min(initial=1.0)))
        for place in np.flatnonzero(counts & (mean < rest)).tolist():
            rows = np.flatnonzero(column.codes == place)
            found.append(Part(column.conditions[place], rows, *_said(mean, rest, chance, place)))
    chosen = np.sort(np.argsort(chances, kind="stable")[:_PAIRED_COLUMNS]).tolist()
    pairs = list(combinations(chosen, 2))
    for done, (i, j) in enumerate(pairs):
        progress(done / len(pairs), f"comparing slices: {done:,} of {len(pairs):,} pairs")
        worst = np.minimum(means[i][:, None], means[j][None, :]).ravel()
        some, more = _pair(columns[i], columns[j], quality, least_rows, worst)
        found += some
        tried += more
    return found, tried


def different(parts: Sequence[Part], size: int, most: int) -> list[Part]:
    """Return the first parts, without those that have nearly the same rows as one before.

    Nearly the same is a Jaccard index above 0.8.

    Args:
        parts: the most important first.
        size: n, of all rows.
        most: how many are returned at most.
    """
    found: list[Part] = []
    masks: list[Flags] = []
    for one in parts:
        shared = [int(mask[one.rows].sum()) for mask in masks]
        if any(
            common > 0.8 * (len(one.rows) + len(other.rows) - common)
            for common, other in zip(shared, found, strict=True)
        ):
            continue
        mask = np.zeros(size, dtype=np.bool_)
        mask[one.rows] = True
        found.append(one)
        masks.append(mask)
        if len(found) == most:
            break
    return found


def _pair(
    first: Binned, second: Binned, quality: Vector, least_rows: int, worst: Vector
) -> tuple[list[Part], int]:
    wide = len(second.conditions)
    codes = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * wide + second.codes)
    sizes, mean, rest, chance = compared(quality, codes, len(worst))
    counts = sizes >= least_rows
    found = []
    for place in np.flatnonzero(counts & (mean < 0.9 * worst)).tolist():
        name = f"{first.conditions[place // wide]} and {second.conditions[place % wide]}"
        rows = np.flatnonzero(codes == place)
        found.append(Part(name, rows, *_said(mean, rest, chance, place)))
    return found, int(counts.sum())


def _said(mean: Vector, rest: Vector, chance: Vector, place: int) -> tuple[float, float, float]:
    return float(mean[place]), float(rest[place]), float(chance[place])


def _number_parts(name: str, values: Vector) -> Binned:
    known: Flags = np.isfinite(values)
    distinct = np.unique(values[known])
    if len(distinct) <= _FEW_NUMBERS:
        codes = np.where(known, np.searchsorted(distinct, values), -1)
        conditions = [f"{name} = {value!r}" for value in map(_plain_number, distinct.tolist())]
    else:
        inner = np.quantile(values[known], np.arange(1, _BINS) / _BINS)
        # As they are written, so that the condition holds for these rows and no others.
        edges = np.unique([float(f"{edge:.6g}") for edge in inner])
        codes = np.where(known, np.searchsorted(edges, values, side="left"), -1)
        said = [f"{edge:.6g}" for edge in edges]
        conditions = [f"{name} <= {said[0]}"]
        conditions += [f"{name} > {low} and {name} <= {high}" for low, high in pairwise(said)]
        conditions.append(f"{name} > {said[-1]}")
    return _with_missing(Binned(codes, conditions), np.isnan(values), name)


def _value_parts(name: str, values: pa.ChunkedArray) -> Binned:
    found = coded(values)
    words: list[str] = found.words.to_pylist()
    counts = found.counts()
    frequent = sorted(range(len(words)), key=lambda i: (-counts[i], words[i]))[:_MOST_VALUES]
    place = np.full(len(words) + 1, -1, dtype=np.int64)  # the last place serves -1
    place[frequent] = np.arange(len(frequent))
    is_flag = pa.types.is_boolean(values.type)
    conditions = [f"{name} = {words[i] if is_flag else sql.literal(words[i])}" for i in frequent]
    return _with_missing(Binned(place[found.codes], conditions), found.codes < 0, name)


def _with_missing(found: Binned, is_missing: Flags, name: str) -> Binned:
    if not is_missing.any():
        return found
    codes = np.where(is_missing, len(found.conditions), found.codes)
    return Binned(codes, [*found.conditions, f"{name} is null"])


def _plain_number(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _name(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z_]\w*", column) else sql.identifier(column)

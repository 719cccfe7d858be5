"""How much one column alone says of the label, out of sample and against chance.

The labelled rows are cut into two halves by a hash of their record key. What each value of the
column says is counted in one half and tried on the other, and the other way round, so a column that
only tells rows apart gains nothing.

The idea is that of the Predictive Power Score (Wetschoreck 2020): a small model on a single column,
against a guess without it. Here the model is a one-way table (numbers in bins of equal size), and
the measure is the share of the label's uncertainty that is taken away (Theil's U), which also tells
something where one class is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.finders.columns import coded, is_ordered, label_codes, numbers, over_rows, percent
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.shared import Shared

MAX_ROWS = 100_000
"""So many labelled rows at most are measured on, chosen by a hash of their keys."""
MIN_ROWS = 40
MAX_BINS = 64
ROWS_PER_BIN = 25
_STRENGTH = 1.0
"""How many rows of the usual class mix stand beside those counted for a value."""


@dataclass(frozen=True)
class Power:
    """What one column says of the label.

    Attributes:
        gain: share of the label's uncertainty that it takes away out of sample: 1 = it tells the
            label for sure; 0 or less = nothing.
        deviations: the gain over its own standard error; chance gives about 0, rarely more than 4.
        right: share of rows, 0 to 1, whose label is guessed right with it.
        usual: the share guessed right without it.
    """

    gain: float
    deviations: float
    right: float
    usual: float

    def told(self) -> str:
        """Say it for a person: "takes away 26% of the label's uncertainty, and …"."""
        line = f"takes away {percent(self.gain)} of the label's uncertainty"
        if self.right - self.usual < 0.01:  # where one class is frequent, the guess stays the same
            return line
        return (
            f"{line}, and guesses right in {percent(self.right)} of the rows, against "
            f"{percent(self.usual)} without it"
        )


NOTHING = Power(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class LabelledSample:
    """Labelled rows in two halves.

    Attributes:
        rows: shape (m,), the places of the rows in the data, rising.
        codes: shape (m,), their classes.
        first: shape (m,), which of them are in the first half.
        classes: the k classes.
        left_out: how many labelled rows are not in it.
    """

    rows: Codes
    codes: Codes
    first: Flags
    classes: list[str]
    left_out: int

    @property
    def notes(self) -> list[str]:
        """Say that not all rows were measured on."""
        if not self.left_out:
            return []
        return [
            f"Measured on {len(self.rows):,} of {len(self.rows) + self.left_out:,} labelled rows, "
            "chosen by a hash of their keys."
        ]

    def take(self, table: pa.Table) -> pa.Table:
        """Return the sampled rows of the data."""
        return table.take(pa.array(self.rows)) if self.left_out else table.take(self.rows)


def labelled_sample(
    shared: Shared, most: int = MAX_ROWS, least: int = MIN_ROWS
) -> LabelledSample | str:
    """Return labelled rows in two halves, or in one sentence why nothing can be measured."""
    codes, classes = label_codes(shared)
    labelled = np.flatnonzero(codes >= 0)
    if len(classes) < 2:
        return (
            f"The label has {len(classes)} class{'es' if not classes else ''}; nothing can tell it."
        )
    if len(labelled) < least:
        return f"Only {len(labelled)} rows have a label; too few to measure on (at least {least})."
    if len(classes) > len(labelled) / 2:
        return (
            f"The label has {len(classes):,} values in {len(labelled):,} rows; it looks like an "
            "identifier, so what predicts it was not measured."
        )
    digests = _digests(shared.record_keys.take(pa.array(labelled)), codes[labelled])
    taken = np.ones(len(labelled), dtype=np.bool_)
    if len(labelled) > most:
        taken = digests < np.uint64(most / len(labelled) * 2.0**64)
    rows = labelled[taken]
    first = (digests[taken] & np.uint64(1)).astype(np.bool_)
    return LabelledSample(rows, codes[rows], first, classes, len(labelled) - len(rows))


def _digests(keys: pa.ChunkedArray, codes: Codes) -> npt.NDArray[np.uint64]:
    """Return a hash of each row's key: shape (m,).

    Copies have one hash, so they are in one half and none teaches the other. Where a key is the
    content and most rows are copies, as with a few categories, they are numbered instead.
    """
    rows = pa.table({"i": np.arange(len(codes)), "key": keys, "code": codes})
    distinct = int(pc.count_distinct(keys).as_py())
    key = "key"
    if distinct < len(codes) / 2:
        key = "concat(key, ':', row_number() OVER (PARTITION BY key ORDER BY code))"
    found = over_rows(
        rows,
        f"SELECT i, md5_number_lower(concat('halves:', {key})) AS digest FROM source ORDER BY i",
    )
    digests: npt.NDArray[np.uint64] = found["digest"].to_numpy()
    return digests


def column_power(sample: LabelledSample, values: pa.ChunkedArray) -> Power:
    """Return what a column says of the label.

    Args:
        sample: m labelled rows.
        values: the column's values in these rows; texts and booleans are compared as they are,
            numbers and times in at most 64 bins. A missing value is a value.
    """
    if is_ordered(values.type):
        return code_power(sample, binned(numbers(values)))
    return code_power(sample, coded(values).codes)


def binned(values: Vector) -> Codes:
    """Return each number's bin, -1 for NaN: its own where few differ, else bins of equal size."""
    codes = np.full(len(values), -1, dtype=np.int64)
    known = ~np.isnan(values)
    there = values[known]
    if not len(there):
        return codes
    bins = int(np.clip(len(there) // ROWS_PER_BIN, 2, MAX_BINS))
    distinct = np.unique(there)
    if len(distinct) <= bins:
        codes[known] = np.searchsorted(distinct, there)
        return codes
    # Without interpolation an edge is a value that comes, so a frequent one has a bin of its own.
    edges = np.unique(np.quantile(there, np.arange(1, bins) / bins, method="lower"))
    below = np.searchsorted(edges, there, side="left")
    codes[known] = below * 2 + (edges[np.minimum(below, len(edges) - 1)] == there)
    return codes


def code_power(sample: LabelledSample, codes: Codes) -> Power:
    """Return what codes (shape (m,), -1 = missing) say of the label."""
    if sample.first.all() or not sample.first.any():
        return NOTHING
    values = codes + 1
    gains, surprise, hits, usual = [], [], [], []
    for learn in (sample.first, ~sample.first):
        table = OneWayTable.fit(values[learn], sample.codes[learn], len(sample.classes))
        there, truth = values[~learn], sample.codes[~learn]
        prior = np.log(table.prior[truth])
        gains.append(np.log(table.probability(there, truth)) - prior)
        surprise.append(-prior)
        hits.append(table.guess(there) == truth)
        usual.append(truth == np.argmax(table.prior))
    gain, uncertainty = np.concatenate(gains), float(np.concatenate(surprise).mean())
    error = float(gain.std()) / np.sqrt(len(gain))
    mean = float(gain.mean())
    return Power(
        gain=mean / uncertainty,
        deviations=mean / error if error > 0 else 0.0,
        right=float(np.concatenate(hits).mean()),
        usual=float(np.concatenate(usual).mean()),
    )


@dataclass(frozen=True)
class OneWayTable:
    """How often each class comes with each value, drawn a little towards the usual mix."""

    prior: Vector
    pairs: Codes
    pair_counts: Codes
    value_counts: Codes
    best: Codes

    @classmethod
    def fit(cls, values: Codes, truth: Codes, classes: int) -> OneWayTable:
        """Count values (0 and more) beside classes."""
        prior = (np.bincount(truth, minlength=classes) + 1.0) / (len(truth) + classes)
        pairs, counts = np.unique(values * classes + truth, return_counts=True)
        value_counts = np.bincount(values, minlength=int(values.max(initial=0)) + 1)
        best = np.full(len(value_counts), int(np.argmax(prior)), dtype=np.int64)
        order = np.argsort(counts, kind="stable")
        best[pairs[order] // classes] = pairs[order] % classes  # the last, most frequent one stays
        return cls(prior, pairs, counts, value_counts, best)

    def probability(self, values: Codes, truth: Codes) -> Vector:
        """Return the probability of each row's class given its value."""
        wanted = values * len(self.prior) + truth
        place = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        together = np.where(self.pairs[place] == wanted, self.pair_counts[place], 0)
        known = np.minimum(values, len(self.value_counts) - 1)
        seen = np.where(values < len(self.value_counts), self.value_counts[known], 0)
        found: Vector = (together + _STRENGTH * self.prior[truth]) / (seen + _STRENGTH)
        return found

    def guess(self, values: Codes) -> Codes:
        """Return the most likely class of each value."""
        known = np.minimum(values, len(self.best) - 1)
        usual = int(np.argmax(self.prior))
        return np.where(values < len(self.best), self.best[known], usual)

"""How far several annotators agree beyond chance: Krippendorff's alpha for nominal classes.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import UsageError
from curation.finders.votes import Votes, read_votes
from curation.learn.arrays import Vector

RESAMPLES = 1_000


@dataclass(frozen=True)
class Agreement:
    """Agreement beyond chance.

    Attributes:
        alpha: 1 = perfect, 0 = as by chance, below 0 = less than that; None where it is undefined:
            no record has two votes, or all such votes are for one class, so that there is nothing
            to disagree about.
        low: the lower end of its bootstrap percentile interval over records; None without one.
        high: the upper end.
        records: how many records have two votes or more.
        votes: the votes on them; a vote alone on its record tells nothing and is left out.
    """

    alpha: float | None
    low: float | None
    high: float | None
    records: int
    votes: int


def krippendorff_alpha(
    votes: pa.Table, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Agreement:
    """Return the annotators' agreement beyond chance, with a bootstrap interval over records.

    Args:
        votes: columns `record_key`, `annotator`, `label`; see `read_votes`.
        confidence: of the interval, between 0 and 1.
        resamples: of the records, with replacement; 0 for no interval. Resamples in which alpha
            is undefined are left out.
        seed: of the resamples.

    Raises:
        UsageError: a confidence or a number of resamples that is none.
        UnknownNameError: a column is not there.
        LabelError: no votes, empty ones, or two by one annotator on one record.
    """
    if not 0 < confidence < 1 or resamples < 0:
        raise UsageError(
            f"Got confidence {confidence} and {resamples} resamples. Confidence is between 0 and "
            "1, for example 0.95; resamples are 0 or more."
        )
    agreeing, counts = _pairable(read_votes(votes))
    n = len(agreeing)
    ones = np.ones(n)
    alpha = _alpha(float(agreeing @ ones), counts @ ones)
    random = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(resamples if alpha is not None else 0):
        weights = np.bincount(random.integers(n, size=n), minlength=n).astype(np.float64)
        again = _alpha(float(agreeing @ weights), counts @ weights)
        if again is not None:
            drawn.append(again)
    low = high = None
    if drawn:
        tail = (1 - confidence) / 2
        low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
    return Agreement(alpha, low, high, n, int(counts.sum()))


def _pairable(votes: Votes) -> tuple[Vector, Any]:
    """Return what each record with two votes or more adds to the coincidences.

    The first, shape (n,), is its part of their diagonal: the votes that a fellow vote equals, each
    weighted by the share of its fellows that do. The second is sparse, shape (k, n): its votes.
    """
    from scipy.sparse import csr_matrix

    found = votes.candidates()
    per_record = votes.per_record
    kept = per_record > 1
    place = np.cumsum(kept) - 1
    is_kept = kept[found.record]
    record, count = place[found.record[is_kept]], found.votes[is_kept].astype(np.float64)
    n = int(kept.sum())
    same = np.bincount(record, weights=count * (count - 1), minlength=n)
    shape = (len(votes.classes), n)
    counts = csr_matrix((count, (found.label[is_kept], record)), shape=shape)
    return same / (per_record[kept] - 1), counts


def _alpha(agreeing: float, counts: Vector) -> float | None:
    """Return alpha from the diagonal's sum and the number of votes for each class."""
    total = counts.sum()
    expected = total**2 - (counts**2).sum()
    if expected <= 0:
        return None
    return float(1 - (total - 1) * (total - agreeing) / expected)

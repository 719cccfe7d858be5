"""How good a review queue is, told from the decisions made so far.

A queue has its worst records first, so what was decided is no fair sample of what is left: errors
were more frequent there than they are in the rest. Some records are therefore shown by chance
(`lake.reviewing`), and the rest is judged by those:

1. Flagged and other records are two strata, each in the order of the queue. A stratum has a *head*,
   which is decided almost wholly, and a *rest*, which is open almost wholly.
2. What was decided is known. Among a head's open records errors are as frequent as among its
   decided ones; among a rest's, as frequent as in its random sample: the records that come before
   the first open one in the random order. That is inverse sampling (Haldane 1945), so the sample
   stays fair where part of it was decided for another reason.
3. Of u open records, after e errors in a sample of r, the number of errors is beta-binomial with
   the parameters u, e + 1/2 and r - e + 1/2 (Jeffreys' prior). The more of a stratum is decided,
   the narrower it is. After no error the lower bound is 0, after errors only the upper one is u, as
   in Brown, Cai and DasGupta (2001, section 4.1). Heads and rests are added by draws, whose seed is
   fixed.
4. A falling regression of "is an error" on the place in the queue (isotonic, Ayer et al. 1955) over
   all verdicts says where in the queue the errors are, so what the next hour finds: next to the
   head it is taught by many verdicts, further on by the draws. A sample of few records leans on it.

"Unsure" is no verdict: the record counts as open, and the sample does without it, as it does
without a record that was skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.lake.reviewing import ERROR, OPEN, RIGHT, UNSURE
from curation.learn.arrays import Codes, Flags, Vector

Verdicts = npt.NDArray[np.int8]
"""Shape (n,), int8: `ERROR`, `RIGHT`, `UNSURE` or `OPEN` of each record."""

LEVEL: Final = 0.95
"""Of the intervals."""
_DRAWS: Final = 4_000
_PRIOR: Final = 4.0
"""How many records the regression counts for beside a sample, in a point estimate."""
_BLOCK: Final = 20
"""Verdicts that the regression takes together: the end of a falling curve is pulled down by a few
right labels otherwise, and the end of what is decided is where the next hour begins."""
_BLOCKS: Final = 200
"""Blocks at most, so that the cost does not grow with the review."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class QueueQuality:
    """What the decisions so far say of a queue."""

    records: int
    """Records that were scored."""
    flagged: int
    checked: int
    """Records with a verdict, however they came to be looked at."""
    found: int
    """Of those, how many had a wrong label."""
    unsure: int
    drawn: int
    """Records of the random sample, which the records beyond the head are judged by."""
    precision: Estimate
    """Share of the flagged records that are errors, 0 to 1; decided ones are known."""
    left: Estimate
    """Errors among all records without a verdict."""
    chances: Vector = field(repr=False)
    """How likely each undecided record is an error, in the order of the queue."""

    def in_next(self, records: int, start: int = 0) -> float:
        """Return how many errors the next records of the queue are expected to have."""
        return float(self.chances[start : start + max(0, records)].sum())

    def worth(self, an_hour: int, fewest: int) -> int:
        """Return after how many more records an hour finds fewer errors than wanted.

        Args:
            an_hour: records decided in an hour.
            fewest: errors that an hour has to find to be worth it.

        Returns:
            0 where the next hour finds fewer already.
        """
        ends = np.concatenate([[0.0], np.cumsum(self.chances)])
        later = np.minimum(np.arange(len(ends)) + max(1, an_hour), len(ends) - 1)
        return int(np.argmax(ends[later] - ends < fewest)) if fewest > 0 else len(ends) - 1


def estimate_quality(
    verdicts: Verdicts, flagged: int, by_chance: Codes, skipped: Flags | None = None
) -> QueueQuality:
    """Estimate the quality of a queue.

    Args:
        verdicts: shape (n,), in the order of the queue: flagged records first, then the others.
        flagged: how many of them are flagged.
        by_chance: shape (n,), the places in the queue in the fixed random order.
        skipped: shape (n,), records that the sample does without although they are open.
    """
    passed = verdicts == UNSURE
    if skipped is not None:
        passed |= skipped
    shape = error_shape(verdicts, flagged)
    cells = []
    for start, stop in ((0, flagged), (flagged, len(verdicts))):
        cut = start + head_size(verdicts[start:stop])
        cells.append(_cell(start, cut, verdicts, _with_verdict(verdicts[start:cut]), shape))
        rest = by_chance[(by_chance >= cut) & (by_chance < stop)]
        size = sample_size(verdicts[rest], passed[rest])
        cells.append(_cell(cut, stop, verdicts, _with_verdict(verdicts[rest[:size]]), shape))
    is_open = verdicts < RIGHT
    known = int((verdicts[:flagged] == ERROR).sum())
    return QueueQuality(
        records=len(verdicts),
        flagged=flagged,
        checked=int((~is_open).sum()),
        found=int((verdicts == ERROR).sum()),
        unsure=int((verdicts == UNSURE).sum()),
        drawn=sum(cell.sample for cell in cells[1::2]),
        precision=_errors(cells[:2], known, max(1, flagged)),
        left=_errors(cells),
        chances=shape[verdicts == OPEN],
    )


def head_size(verdicts: Verdicts) -> int:
    """Return where the decided head of a stratum ends: the cut that tells best decided from open.

    Args:
        verdicts: in the order of the queue.
    """
    balance = np.cumsum(np.where(verdicts == OPEN, -1, 1))
    return int(np.argmax(balance)) + 1 if len(balance) and balance.max() > 0 else 0


def sample_size(verdicts: Verdicts, passed: Flags) -> int:
    """Return how many records of the random order, from its start, are the random sample.

    They end before the first open record. One open record, and one more in ten, is passed over:
    somebody skipped it, and it must not end the sample for ever.

    Args:
        verdicts: in the random order.
        passed: records about which there is no verdict, and that do not count as open.
    """
    blocking = np.cumsum((verdicts == OPEN) & ~passed)
    allowed = 1 + np.arange(1, len(verdicts) + 1) // 10
    over = np.flatnonzero(blocking > allowed)
    inside = verdicts[: over[0] if len(over) else len(verdicts)]
    decided = np.flatnonzero(inside != OPEN)
    return int(decided[-1]) + 1 if len(decided) else 0


def error_shape(verdicts: Verdicts, flagged: int) -> Vector:
    """Return how likely each record is an error, falling along the queue, by all verdicts.

    Where nothing was decided it leans on a guess that weighs as much as four records: half of the
    flags are right, and as many errors were missed as there are right flags.

    Args:
        verdicts: shape (n,), in the order of the queue.
        flagged: how many are flagged.
    """
    n = len(verdicts)
    known = np.flatnonzero(verdicts >= RIGHT)
    grid, guess = _guess(n, flagged)
    places = np.concatenate([known, grid])
    values = np.concatenate([(verdicts[known] == ERROR).astype(float), guess])
    weights = np.concatenate([np.ones(len(known)), np.full(len(grid), _PRIOR / max(1, len(grid)))])
    order = np.argsort(places, kind="stable")
    if not n:
        return np.zeros(0)
    places, values, weights = places[order], values[order], weights[order]
    blocks = int(np.clip(len(order) // _BLOCK, 1, _BLOCKS))
    edges = np.linspace(0, len(order), blocks + 1).astype(int)[:-1]
    mass = np.add.reduceat(weights, edges)
    fitted, sizes = _falling(np.add.reduceat(values * weights, edges) / mass, mass)
    middle = np.add.reduceat(places * weights, edges) / mass
    shape: Vector = np.interp(np.arange(n), middle, np.repeat(fitted, sizes))
    return shape


def _guess(n: int, flagged: int) -> tuple[Vector, Vector]:
    """Return places of the queue, and the share of errors that is guessed there."""
    share = np.linspace(0, 1, 9)[:-1] + 1 / 16
    unflagged = n - flagged
    missed = min(0.5, 0.5 * flagged / max(1, unflagged))
    places = np.concatenate([share * flagged, flagged + share * unflagged])
    guess = np.concatenate([0.8 - 0.6 * share, 2 * missed * (1 - share)])
    kept = np.repeat([flagged > 0, unflagged > 0], 8)
    return places[kept], guess[kept]


def _falling(values: Vector, weights: Vector) -> tuple[list[float], list[int]]:
    """Return the falling steps nearest to the values, and how many values each step pools."""
    steps: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        step = [value, weight, 1.0]
        while steps and steps[-1][0] <= step[0]:
            last = steps.pop()
            mass = last[1] + step[1]
            step = [(last[0] * last[1] + step[0] * step[1]) / mass, mass, last[2] + step[2]]
        steps.append(step)
    return [step[0] for step in steps], [int(step[2]) for step in steps]


@dataclass(frozen=True)
class _Cell:
    """A head or a rest: places of the queue that are judged by one sample."""

    start: int
    stop: int
    open: int
    sample: int
    errors: int
    guess: float

    @property
    def rate(self) -> float:
        return (self.errors + _PRIOR * self.guess) / (self.sample + _PRIOR)

    @property
    def expected(self) -> float:
        return self.open * self.rate

    def draws(self) -> tuple[Vector, Vector]:
        """Return what the errors among the open records may be, drawn with a fixed seed.

        The first is for a lower bound: nothing, where the sample has no error. The second is for
        an upper bound: all of them, where the sample has errors only.
        """
        random = np.random.default_rng([self.start, self.open, self.sample, self.errors])
        rates = random.beta(self.errors + 0.5, self.sample - self.errors + 0.5, _DRAWS)
        drawn = random.binomial(self.open, rates).astype(float)
        low = drawn if self.errors else np.zeros(_DRAWS)
        high = drawn if self.errors < self.sample else np.full(_DRAWS, float(self.open))
        return low, high


def _cell(start: int, stop: int, verdicts: Verdicts, sample: Verdicts, shape: Vector) -> _Cell:
    is_open = verdicts[start:stop] < RIGHT
    return _Cell(
        start=start,
        stop=stop,
        open=int(is_open.sum()),
        sample=len(sample),
        errors=int((sample == ERROR).sum()),
        guess=float(shape[start:stop][is_open].mean()) if is_open.any() else 0.0,
    )


def _with_verdict(verdicts: Verdicts) -> Verdicts:
    return verdicts[verdicts >= RIGHT]


def _errors(cells: Sequence[_Cell], known: int = 0, whole: int = 1) -> Estimate:
    """Return the errors among the open records of cells and the known ones, as part of a whole."""
    low, high = np.sum([cell.draws() for cell in cells], axis=0)
    at_least = float(np.quantile(low, (1 - LEVEL) / 2))
    at_most = float(np.quantile(high, (1 + LEVEL) / 2))
    value = float(np.clip(sum(cell.expected for cell in cells), at_least, at_most))
    return Estimate(*((known + errors) / whole for errors in (value, at_least, at_most)))

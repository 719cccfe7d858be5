"""How many rows each stratum gives: an amount shared out, and what it lacks told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curation.errors import UsageError, suggest
from curation.sampling.rules.rule import RuleFields

Counts = NDArray[np.int64]
"""A number of rows for each stratum."""


@dataclass(frozen=True)
class Allocation:
    """What each stratum was asked for and gives."""

    asked: Counts
    take: Counts
    absent: dict[str, int] = field(default_factory=dict)
    """Rows asked of strata that have none, by name."""
    in_all: int | None = None
    """Rows asked for in all, where the amount says so; else what the strata were asked for."""
    notes: list[str] = field(default_factory=list)

    @property
    def shortfall(self) -> int:
        """Rows that were asked for and not there, over all strata."""
        asked = int(self.asked.sum()) + sum(self.absent.values())
        return max(0, (asked if self.in_all is None else self.in_all) - int(self.take.sum()))


def allocate(
    rule: RuleFields, names: Sequence[str], sizes: Counts, available: Counts | None = None
) -> Allocation:
    """Share a rule's amount among strata.

    ``n`` and ``quota`` ask so many of each stratum; ``fraction`` its part, rounded up so that none
    vanishes; ``rows`` and ``minutes`` are shared by size with the largest remainder (Hamilton),
    after the minimum of each. A share moves by at most one row when a row is added, yet a stratum
    may lose one when the amount grows (the Alabama paradox): samples of ``rows`` per stratum need
    not nest.

    Args:
        rule: what asks; its ``cost`` is not looked at.
        names: of the strata, in an order that does not depend on the rows.
        sizes: rows of each stratum.
        available: rows of each that can be drawn, if some cannot.

    Raises:
        UsageError: a quota for a name that two strata have.
    """
    can_give = sizes if available is None else available
    in_all = rows_in_all(rule)
    if in_all is not None:
        return _shared(rule, in_all, sizes, can_give)
    asked, absent, notes = _asked(rule, names, sizes)
    if rule.minimum is not None:
        asked = np.maximum(asked, rule.minimum)
    take = np.minimum(asked, can_give)
    if rule.fill:
        lacking = int((asked - take).sum()) + sum(absent.values())
        left = np.where(asked > 0, can_give - take, 0)
        take = take + share(lacking, left, left)
        total = int(asked.sum()) + sum(absent.values())
        return Allocation(asked, take, absent, total, notes)
    return Allocation(asked, take, absent, None, notes)


def rows_in_all(rule: RuleFields) -> int | None:
    """Return the rows that an amount asks for over all strata; None where it asks of each."""
    if rule.rows is not None:
        return rule.rows
    if rule.minutes is not None and rule.seconds_per_row is not None:
        # 0.7 minutes of 0.1 seconds are 419.99999999999994 rows in binary, and 420 in truth.
        return math.floor(round(rule.minutes * 60 / rule.seconds_per_row, 6))
    return None


def share(total: int, weights: Counts, caps: Counts) -> Counts:
    """Share whole rows in proportion to weights, none above its cap, by largest remainder.

    What a capped one cannot take goes to the others in proportion. Equal remainders go to the
    larger weight, then to the earlier one.

    Returns:
        Rows of each: ``total`` together, or all the caps of those with a weight if these are fewer.
    """
    room = np.where(weights > 0, caps, 0).astype(np.int64)
    if total >= int(room.sum()):
        return room
    exact: NDArray[np.float64] = np.minimum(room, _level(total, weights, room) * weights)
    given = np.floor(exact).astype(np.int64)
    order = np.lexsort((-weights, given - exact))
    left = total - int(given.sum())
    if left < 0:  # a product that was rounded up to a whole number
        last = order[given[order] > 0][left:]
        given[last] -= 1
    while left > 0:
        first = order[given[order] < room[order]][:left]
        given[first] += 1
        left -= len(first)
    return given


def _level(total: int, weights: Counts, room: Counts) -> float:
    """Return the rows per weight at which the capped shares add up to the total."""
    some = room > 0
    weight, cap = weights[some].astype(float), room[some].astype(float)
    order = np.argsort(cap / weight, kind="stable")
    weight, cap = weight[order], cap[order]
    full = np.concatenate([[0.0], np.cumsum(cap)])
    rest = np.concatenate([[0.0], np.cumsum(weight)])
    rest = rest[-1] - rest
    reached = full[1:] + cap / weight * rest[1:]
    first_open = min(int(np.searchsorted(reached, total)), len(cap) - 1)
    return float((total - full[first_open]) / rest[first_open])


def _asked(
    rule: RuleFields, names: Sequence[str], sizes: Counts
) -> tuple[Counts, dict[str, int], list[str]]:
    if rule.n is not None:
        return np.full(len(sizes), rule.n, np.int64), {}, []
    if rule.fraction is not None:
        # 7% of 100 is 7.000000000000001 in binary, which is not to be rounded up to 8.
        part = np.ceil(np.round(sizes * rule.fraction, 6))
        return np.where(sizes > 0, np.maximum(part, 1), 0).astype(np.int64), {}, []
    return _by_name(rule, names)


def _by_name(rule: RuleFields, names: Sequence[str]) -> tuple[Counts, dict[str, int], list[str]]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in places and name in rule.quota:
            raise UsageError(
                f"The quota for '{name}' fits two strata of this name. Draw per a column whose "
                "values differ from it."
            )
        places[name] = place
    asked = np.zeros(len(names), np.int64)
    absent, notes = {}, []
    for name, rows in rule.quota.items():
        if name in places:
            asked[places[name]] = rows
        elif rows:
            absent[name] = rows
            notes.append(f"No row is in the stratum '{name}'. {suggest(name, names)}".strip())
    return asked, absent, notes


def _shared(rule: RuleFields, total: int, sizes: Counts, can_give: Counts) -> Allocation:
    least = np.minimum(rule.minimum or 0, can_give)
    notes = []
    if int(least.sum()) > total:
        notes.append(
            f"At least {rule.minimum:,} rows of each of {len(sizes):,} strata make more than "
            f"{total:,} rows, so that some strata give fewer."
        )
        take = share(total, np.ones_like(sizes), least)
    else:
        take = least + share(total - int(least.sum()), sizes, can_give - least)
    beyond = total - int(take.sum())
    asked = take + share(beyond, sizes, np.full_like(sizes, beyond)) if beyond else take
    return Allocation(np.maximum(asked, rule.minimum or 0), take, {}, total, notes)

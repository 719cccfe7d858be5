"""How many rows each class is to have: pure arithmetic, so that a page can show it beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from curation.errors import UnknownNameError, UsageError

Method = Literal["cap", "undersample", "oversample", "proportions", "weights", "smote"]

MADE_COLUMN = "made"
"""What a row is: null for one that was given, else `COPY` or `SYNTHETIC`."""
PARENTS_COLUMN = "parents"
"""Record keys that a made row comes from, as a JSON list; null for rows that were given."""
COPY, SYNTHETIC = "copy", "synthetic"

SHARES_SUM_WITHIN = 1e-6
"""Shares may miss 1 by so much, and are then scaled to it."""
_DECIMALS = 6
"""A ratio of 1.1 times 10 rows is 11, and not 11.000000000000002 rounded up to 12."""


def plan_classes(
    counts: Mapping[str, int],
    method: Method,
    *,
    rows_per_class: int | None = None,
    ratio: float | None = None,
    proportions: Mapping[str, float] | None = None,
    total: int | None = None,
) -> dict[str, int]:
    """Return how many rows each class has after a method, in the order of ``counts``.

    - cap: at most ``rows_per_class``;
    - undersample: at most ``ratio`` (1 by default) times the smallest class;
    - oversample, smote: at least the largest class divided by ``ratio`` (1 by default), or at least
      ``rows_per_class``; smote leaves a class of one row as it is;
    - proportions: the shares of ``total`` rows by largest remainder (Hamilton's method). Without a
      total, of the most rows for which no class needs more than it has;
    - weights: as it is.

    Args:
        counts: class to rows, each 1 or more.
        method: what is done.
        rows_per_class: 1 or more.
        ratio: 1 or more.
        proportions: class to share, 0 to 1, for every class; they add up to 1.
        total: 1 or more.

    Raises:
        UnknownNameError: a share of a class that is not there.
        UsageError: a number out of its range, a class without a share, or an amount that the method
            needs and did not get.
    """
    for name, value in (("rows_per_class", rows_per_class), ("ratio", ratio), ("total", total)):
        if value is not None and not value >= 1:
            raise UsageError(f"{name} must be 1 or more, got {value}.")
    if not counts or method == "weights":
        return dict(counts)
    if method == "cap":
        most = _needed(rows_per_class, method)
        return {name: min(size, most) for name, size in counts.items()}
    if method == "undersample":
        most = math.floor(round((ratio or 1) * min(counts.values()), _DECIMALS))
        return {name: min(size, most) for name, size in counts.items()}
    if method == "proportions":
        return _by_shares(counts, proportions or {}, total)
    least = rows_per_class or math.ceil(round(max(counts.values()) / (ratio or 1), _DECIMALS))
    alone = 1 if method == "smote" else 0  # a synthetic row needs two parents
    return {name: size if size == alone else max(size, least) for name, size in counts.items()}


def check_proportions(proportions: Mapping[str, float]) -> None:
    """Refuse shares out of 0 to 1, and shares that do not add up to 1.

    Raises:
        UsageError: they are such.
    """
    for name, share in proportions.items():
        if not 0 <= share <= 1:
            raise UsageError(f"The share of '{name}' must be from 0 to 1, got {share}.")
    together = math.fsum(proportions.values())
    if abs(together - 1) > SHARES_SUM_WITHIN:
        raise UsageError(
            f"The shares in proportions add up to {together:.7g}; they must add up to 1. Change "
            "one of them; a class with share 0 is left out."
        )


def apportioned(total: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Return whole numbers that add up to ``total``, each less than 1 from its share of it.

    Largest remainder (Hamilton's method); of equal remainders the first name in order of text.

    Args:
        total: 0 or more.
        shares: name to share; they add up to exactly 1.
    """
    exact = {name: share * total for name, share in shares.items()}
    whole = {name: math.floor(part) for name, part in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[: total - sum(whole.values())]:
        whole[name] += 1
    return whole


def _by_shares(
    counts: Mapping[str, int], proportions: Mapping[str, float], total: int | None
) -> dict[str, int]:
    if not proportions:
        raise UsageError("The method proportions needs proportions: a share of each class.")
    check_proportions(proportions)
    for name in proportions:
        if name not in counts:
            raise UnknownNameError("class", name, counts, where="proportions: ")
    lacking = next((name for name in counts if name not in proportions), None)
    if lacking is not None:
        raise UsageError(
            f"proportions says nothing of the class '{lacking}' ({counts[lacking]:,} rows). Give "
            "every class a share; share 0 leaves its rows out."
        )
    # As written: 0.1 is a tenth, though no double is.
    written = {name: Fraction(repr(float(share))) for name, share in proportions.items()}
    together = sum(written.values())
    shares = {name: written[name] / together for name in counts}
    if total is None:
        total = min(math.floor(counts[name] / share) for name, share in shares.items() if share)
    return apportioned(total, shares)


def _needed(rows_per_class: int | None, method: Method) -> int:
    if rows_per_class is None:
        raise UsageError(f"The method {method} needs rows_per_class.")
    return rows_per_class

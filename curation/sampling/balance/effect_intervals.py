"""Intervals of a mean difference between two ways of learning that share their folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.learn.arrays import Vector

LEVEL: Final = 0.95
LEAST_DIFFERENCES: Final = 4
"""Of fewer no interval is made."""


@dataclass(frozen=True)
class Difference:
    """A mean difference to the rows as they are, with how far it can be trusted.

    Attributes:
        value: the mean over the folds; NaN where it is defined in none.
        error: its standard error; NaN where there are too few folds to tell.
        degrees: of freedom of the t distribution.
    """

    value: float
    error: float = float("nan")
    degrees: int = 0

    def interval(self, tests: int = 1) -> tuple[float, float] | None:
        """Return the 95% interval, or None where there is none.

        Args:
            tests: how many intervals are to hold together (Bonferroni).
        """
        if np.isnan(self.value) or np.isnan(self.error):
            return None
        from scipy.stats import t

        half = float(t.ppf(1 - (1 - LEVEL) / (2 * tests), self.degrees)) * self.error
        return self.value - half, self.value + half

    def sign(self, tests: int = 1) -> int:
        """Return 1 or -1 where the interval lies above or below 0, else 0."""
        found = self.interval(tests)
        if found is None:
            return 0
        return int(found[0] > 0) - int(found[1] < 0)


def mean_difference(differences: Vector, test_to_train: float) -> Difference:
    """Return the mean of differences, one a fold, by the corrected resampled t-test.

    The variance of the mean of J differences is taken as (1 / J + n_test / n_train) times that of
    one: Nadeau and Bengio 2003, Machine Learning 52(3), section 3.2.

    Args:
        differences: shape (J,); NaN where a fold says nothing.
        test_to_train: rows of a fold's test side for each of its training side.
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return Difference(float("nan"))
    if len(known) < LEAST_DIFFERENCES:
        return Difference(float(known.mean()))
    variance = (1 / len(known) + test_to_train) * float(known.var(ddof=1))
    return Difference(float(known.mean()), float(np.sqrt(variance)), len(known) - 1)

"""How many rows of each given class belong to which true class, by confident learning.

Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence Research 70, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.arrays import Codes, Vector

_DENSE_CLASSES = 2_048
"""Up to so many classes a matrix of all pairs is small (32 MiB)."""


@dataclass(frozen=True)
class Joint:
    """How many rows of each given class belong to which true class: the m pairs that occur.

    Attributes:
        classes: k, the number of classes.
        given: shape (m,), rising.
        true: shape (m,), rising within a given class. The pair of each class with itself is there.
        confident: shape (m,), rows that surely belong to the pair, at least 1 of each class with
            itself: the confident joint (section 3.1).
        calibrated: shape (m,), rows that belong to the pair by estimate; those of a given class
            add up to its rows.
    """

    classes: int
    given: Codes
    true: Codes
    confident: Codes
    calibrated: Codes

    @property
    def estimated(self) -> Vector:
        """The joint distribution of given and true class: shape (m,), sums to 1."""
        return self.calibrated / max(1, int(self.calibrated.sum()))

    def matrix(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return one of the above as a matrix, shape (k, k), row = given, column = true class."""
        dense = np.zeros((self.classes, self.classes), dtype=values.dtype)
        dense[self.given, self.true] = values
        return dense


def confident_joint(codes: Codes, confident: npt.NDArray[np.int32], width: int) -> Joint:
    """Count the pairs of given and true class.

    Args:
        codes: shape (n,), the given classes.
        confident: shape (n,), the class that each row surely belongs to, or -1.
        width: k, the number of classes.
    """
    sure = np.flatnonzero(confident >= 0)
    cells = codes[sure] * width + confident[sure]
    if width * width <= max(len(codes), 2**16):
        dense = np.bincount(cells, minlength=width * width)
        found = np.flatnonzero(dense)
        counts = dense[found]
    else:
        found, counts = np.unique(cells, return_counts=True)
    own = np.arange(width) * (width + 1)
    cells = np.union1d(found, own)
    totals = np.zeros(len(cells), dtype=np.int64)
    totals[np.searchsorted(cells, found)] = counts
    at_own = np.searchsorted(cells, own)
    totals[at_own] = np.maximum(totals[at_own], 1)
    given, true = np.divmod(cells, width)
    rows = np.bincount(codes, minlength=width)
    return Joint(width, given, true, totals, _calibrated(given, true, totals, rows))


def _calibrated(given: Codes, true: Codes, confident: Codes, rows: Codes) -> Codes:
    """Spread each given class's rows over its pairs, in whole rows (section 3.1, equation 3).

    The steps are cleanlab's in cleanlab's order, since a last digit decides which of two equal
    shares is rounded up.
    """
    width = len(rows)
    of_class = np.bincount(given, confident, minlength=width)
    shares = confident / of_class[given] * rows[given]
    total = shares.sum()
    if width <= _DENSE_CLASSES:
        dense = np.zeros(width * width)
        dense[true * width + given] = shares
        total = dense.sum()
    shares = shares / max(total, 1e-100) * rows.sum()
    whole = np.round(shares)
    missing = (rows - np.bincount(given, whole, minlength=width)).astype(np.int64)
    # By class, the share that was rounded up most first; the pairs lie by class already.
    order = np.lexsort((true, shares - whole, given))
    firsts = np.searchsorted(given, np.arange(width + 1))
    rank = np.arange(len(given)) - firsts[given]
    behind = firsts[given + 1] - firsts[given] - rank
    whole[order] -= rank < -missing[given]
    whole[order] += behind <= missing[given]
    return np.asarray(whole, dtype=np.int64)

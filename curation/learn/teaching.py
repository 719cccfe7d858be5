"""What the rows of a matrix teach a ridge regression: their labels, and sums over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector


@dataclass(frozen=True)
class Teaching:
    """What the rows of a matrix teach.

    Attributes:
        labels: scipy csr_matrix (m, k), float32: how often each class was given to each row.
        counts: shape (m,): labels of each row.
        total: labels in all, at least 1.
        shares: shape (k,): each class's share of the labels.
    """

    labels: Any
    counts: Vector
    total: float
    shares: Vector

    @classmethod
    def of(cls, codes: Codes, classes: int, rows: int, place: Codes | None = None) -> Teaching:
        """Count the labels, `codes` (n,) with -1 for none, of the rows at `place` (n,)."""
        from scipy.sparse import csr_matrix

        labelled = np.flatnonzero(codes >= 0)
        where = labelled if place is None else place[labelled]
        ones = np.ones(len(labelled), dtype=np.float32)
        labels = csr_matrix((ones, (where, codes[labelled])), shape=(rows, classes))
        labels.sum_duplicates()
        shares = np.bincount(codes[labelled], minlength=classes) / max(len(labelled), 1)
        counts = np.bincount(where, minlength=rows).astype(np.float64)
        return cls(labels, counts, float(max(len(labelled), 1)), shares)


@dataclass
class Sums:
    """Sums over labelled rows x with counts c and labels s: c, c x, c x xᵀ, s, x sᵀ."""

    count: float
    rows: Vector
    gram: Any
    labels: Vector
    products: Any

    @classmethod
    def zeros(cls, width: int, classes: int) -> Sums:
        """Return the sums over no rows of `width` columns."""
        return cls(
            0.0, np.zeros(width), np.zeros((width, width)), np.zeros(classes),
            np.zeros((width, classes)),
        )  # fmt: skip

    @classmethod
    def of(cls, block: Matrix, counts: Vector, labels: Any) -> Sums:
        """Return the sums over a block (r, d) with counts (r,) and labels (r, k)."""
        weighted = block * counts.astype(np.float32)[:, None]
        return cls(
            float(counts.sum()),
            weighted.sum(axis=0, dtype=np.float64),
            weighted.T @ block,
            np.asarray(labels.sum(axis=0), dtype=np.float64).ravel(),
            (labels.T @ block).T,
        )

    def add(self, other: Sums) -> None:
        """Add the sums over other rows."""
        self.count += other.count
        self.rows += other.rows
        self.gram += other.gram
        self.labels += other.labels
        self.products += other.products

"""Features in which a linear model is a kernel machine: random Fourier features.

Rahimi and Recht 2007, Advances in Neural Information Processing Systems 20, section 3: the inner
product of two rows' features approaches a Gaussian kernel of their distance, so that ridge
regression with its closed-form left-out predictions learns curved borders.
"""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Matrix, row_hashes

_SAMPLE = 500


class RandomFourier:
    """Random Fourier features of a Gaussian kernel as wide as rows usually lie apart.

    The width is the median distance of some rows, chosen by what they hold and not by their place.

    Args:
        matrix: shape (n, d), float32, finite: the rows that the width is taken from.
        width: how many features.
        seed: the same seed and rows give the same features.

    Attributes:
        width: how many features.
    """

    def __init__(self, matrix: Matrix, *, width: int = 512, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.width = width
        scale = 1.0 / np.sqrt(_usual_square(matrix) / 2)
        directions = random.normal(size=(matrix.shape[1], width)) * scale
        self._directions: Matrix = directions.astype(np.float32)
        self._phases: Matrix = random.uniform(0, 2 * np.pi, width).astype(np.float32)

    def transform(self, block: Matrix) -> Matrix:
        """Return the features of some rows: shape (rows, width), of length about 1."""
        features: Matrix = block @ self._directions
        features += self._phases
        np.cos(features, out=features)
        features *= np.float32(np.sqrt(2 / self.width))
        return features


def ranked(matrix: Matrix) -> Matrix:
    """Return columns as ranks with mean 0, rows of length 1 in the root mean square.

    Equal values have their mean rank, so neither an outlier nor a column's unit has a say. A column
    with missing values (NaN) has them at 0, and an indicator column beside it.

    Args:
        matrix: shape (n, d), float32.

    Returns:
        Shape (n, d and the indicators), float32.
    """
    columns = []
    for values in matrix.T:
        missing = np.isnan(values)
        columns.append(_standardised(_mean_ranks(values, missing), missing))
        if missing.any() and not missing.all():
            columns.append(_standardised(missing.astype(np.float64), np.zeros_like(missing)))
    if not columns:
        return np.zeros((len(matrix), 0), dtype=np.float32)
    stacked: Matrix = np.stack(columns, axis=1) / np.float32(np.sqrt(len(columns)))
    return stacked


def _mean_ranks(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    ranks = np.zeros(len(values))
    _, place, counts = np.unique(values[~missing], return_inverse=True, return_counts=True)
    ranks[~missing] = (np.cumsum(counts) - (counts + 1) / 2)[place]
    return ranks


def _standardised(values: np.ndarray, missing: np.ndarray) -> Matrix:
    present = values[~missing]
    mean = present.mean() if len(present) else 0.0
    spread = present.std() if len(present) else 0.0
    scaled = np.where(missing, 0.0, (values - mean) / (spread or 1.0))
    return scaled.astype(np.float32)


def _usual_square(matrix: Matrix) -> float:
    """Return the median squared distance of two different rows; 1 where all are the same."""
    _, first = np.unique(row_hashes(matrix), return_index=True)  # in order of the hashes
    rows = matrix[first[:_SAMPLE]].astype(np.float64)
    squares = np.einsum("ij,ij->i", rows, rows)
    between = squares[:, None] + squares[None, :] - 2 * rows @ rows.T
    apart = between[np.triu_indices(len(rows), 1)]
    return float(np.median(apart)) if len(apart) and np.median(apart) > 0 else 1.0

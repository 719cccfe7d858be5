"""Clusters of similar rows: k-means that does not depend on the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix, row_hashes

_TRAINED_PER_CLUSTER = 256
_ROUNDS = 20
_BATCH = 65_536


@dataclass(frozen=True)
class Clusters:
    """A cluster for each row.

    Attributes:
        codes: shape (n,), 0 to k - 1.
        centres: shape (k,), the row nearest to each cluster's mean.
    """

    codes: Codes
    centres: Codes


def clusters(matrix: Matrix, count: int, *, seed: int = 0) -> Clusters:
    """Return the clusters of rows.

    The means are found on a sample (k-means, Lloyd 1982) that is drawn by a hash of the rows.

    Args:
        matrix: shape (n, d), finite.
        count: k, at most n.
        seed: for where the means begin.
    """
    import faiss

    draw = np.argsort(row_hashes(matrix), kind="stable")[: count * _TRAINED_PER_CLUSTER]
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    width = matrix.shape[1]
    found: Any = faiss.Clustering(width, count)
    found.niter, found.seed = _ROUNDS, seed + 1
    found.min_points_per_centroid = 1
    faiss.omp_set_num_threads(1)  # so that sums are rounded alike on any machine
    found.train(np.ascontiguousarray(matrix[draw]), faiss.IndexFlatL2(width))
    means = faiss.vector_to_array(found.centroids).reshape(count, width)
    codes, apart = np.empty(len(matrix), np.int64), np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), _BATCH):
        rows = slice(start, start + _BATCH)
        distances, nearest = faiss.knn(matrix[rows], means, 1)
        codes[rows], apart[rows] = nearest[:, 0], distances[:, 0]
    order = np.lexsort((apart, codes))
    present, first = np.unique(codes[order], return_index=True)
    centres = np.zeros(count, dtype=np.int64)
    centres[present] = order[first]
    return Clusters(codes, centres)

"""Search for the nearest rows among distinct ones with faiss: exact, or by inverted lists.

Queries are searched in batches of a fixed size, each on one thread, so that what is found does not
depend on how many threads there are, and a person can stop between batches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.arrays import Codes, Matrix
from curation.learn.threads import in_threads
from curation.progress import Progress, part

Places = npt.NDArray[np.int64]

EXACT_WORK = 1.5e11
"""Rows² × (columns + 200) up to which every pair is compared: 18,000 rows of 256, 24,000 of 64.

Keeping the best of what is compared costs about as much as 200 columns more would.
"""
FEW_ROWS = 4_096
"""So few rows are not sorted into lists, however wide they are."""
WANTED_RECALL = 0.97
SAMPLE = 256
"""Rows whose neighbours are also searched exactly, to measure the recall."""

_BATCH = 2_048
_LADDER = ((4, 2), (8, 2), (8, 3), (16, 3), (32, 3), (32, 6), (64, 6), (128, 8), (256, 8))
"""Lists probed and candidates for each neighbour, from quick to thorough."""
_TRAINED_PER_LIST = 32
_ROUNDS = 8

_Search = Callable[[Codes], Places]
"""From rows to their nearest candidates, shape (rows, some), -1 where there are too few."""


@dataclass(frozen=True)
class Found:
    """Neighbours of u distinct rows.

    Attributes:
        indices: shape (u, k), a row is not among its own.
        squared: shape (u, k), float32, squared Euclidean distances, rising along each row.
        exact: whether every pair was compared.
        recall: the share of the true neighbours that are there; 1 where exact.
        how: in words.
    """

    indices: Places
    squared: Matrix
    exact: bool
    recall: float
    how: str


def search_distinct(matrix: Matrix, k: int, *, seed: int, progress: Progress) -> Found:
    """Return the k nearest other rows of each row.

    Args:
        matrix: shape (u, d), no two rows alike, more than k of them.
        k: 1 or more.
        seed: for what is drawn at random: what the lists are trained on, and the measured sample.
        progress: told between batches; may raise `Cancelled`.
    """
    size, width = matrix.shape
    if float(size) ** 2 * (width + 200) <= EXACT_WORK or size < FEW_ROWS:
        indices, squared = _in_batches(matrix, k, _exact(matrix, k), progress)
        return Found(indices, squared, True, 1.0, f"every pair of {size:,} distinct rows compared")
    return _by_lists(matrix, k, seed, progress)


def _exact(matrix: Matrix, k: int) -> _Search:
    import faiss

    # Wider blocks than faiss' own keep the product of matrices busy; the answers stay the same.
    faiss.cvar.distance_compute_blas_database_bs = 4_096

    def search(rows: Codes) -> Places:
        faiss.omp_set_num_threads(1)  # of the calling thread only
        found: Places = faiss.knn(matrix[rows], matrix, k + 1)[1]
        return found

    return search


def _by_lists(matrix: Matrix, k: int, seed: int, progress: Progress) -> Found:
    """Search inverted lists of product-quantised rows, and rank the candidates exactly.

    Product quantisation and inverted lists: Jégou, Douze and Schmid 2011; scanned as in André,
    Kermarrec and Le Scouarnec 2015. The lists probed are doubled until a sample is found well.
    """
    size = len(matrix)
    lists = 2 ** int(np.log2(2 * np.sqrt(size)))
    progress(0.0, f"sorting {size:,} rows into {lists:,} lists")
    draw = np.random.default_rng(seed)
    index = _trained(matrix, lists, draw, progress)
    sample = np.sort(draw.choice(size, min(SAMPLE, size), replace=False))
    truth = _refined(matrix, sample, _exact(matrix, k)(sample), k)[1][:, -1]
    recall, probes, factor = 0.0, 0, 0
    for probes, factor in _LADDER:
        search = _listed(matrix, index, probes, factor * (k + 1))
        near = _refined(matrix, sample, search(sample), k)[1]
        # By distance, so that one of several rows equally far is no miss.
        recall = float((near <= truth[:, None] * np.float32(1 + 1e-5)).mean())
        if recall >= WANTED_RECALL or probes >= lists:
            break
    indices, squared = _in_batches(matrix, k, search, part(progress, 0.2, 1.0))
    # The lists of a far row may hold fewer rows than it has to have neighbours.
    short = np.flatnonzero(~np.isfinite(squared).all(axis=1))
    for start in range(0, len(short), _BATCH):
        rows = short[start : start + _BATCH]
        indices[rows], squared[rows] = _refined(matrix, rows, _exact(matrix, k)(rows), k)
    how = (
        f"{min(probes, lists):,} of {lists:,} lists searched for each row, candidates ranked "
        f"exactly; {recall:.1%} of the neighbours found, measured on {len(sample):,} rows"
    )
    return Found(indices, squared, False, recall, how)


def _trained(matrix: Matrix, lists: int, draw: np.random.Generator, progress: Progress) -> Any:
    import faiss

    width = _even(matrix.shape[1])
    index: Any = faiss.index_factory(width, f"IVF{lists},PQ{width // 2}x4fs")
    index.cp.niter = index.pq.cp.niter = _ROUNDS
    index.cp.max_points_per_centroid = _TRAINED_PER_LIST
    index.cp.min_points_per_centroid = 1
    index.cp.seed = index.pq.cp.seed = int(draw.integers(2**31 - 1))
    faiss.omp_set_num_threads(1)  # so that sums are rounded alike on any machine
    wanted = min(len(matrix), max(lists * _TRAINED_PER_LIST, 8_192))
    rows = np.sort(draw.choice(len(matrix), wanted, replace=False))
    index.train(_padded(matrix[rows]))
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    step = 16 * _BATCH
    for start in range(0, len(matrix), step):
        progress(0.05 + 0.15 * start / len(matrix), f"sorting rows: {start:,} of {len(matrix):,}")
        index.add(_padded(matrix[start : start + step]))
    return index


def _listed(matrix: Matrix, index: Any, probes: int, candidates: int) -> _Search:
    import faiss

    chosen = faiss.SearchParametersIVF()
    chosen.nprobe = min(probes, index.nlist)

    def search(rows: Codes) -> Places:
        faiss.omp_set_num_threads(1)
        found: Places = index.search(_padded(matrix[rows]), candidates, params=chosen)[1]
        return found

    return search


def _in_batches(
    matrix: Matrix, k: int, search: _Search, progress: Progress
) -> tuple[Places, Matrix]:
    size = len(matrix)
    indices, squared = np.empty((size, k), np.int64), np.empty((size, k), np.float32)

    def found(start: int) -> tuple[Codes, tuple[Places, Matrix]]:
        rows = np.arange(start, min(start + _BATCH, size))
        return rows, _refined(matrix, rows, search(rows), k)

    for rows, (near, apart) in in_threads(found, range(0, size, _BATCH)):
        indices[rows], squared[rows] = near, apart
        progress(rows[-1] / size, f"nearest rows: {rows[-1] + 1:,} of {size:,}")
    return indices, squared


def _refined(matrix: Matrix, rows: Codes, found: Places, k: int) -> tuple[Places, Matrix]:
    """Return the k nearest of each row's candidates, by distances without cancellation.

    Equal distances stand in order of position. A place without a candidate (-1) comes last.
    """
    squared = np.empty(found.shape, np.float32)
    step = max(1, (1 << 22) // max(found.shape[1] * matrix.shape[1], 1))  # 16 MB at a time
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        apart = matrix[found[part]]
        apart -= matrix[rows[part], None]
        squared[part] = np.einsum("ijk,ijk->ij", apart, apart)
    squared[(found == rows[:, None]) | (found < 0)] = np.inf
    order = np.lexsort((found, squared), axis=1)[:, :k]
    return np.take_along_axis(found, order, 1), np.take_along_axis(squared, order, 1)


def _even(width: int) -> int:
    return width + width % 2


def _padded(matrix: Matrix) -> Matrix:
    if matrix.shape[1] % 2:
        matrix = np.concatenate([matrix, np.zeros((len(matrix), 1), np.float32)], axis=1)
    return np.ascontiguousarray(matrix)

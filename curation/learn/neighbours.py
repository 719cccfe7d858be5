"""Each row's nearest other rows: the graph that finders of outliers, copies and order share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import DataError
from curation.learn.arrays import Codes, Flags, Matrix, row_hashes
from curation.learn.nearest import search_distinct
from curation.progress import Progress, no_progress, part

Metric = Literal["cosine", "euclidean"]

NEAR = 0.13
"""The part of the typical distance to the nearest row within which rows are near copies.

It is the default of cleanlab's Datalab.
"""

_BATCH = 65_536


@dataclass(frozen=True)
class Neighbours:
    """Each row's nearest other rows, the nearest first.

    Attributes:
        indices: shape (n, k), int32. A row is never its own neighbour; its exact copies are its
            first ones. Equally near ones stand in order of position.
        distances: shape (n, k), float32, from 0, rising along a row.
        metric: ``"cosine"``, one minus the cosine of the angle (0 to 2), where all rows have length
            1; ``"euclidean"``, the length of the difference, else.
        exact: whether every pair was compared.
        recall: the share of the true neighbours that were found: 1 where exact, else measured on
            a sample of the rows.
        how: how they were found, for a person.
    """

    indices: npt.NDArray[np.int32]
    distances: Matrix
    metric: Metric
    exact: bool
    recall: float
    how: str

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return it as arrays, to be kept."""
        said = {"metric": self.metric, "exact": self.exact, "recall": self.recall, "how": self.how}
        about = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
        return {"indices": self.indices, "distances": self.distances, "about": about}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Neighbours:
        """Return what `arrays` gave."""
        said = json.loads(arrays["about"].tobytes())
        return cls(arrays["indices"], arrays["distances"], **said)


def nearest_neighbours(
    matrix: Matrix, k: int, *, seed: int = 0, progress: Progress = no_progress
) -> Neighbours:
    """Return each row's k nearest other rows, or all others where there are fewer.

    The same on any number of threads. Distinct rows alone are searched, so many copies cost little.

    Args:
        matrix: shape (n, d), finite.
        k: 1 or more.
        seed: for an approximate search.
        progress: told between batches of rows; may raise `Cancelled`.

    Raises:
        DataError: fewer than two rows, or a number that is not finite.
    """
    if len(matrix) < 2:
        raise DataError(
            f"Got {len(matrix)} row{'' if len(matrix) == 1 else 's'}; a row's nearest others can "
            "only be looked for among two or more."
        )
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    lengths = np.einsum("ij,ij->i", matrix, matrix)
    if not np.isfinite(lengths).all():
        raise DataError("A matrix of features holds numbers that are not finite or too large.")
    progress(0.0, "looking for equal rows")
    k = min(k, len(matrix) - 1)
    group, first = _equal_rows(matrix)
    distinct = matrix if len(first) == len(matrix) else matrix[first]
    metric: Metric = "cosine" if bool((np.abs(lengths - 1) < 1e-3).all()) else "euclidean"
    if len(first) == 1:
        indices, squared = np.zeros((1, 0), np.int64), np.zeros((1, 0), np.float32)
        exact, recall, how = True, 1.0, "all rows are equal"
    else:
        found = search_distinct(
            distinct, min(k, len(first) - 1), seed=seed, progress=part(progress, 0.05, 0.95)
        )
        indices, squared = found.indices, found.squared
        exact, recall, how = found.exact, found.recall, found.how
    distances: Matrix = squared / np.float32(2) if metric == "cosine" else np.sqrt(squared)
    if len(first) < len(matrix):
        indices, distances = _with_copies(indices, distances, group, k)
    progress(1.0, f"nearest rows of {len(matrix):,} found")
    exact = "lists" not in how
    return Neighbours(indices.astype(np.int32), distances, metric, exact, recall, how)


def typical_nearest(neighbours: Neighbours) -> float:
    """Return the median distance of a row to its nearest other, of rows without a copy if it is 0.

    0 where every row has a copy.
    """
    nearest = neighbours.distances[:, 0]
    median = float(np.median(nearest))
    if median > 0 or not nearest.any():
        return median
    return float(np.median(nearest[nearest > 0]))


def near_pairs(neighbours: Neighbours, within: float = NEAR) -> Codes:
    """Return the pairs of rows that are near copies: shape (m, 2), each once, the lower row first.

    Exact copies are among them; of more than k copies, each is paired with some only.

    Args:
        neighbours: of n rows.
        within: the part of the typical distance to the nearest row, from 0.
    """
    limit = within * typical_nearest(neighbours)
    is_near = (neighbours.distances < limit) | (neighbours.distances == 0)
    rows, places = np.nonzero(is_near)
    others = neighbours.indices[rows, places].astype(np.int64)
    pairs = np.stack([np.minimum(rows, others), np.maximum(rows, others)], axis=1)
    _, first = np.unique(pairs[:, 0] * len(is_near) + pairs[:, 1], return_index=True)
    return pairs[first]


def _equal_rows(matrix: Matrix) -> tuple[Codes, Codes]:
    """Return each row's group of equal rows, and each group's first row; numbered as they come."""
    # In pieces that stay in the cache, since a hash takes several times the room of its row.
    step = max(1, (1 << 19) // matrix.shape[1])
    hashes = [row_hashes(matrix[i : i + step]) for i in range(0, len(matrix), step)]
    _, first, group = np.unique(np.concatenate(hashes), return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(first), dtype=np.int64)
    number[order] = np.arange(len(first))
    return number[group], first[order]


def _with_copies(indices: Codes, distances: Matrix, group: Codes, k: int) -> tuple[Codes, Matrix]:
    """Return the neighbours of all rows from those of the distinct ones, both nearest first.

    Args:
        indices: shape (u, j): the nearest other groups of each group of equal rows.
        distances: shape (u, j).
        group: shape (n,), of each row.
        k: neighbours wanted.
    """
    members = np.argsort(group, kind="stable")
    counts = np.bincount(group)
    starts = np.cumsum(counts) - counts
    found = np.empty((len(group), k), np.int64)
    apart = np.empty((len(group), k), np.float32)
    for start in range(0, len(group), _BATCH):
        mine = group[start : start + _BATCH]
        rows = np.arange(start, start + len(mine))
        # A row's own copies come first, then the copies of one group after the other.
        sequence = np.concatenate([mine[:, None], indices[mine]], axis=1)
        away = np.concatenate([np.zeros((len(mine), 1), np.float32), distances[mine]], axis=1)
        end = np.cumsum(counts[sequence], axis=1)
        slots = np.arange(k + 1)
        which = np.stack([(end <= slot).sum(axis=1) for slot in slots], axis=1)
        of = np.take_along_axis(sequence, which, 1)
        before = np.take_along_axis(end, which, 1) - counts[of]
        row = members[starts[of] + slots - before]
        kept = _one_dropped(row == rows[:, None])
        found[rows] = row[kept].reshape(-1, k)
        apart[rows] = np.take_along_axis(away, which, 1)[kept].reshape(-1, k)
    return found, apart


def _one_dropped(is_self: Flags) -> Flags:
    """Say which of k + 1 places are kept: all but the row itself, or else all but the last."""
    kept = ~is_self
    kept[kept.all(axis=1), -1] = False
    return kept

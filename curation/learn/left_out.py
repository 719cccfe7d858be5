"""The algebra of leaving groups out of a ridge regression; `ridge` says what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector
from curation.learn.blocks import BLOCK_BYTES, Blocks, block_rows
from curation.learn.teaching import Sums, Teaching
from curation.learn.threads import in_threads
from curation.progress import Progress

MIN_LARGE = 64
"""Groups of more rows, and of more than there are columns, are taken out of the Gram matrix."""
_LARGE_GROUPS = 8
"""So many large groups, and so many rows of each, have a say in the choice of the ridge."""
_LARGE_ROWS = 1_000
_SOLVE_BYTES = 32 * 2**20
_MIN_REMAINDER = 1e-6


@dataclass(frozen=True)
class _Piece:
    """Rows of whole groups, in the directions of the Gram matrix's eigenvectors.

    Attributes:
        rotated: shape (r, d), float32.
        counts: shape (r,), labels of each row.
        labels: csr_matrix (r, k).
        starts: where each group starts, and r; None where each row is one.
        removed: the sums of the one large group that they are of, else None.
    """

    rotated: Matrix
    counts: Vector
    labels: Any
    starts: Codes | None
    removed: Sums | None = None


class Leaver:
    """A ridge regression of labels on rows, ready to predict each group without it.

    Attributes:
        values: shape (d,), eigenvalues of the Gram matrix of the centred labelled rows.
    """

    def __init__(
        self, blocks: Blocks, teaching: Teaching, groups: Codes | None, progress: Progress
    ) -> None:
        self._blocks, self._teaching = blocks, teaching
        width, classes = blocks.width, len(teaching.shares)
        self._starts = _group_starts(groups, blocks.rows)
        self._size = max(64, min(block_rows(width), BLOCK_BYTES // (4 * classes)))
        self._large = max(width, MIN_LARGE)
        # The rows less about their mean, so that the sums of squares lose no digits.
        near_mean = blocks.read(0, min(blocks.rows, self._size)).mean(axis=0)
        sums = Sums.zeros(width, classes)

        def summed(rows: slice) -> tuple[slice, Sums]:
            block = blocks.read(rows.start, rows.stop) - near_mean
            return rows, Sums.of(block, teaching.counts[rows], teaching.labels[rows])

        for rows, part in in_threads(summed, _parts(slice(0, blocks.rows), self._size)):
            sums.add(part)
            progress(rows.stop / blocks.rows, "fitting the ridge regression")
        mean = sums.rows / teaching.total
        gram = sums.gram - teaching.total * np.outer(mean, mean)
        values, vectors = np.linalg.eigh(gram)
        self.values: Vector = np.clip(values, 0.0, None)
        self._mean = (near_mean + mean).astype(np.float32)
        self._vectors = vectors.astype(np.float32)
        self._targets = vectors.T @ (sums.products - np.outer(mean, sums.labels))

    def predict(self, ridge: float, progress: Progress) -> Matrix:
        """Return the left-out predictions of all rows: shape (m, k), float32."""
        scores = np.empty((self._blocks.rows, len(self._teaching.shares)), dtype=np.float32)

        def predicted(piece: tuple[slice, bool]) -> slice:
            rows, is_large = piece
            if is_large:
                fitted = self._without(self._sums(rows), ridge)
                for some in _parts(rows, self._size):
                    scores[some] = fitted.of(self._read(some).rotated)
            else:
                scores[rows] = self._left_out(self._read(rows), ridge)
            return rows

        for rows in in_threads(predicted, self._slices()):
            progress(rows.stop / self._blocks.rows, "predicting each row from the others")
        return scores

    def errors(self, ridges: Sequence[float], most: int, progress: Progress) -> Vector:
        """Return the mean squared left-out error of each ridge on a fixed sample of groups.

        The error falls and rises again along the ridges, so every fourth is tried, and then those
        around the best; the others are infinite.

        Args:
            ridges: penalties, rising.
            most: about how many rows the sample may have.
            progress: told the fraction done.
        """
        sample = self._sample(most)
        errors = np.full(len(ridges), np.inf)
        coarse = list(range(0, len(ridges), 4))
        for turn in range(2):
            best = int(errors.argmin())
            fine = range(max(best - 3, 0), min(best + 4, len(ridges)))
            for i in fine if turn else coarse:
                progress(min(0.99, (turn + i / len(ridges)) / 2), "choosing the ridge")
                if np.isinf(errors[i]):
                    errors[i] = self._error(sample, ridges[i])
        return errors

    def _error(self, sample: Sequence[_Piece], ridge: float) -> float:
        squares = sum(in_threads(lambda piece: self._squares(piece, ridge), sample))
        labels = sum(piece.counts.sum() for piece in sample)
        return float(squares / max(labels * len(self._teaching.shares), 1))

    def _squares(self, piece: _Piece, ridge: float) -> float:
        if piece.removed is None:
            found = self._left_out(piece, ridge)
        else:
            found = self._without(piece.removed, ridge).of(piece.rotated)
        given = piece.labels.tocoo()
        own = float(given.data @ found[given.row, given.col].astype(np.float64))
        squares = np.einsum("ij,ij->i", found, found, dtype=np.float64)
        return float(piece.counts @ squares + piece.counts.sum() - 2 * own)

    def _sample(self, most: int) -> list[_Piece]:
        """Return evenly spaced groups that have labels; of large ones a few, and a few rows."""
        counts, starts = self._teaching.counts, self._starts
        if starts is None:
            rows = np.flatnonzero(counts > 0)
            rows = rows[spread(len(rows), most)]
            return [self._take(part, None) for part in _split(rows, self._size)]
        taught = np.flatnonzero(np.add.reduceat(counts, starts[:-1]) > 0)
        sizes = np.diff(starts)
        wanted = max(_LARGE_GROUPS, int(most / max(sizes[taught].mean(), 1)))
        chosen = taught[spread(len(taught), wanted)]
        large = chosen[sizes[chosen] > self._large]
        pieces = []
        for group in large[spread(len(large), _LARGE_GROUPS)]:
            rows = np.arange(starts[group], starts[group + 1])
            rows = rows[counts[rows] > 0]
            piece = self._take(rows[spread(len(rows), _LARGE_ROWS)], None)
            removed = self._sums(slice(int(starts[group]), int(starts[group + 1])))
            pieces.append(_Piece(piece.rotated, piece.counts, piece.labels, None, removed))
        small = chosen[sizes[chosen] <= self._large]
        ends = np.cumsum(sizes[small])
        for some in np.split(small, np.flatnonzero(np.diff(ends // self._size)) + 1):
            if len(some):
                own = np.concatenate([[0], np.cumsum(sizes[some])])
                rows = np.repeat(starts[some] - own[:-1], sizes[some]) + np.arange(own[-1])
                pieces.append(self._take(rows, own))
        return pieces

    def _slices(self) -> Iterator[tuple[slice, bool]]:
        """Yield slices of whole groups in order, and whether a slice is one large group."""
        starts = self._starts
        if starts is None:
            for rows in _parts(slice(0, self._blocks.rows), self._size):
                yield rows, False
            return
        large = np.flatnonzero(np.diff(starts) > self._large)
        group = 0
        while group < len(starts) - 1:
            at = int(np.searchsorted(large, group))
            next_large = int(large[at]) if at < len(large) else len(starts) - 1
            if next_large == group:
                stop = group + 1
            else:
                fits = int(np.searchsorted(starts, starts[group] + self._size, side="right")) - 1
                stop = min(max(fits, group + 1), next_large)
            yield slice(int(starts[group]), int(starts[stop])), next_large == group
            group = stop

    def _read(self, rows: slice) -> _Piece:
        block = (self._blocks.read(rows.start, rows.stop) - self._mean) @ self._vectors
        starts = None
        if self._starts is not None:
            first, last = np.searchsorted(self._starts, [rows.start, rows.stop])
            starts = self._starts[first : last + 1] - rows.start
        return _Piece(block, self._teaching.counts[rows], self._teaching.labels[rows], starts)

    def _take(self, rows: Codes, starts: Codes | None) -> _Piece:
        block = (self._blocks.take(rows) - self._mean) @ self._vectors
        return _Piece(block, self._teaching.counts[rows], self._teaching.labels[rows], starts)

    def _sums(self, rows: slice) -> Sums:
        sums = Sums.zeros(self._blocks.width, len(self._teaching.shares))
        for some in _parts(rows, self._size):
            block = (self._blocks.read(some.start, some.stop) - self._mean) @ self._vectors
            counts, labels = self._teaching.counts[some], self._teaching.labels[some]
            sums.add(Sums.of(block, counts, labels))
        return sums

    def _without(self, removed: Sums, ridge: float) -> _Fitted:
        """Return the fit on all rows but those that were summed."""
        left = self._teaching.total - removed.count
        if left < 0.5:
            nothing = np.zeros_like(self._targets, dtype=np.float32)
            return _Fitted(self._teaching.shares.astype(np.float32), nothing)
        system = np.empty((len(self.values) + 1,) * 2)
        system[0, 0] = left
        system[0, 1:] = system[1:, 0] = -removed.rows
        system[1:, 1:] = np.diag(self.values + ridge) - removed.gram
        labels = self._teaching.shares * self._teaching.total - removed.labels
        answer = np.linalg.solve(system, np.vstack([labels, self._targets - removed.products]))
        return _Fitted(answer[0].astype(np.float32), answer[1:].astype(np.float32))

    def _left_out(self, piece: _Piece, ridge: float) -> Matrix:
        """Return the predictions of small groups, each without its own labels: shape (r, k)."""
        root = 1 / np.sqrt(self.values + ridge)
        block = piece.rotated * root.astype(np.float32)
        fitted: Matrix = block @ (self._targets * root[:, None]).astype(np.float32)
        fitted += self._teaching.shares.astype(np.float32)
        alone = np.ones(len(block), dtype=np.bool_)
        if piece.starts is not None:
            sizes = np.diff(piece.starts)
            alone = np.repeat(sizes == 1, sizes)
            for size in np.unique(sizes[sizes > 1]):
                first = piece.starts[:-1][sizes == size]
                rows = first[:, None] + np.arange(size)
                for some in np.array_split(rows, self._solves(rows)):
                    fitted[some] = self._groups_left_out(piece, block, fitted, some)
        leverage = np.einsum("ij,ij->i", block, block, dtype=np.float64) + 1 / self._teaching.total
        leverage[~alone] = 0
        given = piece.labels.tocoo()
        fitted[given.row, given.col] -= (leverage[given.row] * given.data).astype(np.float32)
        own = np.minimum(leverage * piece.counts, 1 - _MIN_REMAINDER)
        fitted /= (1 - own).astype(np.float32)[:, None]
        fitted[alone & (piece.counts >= self._teaching.total)] = self._teaching.shares
        return fitted

    def _solves(self, rows: Codes) -> int:
        """Return into how many parts these groups go, so that each takes little room."""
        widest = max(rows.shape[1], len(self.values), len(self._teaching.shares))
        return int(np.ceil(8 * rows.size * widest / _SOLVE_BYTES))

    def _groups_left_out(self, piece: _Piece, block: Matrix, fitted: Matrix, rows: Codes) -> Any:
        """Return the left-out predictions of q groups of g rows: shape (q, g, k).

        Args:
            piece: what the rows are of.
            block: shape (r, d): products of its rows are the hat matrix, less the intercept's part.
            fitted: shape (r, k), the predictions of the fit on all rows.
            rows: shape (q, g).
        """
        groups = block[rows]
        hat = (groups @ groups.transpose(0, 2, 1)).astype(np.float64) + 1 / self._teaching.total
        counts = piece.counts[rows]
        given = piece.labels[rows.ravel()].toarray().reshape(*rows.shape, -1)
        system = np.eye(rows.shape[1]) - (1 - _MIN_REMAINDER) * hat * counts[:, None, :]
        found = np.linalg.solve(system, fitted[rows] - hat @ given)
        found[counts.sum(axis=1) >= self._teaching.total] = self._teaching.shares
        return found


@dataclass(frozen=True)
class _Fitted:
    """An intercept (k,) and weights (d, k)."""

    intercept: Matrix
    weights: Matrix

    def of(self, block: Matrix) -> Matrix:
        predicted: Matrix = block @ self.weights + self.intercept
        return predicted


def _group_starts(groups: Codes | None, rows: int) -> Codes | None:
    """Return where each group starts, and the number of rows; None where each row is one."""
    if groups is None:
        return None
    assert len(groups) == rows
    steps = np.diff(groups)
    assert (steps >= 0).all(), "rows of a group stand together"
    starts = np.concatenate([[0], np.flatnonzero(steps) + 1, [rows]]).astype(np.int64)
    return None if len(starts) == rows + 1 else starts


def _parts(rows: slice, size: int) -> Iterator[slice]:
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


def _split(rows: Codes, size: int) -> list[Codes]:
    return np.split(rows, range(size, len(rows), size))


def spread(count: int, most: int) -> Codes:
    """Return at most so many of the positions 0 to count - 1, evenly spaced."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, most).astype(np.int64)

"""One feature space for all finders that ask what lies near what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.errors import DataError
from curation.learn.arrays import Flags, Matrix, Vector
from curation.learn.content import Content
from curation.learn.text import embed
from curation.progress import Progress, no_progress, part

MANY_MISSING = 0.05
"""The share of missing values from which a feature gets an indicator beside it."""

_FEW_NUMBERS = 3
"""Vectors of so few numbers are places, for example on a map, where length means something."""
_CHUNK = 65_536
_STRAIGHT, _FARTHEST = 5.0, 20.0
_RANGES = ((25.0, 75.0, 1.349), (5.0, 95.0, 3.29), (1.0, 99.0, 4.65), (0.0, 100.0, 6.0))
"""Percentiles, and how many standard deviations of a normal distribution lie between them."""

_Rows = Callable[[slice], Matrix]


def feature_space(content: Content, *, progress: Progress = no_progress) -> Matrix:
    """Return the rows as points: what is alike lies near. Shape (n, d), float32, finite.

    - texts (WordLlama embeddings) and embedding columns: rows of length 1, so that distances are
      those of the angle. What has no text or vector is at a right angle to all that has one.
      Vectors of up to three numbers are taken as features;
    - features: centred on their median and divided by the narrowest range of percentiles that is
      not empty, in standard deviations of a normal distribution. Beyond 5 of these the distance
      grows with its logarithm and ends at 20, so that an infinity is far out and still leaves the
      others their place. A missing value is 0, with an indicator where more than 5% are;
    - of several kinds, each has the same mean squared length.

    Args:
        content: of n rows.
        progress: told the fraction done; may raise `Cancelled`.

    Raises:
        DataError: fewer than two rows, or all rows are equal.
    """
    size = len(content.text_of)
    dense, loose = _dense(content, part(progress, 0.0, 0.7)), _loose(content)
    nothing = [_is_nothing(rows_of, size) for _, rows_of in dense]
    many = [_many_missing(column) for column in loose]
    width = sum(width for width, _ in dense) + sum(bool(empty.any()) for empty in nothing)
    space = np.zeros((size, width + len(loose) + sum(many)), np.float32)
    kinds = len(dense) + bool(loose)
    start = 0
    for (width, rows_of), is_empty in zip(dense, nothing, strict=True):
        progress(0.7 + 0.3 * start / space.shape[1], "scaling vectors")
        _write_unit(space[:, start : start + width], rows_of, kinds)
        start += width
        if is_empty.any():
            space[is_empty, start] = 1 / np.sqrt(kinds)
            start += 1
    features = space[:, start:]
    for column, is_wide in zip(loose, many, strict=True):
        progress(0.7 + 0.3 * start / space.shape[1], "scaling features")
        _write_feature(space[:, start:], column, with_indicator=is_wide)
        start += 1 + is_wide
    if loose and dense:
        _to_unit_mean(features, kinds)
    _check(space)
    progress(1.0, f"{size:,} rows are ready to compare")
    return space


def _dense(content: Content, progress: Progress) -> list[tuple[int, _Rows]]:
    """Return the width of each kind of vectors, and what gives some of its rows."""
    found: list[tuple[int, _Rows]] = []
    if content.texts is not None:
        embedded = embed(content.texts, progress=progress)
        found.append((embedded.shape[1], lambda rows: embedded[content.text_of[rows]]))
    found += [
        (vectors.shape[1], _finite(vectors))
        for vectors in content.vectors
        if vectors.shape[1] > _FEW_NUMBERS
    ]
    return found


def _loose(content: Content) -> list[Matrix]:
    """Return the columns that are features, each of shape (n,)."""
    blocks = [] if content.features is None else [content.features]
    blocks += [vectors for vectors in content.vectors if vectors.shape[1] <= _FEW_NUMBERS]
    return [block[:, place] for block in blocks for place in range(block.shape[1])]


def _finite(vectors: Matrix) -> _Rows:
    """Return what gives rows with 0 in the place of numbers that are missing or infinite."""
    return lambda rows: np.where(np.isfinite(vectors[rows]), vectors[rows], np.float32(0))


def _is_nothing(rows_of: _Rows, size: int) -> Flags:
    """Say which rows hold nothing but zeros, and so have no direction: shape (n,)."""
    found = np.zeros(size, dtype=np.bool_)
    for start in range(0, size, _CHUNK):
        rows = slice(start, start + _CHUNK)
        found[rows] = ~rows_of(rows).any(axis=1)
    return found


def _write_unit(space: Matrix, rows_of: _Rows, kinds: int) -> None:
    """Write rows of squared length 1 / kinds, or of 0."""
    for start in range(0, len(space), _CHUNK):
        rows = slice(start, start + _CHUNK)
        block = rows_of(rows)
        # By the largest number first, whose square may not be a float32.
        largest = np.abs(block).max(axis=1, initial=0)
        block = np.divide(block, largest[:, None], where=largest[:, None] > 0, out=block * 0)
        lengths = np.sqrt(kinds * np.einsum("ij,ij->i", block, block))
        np.divide(block, lengths[:, None], out=space[rows], where=lengths[:, None] > 0)


def _many_missing(column: Matrix) -> bool:
    known = np.count_nonzero(np.isfinite(column))
    return bool(0 < known < (1 - MANY_MISSING) * len(column))


def _write_feature(space: Matrix, column: Matrix, *, with_indicator: bool) -> None:
    """Write a standardised feature, and the indicator of its missing values after it."""
    is_known = np.isfinite(column)
    known = column[is_known].astype(np.float64)
    if len(known):
        space[is_known, 0] = _standardised(known)
    if with_indicator:
        space[:, 1] = _standardised((~is_known).astype(np.float64))


def _standardised(values: Vector) -> Vector:
    centre = float(np.median(values))
    for low, high, deviations in _RANGES:
        ends = np.percentile(values, [low, high])
        scale = float(ends[1] - ends[0]) / deviations
        if scale > 0:
            break
    else:
        return np.zeros(len(values))
    away = (values - centre) / scale
    far: Flags = np.abs(away) > _STRAIGHT
    beyond = _STRAIGHT * (1 + np.log(np.abs(away[far]) / _STRAIGHT))
    away[far] = np.sign(away[far]) * np.minimum(beyond, _FARTHEST)
    return away


def _to_unit_mean(block: Matrix, kinds: int) -> None:
    """Scale rows in place so that their mean squared length is 1 / kinds; one kind stays."""
    if kinds == 1:
        return
    total = sum(
        float(np.einsum("ij,ij->", part, part, dtype=np.float64))
        for part in (block[start : start + _CHUNK] for start in range(0, len(block), _CHUNK))
    )
    if total > 0:
        block *= np.float32(np.sqrt(len(block) / total / kinds))


def _check(space: Matrix) -> None:
    if len(space) < 2:
        raise DataError(
            f"Got {'no rows' if not len(space) else 'one row'}; a row can only be compared with "
            "others. Give two rows or more."
        )
    chunks = (space[start : start + _CHUNK] for start in range(0, len(space), _CHUNK))
    if all((chunk == space[0]).all() for chunk in chunks):
        raise DataError(
            f"All {len(space):,} rows have the same content, so none is nearer to another. Give "
            "the role 'text', 'feature' or 'embedding' to a column whose values differ."
        )

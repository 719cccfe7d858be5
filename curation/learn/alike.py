"""Which rows must not teach each other: rows of one group, copies, and near copies."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Hashes, mixed_bits, row_hashes
from curation.learn.content import Content
from curation.learn.text import text_hashes
from curation.learn.threads import in_threads

MOSTLY_DISTINCT = 0.9
"""Rows that are equal in their features alone are copies where at least so many are distinct;
below that they agree by chance, as rows of few categories do."""

_FOLDED_TO = 0x20000
"""Above it, Unicode has neither punctuation nor two cases of a letter."""
_SPACE = 0x20
_BATCH_BYTES = 2 * 2**20


@dataclass(frozen=True)
class Alike:
    """The rows that are left out together.

    Attributes:
        groups: shape (n,): rows of one number never teach each other. The numbers run from 0 and
            follow from what the rows hold, not from where they stand.
        notes: what was left aside.
    """

    groups: Codes
    notes: list[str] = field(default_factory=list)


def leave_out_groups(
    table: pa.Table, codes: Codes, roles: Roles, content: Content, near: Codes | None = None
) -> Alike:
    """Return which rows have to be left out together.

    These are the rows with one value in a column of role `group` (of several such columns, in any),
    copies of one content, and near copies; and what hangs together through them.

    Args:
        table: n rows.
        codes: shape (n,), the class of each row, or -1.
        roles: what each column is for.
        content: what a model looks at.
        near: shape (m, 2), places of rows that are near copies.
    """
    number, count = copy_numbers(content)
    edges, notes = [], []
    for column in roles.having("group"):
        value = _group_codes(table.column(column))
        values = int(value.max(initial=-1)) + 1
        if values == 1 and (value == 0).all():
            notes.append(f"Column '{column}' holds one group only, so it keeps no rows apart.")
        elif values:
            there = np.flatnonzero(value >= 0)
            # Each value is a node beside the rows, numbered after them.
            edges.append((number[there], count + value[there]))
            count += values
    if near is not None and len(near):
        pairs = np.asarray(near, dtype=np.int64)
        edges.append((number[pairs[:, 0]], number[pairs[:, 1]]))
    groups = number if not edges else _connected(edges, count)[number]
    return Alike(_by_content(groups, codes, content), notes)


def copy_numbers(content: Content) -> tuple[Codes, int]:
    """Return a number of each row that its copies share, shape (n,), and how many there are.

    Texts are compared without regard to case, white space and punctuation; a text without anything
    else is compared as it is. Vectors and features are compared exactly, and features alone only
    where nearly all rows differ (`MOSTLY_DISTINCT`).
    """
    rows = len(content.text_of)
    hashes = content.feature_hashes
    if content.texts is not None:
        hashes = mixed_bits(hashes ^ folded_hashes(content.texts)[content.text_of])
    for vectors in content.vectors:
        hashes = mixed_bits(hashes ^ row_hashes(vectors))
    values, number = np.unique(hashes, return_inverse=True)
    if not content.is_dense and len(values) < MOSTLY_DISTINCT * rows:
        return np.arange(rows, dtype=np.int64), rows
    return number.astype(np.int64, copy=False), len(values)


def _group_codes(column: pa.ChunkedArray) -> Codes:
    """Return a number of each row's value, shape (n,); -1 where there is none."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        return np.full(len(column), -1, dtype=np.int64)
    indices = column.combine_chunks().dictionary_encode().indices
    codes: Codes = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _connected(edges: Sequence[tuple[Codes, Codes]], nodes: int) -> Codes:
    """Return the connected component of each node: shape (nodes,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = (np.concatenate(side) for side in zip(*edges, strict=True))
    ones = np.ones(len(first), dtype=np.bool_)
    graph = coo_matrix((ones, (first, second)), shape=(nodes, nodes))
    component: Codes = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def _by_content(groups: Codes, codes: Codes, content: Content) -> Codes:
    """Number groups by the sum of their rows' hashes, which no order of rows changes."""
    own = mixed_bits(content.dense_hashes ^ mixed_bits(content.feature_hashes + _as_bits(codes)))
    sums = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.uint64)
    np.add.at(sums, groups, own)
    present = np.flatnonzero(np.bincount(groups, minlength=len(sums)))
    rank = np.zeros(len(sums), dtype=np.int64)
    rank[present[np.argsort(mixed_bits(sums[present]), kind="stable")]] = np.arange(len(present))
    numbered: Codes = rank[groups]
    return numbered


def _as_bits(codes: Codes) -> Hashes:
    bits: Hashes = codes.astype(np.int64).view(np.uint64)
    return bits


def folded_hashes(texts: pa.LargeStringArray) -> Hashes:
    """Return a hash of each text that does not see case, white space and punctuation."""
    hashes = np.empty(len(texts), dtype=np.uint64)
    sizes = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False))
    breaks = (np.flatnonzero(np.diff(sizes // _BATCH_BYTES)) + 1).tolist()
    slices = map(slice, [0, *breaks], [*breaks, len(texts)])

    def hashed(rows: slice) -> tuple[slice, Hashes]:
        return rows, _folded_hashes(texts[rows])

    for rows, found in in_threads(hashed, slices):
        hashes[rows] = found
    return hashes


def _folded_hashes(texts: pa.LargeStringArray) -> Hashes:
    if not len(texts):
        return np.zeros(0, dtype=np.uint64)
    folded = _folded(texts)
    hashes = text_hashes(folded)
    nothing = np.flatnonzero(pc.equal(pc.binary_length(folded), 0))
    if len(nothing):
        hashes = hashes.copy()
        hashes[nothing] = text_hashes(texts.take(pa.array(nothing)))
    return hashes


def _folded(texts: pa.LargeStringArray) -> pa.LargeBinaryArray:
    """Return texts as code points of four bytes, with one space before each word and none after."""
    nothing, space = (pa.scalar(text, pa.large_string()) for text in ("", " "))
    spaced = pc.binary_join_element_wise(nothing, texts, space)
    lengths = pc.utf8_length(spaced).to_numpy(zero_copy_only=False)
    whole = spaced.buffers()[2].to_pybytes()[: pc.sum(pc.binary_length(spaced)).as_py()]
    points: Any = np.frombuffer(whole.decode().encode("utf-32-le"), dtype=np.uint32)
    points = np.where(points < _FOLDED_TO, _folding()[np.minimum(points, _FOLDED_TO - 1)], points)
    keep = points != _SPACE
    keep[:-1] |= keep[1:]
    kept = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
    starts = 4 * kept[np.concatenate([[0], np.cumsum(lengths)])]
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(np.ascontiguousarray(points[keep]))]
    return pa.Array.from_buffers(pa.large_binary(), len(texts), buffers)


@lru_cache(maxsize=1)
def _folding() -> npt.NDArray[np.uint32]:
    """Return what stands for each code point: a space for white space, marks and controls."""
    table = np.arange(_FOLDED_TO, dtype=np.uint32)
    for point in range(_FOLDED_TO):
        letter = chr(point)
        kind = unicodedata.category(letter)
        if kind[0] in "PZ" or kind in ("Cc", "Cf"):
            table[point] = _SPACE
        elif len(folded := letter.casefold()) == 1:
            table[point] = ord(folded)
    return table

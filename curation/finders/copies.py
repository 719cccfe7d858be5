"""Which rows are copies or near copies of each other, for the finders that look at copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.finders.columns import over_rows, percent
from curation.lake.records import fingerprint_sql
from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Flags, Hashes, Vector, mixed_bits, row_hashes
from curation.learn.neighbours import Neighbours
from curation.learn.shared import Shared
from curation.learn.vectors import encode_vectors, is_vector


def lacks_content(shared: Shared) -> str:
    """Say that no column can be compared; empty where one can."""
    if shared.roles.content:
        return ""
    return "The data have no column with the role 'text', 'feature', 'embedding' or 'image'."


def lacks_label(shared: Shared) -> str:
    """Say that there is no label column; empty where there is one."""
    return "" if shared.roles.label else "The data have no label column."


def graph_notes(neighbours: Neighbours) -> list[str]:
    """Say what is not exact in a neighbour graph."""
    if neighbours.exact:
        return []
    return [f"Neighbours are approximate: {neighbours.recall:.1%} of the true ones were found."]


def copy_groups(shared: Shared) -> Codes:
    """Return a number for each row, the same for rows whose content is equal.

    Shape (n,), 0, 1, … in the order in which the contents come. Vectors are equal as float32, all
    else to the letter.

    Raises:
        DataError: a column of vectors of different lengths.
    """
    table, content = shared.table, shared.roles.content
    vectors = [name for name in content if is_vector(table.schema.field(name).type)]
    hashes = [row_hashes(encode_vectors(table, name)) for name in vectors]
    if others := {name: shared.roles.columns[name] for name in content if name not in vectors}:
        query = f"SELECT {fingerprint_sql(Roles(columns=others))} AS content FROM source"
        hashes.append(_distinct(over_rows(table, query).column("content")).astype(np.uint64))
    mixed = np.zeros(table.num_rows, dtype=np.uint64)
    for one in hashes:
        mixed = mixed_bits(mixed ^ mixed_bits(one))
    return numbered(mixed, np.ones(len(mixed), dtype=np.bool_))


def _distinct(texts: pa.ChunkedArray) -> Codes:
    if not len(texts):
        return np.zeros(0, dtype=np.int64)
    codes: Codes = pc.dictionary_encode(texts).combine_chunks().indices.to_numpy()
    return codes


def connected(edges: Sequence[Codes], rows: int) -> Codes:
    """Return the group of each row: shape (rows,), -1 for a row in no pair.

    Args:
        edges: pairs of rows, each of shape (m, 2); who is in a pair with whom is in its group.
        rows: n.

    Returns:
        Numbers 0, 1, … in the order of the groups' first rows.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    both = np.concatenate([np.zeros((0, 2), dtype=np.int64), *edges])
    ones = np.ones(len(both), dtype=np.bool_)
    graph = coo_matrix((ones, (both[:, 0], both[:, 1])), shape=(rows, rows))
    _, component = connected_components(graph, directed=False)
    return numbered(component.astype(np.int64), np.bincount(component, minlength=1)[component] > 1)


def numbered(groups: Codes | Hashes, counts: Flags) -> Codes:
    """Number groups 0, 1, … as they come, and give -1 to the rows that do not count."""
    found = np.full(len(groups), -1, dtype=np.int64)
    if counts.any():
        _, first, inverse = np.unique(groups[counts], return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        found[counts] = place[inverse]
    return found


def first_rows(groups: Codes) -> Codes:
    """Return the first row of each group; see `numbered`."""
    rows = np.flatnonzero(groups >= 0)
    _, first = np.unique(groups[rows], return_index=True)
    found: Codes = rows[first]
    return found


def keys_of(shared: Shared, rows: Codes) -> list[str]:
    """Return the record keys of some rows."""
    keys: list[str] = shared.record_keys.take(pa.array(rows)).to_pylist()
    return keys


def parts_of(distances: Vector, typical: float) -> list[str]:
    """Write distances as parts of the typical one, for a person."""
    if typical <= 0:
        return ["0%"] * len(distances)
    return [percent(min(float(d) / typical, 9.99)) for d in distances]

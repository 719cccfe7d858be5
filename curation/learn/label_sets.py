"""A label column of sets of classes as numbers: which classes each row was given."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import LabelError
from curation.learn.arrays import Codes
from curation.learn.labels import labels_as_text

MIN_ROWS = 10
MAX_CELLS = 200_000_000
"""Rows times classes, at most: one float32 matrix of it takes 0.8 GB."""

Members = npt.NDArray[np.bool_]
"""Shape (m, k), bool: which of k classes each of m rows has."""


@dataclass(frozen=True)
class LabelSets:
    """The classes of a label column, and which of them each labelled row has.

    Attributes:
        members: shape (m, k).
        rows: shape (m,), the places of the labelled rows in the data; rising.
        classes: the k classes as text; numbers in order of size, all else in order of text.
        notes: what was left out.
    """

    members: Members
    rows: Codes
    classes: list[str]
    notes: list[str] = field(default_factory=list)


def is_list(kind: pa.DataType) -> bool:
    """Say whether a column holds a list a row."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def read_label_sets(table: pa.Table, column: str, separator: str) -> LabelSets:
    """Return which classes each row has, from lists or from texts with a separator.

    A null and a blank text are no label; an empty list says that the row has none of the classes.
    White space around a class, and classes that are named twice, make no difference.

    Raises:
        LabelError: a column of other things, texts of which none has the separator, fewer than 10
            labelled rows, fewer than two classes, or too many of them.
    """
    values = table.column(column)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    lists, notes = _lists(values, column, separator)
    flat = lists.flatten()
    if not (_is_scalar(flat.type) or pa.types.is_null(flat.type)):
        raise LabelError(
            f"Label column '{column}' holds lists of {flat.type}. Give lists of texts or numbers, "
            "a class each."
        )
    words = pc.utf8_trim_whitespace(_as_text(flat))
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.large_string()), words)
    coded = pc.dictionary_encode(words)
    names: list[str] = coded.dictionary.to_pylist()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    labelled = pc.is_valid(lists).to_numpy(zero_copy_only=False)
    _check(column, labelled, names)
    is_number = pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type)
    order = sorted(range(len(names)), key=lambda i: (float(names[i]) if is_number else 0, names[i]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    members = np.zeros((len(lists), len(names)), dtype=np.bool_)
    owner = np.repeat(np.arange(len(lists)), lengths)
    known = pc.is_valid(coded.indices).to_numpy(zero_copy_only=False)
    indices = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    members[owner[known], rank[indices[known]]] = True
    rows = np.flatnonzero(labelled)
    missing = len(lists) - len(rows)
    if missing:
        notes.append(f"{missing:,} of {len(lists):,} rows without a label left out.")
    return LabelSets(members[rows], rows, [names[i] for i in order], notes)


def write_label_sets(
    members: Members, classes: list[str], kind: pa.DataType, separator: str
) -> pa.Array:
    """Return sets of classes as text, as the label column's own values are written: length m.

    Args:
        members: shape (m, k).
        classes: the k classes.
        kind: the label column's type.
        separator: what stands between classes in texts.
    """
    row, place = np.nonzero(members)
    offsets = np.searchsorted(row, np.arange(len(members) + 1)).astype(np.int32)
    names = pa.array(classes, pa.string()).take(pa.array(place))
    lists = pa.ListArray.from_arrays(pa.array(offsets), names)
    if is_list(kind):
        return labels_as_text(pa.chunked_array([lists])).combine_chunks().cast(pa.string())
    return pc.binary_join(lists, separator)


def _lists(values: pa.ChunkedArray, column: str, separator: str) -> tuple[pa.Array, list[str]]:
    """Return a column as one array of lists, null where a row has no label."""
    if is_list(values.type):
        whole = values.combine_chunks()
        # A slice of a fixed-size list hides its nulls' items; a plain list has none for them.
        return whole.cast(pa.large_list(values.type.value_type)), []
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise LabelError(
            f"Label column '{column}' holds {values.type}. Several classes a row are a list of "
            f"texts or numbers, or a text with a separator such as 'card{separator}refund'."
        )
    texts = values.cast(pa.large_string())
    if not pc.any(pc.match_substring(texts, separator)).as_py():
        raise LabelError(
            f"No label of '{column}' has '{separator}' in it, so each row has one class at most. "
            "Say which separator stands between classes, or use the finder 'label'."
        )
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    texts = pc.if_else(blank, pa.scalar(None, pa.large_string()), texts)
    lists = pc.split_pattern(texts, separator).combine_chunks()
    return lists.cast(pa.large_list(pa.large_string())), []


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.large_string())
    text = labels_as_text(pa.chunked_array([values]))
    return text.cast(pa.large_string()).combine_chunks()


def _is_scalar(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind))


def _check(column: str, labelled: npt.NDArray[np.bool_], names: list[str]) -> None:
    rows = int(labelled.sum())
    if rows < MIN_ROWS:
        raise LabelError(
            f"Label column '{column}' has {rows:,} labelled rows of {len(labelled):,}. "
            f"At least {MIN_ROWS} are needed to learn what the classes look like."
        )
    if len(names) < 2:
        raise LabelError(
            f"Label column '{column}' has {len(names)} class{'es' * (not names)}. At least two are "
            "needed to learn which rows have which."
        )
    if len(labelled) * len(names) > MAX_CELLS:
        raise LabelError(
            f"Label column '{column}' has {len(names):,} classes in {len(labelled):,} rows, which "
            f"is more than {MAX_CELLS:,} pairs of the two. Search in a sample of the rows."
        )

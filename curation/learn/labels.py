"""A label column as numbers: which class each row was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import LabelError, UnknownNameError
from curation.learn.arrays import Codes

MIN_ROWS = 5
MAX_CLASSES = 10_000
NO_LABEL = -1


@dataclass(frozen=True)
class Labels:
    """The classes of a label column, and the class of each row.

    Attributes:
        codes: shape (n,), int64: position in `classes`, or -1 for a row without a label.
        classes: the k classes as text; numbers in order of size, all else in order of text.
        notes: what was left out, and which classes are too small to learn.
    """

    codes: Codes
    classes: list[str]
    notes: list[str] = field(default_factory=list)


def encode_labels(table: pa.Table, column: str) -> Labels:
    """Return the class of each row, once the column is known to hold classes.

    A null, a NaN and a blank text are no label.

    Raises:
        UnknownNameError: the table has no such column.
        LabelError: fewer than 5 labelled rows, one class only, or so many classes (more than
            10,000, or more than half as many as rows) that the column is no label.
    """
    if column not in table.column_names:
        raise UnknownNameError("column", column, table.column_names)
    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise LabelError(
            f"Label column '{column}' holds {values.type}, not one class a row. "
            "Choose a column of texts or numbers as the label."
        )
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    words, indices = _distinct(values)
    counts = np.bincount(indices + 1, minlength=len(words) + 1)[1:]
    _check(column, len(indices), counts, words)
    classes = words.to_pylist()
    order = np.array(sorted(range(len(classes)), key=_sort_key(classes, kind)), dtype=np.int64)
    rank = np.full(len(classes) + 1, NO_LABEL, dtype=np.int64)  # the last place serves NO_LABEL
    rank[order] = np.arange(len(classes))
    classes = [classes[i] for i in order]
    return Labels(rank[indices], classes, _notes(classes, counts[order], indices))


def labels_as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return labels as text, as DuckDB casts them, so that they match the lake's.

    A null, a NaN and a blank text are null.
    """
    import duckdb

    from curation.lake.records import label_sql

    column = pa.table({"label": values})
    with duckdb.connect() as connection:
        relation = connection.from_arrow(column)
        query = f"SELECT {label_sql('label', str(relation.types[0]))} AS label FROM labels"
        connection.register("labels", column)
        text = connection.execute(query).to_arrow_table().column("label")
    blank = pc.equal(pc.utf8_trim_whitespace(text), "")
    return pc.if_else(blank, pa.scalar(None, text.type), text)


def _distinct(values: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """Return the labels as distinct texts, and the place of each row's, -1 for no label."""
    if pa.types.is_null(values.type):
        values = values.cast(pa.string())
    if pa.types.is_dictionary(values.type):
        values = pa.table({"label": values}).unify_dictionaries().column("label")
    coded = pc.dictionary_encode(values).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # an empty one
        return pa.array([], pa.string()), np.zeros(0, dtype=np.int64)
    # Only distinct values are written as text; two of them may be one text.
    texts = labels_as_text(pa.chunked_array([coded.dictionary])).combine_chunks()
    again = pc.dictionary_encode(texts)
    place = np.append(_filled(again.indices), NO_LABEL)
    indices = place[_filled(coded.indices)]
    used = np.bincount(indices + 1, minlength=len(again.dictionary) + 1)[1:] > 0
    number = np.append(np.cumsum(used) - 1, NO_LABEL)
    return again.dictionary.filter(pa.array(used)), number[indices]


def _filled(indices: pa.Array) -> Codes:
    codes: Codes = pc.fill_null(indices.cast(pa.int64()), NO_LABEL).to_numpy()
    return codes


def _sort_key(words: list[str], kind: pa.DataType) -> Callable[[int], tuple[float, str]]:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return lambda i: (float(words[i]), words[i])
    return lambda i: (0.0, words[i])


def _check(column: str, rows: int, counts: Codes, words: pa.Array) -> None:
    labelled = int(counts.sum())
    if labelled < MIN_ROWS:
        raise LabelError(
            f"Label column '{column}' has {_rows(labelled)} with a label, of {rows:,}. "
            f"At least {MIN_ROWS} are needed to learn what the classes look like."
        )
    if len(words) == 1:
        raise LabelError(
            f"Label column '{column}' has one class only, '{_short(words[0].as_py())}', in "
            f"{labelled:,} rows. A label error is a row that looks like another class, "
            "so at least two are needed."
        )
    if len(words) > MAX_CLASSES or len(words) > labelled / 2:
        raise LabelError(
            f"Label column '{column}' has {len(words):,} different values in {labelled:,} labelled "
            "rows: it looks like an identifier, a number or a text. "
            f"Choose a column with at most {MAX_CLASSES:,} classes, each in two rows or more."
        )


def _notes(classes: list[str], counts: Codes, indices: Codes) -> list[str]:
    notes = []
    missing = int((indices < 0).sum())
    if missing:
        notes.append(f"{_rows(missing)} without a label, which teach nothing and get a suggestion.")
    single = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if single:
        listed = ", ".join(f"'{_short(name)}'" for name in single[:5])
        listed += f" and {len(single) - 5:,} more" if len(single) > 5 else ""
        notes.append(
            f"{len(single):,} {'class has' if len(single) == 1 else 'classes have'} one row only "
            f"({listed}): no other row shows what it looks like, so the row ranks low, and is "
            "not flagged."
        )
    return notes


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"

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
MAX_CLASSES = 2_000
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
        LabelError: fewer than 5 labelled rows, one class only, or so many classes (more than 2,000,
            or more than half as many as rows) that the column is no label.
    """
    if column not in table.column_names:
        raise UnknownNameError("column", column, table.column_names)
    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise LabelError(
            f"Label column '{column}' holds {values.type}, not one class a row. "
            "Choose a column of texts or numbers as the label."
        )
    coded = pc.dictionary_encode(_text(values)).combine_chunks()
    words, counts = coded.dictionary.to_pylist(), None
    indices = coded.indices.fill_null(NO_LABEL).to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.bincount(indices[indices >= 0], minlength=len(words))
    _check(column, len(indices), int(counts.sum()), words)
    order = sorted(range(len(words)), key=_sort_key(words, values.type))
    rank = np.full(len(words) + 1, NO_LABEL, dtype=np.int64)  # the last place serves NO_LABEL
    rank[order] = np.arange(len(words))
    classes = [words[i] for i in order]
    return Labels(rank[indices], classes, _notes(classes, counts[order], indices))


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return labels as text, as DuckDB casts them, so that they match the lake's."""
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


def _sort_key(words: list[str], kind: pa.DataType) -> Callable[[int], tuple[float, str]]:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return lambda i: (float(words[i]), words[i])
    return lambda i: (0.0, words[i])


def _check(column: str, rows: int, labelled: int, words: list[str]) -> None:
    if labelled < MIN_ROWS:
        raise LabelError(
            f"Label column '{column}' has {_rows(labelled)} with a label, of {rows:,}. "
            f"At least {MIN_ROWS} are needed to learn what the classes look like."
        )
    if len(words) == 1:
        raise LabelError(
            f"Label column '{column}' has one class only, '{_short(words[0])}', in "
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
        notes.append(f"{_rows(missing)} without a label {_were(missing)} left out.")
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


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"

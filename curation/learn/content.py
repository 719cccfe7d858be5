"""Which columns a model looks at, and how: as texts, as vectors, as features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import UnknownNameError, UsageError
from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Hashes, Matrix, mixed_bits, row_hashes
from curation.learn.tabular import can_encode, encode_features
from curation.learn.text import distinct_texts, joined_text, text_hashes
from curation.learn.vectors import encode_vectors, is_vector


@dataclass(frozen=True)
class Content:
    """What a model looks at, row by row; any part may be missing.

    Attributes:
        texts: the distinct texts, or None when no column is text.
        text_of: shape (n,), the position of each row's text in `texts`.
        vectors: one matrix (n, d) a vector column, NaN where missing.
        features: shape (n, d), NaN where missing; None when no column is a feature.
        notes: columns that could not be used.
    """

    texts: pa.LargeStringArray | None
    text_of: Codes
    vectors: list[Matrix]
    features: Matrix | None
    notes: list[str]

    @property
    def is_dense(self) -> bool:
        """Whether there are texts or vectors."""
        return self.texts is not None or bool(self.vectors)

    @cached_property
    def dense_hashes(self) -> Hashes:
        """A hash of each row's texts and vectors, to the letter: shape (n,)."""
        parts = [] if self.texts is None else [text_hashes(self.texts)[self.text_of]]
        return _mixed_hashes([*parts, *map(row_hashes, self.vectors)], len(self.text_of))

    @cached_property
    def feature_hashes(self) -> Hashes:
        """A hash of each row's features: shape (n,)."""
        parts = [] if self.features is None else [row_hashes(self.features)]
        return _mixed_hashes(parts, len(self.text_of))


def _mixed_hashes(parts: list[Hashes], rows: int) -> Hashes:
    mixed = np.zeros(rows, dtype=np.uint64)
    for part in parts:
        mixed = mixed_bits(mixed ^ part)
    return mixed


def read_content(table: pa.Table, roles: Roles) -> Content:
    """Return the content columns of a table as numbers and distinct texts.

    Raises:
        UnknownNameError: a role names a column that the table lacks.
        UsageError: no column can be learned from.
    """
    for column in roles.content:
        if column not in table.column_names:
            raise UnknownNameError("column", column, table.column_names)
    kinds = {column: table.schema.field(column).type for column in roles.content}
    text = [column for column in roles.having("text") if column in kinds]
    rest = [column for column in roles.content if column not in text]
    vectors = [column for column in rest if is_vector(kinds[column])]
    features = [column for column in rest if can_encode(kinds[column])]
    unusable = [column for column in rest if column not in vectors + features]
    notes = [
        f"Column '{name}' ({kinds[name]}) cannot be learned from yet; not used."
        for name in unusable
    ]
    matrix = encode_features(table, features) if features else None
    if matrix is not None and not matrix.shape[1]:
        notes.append(f"{_listed(features)} hold one value only; not used.")
        matrix = None
    read = {name: encode_vectors(table, name) for name in vectors}
    hollow = [name for name, block in read.items() if not block.shape[1]]
    notes += [f"Column '{name}' holds no vector; not used." for name in hollow]
    blocks = [block for block in read.values() if block.shape[1]]
    if not text and not blocks and matrix is None:
        raise UsageError(_nothing(table, roles, notes))
    texts, text_of = None, np.zeros(table.num_rows, dtype=np.int64)
    if text:
        texts, text_of = distinct_texts(joined_text([table.column(name) for name in text]))
        blank = pc.equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False)
        empty = int(blank[text_of].sum())
        if empty:
            notes.append(f"{empty:,} row{'s have' if empty > 1 else ' has'} no text.")
    return Content(texts, text_of, blocks, matrix, notes)


def _nothing(table: pa.Table, roles: Roles, notes: list[str]) -> str:
    listed = ", ".join(
        f"{name} ({roles.role_of(name) or 'no role'})" for name in table.column_names[:12]
    )
    return " ".join(
        [
            "There is no column to learn from.",
            *notes[:3],
            f"Columns: {listed}.\nSay which column holds the content: --text COL for texts, "
            "or give a column the role 'feature' or 'embedding'.",
        ]
    )


def _listed(columns: list[str]) -> str:
    names = ", ".join(f"'{name}'" for name in columns[:5])
    return f"Columns {names}{' and others' if len(columns) > 5 else ''}"

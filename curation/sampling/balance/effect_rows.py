"""The rows that options of balancing are measured on: labelled, not too many, copies together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from curation.errors import DataError, LabelError
from curation.learn.alike import leave_out_groups
from curation.learn.arrays import Codes, Matrix, mixed_bits
from curation.learn.content import Content
from curation.learn.neighbours import near_pairs
from curation.learn.shared import Shared
from curation.learn.text import text_hashes
from curation.progress import Progress, part
from curation.sampling.balance.effect_models import unit_columns

MOST_ROWS: Final = 20_000
MOST_CELLS: Final = 500_000
"""Rows times classes are no more, so that it ends within about half a minute."""
MOST_CLASSES: Final = 200
LEAST_ROWS: Final = 50


@dataclass(frozen=True)
class MeasuredRows:
    """Rows in an order that follows from what they hold.

    Attributes:
        matrix: shape (n, d), float32, columns of one spread, rows of length 1 on average.
        codes: shape (n,), 0 to k - 1.
        classes: the k classes.
        counts: class to rows with a label, before any were left aside.
        groups: shape (n,); the rows of a group stay on one side of a fold.
        is_tabular: whether there are features and nothing else to learn from.
        notes: what was left aside.
    """

    matrix: Matrix
    codes: Codes
    classes: list[str]
    counts: dict[str, int]
    groups: Codes
    is_tabular: bool
    notes: list[str] = field(default_factory=list)


def rows_to_measure(shared: Shared, seed: int, progress: Progress) -> MeasuredRows:
    """Return the labelled rows, or as many of each class in proportion as are quick to learn from.

    Which ones is decided by a hash of the record key.

    Raises:
        LabelError: nothing can be learned from the label column, or there are more than 200
            classes.
        DataError: fewer than 50 rows have a label, or all rows hold the same.
        UsageError: no column can be learned from.
    """
    labels = shared.labels
    labelled = np.flatnonzero(labels.codes >= 0)
    _check(len(labelled), labels.classes)
    sizes = np.bincount(labels.codes[labelled], minlength=len(labels.classes))
    most = min(MOST_ROWS, MOST_CELLS // len(labels.classes))
    notes = []
    if len(labelled) < len(labels.codes):
        left = len(labels.codes) - len(labelled)
        notes.append(f"{left:,} row{'' if left == 1 else 's'} without a label: not used.")
    chosen = labelled
    if len(labelled) > most:
        chosen = _drawn(shared, labelled, sizes, most, seed)
        notes.append(
            f"Measured on {len(chosen):,} of {len(labelled):,} labelled rows, the same part of "
            "each class, drawn by a hash of the record key."
        )
    if len(chosen) < len(labels.codes):
        shared = Shared(shared.table.take(pa.array(chosen)), shared.roles, shared.settings)
    matrix = unit_columns(shared.features(part(progress, 0.0, 0.6)))
    content, codes = shared.content, shared.labels.codes
    near = near_pairs(shared.neighbours(part(progress, 0.6, 1.0))) if content.is_dense else None
    alike = leave_out_groups(shared.table, codes, shared.roles, content, near)
    order = np.lexsort((codes, _hashes(content), alike.groups))
    counts = dict(zip(labels.classes, sizes.tolist(), strict=True))
    is_tabular = not shared.roles.having("text", "embedding", "image")
    return MeasuredRows(
        matrix[order], codes[order], shared.labels.classes, counts, alike.groups[order], is_tabular,
        [*notes, *content.notes, *alike.notes],
    )  # fmt: skip


def _check(rows: int, classes: list[str]) -> None:
    if rows < LEAST_ROWS:
        raise DataError(
            f"{rows:,} rows have a label; below {LEAST_ROWS} no effect of balancing can be told "
            "from chance. Label more rows, or decide without figures."
        )
    if len(classes) > MOST_CLASSES:
        raise LabelError(
            f"There are {len(classes):,} classes; the effect of balancing is measured for up to "
            f"{MOST_CLASSES}. Merge classes, or keep only some of them by a filter."
        )


def _drawn(shared: Shared, labelled: Codes, sizes: Codes, most: int, seed: int) -> Codes:
    """Return the places of the drawn rows; a class keeps the same part, rounded up."""
    keys = shared.record_keys.combine_chunks().cast(pa.large_string())
    chance = mixed_bits(text_hashes(keys)[labelled] + np.uint64(seed % 2**64))
    codes = shared.labels.codes[labelled]
    order = np.lexsort((chance, codes))
    rank = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[codes[order]]
    wanted = np.ceil(np.round(sizes * (most / len(labelled)), 6)).astype(np.int64)
    places: Codes = np.sort(labelled[order[rank < wanted[codes[order]]]])
    return places


def _hashes(content: Content) -> Codes:
    found: Codes = mixed_bits(content.dense_hashes ^ content.feature_hashes)
    return found

"""Find identifiers, dates and an order of rows that tell the label."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import ROWS, Finder, Finding
from curation.finders.column_power import (
    NOTHING,
    LabelledSample,
    Power,
    binned,
    code_power,
    column_power,
    labelled_sample,
)
from curation.finders.columns import (
    coded,
    column_finding,
    columns_having,
    is_number,
    is_scalar,
    is_text,
    numbers,
    plain,
    subject,
)
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

ORDER = "order of the rows"
_CERTAIN = 6.0
_UNIQUE = 0.99
_LEAST_ROWS = 40
_MEAN_IDENTIFIER = 40
_GAPS = 3


class IdentifierLeakage(Finder):
    """Keys, dates or the order of the rows from which the label can be guessed.

    An identifier should say nothing of the label. Where it does, the data were put together class
    by class, the key was given out after the label, or the label drifts over time; a model that
    sees the identifier learns that, and a split by position or by key is not fair. Keys,
    timestamps, the place of a row in the data, and features that number the rows are each tried
    alone: what they say is learned on half of the rows and measured on the other (see
    `curation.finders.column_power`). The score is 1 minus the share of the label's uncertainty that
    is taken away. A feature that numbers the rows without a gap is flagged even when it says
    nothing, as Datalab does. After Deepchecks' identifier-label correlation.
    """

    name: ClassVar[str] = "identifier_leakage"
    title: ClassVar[str] = "Identifiers that tell the label"
    scores: ClassVar[str] = (
        "1 minus the share of the label's uncertainty that the identifier takes away: 0 tells all."
    )
    advice: ClassVar[str] = (
        "Keep identifiers out of the features, shuffle the rows, and split by time or by entity."
    )

    gain: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        title="Gain",
        description="Share of the label's uncertainty that an identifier may take away at most.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no label."""
        return "" if shared.roles.label else "The data have no label column."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for identifiers that tell the label."""
        progress(0.0, "choosing rows to measure on")
        sample = labelled_sample(shared)
        if isinstance(sample, str):
            return column_finding(self, shared, ROWS.empty_table(), [], notes=[sample])
        columns, notes = columns_having(shared, "key", "timestamp", "feature")
        columns = [name for name in columns if is_scalar(shared.table.schema.field(name).type)]
        subjects: list[dict[str, Any]] = [self._order(sample, shared.table.num_rows)]
        for place, column in enumerate(columns):
            progress(place / len(columns), f"trying {column}")
            found = self._column(shared, sample, column)
            subjects += [found] if found else []
        return column_finding(
            self,
            shared,
            ROWS.empty_table(),
            subjects,
            notes=[*notes, *sample.notes],
            classes=len(sample.classes),
        )

    def _order(self, sample: LabelledSample, size: int) -> dict[str, Any]:
        power = code_power(sample, binned(sample.rows.astype(np.float64)))
        line = None
        tells = self._tells(power)
        if tells:
            line = (
                f"The place of a row in the data tells its label: it {power.told()}. "
                "The rows are sorted by class, source or time."
            )
        return subject("dataset", ORDER, 1 - power.gain, tells, size, line)

    def _column(self, shared: Shared, sample: LabelledSample, column: str) -> dict[str, Any] | None:
        role = shared.roles.role_of(column)
        values = plain(shared.table.column(column))
        counter = role == "feature" and numbers_rows(values)
        if role == "feature" and not counter and not is_key_like(values):
            return None
        power = _power(sample, sample.take(shared.table.select([column])).column(column))
        tells = self._tells(power)
        line = None
        if tells:
            what = {"key": "key", "timestamp": "time"}.get(role or "", "identifier")
            line = f"The {what} '{column}' tells the label: it {power.told()}."
        elif counter:
            line = (
                f"'{column}' numbers the rows without a gap, so as a feature it can only tell "
                "their order. Give it the role key or ignore."
            )
        rows = len(values) - values.null_count
        return subject("column", column, 1 - power.gain, tells or counter, rows, line)

    def _tells(self, power: Power) -> bool:
        return power.gain >= self.gain and power.deviations >= _CERTAIN


def numbers_rows(values: pa.ChunkedArray) -> bool:
    """Say whether a column holds the whole numbers from one to another, each once."""
    if not is_number(values.type) or values.null_count or len(values) < _LEAST_ROWS:
        return False
    found = numbers(values)
    low, high = float(found.min()), float(found.max())
    if high - low + 1 != len(found):  # also where it holds NaN or infinity
        return False
    return bool((found == np.floor(found)).all()) and len(np.unique(found)) == len(found)


def is_key_like(values: pa.ChunkedArray) -> bool:
    """Say whether nearly each row has a value of its own, short and without fractions.

    Measures such as a price or a length may all differ as well, and lie farther apart than numbers
    that were given out one after the other.
    """
    values = plain(values)
    known: int = len(values) - values.null_count
    if known < _LEAST_ROWS or pa.types.is_floating(values.type) or not _can_be_key(values):
        return False
    distinct = int(pc.count_distinct(values).as_py())
    return distinct >= _UNIQUE * known


def _can_be_key(values: pa.ChunkedArray) -> bool:
    if is_text(values.type):
        length = pc.mean(pc.utf8_length(values)).as_py()
        spaces = pc.mean(pc.cast(pc.match_substring(values, " "), pa.float64())).as_py()
        return bool(length is not None and length <= _MEAN_IDENTIFIER and spaces < 0.5)
    if not pa.types.is_integer(values.type):
        return False
    found = numbers(values)
    return float(np.nanmax(found) - np.nanmin(found)) < _GAPS * len(found)


def _power(sample: LabelledSample, values: pa.ChunkedArray) -> Power:
    """Return what an identifier tells: as a number, and a text by its order, start and number."""
    values = plain(values)
    if not is_text(values.type):
        return column_power(sample, values)
    texts = values.cast(pa.large_string())
    words = coded(texts)
    rank = pc.rank(words.words, "ascending", tiebreaker="dense").to_numpy().astype(np.float64)
    in_order = np.append(rank, np.nan)[words.codes]  # -1, missing, reads the last
    start = pc.replace_substring_regex(texts, r"[0-9].*$", "")
    number = pc.struct_field(pc.extract_regex(texts, r"(?P<n>[0-9]{1,15})"), "n")
    ways = [
        code_power(sample, binned(in_order)),
        column_power(sample, start),
        column_power(sample, number.cast(pa.float64())),
    ]
    return max([NOTHING, *ways], key=lambda power: power.gain)

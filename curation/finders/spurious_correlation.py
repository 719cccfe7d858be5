"""Find properties of rows that should not matter and yet tell the label, or turn it round."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import ROWS, Finder, Finding
from curation.finders.column_power import (
    LabelledSample,
    Power,
    binned,
    code_power,
    column_power,
    labelled_sample,
)
from curation.finders.columns import column_finding, is_scalar, plain, short, subject
from curation.finders.spurious_texts import TextLimits, text_slices
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

_CERTAIN = 6.0
_ORIGIN = frozenset({
    "source", "origin", "file", "filename", "path", "folder", "batch", "site", "vendor", "provider",
    "annotator", "labeler", "labeller", "worker", "rater", "device", "camera", "scanner", "domain",
    "channel", "importer", "crawl", "uploader",
})  # fmt: skip


class SpuriousCorrelation(Finder):
    """Properties that should not matter and yet tell the label.

    A model takes the easiest way: if reviews with HTML debris are all "bad", or long messages all
    spam, it learns that instead of the content. Looked at are, of tables: the number of missing
    values in a row, hour and weekday, the group, columns that say where a row came from, and
    sensitive columns; of texts: length, capitals, digits, punctuation, marks such as HTML, web
    addresses and odd signs, the first word, and each single word. What each says alone is learned
    on half of the rows and measured on the other half, with a margin of six standard errors, so
    that not one of thousands of words is named by chance.

    Texts with a mark are also checked against the others: a simple model of the words (naive
    Bayes), taught without them, guesses their labels. Where it is right less often than by chance
    though it does well elsewhere, the labels of these texts are probably turned round; those rows
    are flagged, with the model's guess as the suggestion. The idea of correlating properties with
    the label is that of cleanlab's Datalab, which does it for images.
    """

    name: ClassVar[str] = "spurious_correlation"
    title: ClassVar[str] = "Spurious correlations"
    scores: ClassVar[str] = (
        "Of a property, 1 minus what it tells of the label; of a row in a group of texts with odd "
        "labels, how likely its label is by the words of the other texts."
    )
    advice: ClassVar[str] = (
        "Clean the property away, collect rows in which it differs, or review rows that have it."
    )

    gain: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        title="Gain",
        description="Share of the label's uncertainty that a property may take away at most.",
    )
    word_gain: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        title="Gain of a word",
        description="The same for one word or the first word, which belong to the content.",
    )
    sensitive_gain: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        title="Gain of a sensitive column",
        description="The same for columns that are marked as sensitive.",
    )
    lift: float = Field(
        default=0.4,
        gt=0,
        lt=1,
        title="Difference of classes",
        description="How far the class mix of texts with a mark may differ from the others' "
        "(total variation distance, 0 to 1).",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no label."""
        return "" if shared.roles.label else "The data have no label column."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for properties that tell the label."""
        progress(0.0, "choosing rows to measure on")
        sample = labelled_sample(shared)
        if isinstance(sample, str):
            return column_finding(self, shared, ROWS.empty_table(), [], notes=[sample])
        subjects = self._columns(shared, sample, part(progress, 0.0, 0.3))
        rows, notes = ROWS.empty_table(), sample.notes
        if shared.roles.having("text"):
            limits = TextLimits(self.gain, self.word_gain, self.lift, _CERTAIN)
            texts = text_slices(shared, limits, part(progress, 0.3, 1.0))
            subjects, rows, notes = subjects + texts.subjects, texts.rows, notes + texts.notes
        return column_finding(
            self, shared, rows, subjects, notes=notes, classes=len(sample.classes)
        )

    def _columns(
        self, shared: Shared, sample: LabelledSample, progress: Progress
    ) -> list[dict[str, Any]]:
        table, roles = shared.table, shared.roles
        subjects = []
        empty = _missing_in_row(sample.take(table.select(roles.content)))
        if empty.any():
            power = code_power(sample, binned(empty.astype(np.float64)))
            subjects.append(
                self._judged(
                    "dataset",
                    "number of missing values",
                    power,
                    self.gain,
                    int(np.count_nonzero(empty)),
                )
            )
        for column in _suspects(shared):
            progress(0.5, f"trying {column}")
            sensitive = column in roles.sensitive
            values = sample.take(table.select([column])).column(column)
            limit = self.sensitive_gain if sensitive else self.gain
            for what, shown in _readings(column, values):
                power = column_power(sample, shown)
                subjects.append(self._judged("column", what, power, limit, len(shown)))
        return subjects

    def _judged(
        self, kind: str, name: str, power: Power, limit: float, rows: int
    ) -> dict[str, Any]:
        tells = power.gain >= limit and power.deviations >= _CERTAIN
        line = None
        if tells:
            line = f"'{short(name)}' alone {power.told()}."
        return subject(kind, name, 1 - power.gain, tells, rows, line)


def _suspects(shared: Shared) -> list[str]:
    """Return the columns that say who, when and where from, not what."""
    roles, kinds = shared.roles, shared.table.schema
    wanted = {*roles.having("timestamp", "group", "annotator"), *roles.sensitive}
    for name in roles.having("feature"):
        if _ORIGIN & set(name.lower().replace("-", "_").replace(" ", "_").split("_")):
            wanted.add(name)
    wanted.discard(roles.label or "")
    there = [name for name in shared.table.column_names if name in wanted]
    return [name for name in there if is_scalar(kinds.field(name).type)]


def _readings(column: str, values: pa.ChunkedArray) -> list[tuple[str, pa.ChunkedArray]]:
    """Return what is tried of a column: of a time the hour and weekday, else the value."""
    kind = plain(values).type
    if pa.types.is_timestamp(kind):
        return [
            (f"hour of {column}", pc.cast(pc.hour(values), pa.string())),
            (f"weekday of {column}", pc.cast(pc.day_of_week(values), pa.string())),
        ]
    if pa.types.is_date(kind):
        day = pc.day_of_week(pc.cast(values, pa.timestamp("s")))
        return [(f"weekday of {column}", pc.cast(day, pa.string()))]
    return [(column, values)]


def _missing_in_row(table: pa.Table) -> Any:
    count = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        count += pc.is_null(plain(column), nan_is_null=True).to_numpy()
    return count

"""Find columns that say the same in every row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import ROWS, Finder, Finding
from curation.finders.columns import (
    column_finding,
    columns_having,
    counted,
    is_scalar,
    percent,
    plain,
    short,
    subject,
)
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

_PROBES = 201


class Constant(Finder):
    """Columns that hold one value in every row, or in nearly every row.

    Nothing can be learned from them; a value that is missing counts as a value. Often a filter, a
    join or an export went wrong. Deepchecks has the same check as "is single value".
    """

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "Constant columns"
    scores: ClassVar[str] = "The share of rows that hold another value than the most frequent one."
    advice: ClassVar[str] = "Find out why the column never varies, or give it the role ignore."

    share: float = Field(
        default=0.999,
        gt=0.5,
        le=1,
        title="Share of one value",
        description="A column is flagged when one value fills at least this share of the rows.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no column to look at."""
        looked_at = shared.roles.having("text", "feature", "timestamp", "group", "label")
        return "" if looked_at else "The data have no column with a value that could vary."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for constant columns."""
        columns, notes = columns_having(shared, "text", "feature", "timestamp", "group", "label")
        subjects = []
        size = shared.table.num_rows
        for place, column in enumerate(columns):
            progress(place / len(columns), f"reading {column}")
            values = plain(shared.table.column(column))
            if size < 2 or not (is_scalar(values.type) or pa.types.is_null(values.type)):
                continue
            value, count = dominating(values)
            if count < self.share * size:
                continue
            others = size - count
            if value is None:
                said = "is empty"
            else:
                said = f"is '{short(value)}'" if value.strip() else "is blank"
            line = f"'{column}' {said} in {'all' if not others else percent(count, size)} of "
            line += f"{counted(size)}"
            line += f", and something else in {others:,}." if others else "."
            subjects.append(subject("column", column, others / size, True, count, line))
        return column_finding(self, shared, ROWS.empty_table(), subjects, notes=notes)


def dominating(values: pa.ChunkedArray) -> tuple[str | None, int]:
    """Return the value that fills most rows, as text, and how many; None is a missing value.

    Only a value that fills more than half the rows is sure to be found: it is the most frequent one
    of some rows that lie evenly over the column, then counted exactly.
    """
    places = np.unique(np.linspace(0, len(values) - 1, _PROBES).astype(np.int64))
    probes = values.take(pa.array(places))
    missing = pc.is_null(probes, nan_is_null=True)
    nulls = int(pc.sum(missing).as_py() or 0)
    known = probes.filter(pc.invert(missing))
    if nulls > len(probes) / 2:
        return None, int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0)
    frequent = pc.value_counts(known)
    best = frequent.field("values")[int(np.argmax(frequent.field("counts").to_numpy()))]
    count = int(pc.sum(pc.equal(values, best)).as_py() or 0)
    return str(best.cast(pa.large_string()).as_py()), count

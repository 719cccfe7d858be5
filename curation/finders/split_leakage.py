"""Find rows that tie the sides of a split together: copies, one entity on both, time gone back."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import UnknownNameError, UsageError
from curation.finders.base import ROWS, Finder, Finding, finding_rows
from curation.finders.columns import coded, column_finding, counted, is_scalar, joined_lines
from curation.finders.split_ties import (
    Sides,
    Tie,
    exact_copies,
    has_likeness,
    near_copies,
    shared_entities,
    sides_by_size,
    time_order,
)
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

SPLIT_NAMES = ("split", "fold", "set", "subset", "partition", "data_split", "train_test")
MAX_SIDES = 20
MAX_GUESSED_SIDES = 5


class SplitLeakage(Finder):
    """Rows that leak from one side of a split to another.

    A test is only fair when nothing in it was seen in training. Looked for are, between the sides
    that a column names (train, test, …): exact copies, whatever their case and spaces; near copies,
    by the distances to the nearest neighbours, where that is quick; one entity (a column with the
    role group) on both sides; and a test that begins before the training ends, where the split is
    meant to be in time. The rows on the smaller side are flagged. Near is a distance of at most
    0.13 of the median distance between nearest rows, as in cleanlab's Datalab; copies over splits
    are what FiftyOne calls leaky splits.
    """

    name: ClassVar[str] = "split_leakage"
    title: ClassVar[str] = "Leaks between the sides of a split"
    scores: ClassVar[str] = (
        "0 for an exact copy of a row on another side, up to 0.5 for other ties, 1 for none."
    )
    advice: ClassVar[str] = (
        "Exclude the flagged rows from the smaller side, or split by group or time."
    )

    column: str = Field(
        default="",
        title="Split column",
        description="The column that names each row's side; empty: a column named split, fold, "
        "set, subset or partition with two to five values.",
    )
    near: bool = Field(
        default=True, title="Near copies", description="Also look for copies that differ a little."
    )
    near_part: float = Field(
        default=0.13,
        gt=0,
        lt=1,
        title="How near",
        description="Part of the median distance between nearest rows within which one is a copy.",
    )

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for ties between the sides.

        Raises:
            UnknownNameError: the data have no such column.
            UsageError: the column names fewer than two sides, or more than 20.
        """
        progress(0.0, "reading the split")
        sides = self._sides(shared)
        if isinstance(sides, str):
            return column_finding(self, shared, ROWS.empty_table(), [], notes=[sides])
        notes: list[str] = []
        ties = self._ties(shared, sides, notes, progress)
        progress(0.9, "looking at times")
        subjects, early = time_order(shared, sides)
        ties += [early] if early else []
        subjects += [one for tie in ties for one in tie.subjects(sides)]
        rows = _rows(shared, sides, ties)
        return column_finding(self, shared, rows, subjects, notes=notes)

    def _ties(
        self, shared: Shared, sides: Sides, notes: list[str], progress: Progress
    ) -> list[Tie]:
        progress(0.1, "looking for copies")
        ties = []
        copies = exact_copies(shared, sides, notes)
        if copies:
            ties.append(copies)
        if self.near and has_likeness(shared) and shared.table.num_rows > 1:
            found = shared.neighbours_if_quick(part(progress, 0.2, 0.8))
            if found is None:
                notes.append("Near copies were not looked for: that many rows would take long.")
            elif found.indices.shape[1]:
                near = near_copies(sides, found, self.near_part)
                ties.append(near.without(copies.home >= 0) if copies else near)
        progress(0.8, "looking for entities on both sides")
        return ties + shared_entities(shared, sides)

    def _sides(self, shared: Shared) -> Sides | str:
        """Return the sides, or in one sentence why there are none."""
        columns = shared.table.column_names
        if self.column and self.column not in columns:
            raise UnknownNameError("column", self.column, columns)
        named = [name for name in columns if name.lower() in SPLIT_NAMES]
        for column in [self.column] if self.column else named:
            if not is_scalar(shared.table.schema.field(column).type):
                continue
            values = coded(shared.table.column(column))
            count = len(values.words)
            if 2 <= count <= (MAX_SIDES if self.column else MAX_GUESSED_SIDES):
                return sides_by_size(values)
            if self.column:
                raise UsageError(
                    f"Column '{column}' names {counted(count, 'side')} of a split; it must name 2 "
                    f"to {MAX_SIDES}, for example train and test."
                )
        if self.column:
            raise UsageError(
                f"Column '{self.column}' cannot name sides: it holds no texts or numbers."
            )
        return (
            "No column names the sides of a split (a column named split, fold, set, subset or "
            "partition with two to five values). Say which one does."
        )


def _rows(shared: Shared, sides: Sides, ties: list[Tie]) -> pa.Table:
    """Return all rows, each with its worst score, its first group and all that is said of it."""
    size = len(sides.codes)
    score = np.ones(size)
    group = np.full(size, -1, dtype=np.int64)
    start = 0
    for tie in ties:
        tied = tie.home >= 0
        score[tied] = np.minimum(score[tied], tie.score[tied])
        free = (group < 0) & (tie.group >= 0)
        group[free] = start + tie.group[free]
        start += int(tie.group.max(initial=-1)) + 1
    lines = joined_lines([tie.lines(sides) for tie in ties], size)
    return finding_rows(shared, score, score < 1, group=group, explanation=lines)

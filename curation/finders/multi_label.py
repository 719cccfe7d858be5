"""Rows with several classes, of which one is likely missing or wrong."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.columns import counted, is_text, short, subject
from curation.finders.confident import Filter, judge_labels
from curation.learn.arrays import Flags, Matrix, Vector
from curation.learn.calibration import calibrated
from curation.learn.label_sets import LabelSets, Members, is_list, read_label_sets, write_label_sets
from curation.learn.numeric_targets import groups_of, predict_left_out
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

_FORGETTING = 0.8
_COUNTED_SCORES = 32
"""Scores of classes beyond a row's lowest 32 weigh less than 1e-21 in its mean."""
_MANY = 0.1
_AT_LEAST = 3
_NAMED = 5
_LOOKED_AT = 10_000


class MultiLabel(Finder):
    """Find rows whose set of classes likely lacks one, or has one that is wrong.

    The label is a list of classes, or a text such as "card;refund". A model that did not see a row,
    its copies or its group says how likely each class is on its own; each class is then judged by
    confident learning, "has it" against "has it not", as in cleanlab's multi-label filter. A row is
    flagged when any of its classes is.
    """

    name: ClassVar[str] = "multi_label"
    title: ClassVar[str] = "Missing and wrong classes"
    scores: ClassVar[str] = (
        "How likely the given set is right, weighing the least likely classes most: 0 is surely "
        "wrong, 1 is clean."
    )
    advice: ClassVar[str] = "Check the classes that the explanation names, lowest scores first."

    separator: str = Field(
        default=";",
        min_length=1,
        max_length=10,
        title="Separator",
        description="What stands between the classes where the label is a text.",
    )
    filter_by: Filter = Field(
        default="prune_by_noise_rate",
        title="Which classes are flagged",
        description="A filter of confident learning, as cleanlab calls them.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say whether the label may hold several classes, and there is something to learn from."""
        if shared.roles.label is None:
            return f"Which column is the label? Columns: {', '.join(shared.table.column_names)}."
        kind = shared.table.schema.field(shared.label).type
        if not (is_list(kind) or is_text(kind)):
            return (
                f"The label '{shared.label}' holds {kind}, one class a row; this finder looks at "
                "lists of classes, or texts with a separator."
            )
        if is_text(kind) and not self._separates(shared.table.column(shared.label)):
            return (
                f"No label of '{shared.label}' has '{self.separator}' in it, so each row has one "
                "class at most; that is for the finder 'label'."
            )
        if not shared.roles.content:
            return "There is no column to learn from: give one the role 'text' or 'feature'."
        return ""

    def _separates(self, labels: pa.ChunkedArray) -> bool:
        texts = labels.slice(0, _LOOKED_AT).cast(pa.large_string())
        return bool(pc.any(pc.match_substring(texts, self.separator)).as_py())

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Score every row that has a label."""
        sets = read_label_sets(shared.table, shared.label, self.separator)
        groups, notes = groups_of(shared, sets.rows)
        learned = predict_left_out(
            shared, sets.rows, sets.members.astype(np.float32), groups=groups,
            progress=part(progress, 0.0, 0.7),
        )  # fmt: skip
        probabilities = calibrated(learned.values, sets.members)
        wrong, errors = self._judged(sets, probabilities, part(progress, 0.7, 0.95))
        progress(0.95, "explaining")
        is_issue: Flags = np.asarray(wrong.any(axis=1))
        kind = shared.table.schema.field(shared.label).type
        likely = write_label_sets(sets.members ^ wrong, sets.classes, kind, self.separator)
        rows = finding_rows(
            shared, set_quality(sets.members, probabilities), is_issue, rows=sets.rows,
            suggestion=pa.array(likely.to_pylist(), pa.string(), mask=~is_issue),
            explanation=_explained(sets, wrong, probabilities),
        )  # fmt: skip
        subjects = finding_subjects(_classes(sets, wrong))
        progress(1.0, f"{int(is_issue.sum()):,} likely wrong sets in {len(sets.rows):,} rows")
        return Finding(
            self.name, rows,
            summarise(rows, subjects, classes=len(sets.classes), estimated_errors=errors),
            subjects, probabilities, sets.classes, f"{learned.learner}, calibrated for each class",
            notes=[*sets.notes, *learned.notes, *notes, *_rare(sets)],
        )  # fmt: skip

    def _judged(
        self, sets: LabelSets, probabilities: Matrix, progress: Progress
    ) -> tuple[Members, int]:
        """Return which classes of which rows are likely wrong, and how many rows have such."""
        wrong = np.zeros_like(sets.members)
        clean, count = 1.0, len(sets.classes)
        for place in range(count):
            progress(place / count, "judging each class")
            has = sets.members[:, place]
            if not 1 < has.sum() < len(has) - 1:
                continue
            two = np.stack([1 - probabilities[:, place], probabilities[:, place]], axis=1)
            judged = judge_labels(has.astype(np.int64), two, filter_by=self.filter_by)
            wrong[:, place] = judged.is_issue
            clean *= 1 - judged.error_rate
        # As if the classes' errors fell on rows independently of each other.
        return wrong, round((1 - clean) * len(sets.rows))


def set_quality(members: Members, probabilities: Matrix) -> Vector:
    """Return how likely each row's set is right: shape (n,), 0 to 1.

    The probabilities of what was given (a class, or its absence), from the highest to the lowest,
    in a moving average that forgets 0.8: cleanlab's score of a set (Thyagarajan et al. 2022,
    "Identifying Incorrect Annotations in Multi-Label Classification Data").
    """
    given = np.where(members, probabilities, 1 - probabilities).astype(np.float64)
    if given.shape[1] > _COUNTED_SCORES:
        given = np.partition(given, _COUNTED_SCORES, axis=1)[:, :_COUNTED_SCORES]
    lowest_last = np.sort(given, axis=1)[:, ::-1]
    quality: Vector = lowest_last[:, 0]
    for column in lowest_last.T[1:]:
        quality = _FORGETTING * column + (1 - _FORGETTING) * quality
    return quality


def _explained(sets: LabelSets, wrong: Members, probabilities: Matrix) -> dict[int, str]:
    """Return a line for each flagged row: which classes it lacks, and which look wrong."""
    lines = {}
    for row in np.flatnonzero(wrong.any(axis=1)).tolist():
        places = np.flatnonzero(wrong[row])
        sure = np.abs(probabilities[row, places] - sets.members[row, places])
        parts = [
            f"'{short(sets.classes[place])}' "
            f"{'looks wrong' if sets.members[row, place] else 'is likely missing'} "
            f"({probabilities[row, place]:.0%} likely)"
            for place in places[np.argsort(-sure, kind="stable")][:_NAMED].tolist()
        ]
        more = len(places) - len(parts)
        lines[row] = "; ".join(parts) + (f"; and {more} more classes" if more else "") + "."
    return lines


def _classes(sets: LabelSets, wrong: Members) -> list[dict[str, Any]]:
    """Return how often each class is likely missing, and likely wrong."""
    has = sets.members.sum(axis=0)
    excess, missing = (wrong & sets.members).sum(axis=0), (wrong & ~sets.members).sum(axis=0)
    subjects = []
    for place, name in enumerate(sets.classes):
        found = int(excess[place] + missing[place])
        share = found / max(int(has[place] + missing[place]), 1)
        line = (
            f"'{short(name)}' is likely missing in {counted(int(missing[place]))} and looks wrong "
            f"in {int(excess[place]):,} of the {int(has[place]):,} that have it."
        )
        is_issue = found >= _AT_LEAST and share >= _MANY
        subjects.append(subject("class", name, 1 - share, is_issue, found, line))
    return subjects


def _rare(sets: LabelSets) -> list[str]:
    """Name the classes that cannot be judged."""
    has = sets.members.sum(axis=0)
    names = [
        name
        for name, count in zip(sets.classes, has.tolist(), strict=True)
        if not 1 < count < len(sets.members) - 1
    ]
    if not names:
        return []
    listed = ", ".join(f"'{short(name)}'" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return [
        f"Nearly all rows, or at most one, have {listed}{more}: nothing tells where that is wrong, "
        "so it is not judged."
    ]

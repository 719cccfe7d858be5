"""Find parts of the data for which the labels can hardly be predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.columns import columns_having, counted, percent, short, subject
from curation.finders.copies import keys_of, lacks_content, lacks_label
from curation.finders.slices import Part, binned, compared, different, slices
from curation.learn.arrays import Codes, Vector
from curation.learn.clusters import clusters
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

_MOST_SUBJECTS = 100
_OTHERS_LISTED = 20
_ROWS_PER_CLUSTER = 100
_MOST_CLUSTERS = 64


class UnderperformingGroup(Finder):
    """Parts of the data in which the given labels are far less likely than elsewhere.

    The quality of a label is its probability from a model that did not see the row. Its mean is
    compared with that of all other rows in clusters of similar rows (k-means), and in slices: the
    values, or fifths, of one column with the role feature, and of two. A part is flagged when its
    mean is well below that of the rest, and chance, corrected for how many parts were compared
    (Bonferroni), hardly makes it so. There the labels are bad, the classes cannot be told apart, or
    a model has seen too little.
    """

    name: ClassVar[str] = "underperforming_group"
    title: ClassVar[str] = "Underperforming groups"
    scores: ClassVar[str] = (
        "The mean label quality of the worst part that the row is in over that of the rest: 1 is "
        "as good as the rest or better."
    )
    advice: ClassVar[str] = (
        "Look at rows of the part: mend their labels if they are wrong, else collect more of them."
    )

    threshold: float = Field(
        default=0.75,
        gt=0,
        lt=1,
        title="Part of the quality elsewhere",
        description="A part is flagged when its mean label quality is below this part of the "
        "mean elsewhere.",
    )
    least_rows: int = Field(
        default=20,
        ge=2,
        le=1_000_000,
        title="Least rows",
        description="Smaller parts are not looked at.",
    )
    most_rows: float = Field(
        default=0.25,
        gt=0,
        le=1,
        title="Most rows",
        description="Rows of a part with a larger share of all rows are not flagged one by one; "
        "the part is.",
    )
    significance: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        title="Significance",
        description="The probability that chance makes one flagged part or more.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there are no labels, or nothing to group by."""
        return lacks_label(shared) or lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for parts that do badly."""
        progress(0.0, "learning")
        learned = shared.probabilities(part(progress, 0.0, 0.6))
        labelled = learned.rows
        quality = learned.probabilities[labelled, learned.codes[labelled]].astype(np.float64)
        groups, tried_groups = self._groups(shared, labelled, quality, part(progress, 0.6, 0.8))
        cut, tried, notes = self._slices(shared, labelled, quality, part(progress, 0.8, 1.0))
        tried += tried_groups
        parts = sorted([*groups, *cut], key=lambda one: (one.ratio, one.name))
        bad = [one for one in parts if self._is_bad(one, tried)]
        bad = different(bad, len(labelled), _MOST_SUBJECTS)
        small = [one for one in bad if len(one.rows) <= self.most_rows * len(labelled)]
        if len(small) < len(bad):
            notes.append(
                f"{counted(len(bad) - len(small), 'flagged part')} with more than "
                f"{percent(self.most_rows)} of the rows: their rows are not flagged one by one."
            )
        score, place = _judged(small, groups, len(labelled))
        lines = {
            int(i): f"In a part that does badly: {_line(small[place[i]], tried)}"
            for i in np.flatnonzero(place >= 0)
        }
        rows = finding_rows(
            shared, score, place >= 0, rows=labelled, group=place, explanation=lines,
            given_label_probability=quality,
        )  # fmt: skip
        better = [one for one in parts if not self._is_bad(one, tried)]
        subjects = finding_subjects(
            [
                subject(
                    one.kind, one.name, one.ratio,
                    self._is_bad(one, tried), len(one.rows), _line(one, tried),
                )
                for one in [*bad, *better[:_OTHERS_LISTED]]
            ]
        )  # fmt: skip
        return Finding(
            self.name,
            rows,
            summarise(rows, subjects, classes=len(learned.classes)),
            subjects=subjects,
            learner=learned.learner,
            notes=notes,
            info={"compared": tried, "mean_quality": float(quality.mean())},
        )

    def _is_bad(self, one: Part, tried: int) -> bool:
        return one.ratio < self.threshold and one.chance * tried < self.significance

    def _groups(
        self, shared: Shared, labelled: Codes, quality: Vector, progress: Progress
    ) -> tuple[list[Part], int]:
        """Return the clusters of the labelled rows, and how many were compared."""
        count = min(len(labelled) // _ROWS_PER_CLUSTER, _MOST_CLUSTERS)
        if count < 2:
            return [], 0
        found = clusters(shared.features(progress)[labelled], count, seed=shared.settings.seed)
        sizes, mean, rest, chance = compared(quality, found.codes, count)
        names = keys_of(shared, labelled[found.centres])
        some = np.flatnonzero((sizes >= self.least_rows) & (sizes < len(labelled)))
        return [
            Part(
                f"rows like '{short(names[i])}'", np.flatnonzero(found.codes == i),
                float(mean[i]), float(rest[i]), float(chance[i]), "group",
            )
            for i in some.tolist()
        ], len(some)  # fmt: skip

    def _slices(
        self, shared: Shared, labelled: Codes, quality: Vector, progress: Progress
    ) -> tuple[list[Part], int, list[str]]:
        names, notes = columns_having(shared, "feature")
        table = shared.table
        if len(labelled) < table.num_rows:
            table = table.select(names).take(labelled)
        cut = [binned(table, name) for name in names]
        columns = [column for column in cut if column is not None]
        found, tried = slices(columns, quality, least_rows=self.least_rows, progress=progress)
        return found, tried, notes


def _judged(bad: Sequence[Part], groups: Sequence[Part], size: int) -> tuple[Vector, Codes]:
    """Return each row's score, and the place of the worst bad part that it is in, -1 for none."""
    score, place = np.ones(size), np.full(size, -1, dtype=np.int64)
    for one in [*groups, *bad]:
        score[one.rows] = np.minimum(score[one.rows], one.ratio)
    for at in range(len(bad) - 1, -1, -1):
        place[bad[at].rows] = at
    return score, place


def _line(one: Part, tried: int) -> str:
    chance = min(one.chance * tried, 1.0)
    sure = "p < 0.001" if chance < 0.001 else f"p = {chance:.2g}"
    return (
        f"{one.name}: mean label quality {one.mean:.2f} in {counted(len(one.rows))}, "
        f"{one.rest:.2f} elsewhere ({sure} after {tried:,} comparisons)."
    )

"""Find rows that are unlike all others."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.copies import graph_notes, lacks_content
from curation.learn.arrays import Vector
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress


class Outlier(Finder):
    """Rows whose nearest other rows are far away.

    A row's distance is the mean of the distances to its nearest rows. It is far where it lies above
    the third quartile of all rows' distances by more than 1.7 times the distance between the first
    and the third quartile, the rule of cleanlab's Datalab. Such a row may be damaged, may belong
    to another dataset, or may be the only example of something that matters: look before you drop.
    """

    name: ClassVar[str] = "outlier"
    title: ClassVar[str] = "Outliers"
    scores: ClassVar[str] = (
        "exp(-d), with d the row's mean distance to its nearest rows over the median row's: 0 is "
        "far from all others, 0.37 is typical, 1 has copies only."
    )
    advice: ClassVar[str] = (
        "Exclude a row that does not belong here; collect more rows like one that does."
    )

    spread: float = Field(
        default=1.7,
        ge=0,
        le=100,
        title="Distances between the quartiles",
        description="How many of them a row must lie above the third quartile to be flagged.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is nothing to compare."""
        return lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for outliers."""
        progress(0.0, "looking for outliers")
        neighbours = shared.neighbours(progress)
        away = neighbours.distances.mean(axis=1, dtype=np.float64)
        typical, limit = self._typical(away)
        score = np.exp(-away / typical)
        is_issue = away > limit
        flagged = np.flatnonzero(is_issue)
        count = neighbours.indices.shape[1]
        nearest = "nearest row is" if count == 1 else f"{count} nearest rows are"
        lines = {
            int(row): f"Its {nearest} {away[row] / typical:.1f} times as far as is typical "
            f"(mean {neighbours.metric} distance {away[row]:.3g}, typical {typical:.3g})."
            for row in flagged
        }
        rows = finding_rows(shared, score, is_issue, explanation=lines)
        return Finding(
            self.name,
            rows,
            summarise(rows),
            learner=neighbours.how,
            notes=graph_notes(neighbours),
            info={
                "typical_distance": typical,
                "limit": limit if np.isfinite(limit) else None,
                "metric": neighbours.metric,
            },
        )

    def _typical(self, away: Vector) -> tuple[float, float]:
        """Return the median distance, and the distance from which on a row is an outlier.

        Where most rows have copies only, those with other neighbours tell what is typical.
        """
        if not away.any():
            return 1.0, np.inf
        apart = away if np.median(away) > 0 else away[away > 0]
        first, median, third = np.percentile(apart, [25, 50, 75])
        return float(median), float(third + self.spread * (third - first))

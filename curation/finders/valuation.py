"""Find rows that mislead the rows around them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.columns import label_codes
from curation.finders.copies import graph_notes, lacks_content, lacks_label
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.neighbours import Neighbours
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

_BATCH = 65_536


class Valuation(Finder):
    """Rows that make a nearest-neighbour classifier worse: their Shapley value is negative.

    Each row is classified by the labels of its nearest rows, and each of these gets its part of
    the success (KNN-Shapley, Jia et al. 2019, cut off at the last of the nearest rows as in
    cleanlab's Datalab, whose ranking this is). A row that nobody has as a neighbour is worth
    nothing and costs nothing. Labels that are wrong, and rows at the border of two classes, come
    first.
    """

    name: ClassVar[str] = "valuation"
    title: ClassVar[str] = "Low value"
    scores: ClassVar[str] = (
        "0.5 is a row without effect, less one that misleads its neighbours, more one that helps "
        "them; 0 and 1 are the ends that no row reaches."
    )
    advice: ClassVar[str] = "Check the label first; exclude a row whose label is right but unusual."

    threshold: float = Field(
        default=0.4,
        ge=0,
        le=1,
        title="Lowest score",
        description="A row with a lower score is flagged; cleanlab's Datalab has 0.5, which flags "
        "every row that misleads one more than it helps.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there are no labels, or nothing to compare."""
        return lacks_label(shared) or lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for rows of negative value."""
        progress(0.0, "looking for rows that mislead")
        codes, classes = label_codes(shared)
        neighbours = shared.neighbours(progress)
        value, asked, agreed = knn_shapley(neighbours, codes)
        labelled = np.flatnonzero(codes >= 0)
        value, asked, agreed = value[labelled], asked[labelled], agreed[labelled]
        score = 0.5 + 0.5 * value / (1 + np.abs(value))
        is_issue = score < self.threshold
        lines = {
            int(i): f"It is among the nearest of {asked[i]:,} labelled "
            f"{'row' if asked[i] == 1 else 'rows'}, and has the label of {agreed[i]:,} of them."
            for i in np.flatnonzero(is_issue)
        }
        rows = finding_rows(shared, score, is_issue, rows=labelled, explanation=lines)
        return Finding(
            self.name,
            rows,
            summarise(rows, classes=len(classes)),
            learner=neighbours.how,
            notes=graph_notes(neighbours),
        )


def knn_shapley(neighbours: Neighbours, codes: Codes) -> tuple[Vector, Codes, Codes]:
    """Return what each row is worth to a nearest-neighbour classifier of all other rows.

    Jia et al. 2019, "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms",
    equations 18 and 19, with K* = K = k: the recursion begins with 0 at the last neighbour, and
    inside the nearest K it adds up to (own match - last match) / K. Neighbours as far as the last
    one share its place, so that no order among equals is made up.

    Args:
        neighbours: of n rows.
        codes: shape (n,), the class of each row, -1 for none: such rows are not classified.

    Returns:
        The value, shape (n,), n times that of the paper: the sum over the classified rows; how
        many labelled rows each row is a neighbour of; and how many of these have its label.
    """
    size, k = neighbours.indices.shape
    value = np.zeros(size)
    asked, agreed = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for start in range(0, size, _BATCH):
        rows = slice(start, start + _BATCH)
        mine = codes[rows]
        indices = neighbours.indices[rows][mine >= 0]
        distances = neighbours.distances[rows][mine >= 0]
        matches: Flags = codes[indices] == mine[mine >= 0, None]
        is_last = distances == distances[:, -1:]
        last = (matches & is_last).sum(axis=1) / is_last.sum(axis=1)
        gain = np.where(is_last, 0.0, matches - last[:, None]) / k
        np.add(value, np.bincount(indices.ravel(), gain.ravel(), minlength=size), out=value)
        asked += np.bincount(indices.ravel(), minlength=size)
        agreed += np.bincount(indices[matches], minlength=size)
    return value, asked, agreed

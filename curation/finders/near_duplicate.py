"""Find rows that are nearly the same."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.columns import counted
from curation.finders.copies import connected, graph_notes, keys_of, lacks_content, parts_of
from curation.learn.arrays import Codes
from curation.learn.neighbours import NEAR, Neighbours, near_pairs, typical_nearest
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress


class NearDuplicate(Finder):
    """Groups of rows that are far more alike than rows of these data usually are, or equal.

    Two rows are near copies when their distance is less than a part of the median distance of a
    row to its nearest other, the rule of cleanlab's Datalab. Rows that are linked by near copies
    form a group. Copies make some rows count several times, and flatter a model that is tested
    on a copy of what it learned.
    """

    name: ClassVar[str] = "near_duplicate"
    title: ClassVar[str] = "Near duplicates"
    scores: ClassVar[str] = (
        "1 - exp(-d), with d the distance to the nearest row over the median row's: 0 is a copy, "
        "0.63 is typical."
    )
    advice: ClassVar[str] = (
        "Keep one row of each group, or keep a group on one side of every split."
    )

    within: float = Field(
        default=NEAR,
        ge=0,
        le=1,
        title="Part of the typical distance",
        description="Rows nearer than this part of the typical distance to the nearest row are "
        "near copies.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is nothing to compare."""
        return lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for near copies."""
        progress(0.0, "looking for near copies")
        neighbours = shared.neighbours(progress)
        typical = typical_nearest(neighbours)
        pairs = near_pairs(neighbours, self.within)
        groups = connected([pairs], len(neighbours.indices))
        nearest = neighbours.distances[:, 0].astype(np.float64)
        score = -np.expm1(-nearest / typical) if typical > 0 else np.zeros(len(nearest))
        is_issue = groups >= 0
        centres = _centres(pairs, groups)
        rows = finding_rows(
            shared, score, is_issue, group=groups,
            explanation=_lines(shared, neighbours, groups, centres, typical),
        )  # fmt: skip
        return Finding(
            self.name,
            rows,
            summarise(rows),
            learner=neighbours.how,
            notes=graph_notes(neighbours),
            info={
                "groups": len(centres),
                "pairs": len(pairs),
                "typical_distance": typical,
                "representatives": centres.tolist(),
            },
        )


def _centres(pairs: Codes, groups: Codes) -> Codes:
    """Return each group's row that is a near copy of the most others, of equals the first."""
    links = np.bincount(pairs.ravel(), minlength=len(groups))
    rows = np.flatnonzero(groups >= 0)
    order = rows[np.lexsort((rows, -links[rows], groups[rows]))]
    _, first = np.unique(groups[order], return_index=True)
    centres: Codes = order[first]
    return centres


def _lines(
    shared: Shared, neighbours: Neighbours, groups: Codes, centres: Codes, typical: float
) -> dict[int, str]:
    """Return what to say of each row of a group: the representative is named in the others'."""
    rows = np.flatnonzero(groups >= 0)
    sizes = np.bincount(groups[rows], minlength=len(centres))
    names = keys_of(shared, centres)
    parts = parts_of(neighbours.distances[rows, 0].astype(np.float64), typical)
    lines = {}
    for row, part in zip(rows.tolist(), parts, strict=True):
        group = int(groups[row])
        size = int(sizes[group])
        if row == centres[group]:
            lines[row] = f"{counted(size - 1)} nearly the same as this one; it can stand for them."
        else:
            lines[row] = (
                f"One of {size:,} nearly equal rows, for which '{names[group]}' can stand; its "
                f"nearest row is at {part} of the typical distance."
            )
    return lines

"""Find copies that have different labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.columns import label_codes, short
from curation.finders.copies import (
    connected,
    copy_groups,
    graph_notes,
    lacks_content,
    lacks_label,
    numbered,
)
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.neighbours import NEAR, near_pairs
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress


class ConflictingLabels(Finder):
    """Equal or nearly equal rows with different labels: one of the labels is wrong at least.

    Rows that are linked by copies or near copies form a group. In a group with more than one label
    the rows are flagged whose label is not the most frequent one; all are where none is.
    """

    name: ClassVar[str] = "conflicting_labels"
    title: ClassVar[str] = "Conflicting labels"
    scores: ClassVar[str] = (
        "The share of the row's copies and near copies, itself included, that have its label."
    )
    advice: ClassVar[str] = (
        "Decide which label is right for the whole group, or say in the guidelines what tells the "
        "classes apart."
    )

    near: bool = Field(
        default=True,
        title="Near copies too",
        description="Compare the labels of near copies; otherwise those of equal rows only.",
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
        """Say that there are no labels, or nothing to compare."""
        return lacks_label(shared) or lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for copies with different labels."""
        progress(0.0, "comparing rows")
        codes, classes = label_codes(shared)
        content = copy_groups(shared)
        groups, how, notes = content, "", []
        # Where all rows are equal, no neighbour graph says more.
        if self.near and content.any():
            neighbours = shared.neighbours(progress)
            groups = self._with_near(content, near_pairs(neighbours, self.within))
            how, notes = neighbours.how, graph_notes(neighbours)
        labelled = np.flatnonzero(codes >= 0)
        groups, mine = groups[labelled], codes[labelled]
        share, most, size = _agreement(groups, mine)
        is_disputed = (np.bincount(groups, weights=share < 1) > 0)[groups] if len(groups) else share
        is_issue = (share < 1) & (most != mine)
        names = pa.array(classes, pa.string())
        lines = {
            int(i): _line(share[i], int(size[i]), classes, int(mine[i]), int(most[i]))
            for i in np.flatnonzero(is_issue)
        }
        suggestion = np.where(is_issue, most, -1)
        rows = finding_rows(
            shared, share, is_issue, rows=labelled, explanation=lines,
            suggestion=names.take(pa.array(suggestion, mask=suggestion < 0)),
            group=numbered(groups, np.asarray(is_disputed, dtype=np.bool_)),
        )  # fmt: skip
        return Finding(
            self.name, rows, summarise(rows, classes=len(classes)), learner=how, notes=notes
        )

    @staticmethod
    def _with_near(content: Codes, pairs: Codes) -> Codes:
        """Return a number for each row, the same for those linked by copies and near copies."""
        order = np.argsort(content, kind="stable")
        same = content[order][1:] == content[order][:-1]
        chain = np.stack([order[:-1][same], order[1:][same]], axis=1)
        linked = connected([chain, pairs], len(content))
        alone = linked < 0
        linked[alone] = linked.max(initial=-1) + 1 + np.arange(int(alone.sum()))
        return linked


def _agreement(groups: Codes, codes: Codes) -> tuple[Vector, Codes, Codes]:
    """Return of each row the share of its group with its label, and the group's label and size.

    The label is -1 where two are equally frequent.

    Args:
        groups: shape (m,), a number for each group.
        codes: shape (m,), the class of each row.
    """
    wide = int(codes.max(initial=0)) + 1
    pairs, of_row, counts = np.unique(
        groups * wide + codes, return_inverse=True, return_counts=True
    )
    group, label = np.divmod(pairs, wide)
    order = np.lexsort((-counts, group))
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    best = order[first]
    is_tied: Flags = np.zeros(len(best), dtype=np.bool_)
    after = first + 1
    rival = after < np.append(first[1:], len(order))
    is_tied[rival] = counts[order[after[rival]]] == counts[best[rival]]
    place = np.searchsorted(group[best], groups)
    size = np.bincount(groups, minlength=1)[groups]
    most = np.where(is_tied, -1, label[best])[place]
    return counts[of_row] / size, most, size


def _line(share: float, size: int, classes: list[str], given: int, most: int) -> str:
    own = round(share * size)
    said = f"{own:,} of {size:,} equal or nearly equal rows say '{short(classes[given])}'"
    if most < 0:
        return f"{said}; no label is the most frequent."
    return f"{said}, most say '{short(classes[most])}'."

"""Find rows whose content is equal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.columns import counted
from curation.finders.copies import copy_groups, first_rows, keys_of, lacks_content, numbered
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress


class ExactDuplicate(Finder):
    """Groups of rows whose content columns are equal, whatever their labels.

    Texts are compared to the letter, vectors as numbers of 32 bits; key, label and time may differ.
    Copies make some rows count several times, and flatter a model that is tested on a copy of what
    it learned.
    """

    name: ClassVar[str] = "exact_duplicate"
    title: ClassVar[str] = "Exact duplicates"
    scores: ClassVar[str] = "1 over the number of rows with this content: 1 is the only one."
    advice: ClassVar[str] = (
        "Keep one row of each group, or keep a group on one side of every split."
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is nothing to compare."""
        return lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for copies."""
        progress(0.0, "comparing rows")
        content = copy_groups(shared)
        copies = np.bincount(content, minlength=1)[content]
        groups = numbered(content, copies > 1)
        firsts = first_rows(groups)
        names = keys_of(shared, firsts)
        lines = {}
        for row in np.flatnonzero(groups >= 0).tolist():
            group, size = int(groups[row]), int(copies[row])
            lines[row] = (
                f"{counted(size - 1)} further down {'equals' if size == 2 else 'equal'} this one."
                if row == firsts[group]
                else f"Equal to '{names[group]}', as {counted(size)} in all are."
            )
        rows = finding_rows(shared, 1 / copies, groups >= 0, group=groups, explanation=lines)
        more = int((copies[groups >= 0]).size - len(firsts))
        return Finding(
            self.name, rows, summarise(rows), info={"groups": len(firsts), "to_spare": more}
        )

"""Find classes with far fewer rows than the others."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows
from curation.finders.columns import (
    column_finding,
    counted,
    label_codes,
    percent,
    short,
    subject,
)
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

_MOST_CLASSES = 1_000


class ClassImbalance(Finder):
    """Classes with far fewer rows than they would have if all classes had the same.

    With k classes the even share is 1/k of the labelled rows. A class is flagged when it has less
    than a tenth of that, the rule of cleanlab's Datalab, which flags the rarest class only; here
    every such class is flagged. So is a class too small to be split into a training and a test
    part, where the even share would be large enough. Few rows are no error: a model may never learn
    the class, and a plain accuracy hides it.
    """

    name: ClassVar[str] = "class_imbalance"
    title: ClassVar[str] = "Class imbalance"
    scores: ClassVar[str] = "The size of the row's class over the even share, 1 for all above it."
    advice: ClassVar[str] = (
        "Collect more rows of the class, weigh or rebalance it, or merge it with another."
    )

    threshold: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        title="Least part of the even share",
        description="A class with less than this part of the even share is flagged.",
    )
    fewest: int = Field(
        default=5,
        ge=0,
        le=1_000,
        title="Fewest rows",
        description="A class with fewer rows is flagged as well, unless an even share is not much.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no label."""
        return "" if shared.roles.label else "The data have no label column."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for rare classes."""
        progress(0.0, "counting classes")
        codes, classes = label_codes(shared)
        labelled = np.flatnonzero(codes >= 0)
        counts = np.bincount(codes[labelled], minlength=len(classes))
        even = len(labelled) / max(len(classes), 1)
        limit = max(self.threshold * even, min(self.fewest, even / 2))
        rare = counts < limit
        per_row = codes[labelled]
        score = np.minimum(counts / max(even, 1.0), 1.0)
        order = np.argsort(counts, kind="stable")[:_MOST_CLASSES]
        lines = {
            i: f"Class '{short(classes[i])}' has {counted(int(counts[i]))} "
            f"({percent(counts[i], len(labelled))}); an even share of {len(classes):,} classes "
            f"would be {even:,.0f}."
            for i in np.flatnonzero(rare).tolist()
        }
        explained = pa.array([lines.get(i) for i in range(len(classes))], pa.string())
        rows = finding_rows(
            shared,
            score[per_row],
            rare[per_row],
            rows=labelled,
            explanation=explained.take(pa.array(per_row)),
        )
        subjects = [
            subject("class", classes[i], score[i], rare[i], counts[i], lines.get(i))
            for i in order.tolist()
        ]
        notes = []
        if len(labelled) < len(codes):
            notes.append(f"{counted(len(codes) - len(labelled))} without a label left out.")
        if len(classes) > _MOST_CLASSES:
            notes.append(
                f"The {_MOST_CLASSES:,} smallest of {len(classes):,} classes are listed; the rows "
                "of all are scored."
            )
        if len(classes) == 1:
            notes.append(f"There is one class only, '{short(classes[0])}'.")
        return column_finding(self, shared, rows, subjects, notes=notes, classes=len(classes))

"""The queue of a finding with what was decided about it, held in memory while it is reviewed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.finders.queue_quality import QueueQuality, Verdicts, estimate_quality
from curation.lake.reviewing import ERROR, OPEN, RIGHT, UNSURE, review_records
from curation.lake.workspace import Workspace
from curation.learn.arrays import Codes

_VERDICT = {"relabel": ERROR, "exclude": ERROR, "confirm": RIGHT, "unsure": UNSURE}


@dataclass(frozen=True)
class ReviewedQueue:
    """A finding's records in the order of the queue, the flagged ones first."""

    keys: pa.ChunkedArray
    flagged: int
    by_chance: Codes
    """Places in the queue, in the random order."""
    verdicts: Verdicts
    """What is known of each record; `note` changes it."""

    @classmethod
    def read(cls, workspace: Workspace, finding_id: str, *, annotator: str = "") -> ReviewedQueue:
        """Read a finding's queue from the lake.

        Args:
            workspace: where the finding is.
            finding_id: which finding.
            annotator: who reviews, where everybody has a queue of their own.

        Raises:
            UnknownNameError: there is no such finding.
        """
        records = review_records(workspace, finding_id, annotator)
        return cls(
            keys=records["record_key"],
            flagged=int(np.sum(records["is_issue"].to_numpy())),
            by_chance=np.argsort(records["chance"].to_numpy()),
            verdicts=records["verdict"].to_numpy().copy(),
        )

    def note(self, record_key: str, decision: str | None) -> None:
        """Take notice of a decision about a record, or of one that was taken back (None)."""
        place = pc.index(self.keys, record_key).as_py()
        if place >= 0:
            self.verdicts[place] = OPEN if decision is None else _VERDICT[decision]

    def quality(self, skipped: Iterable[str] = ()) -> QueueQuality:
        """Estimate how good the queue is.

        Args:
            skipped: keys of records that somebody passed over, without which the sample does.
        """
        passed = pc.is_in(self.keys, pa.array(list(skipped), pa.string()))
        return estimate_quality(
            self.verdicts, self.flagged, self.by_chance, passed.to_numpy().astype(bool)
        )


def queue_quality(workspace: Workspace, finding_id: str, *, annotator: str = "") -> QueueQuality:
    """Return how good a finding's queue is, by the decisions in the lake; see `ReviewedQueue`."""
    return ReviewedQueue.read(workspace, finding_id, annotator=annotator).quality()

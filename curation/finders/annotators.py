"""The consensus of several annotators, and what it says of each of them: majority vote.

Every policy chooses among the classes that somebody gave the record; none says what nobody said.
`dawid_skene` and `crowd` hold the policies that weigh the annotators.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curation.finders.votes import Votes, read_votes
from curation.learn.arrays import Codes, Flags, Vector

ROWS = pa.schema(
    [
        ("record_key", pa.string()),
        ("label", pa.string()),
        ("quality", pa.float64()),
        ("votes", pa.int64()),
        ("agreement", pa.float64()),
        ("is_disputed", pa.bool_()),
    ]
)
"""The columns of a consensus, a row for each record with votes."""
ANNOTATORS = pa.schema(
    [
        ("annotator", pa.string()),
        ("votes", pa.int64()),
        ("quality", pa.float64()),
        ("agreement", pa.float64()),
        ("worst_class", pa.string()),
    ]
)
"""The columns of what a consensus says of the annotators, a row for each."""

_TIE = 1e-9
"""Scores that differ by less than this share are equal: rounding alone can make as much."""


@dataclass(frozen=True)
class Consensus:
    """One label for each record, out of several annotators' votes.

    Attributes:
        policy: what chose the labels: ``"majority"``, ``"dawid_skene"`` or ``"crowdlab"``.
        rows: the columns of `ROWS`, by record key. `label` is null where the best classes are
            tied; `quality` is 0 to 1: the probability of the label, or its share of the votes;
            `agreement` is its share of the votes under every policy; `is_disputed`: more than one
            class was voted for, and the label's certainty is at most the policy's `sure`; the
            certainty is `quality`, for CROWDLAB its share of that of all classes voted for. A tie
            is disputed.
        annotators: the columns of `ANNOTATORS`, by name. `quality` is 0 to 1, the policy's
            estimate of how often they are right; `agreement` is the share of their votes that
            equal the consensus, where it is decided and another voted too; `worst_class` is the
            consensus class that they most often gave another one, of equals the one they saw
            least. Null where nothing tells.
        notes: what could not be done as asked.
    """

    policy: str
    rows: pa.Table
    annotators: pa.Table
    notes: list[str] = field(default_factory=list)


def majority(votes: pa.Table, *, sure: float = 0.5) -> Consensus:
    """Return each record's most voted class, none where two are tied.

    An annotator's quality is leave-one-out: the mean, over the records that others voted on too,
    of the share of the others who said the same; null without such a record.

    Args:
        votes: columns `record_key`, `annotator`, `label`; see `read_votes`.
        sure: a record with several classes is disputed unless one has more than this share.

    Raises:
        UnknownNameError: a column is not there.
        LabelError: no votes, empty ones, or two by one annotator on one record.
    """
    read = read_votes(votes)
    found = read.candidates()
    per_record = read.per_record
    others = per_record[read.record] - 1
    shared = others > 0
    same = (found.votes[found.of_vote] - 1)[shared] / others[shared]
    quality = mean_by(read.annotator[shared], same, len(read.annotators))
    return consensus_of(
        "majority", read, found.votes / per_record[found.record], quality, sure=sure
    )


def consensus_of(
    policy: str,
    votes: Votes,
    scores: Vector,
    annotator_quality: Vector,
    *,
    sure: float,
    certainty: Vector | None = None,
    notes: list[str] | None = None,
) -> Consensus:
    """Return the consensus that gives each record its best candidate.

    Args:
        policy: its name.
        votes: n records, m annotators.
        scores: shape (c,), 0 to 1, one for each of `votes.candidates()`.
        annotator_quality: shape (m,), 0 to 1, NaN for null.
        sure: a record with several candidates is disputed if its best is at most this certain.
        certainty: shape (c,), 0 to 1; by default the scores.
        notes: handed on.
    """
    found = votes.candidates()
    starts = found.starts
    scores = np.clip(scores, 0.0, 1.0)
    best = np.maximum.reduceat(scores, starts)
    is_best = scores >= best[found.record] * (1 - _TIE)
    is_tied = np.add.reduceat(is_best.astype(np.int64), starts) > 1
    label = np.full(len(starts), -1)
    label[found.record[is_best]] = found.label[is_best]
    label[is_tied] = -1
    is_split = np.diff(starts, append=len(scores)) > 1
    certain = scores if certainty is None else certainty
    is_unsure = np.maximum.reduceat(certain, starts) <= sure * (1 + _TIE)
    most = np.maximum.reduceat(np.where(is_best, found.votes, 0), starts)
    names = pa.array(votes.classes, pa.string())
    rows = {
        "record_key": votes.records,
        "label": names.take(pa.array(label, mask=label < 0)),
        "quality": best,
        "votes": votes.per_record,
        "agreement": most / votes.per_record,
        "is_disputed": is_split & (is_tied | is_unsure),
    }
    annotators = {
        "annotator": votes.annotators,
        "votes": np.bincount(votes.annotator),
        "quality": pa.array(np.clip(annotator_quality, 0.0, 1.0), from_pandas=True),
        **_beside(votes, label, names),
    }
    return Consensus(
        policy,
        pa.table(rows).cast(ROWS),
        pa.table(annotators).cast(ANNOTATORS),
        list(notes or []),
    )


def mean_by(group: Codes, values: Vector | Flags, groups: int) -> Vector:
    """Return the mean of the values of each group: shape (groups,), NaN for an empty one."""
    counts = np.bincount(group, minlength=groups)
    sums = np.bincount(group, weights=values, minlength=groups)
    means: Vector = np.divide(sums, counts, out=np.full(groups, np.nan), where=counts > 0)
    return means


def _beside(votes: Votes, label: Codes, names: pa.Array) -> dict[str, pa.Array]:
    """Return each annotator's agreement with the consensus, and the class they miss most."""
    # A vote alone on its record is the consensus, so it agrees with it whatever it says.
    counts = (label >= 0)[votes.record] & (votes.per_record > 1)[votes.record]
    annotator, meant = votes.annotator[counts], label[votes.record][counts]
    differs = votes.label[counts] != meant
    agreement = mean_by(annotator, ~differs, len(votes.annotators))
    pairs, of_vote, seen = np.unique(
        annotator * len(votes.classes) + meant, return_inverse=True, return_counts=True
    )
    missed = np.bincount(of_vote, weights=differs, minlength=len(pairs))
    who, missed_class = np.divmod(pairs, len(votes.classes))
    order = np.lexsort((missed_class, seen, -missed, who))
    order = order[missed[order] > 0]
    who, first = np.unique(who[order], return_index=True)
    worst = np.full(len(votes.annotators), -1)
    worst[who] = missed_class[order][first]
    return {
        "agreement": pa.array(agreement, from_pandas=True),
        "worst_class": names.take(pa.array(worst, mask=worst < 0)),
    }

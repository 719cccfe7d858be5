"""Answers of several annotators: which are likely wrong, and whose."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.errors import LabelError
from curation.finders.agreement import krippendorff_alpha
from curation.finders.annotators import Consensus, majority
from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.columns import counted, is_scalar, percent, short, subject
from curation.finders.crowd import crowdlab
from curation.finders.dawid_skene import dawid_skene, fit
from curation.finders.votes import Votes, read_votes
from curation.learn.arrays import Codes, Vector
from curation.learn.labels import labels_as_text
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

MIN_ALPHA = 0.667
"""Below it Krippendorff (2004, "Reliability in Content Analysis") draws no conclusions."""
_FEW = 5
_RESAMPLES = 200
_FLOOR = 1e-6

Method = Literal["dawid_skene", "majority", "crowdlab"]


class AnnotatorLabels(Finder):
    """Find answers that differ from what the annotators of a record say together.

    The data have a row for each answer: a column with the role `annotator`, and several rows with
    one record key. The consensus is by Dawid and Skene's model of who confuses which classes, by
    majority, or by CROWDLAB, which asks a model of the content beside the annotators. An answer is
    flagged that differs from the consensus, and so is every answer on a record without one.
    """

    name: ClassVar[str] = "annotator_labels"
    title: ClassVar[str] = "Answers that differ"
    scores: ClassVar[str] = (
        "How likely the answer is right, given all answers: 0 is surely wrong, 1 is sure."
    )
    advice: ClassVar[str] = (
        "Decide the records without a consensus, then speak with annotators of low quality."
    )

    method: Method = Field(
        default="dawid_skene",
        title="Consensus",
        description="What weighs the answers: dawid_skene weighs annotators by how they confuse "
        "classes, majority counts, crowdlab asks a model of the content as well.",
    )
    low_quality: float = Field(
        default=0.6,
        ge=0,
        le=1,
        title="Low quality",
        description="An annotator of five answers or more who is right less often is flagged.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say whether there is an annotator column and a label of one class a row."""
        listed = ", ".join(shared.table.column_names)
        if shared.roles.single("annotator") is None:
            return f"No column has the role 'annotator'. Columns: {listed}."
        if shared.roles.label is None:
            return f"Which column is the label? Columns: {listed}."
        kind = shared.table.schema.field(shared.label).type
        if not is_scalar(kind):
            return f"The label '{shared.label}' holds {kind}, not one class a row."
        if not shared.roles.having("key") and not shared.roles.content:
            return (
                "Nothing says which answers are about one record: give a column the role 'key'. "
                f"Columns: {listed}."
            )
        return ""

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Score every answer."""
        progress(0.0, "reading answers")
        table, rows, notes = _answers(shared)
        votes = read_votes(table)
        if not (votes.per_record > 1).any():
            raise LabelError(
                f"No record has the answers of two annotators: {counted(len(rows), 'answer')} on "
                f"{counted(len(votes.records), 'record')}. Give the column that names the record "
                "the role 'key'."
            )
        consensus = self._consensus(shared, table, part(progress, 0.1, 0.7))
        progress(0.7, "judging answers")
        agreed, vote = _agreed(votes, consensus), _in_table_order(table, votes)
        score = _quality(votes, consensus, agreed, self.method)[vote]
        meant = agreed[votes.record[vote]]
        differs, tied = (meant >= 0) & (meant != votes.label[vote]), meant < 0
        is_issue = differs | tied
        names = pa.array(votes.classes, pa.string())
        found = finding_rows(
            shared, score, is_issue, rows=rows,
            suggestion=names.take(pa.array(meant, mask=~differs)),
            group=votes.record[vote],
            explanation=_explained(votes, vote, consensus, np.flatnonzero(is_issue)),
        )  # fmt: skip
        progress(0.9, "judging annotators")
        subjects = finding_subjects([*self._people(consensus), *_agreement(table)])
        progress(1.0, f"{int(is_issue.sum()):,} of {len(rows):,} answers differ")
        return Finding(
            self.name, found,
            summarise(
                found, subjects, classes=len(votes.classes),
                # CROWDLAB's qualities rank well, but are too low to be counted.
                estimated_errors=None
                if self.method == "crowdlab"
                else round(float((1 - score).sum())),
            ),
            subjects, classes=votes.classes, learner=_METHODS[self.method],
            notes=[*notes, *consensus.notes, *_left_alone(votes, consensus)],
        )  # fmt: skip

    def _consensus(self, shared: Shared, table: pa.Table, progress: Progress) -> Consensus:
        if self.method == "majority":
            return majority(table)
        if self.method == "dawid_skene":
            return dawid_skene(table)
        learned = shared.probabilities(progress)
        coded = shared.record_keys.combine_chunks().dictionary_encode()
        # A record's rows hold one content each time; where they do not, their mean is taken.
        sums = np.full((len(coded.dictionary), len(learned.classes)), _FLOOR)
        np.add.at(sums, coded.indices.to_numpy(), learned.probabilities)
        sums /= sums.sum(axis=1, keepdims=True)
        return crowdlab(table, sums, coded.dictionary.to_pylist(), learned.classes)

    def _people(self, consensus: Consensus) -> list[dict[str, Any]]:
        """Return what there is to say of each annotator, as subjects."""
        subjects = []
        for person in consensus.annotators.to_pylist():
            quality, count = person["quality"], person["votes"]
            line = f"{counted(count, 'answer')}"
            if quality is None:
                line += ", none of them on a record that another answered"
            else:
                line += f", right in about {percent(quality)}"
            if person["agreement"] is not None:
                line += f", {percent(person['agreement'])} as the consensus"
            if person["worst_class"] is not None:
                line += f"; most often misses '{short(person['worst_class'])}'"
            is_low = quality is not None and quality < self.low_quality and count >= _FEW
            score = 1.0 if quality is None else quality
            subjects.append(subject("group", person["annotator"], score, is_low, count, f"{line}."))
        return subjects


_METHODS: dict[Method, str] = {
    "dawid_skene": "Dawid and Skene's model of the annotators",
    "majority": "the majority of the answers",
    "crowdlab": "CROWDLAB: the annotators, and a model of the content",
}


def _answers(shared: Shared) -> tuple[pa.Table, Codes, list[str]]:
    """Return the answers as votes, one row each; the row of the data of each; and notes.

    Of several answers of one annotator on one record the last counts.
    """
    who = labels_as_text(shared.table.column(str(shared.roles.single("annotator"))))
    place = pa.array(np.arange(shared.table.num_rows))
    table = pa.table(
        {
            "record_key": shared.record_keys.cast(pa.string()),
            "annotator": who.cast(pa.string()),
            "label": shared.given_labels.cast(pa.string()),
            "row": place,
        }
    )
    notes = []
    said = table.filter(pc.and_(pc.is_valid(table["annotator"]), pc.is_valid(table["label"])))
    # A key of blanks names nothing, and the votes refuse it.
    said = said.filter(pc.not_equal(pc.utf8_trim_whitespace(said["record_key"]), ""))
    empty = table.num_rows - said.num_rows
    if empty:
        notes.append(f"{counted(empty)} without a record, an annotator or an answer left out.")
    last = said.group_by(["record_key", "annotator"]).aggregate([("row", "max")])["row_max"]
    kept = np.sort(last.to_numpy())
    again = said.num_rows - len(kept)
    if again:
        notes.append(
            f"{counted(again, 'answer')} left out, as the annotator gave another one on the record "
            "later in the data."
        )
    if not len(kept):
        raise LabelError(
            f"No row has both an annotator and an answer, of {table.num_rows:,} rows. Choose other "
            "columns as 'annotator' and 'label'."
        )
    return table.take(pa.array(kept)), kept, notes


def _in_table_order(table: pa.Table, votes: Votes) -> Codes:
    """Return the vote that each row of the table is: shape (v,)."""
    # Votes stand by record and then annotator, in the order of the texts.
    sorted_rows = pc.sort_indices(
        table, sort_keys=[("record_key", "ascending"), ("annotator", "ascending")]
    ).to_numpy()
    place = np.empty(len(votes.record), dtype=np.int64)
    place[sorted_rows] = np.arange(len(votes.record))
    return place


def _agreed(votes: Votes, consensus: Consensus) -> Codes:
    """Return the class that each record is given by consensus: shape (n,), -1 for a tie."""
    names = pa.array(votes.classes, pa.string())
    places = pc.index_in(consensus.rows["label"].combine_chunks(), value_set=names)
    agreed: Codes = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return agreed


def _quality(votes: Votes, consensus: Consensus, agreed: Codes, method: Method) -> Vector:
    """Return how likely each vote is right: shape (v,).

    By Dawid and Skene it is the probability of its class. Otherwise another class than the
    consensus is as much less likely as fewer votes are for it, which for the majority is each
    class's share of the votes.
    """
    if method == "dawid_skene":
        exact: Vector = fit(votes).probabilities[votes.record, votes.label]
        return np.clip(exact, 0.0, 1.0)
    found = votes.candidates()
    share = (found.votes / votes.per_record[found.record])[found.of_vote]
    best = consensus.rows["quality"].to_numpy()[votes.record]
    agreement = consensus.rows["agreement"].to_numpy()[votes.record]
    quality: Vector = np.where(
        agreed[votes.record] == votes.label, best, best * np.minimum(share / agreement, 1.0)
    )
    return quality.clip(0.0, 1.0)


def _explained(votes: Votes, vote: Codes, consensus: Consensus, flagged: Codes) -> dict[int, str]:
    """Return a line for each flagged answer."""
    said = consensus.rows.take(pa.array(votes.record[vote[flagged]])).to_pylist()
    lines = {}
    for i, record in zip(flagged.tolist(), said, strict=True):
        answer = short(votes.classes[votes.label[vote[i]]])
        if record["label"] is None:
            lines[i] = f"The {record['votes']} answers on this record are tied; '{answer}' is one."
            continue
        with_it = round(record["agreement"] * record["votes"])
        doubt = ", and even that is disputed" if record["is_disputed"] else ""
        lines[i] = (
            f"'{answer}', where {with_it} of {record['votes']} answers and the consensus say "
            f"'{short(record['label'])}' ({percent(record['quality'])} sure{doubt})."
        )
    return lines


def _agreement(table: pa.Table) -> list[dict[str, Any]]:
    """Return how far the annotators agree beyond chance, as a subject."""
    found = krippendorff_alpha(table, resamples=_RESAMPLES)
    if found.alpha is None:
        return []
    interval = f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None else ""
    line = (
        f"Krippendorff's alpha is {found.alpha:.2f}{interval} over {found.records:,} records with "
        f"two answers or more; 1 is perfect, 0 is as by chance, and {MIN_ALPHA:.2f} the least to "
        "build on."
    )
    return [
        subject(
            "dataset", "agreement of annotators", found.alpha, found.alpha < MIN_ALPHA,
            found.votes, line,
        )
    ]  # fmt: skip


def _left_alone(votes: Votes, consensus: Consensus) -> list[str]:
    """Say how many records tell nothing, and how many are disputed."""
    alone = int((votes.per_record == 1).sum())
    disputed = int(np.asarray(consensus.rows["is_disputed"]).sum())
    notes = []
    if alone:
        notes.append(f"{counted(alone, 'record')} with one answer only: nothing contradicts it.")
    if disputed:
        notes.append(f"{counted(disputed, 'record')} of {len(votes.records):,} disputed.")
    return notes

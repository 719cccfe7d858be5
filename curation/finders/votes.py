"""The votes of several annotators as numbers: who said which class of which record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import LabelError, UnknownNameError
from curation.learn.arrays import Codes

COLUMNS = ("record_key", "annotator", "label")


@dataclass(frozen=True)
class Votes:
    """The v votes on n records by m annotators among k classes, by record and then annotator.

    That order, and the order of the names, is that of the text: nothing that is computed from
    votes can depend on the order of the table's rows.

    Attributes:
        record: shape (v,), rising: position in `records`.
        annotator: shape (v,): position in `annotators`; rises within a record.
        label: shape (v,): position in `classes`.
        records: the n record keys; each has at least one vote.
        annotators: the m annotators; each has at least one vote.
        classes: the k classes; one may be without votes if the caller named them.
    """

    record: Codes
    annotator: Codes
    label: Codes
    records: list[str]
    annotators: list[str]
    classes: list[str]

    @property
    def per_record(self) -> Codes:
        """The number of votes on each record: shape (n,)."""
        return np.bincount(self.record, minlength=len(self.records))

    def candidates(self) -> Candidates:
        """Return the classes that were voted for, record by record."""
        pairs, of_vote, votes = np.unique(
            self.record * len(self.classes) + self.label, return_inverse=True, return_counts=True
        )
        return Candidates(*np.divmod(pairs, len(self.classes)), votes, of_vote)


@dataclass(frozen=True)
class Candidates:
    """The c pairs of a record and a class that somebody gave it, by record and then class.

    Attributes:
        record: shape (c,), rising: position among the records; every record is there.
        label: shape (c,): position among the classes.
        votes: shape (c,): how many gave the record this class, 1 or more.
        of_vote: shape (v,): the candidate that each vote is for.
    """

    record: Codes
    label: Codes
    votes: Codes
    of_vote: Codes

    @property
    def starts(self) -> Codes:
        """Where each record's candidates begin: shape (n,), for `ufunc.reduceat`."""
        return np.flatnonzero(np.diff(self.record, prepend=-1))


def read_votes(table: pa.Table, classes: Sequence[str] | None = None) -> Votes:
    """Return a table of votes as numbers.

    Args:
        table: columns `record_key`, `annotator` and `label`, texts without nulls or blanks; other
            columns are not read.
        classes: the classes in their order; by default those that were voted for, by name.

    Raises:
        UnknownNameError: a column is not there, or a vote is for a class not in `classes`.
        LabelError: no votes, votes that are no text, null or blank, or two votes of one annotator
            on one record.
    """
    for name in COLUMNS:
        if name not in table.column_names:
            raise UnknownNameError("column", name, table.column_names, where="Votes: ")
    if table.num_rows == 0:
        raise LabelError("There are no votes. At least one is needed for a consensus.")
    record, records = _encoded(table, "record_key")
    annotator, annotators = _encoded(table, "annotator")
    label, voted = _encoded(table, "label")
    if classes is not None:
        label = _positions(voted, list(classes))[label]
    order = np.lexsort((annotator, record))
    record, annotator, label = record[order], annotator[order], label[order]
    again = (np.diff(record) == 0) & (np.diff(annotator) == 0)
    if again.any():
        who = annotators[int(annotator[1:][again][0])]
        raise LabelError(
            f"{int(again.sum()):,} votes are another one by the same annotator on the same record, "
            f"the first of them by '{who}'. Keep one vote, for example the newest."
        )
    return Votes(record, annotator, label, records, annotators, list(classes or voted))


def _encoded(table: pa.Table, name: str) -> tuple[Codes, list[str]]:
    """Return each row's position among the distinct texts, and these in order."""
    values = table.column(name)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise LabelError(f"Votes: column '{name}' holds {kind}. Give texts (string).")
    texts = values.cast(pa.string())
    missing = pc.sum(pc.equal(pc.utf8_trim_whitespace(texts.fill_null("")), "")).as_py()
    if missing:
        raise LabelError(
            f"Votes: column '{name}' is empty in {missing:,} of {len(texts):,} rows. "
            "Leave out the votes that say nothing."
        )
    coded = pc.dictionary_encode(texts.combine_chunks())
    order = pc.array_sort_indices(coded.dictionary)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return rank[coded.indices.to_numpy()], coded.dictionary.take(order).to_pylist()


def _positions(voted: list[str], classes: list[str]) -> Codes:
    place = {name: position for position, name in enumerate(classes)}
    for name in voted:
        if name not in place:
            raise UnknownNameError("class", name, classes, where="Votes: ")
    return np.array([place[name] for name in voted], dtype=np.int64)

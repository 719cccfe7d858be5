"""What a change of a taxonomy would do to the records and annotations that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curation.lake.annotations import label_column
from curation.lake.datasets import get_dataset
from curation.lake.effective_labels import effective_labels, record_labels
from curation.lake.taxonomies import history
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split
from curation.lake.translation import Reading, TaxonomyHistory, forward
from curation.lake.workspace import Workspace


@dataclass(frozen=True)
class Touched:
    """How many an operation touches, by what becomes of them."""

    read: int = 0
    """Get another label for certain."""
    queue: int = 0
    """Wait for a person."""
    excluded: int = 0
    """Are left out."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.read + self.queue + self.excluded


@dataclass(frozen=True)
class Consequence:
    """What one operation would do."""

    operation: Operation
    records: Touched
    """Rows of the newest snapshot, by their effective label."""
    annotations: Touched
    """Events that gave a label, also those that were taken back or overruled."""
    sentence: str


def consequences(
    workspace: Workspace, dataset: str, operations: Sequence[Operation]
) -> list[Consequence]:
    """Say what operations would do to a dataset, one after the other; nothing is changed.

    A row's effective label is the decision in force about it, else its own label. What an
    operation puts in the queue or leaves out is not touched again by a later one.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        operations: on the version of its taxonomy that is in force.

    Returns:
        One for each operation, in their order.

    Raises:
        UnknownNameError, UsageError: as `Taxonomy.changed`.
    """
    found = get_dataset(workspace, dataset)
    label = label_column(found)
    known = history(workspace, dataset, label)
    known.current.changed(operations)
    records = record_labels(effective_labels(workspace, found, label, known))
    annotations = _annotation_labels(workspace, dataset, label)
    in_records, in_annotations = _by_class(known, records), _by_class(known, annotations)
    return [
        Consequence(
            operation, touched, said,
            _sentence(operation, touched, said, _waiting(operation, known, records)),
        )
        for operation, touched, said in zip(
            operations, _touched(operations, in_records), _touched(operations, in_annotations),
            strict=True,
        )
    ]  # fmt: skip


_Labels = Mapping[tuple[int, str], int]
"""Taxonomy version and label to how many there are."""


def _annotation_labels(
    workspace: Workspace, dataset: str, label: str
) -> dict[tuple[int, str], int]:
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT taxonomy_version, value, count(*) FROM lake.curation.annotations
            WHERE dataset = ? AND label_column = ? AND value IS NOT NULL
            GROUP BY taxonomy_version, value ORDER BY taxonomy_version, value""",
            [dataset, label],
        ).fetchall()
    return {(version, name): count for version, name, count in rows}


def _by_class(known: TaxonomyHistory, labels: _Labels) -> Counter[str]:
    """Count by the class in force; what waits or is left out already is not counted."""
    counts: Counter[str] = Counter()
    for (version, name), count in labels.items():
        label = known.reading(name, version, known.current.version).label
        if label is not None:
            counts[label] += count
    return counts


def _touched(operations: Iterable[Operation], counts: Counter[str]) -> list[Touched]:
    """Follow the counts of the classes through operations."""
    found = []
    for operation in operations:
        by_status: Counter[str] = Counter()
        after = Counter({name: n for name, n in counts.items() if name not in forward(operation)})
        for name, reading in forward(operation).items():
            if reading.label is not None:
                after[reading.label] += counts[name]
            # A class that others are merged into keeps its records as they are.
            if reading != Reading((name,)):
                by_status[reading.status] += counts[name]
        counts = after
        found.append(Touched(by_status["read"], by_status["queue"], by_status["excluded"]))
    return found


def _waiting(operation: Operation, known: TaxonomyHistory, labels: _Labels) -> int:
    """Count the records that carry the name of a new class but came under an older version."""
    if not isinstance(operation, Add):
        return 0
    return sum(
        count
        for (version, name), count in labels.items()
        if name == operation.name
        and known.reading(name, version, known.current.version).reason == "unknown"
    )


def _sentence(operation: Operation, records: Touched, annotations: Touched, waiting: int) -> str:
    said = f"{operation}: {_count(records.total, 'record')}"
    said += f" and {_count(annotations.total, 'annotation')} "
    match operation:
        case Rename(new=name) | Merge(into=name):
            return f"{said}will be read as '{name}'."
        case Split():
            return f"{said}will wait for a person to choose."
        case Retire(then="queue"):
            return f"{said}will wait for another label."
        case Retire():
            return f"{said}will be left out."
    kept = (
        f" {_count(waiting, 'record')} with this label came under a version without it and will "
        "wait for a person."
        if waiting
        else ""
    )
    return f"{operation}: no record changes.{kept}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

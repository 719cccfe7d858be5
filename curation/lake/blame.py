"""Who or what gave a record the label that it has now, and how the label got its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from curation.errors import UsageError
from curation.lake import documents, taxonomies
from curation.lake.datasets import get_dataset
from curation.lake.record_life import LifeEvent, RecordLife, record_life
from curation.lake.taxonomy import Taxonomy
from curation.lake.translation import TaxonomyHistory, forward
from curation.lake.workspace import Workspace


@dataclass(frozen=True)
class Blame:
    """One cause of a record's label."""

    kind: Literal["data", "decision", "taxonomy"]
    label: str | None
    """What it was called from then on; None where it is missing or a person has to choose."""
    who: str
    when: datetime
    """UTC, without a zone."""
    what: str
    """In words."""
    snapshot: int | None = None
    """Of the dataset, for what came with the data."""
    event_id: str | None = None
    """Of the annotation, for a decision."""
    taxonomy_version: int | None = None
    """Of the taxonomy, for an operation."""


def blame(workspace: Workspace, dataset: str, record_key: str) -> list[Blame]:
    """Return what gave a record its present label, the oldest cause first.

    That is the snapshot in which the data got their label; the decision in force, if there is one;
    and the taxonomy operations that renamed the label of the decision, or else that of the data.

    Raises:
        UnknownNameError: no such dataset.
        UsageError: no such record, or the dataset has no label column.
    """
    found = get_dataset(workspace, dataset)
    if found.roles.label is None:
        raise UsageError(f"'{dataset}' has no label column, so no record has a label.")
    life = record_life(workspace, dataset, record_key)
    causes = []
    said, version = None, found.taxonomy_version
    if (origin := _origin(life, found.roles.label)) is not None:
        said = origin.label
        causes.append(
            Blame("data", said, origin.who, origin.time, origin.what, snapshot=origin.snapshot)
        )
    if (decided := life.decided) is not None:
        if decided.value is not None:
            said, version = decided.value, decided.taxonomy_version
        event = next(event for event in life.events if event.event_id == decided.annotation_id)
        causes.append(
            Blame("decision", said, event.who, event.time, event.what, event_id=event.event_id)
        )
    if said is not None:
        causes += _renamed(workspace, dataset, found.roles.label, said, version)
    return causes


def _origin(life: RecordLife, label: str) -> LifeEvent | None:
    """Return the event with which the data got the label that they have."""
    giving = [
        event
        for event in life.events
        if event.kind == "appeared" or (event.kind == "changed" and label in event.columns)
    ]
    return giving[-1] if giving else None


def _renamed(
    workspace: Workspace, dataset: str, column: str, label: str, version: int
) -> Iterator[Blame]:
    """Yield the taxonomy versions since one version that made something else of a label."""
    if not taxonomies.is_stored(workspace, dataset, column):
        return
    history = taxonomies.history(workspace, dataset, column)
    stored = documents.versions(workspace, "taxonomy", dataset, column)
    name: str | None = label
    for taxonomy in _since(history, version):
        reading = history.reading(label, version, taxonomy.version)
        if reading.status == "read" and reading.label == name:
            continue
        touching = [
            str(operation)
            for operation in taxonomy.operations
            if name is None or name in forward(operation) or reading.label in forward(operation)
        ]
        document = stored[taxonomy.version - 1]
        outcome = {"queue": "; a person has to decide", "excluded": "; left out"}
        yield Blame(
            "taxonomy", reading.label, document.author, document.created_at,
            f"{'; '.join(touching) or document.message}{outcome.get(reading.status, '')}",
            taxonomy_version=taxonomy.version,
        )  # fmt: skip
        name = reading.label
        if name is None:
            return


def _since(history: TaxonomyHistory, version: int) -> list[Taxonomy]:
    """Return the versions that lead from one to that in force; that alone where none do."""
    path = []
    taxonomy = history.current
    while taxonomy.version != version:
        path.append(taxonomy)
        if taxonomy.parent is None:
            return [history.current]
        taxonomy = history.get(taxonomy.parent)
    return path[::-1]

"""The taxonomy of a dataset's label column, kept in the workspace.

Until it is changed for the first time, a taxonomy is what the data hold and nothing is stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from curation.errors import UnknownNameError, UsageError
from curation.lake import documents
from curation.lake.annotations import label_column
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.documents import Document
from curation.lake.records import label_sql
from curation.lake.taxonomy import Operation, Taxonomy
from curation.lake.translation import TaxonomyHistory
from curation.lake.workspace import Workspace


def history(workspace: Workspace, dataset: str, label: str | None = None) -> TaxonomyHistory:
    """Return all versions of a label column's taxonomy.

    Where nobody changed it yet, that is version 1: the labels of the newest snapshot and all that
    annotations gave, in alphabetical order.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        label: the label column; without one, the dataset's newest.

    Raises:
        UnknownNameError: no such dataset or column.
        UsageError: the dataset has no label column.
    """
    label = label or label_column(get_dataset(workspace, dataset))
    stored = documents.versions(workspace, "taxonomy", dataset, label)
    if not stored:
        return TaxonomyHistory(versions=(_as_found(workspace, dataset, label),))
    return TaxonomyHistory(
        versions=tuple(_from_document(document) for document in stored),
        taken_back=frozenset(each.version for each in stored if each.is_taken_back),
    )


def current(workspace: Workspace, dataset: str, label: str | None = None) -> Taxonomy:
    """Return the version in force; see `history`."""
    return history(workspace, dataset, label).current


def is_stored(workspace: Workspace, dataset: str, label: str | None = None) -> bool:
    """Say whether anybody changed a label column's taxonomy yet, or gave it its classes."""
    label = label or label_column(get_dataset(workspace, dataset))
    return bool(documents.versions(workspace, "taxonomy", dataset, label))


def apply(
    workspace: Workspace,
    dataset: str,
    operations: Sequence[Operation],
    *,
    author: str,
    message: str,
    after: int | None = None,
) -> Taxonomy:
    """Make the next version of the taxonomy of a dataset's label column; return it.

    No annotation is changed: each is read under the new version by what the operations say.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        operations: applied to the version in force, in their order.
        author: who.
        message: why, one line.
        after: the newest version that the author has seen (`TaxonomyHistory.newest`); without it,
            the newest there is.

    Raises:
        UnknownNameError, UsageError: as `Taxonomy.changed`.
        UsageError: somebody else made a newer version meanwhile.
    """
    label = label_column(get_dataset(workspace, dataset))
    # Asked before the history is read: who stores it in between is seen by `documents.save`.
    stored = is_stored(workspace, dataset, label)
    known = history(workspace, dataset, label)
    if after not in (None, known.newest):
        raise UsageError(
            f"The taxonomy of '{dataset}' was changed by somebody else: you started from version "
            f"{after}, and version {known.newest} is there now. Look at it and make your change "
            "again."
        )
    changed = known.current.changed(operations, version=known.newest + 1)
    first = [] if stored else [known.versions[0]]
    seen = known.newest if stored else 0
    _save(workspace, dataset, label, [*first, changed], author, message, seen)
    return changed


def import_taxonomy(
    workspace: Workspace,
    dataset: str,
    imported: TaxonomyHistory | Taxonomy,
    *,
    author: str,
    message: str,
) -> Taxonomy:
    """Store a history that comes from elsewhere, or the first version of one; return what is new.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        imported: if versions are stored already, they have to be the first ones of it.
        author: who.
        message: why, one line.

    Raises:
        UsageError: it is not a continuation of what is stored, or has nothing new.
    """
    label = label_column(get_dataset(workspace, dataset))
    if isinstance(imported, Taxonomy):
        imported = TaxonomyHistory(versions=(imported,))
    stored = documents.versions(workspace, "taxonomy", dataset, label)
    for document, taxonomy in zip(stored, imported.versions, strict=False):
        if not _same(_from_document(document), taxonomy):
            raise UsageError(
                f"Version {document.version} of the taxonomy of '{dataset}' is another than that "
                "of the file. Only later versions can be added to those that are there."
            )
    new = imported.versions[len(stored) :]
    if not new:
        raise UsageError(f"All {len(stored)} versions are there already; nothing to import.")
    _save(workspace, dataset, label, new, author, message, len(stored))
    _take_back(workspace, dataset, label, imported.taken_back - set(range(len(stored) + 1)), author)
    return imported.versions[-1]


def _save(
    workspace: Workspace,
    dataset: str,
    label: str,
    new: Sequence[Taxonomy],
    author: str,
    message: str,
    seen: int,
) -> None:
    documents.save(
        workspace, "taxonomy", dataset, label,
        *(taxonomy.model_dump_json(exclude={"version"}) for taxonomy in new),
        author=author, message=message, after=seen,
    )  # fmt: skip


def _take_back(
    workspace: Workspace, dataset: str, label: str, numbers: frozenset[int], author: str
) -> None:
    gone = [
        document
        for document in documents.versions(workspace, "taxonomy", dataset, label)
        if document.version in numbers
    ]
    if not gone:
        return
    workspace.write(
        lambda cursor: [
            documents.add_row(
                cursor, "taxonomy", dataset, label, None, author, f"Undo: {document.message}",
                reverts=document.document_id,
            )
            for document in gone
        ],
        author=author, message="Versions that were taken back elsewhere", operation="taxonomy",
        dataset=dataset,
    )  # fmt: skip


def _from_document(document: Document) -> Taxonomy:
    return Taxonomy.model_validate(json.loads(document.text) | {"version": document.version})


def _same(one: Taxonomy, other: Taxonomy) -> bool:
    return one.model_dump() == other.model_dump()


def _as_found(workspace: Workspace, dataset: str, label: str) -> Taxonomy:
    found = get_dataset(workspace, dataset)
    if label not in found.columns:
        raise UnknownNameError("column", label, found.columns)
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""
            SELECT label FROM (
                SELECT {label_sql(label, found.columns[label])} AS label
                FROM {table_sql(dataset, found.snapshot)}
                UNION
                SELECT value FROM lake.curation.annotations
                WHERE dataset = ? AND label_column = ?)
            WHERE trim(label) <> '' ORDER BY label""",
            [dataset, label],
        ).fetchall()
    return Taxonomy.first(name for (name,) in rows)

"""Named texts with versions: recipes, taxonomies, rules and workflows.

A version is a row that is only ever added; its number is its place among the versions of its name,
in the order in which they were committed. The version in force is the newest that was not taken
back. Taking back is a row as well, and can itself be taken back (`lake.undo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import duckdb

from curation.errors import UsageError
from curation.lake.workspace import Workspace

Kind = Literal["recipe", "taxonomy", "rule", "workflow"]

# The lake's row ids are given at commit and never change, so a version keeps its number.
_VERSIONS = """
    WITH rows AS MATERIALIZED (SELECT rowid AS place, * FROM lake.curation.documents),
    standing_reverts AS (
        SELECT reverts FROM rows WHERE reverts IS NOT NULL AND document_id NOT IN (
            SELECT reverts FROM rows WHERE reverts IS NOT NULL))
    SELECT document_id, kind, dataset, name,
        row_number() OVER (PARTITION BY kind, dataset, name ORDER BY place) AS version,
        text, author, message, created_at,
        document_id IN (SELECT reverts FROM standing_reverts) AS is_taken_back
    FROM rows WHERE reverts IS NULL ORDER BY kind, dataset, name, version
"""


@dataclass(frozen=True)
class Document:
    """One version of a named text."""

    document_id: str
    kind: Kind
    dataset: str | None
    """None for what all datasets share, such as a rule."""
    name: str
    version: int
    text: str
    author: str
    message: str
    created_at: datetime
    is_taken_back: bool
    """Whether its author undid it; it stays readable and keeps its number."""


def save(
    workspace: Workspace,
    kind: Kind,
    dataset: str | None,
    name: str,
    *texts: str,
    author: str,
    message: str,
    after: int | None = None,
) -> Document:
    """Add versions of a text, in one transaction; return the newest of them.

    Args:
        workspace: where.
        kind: what the text is.
        dataset: whose it is, or None.
        name: what it is called.
        texts: one version each, the oldest first.
        author: who wrote it.
        message: why, one line.
        after: the newest version that the author has seen; without it any will do.

    Raises:
        UsageError: somebody else made a newer version meanwhile; nothing is in force of this one.
    """

    def change(cursor: duckdb.DuckDBPyConnection) -> list[str]:
        newest = cursor.execute(
            f"SELECT max(version) FROM ({_VERSIONS}) "
            "WHERE kind = ? AND dataset IS NOT DISTINCT FROM ? AND name = ?",
            [kind, dataset, name],
        ).fetchone()
        if after is not None and newest is not None and (newest[0] or 0) != after:
            raise _overtaken(kind, name, after, newest[0])
        return [add_row(cursor, kind, dataset, name, text, author, message) for text in texts]

    added, _ = workspace.write(
        change, author=author, message=message, operation=kind, dataset=dataset
    )
    known = versions(workspace, kind, dataset, name)
    document = next(version for version in known if version.document_id == added[-1])
    if after is not None and document.version != after + len(texts):
        # Both were committed at the same moment. Who came second gives way, and is told.
        def give_way(cursor: duckdb.DuckDBPyConnection) -> None:
            for one in added:
                add_row(cursor, kind, dataset, name, None, author, "Overtaken", reverts=one)

        workspace.write(
            give_way, author=author, message="Overtaken by another change", operation=kind,
            dataset=dataset,
        )  # fmt: skip
        raise _overtaken(kind, name, after, document.version - len(texts))
    return document


def versions(
    workspace: Workspace, kind: Kind, dataset: str | None = None, name: str | None = None
) -> list[Document]:
    """Return all versions of one text, or of all texts of a kind, the oldest first."""
    return [
        version
        for version in _all(workspace)
        if version.kind == kind and version.dataset == dataset and name in (None, version.name)
    ]


def in_force(workspace: Workspace, kind: Kind, dataset: str | None, name: str) -> Document | None:
    """Return the newest version of a text that was not taken back, or None."""
    said = [v for v in versions(workspace, kind, dataset, name) if not v.is_taken_back]
    return said[-1] if said else None


def versions_in_force(workspace: Workspace, dataset: str, name: str) -> dict[str, int]:
    """Return kind to version in force of all that one name stands for, such as a label column."""
    return {
        str(version.kind): version.version
        for version in _all(workspace)
        if (version.dataset, version.name) == (dataset, name) and not version.is_taken_back
    }


def get_version(
    workspace: Workspace, kind: Kind, dataset: str | None, name: str, version: int
) -> Document:
    """Return one version of a text.

    Raises:
        UsageError: there is no such version.
    """
    known = versions(workspace, kind, dataset, name)
    found = next((v for v in known if v.version == version), None)
    if found is None:
        there = f"versions 1 to {len(known)}" if known else "none yet"
        raise UsageError(f"The {kind} '{name}' has no version {version}. There are {there}.")
    return found


def add_row(
    cursor: duckdb.DuckDBPyConnection,
    kind: str,
    dataset: str | None,
    name: str,
    text: str | None,
    author: str,
    message: str,
    *,
    reverts: str | None = None,
) -> str:
    """Add a version, or take one back, inside a transaction; return the row's id."""
    row = cursor.execute("SELECT uuidv7()::VARCHAR").fetchone()
    assert row is not None
    cursor.execute(
        "INSERT INTO lake.curation.documents (document_id, kind, dataset, name, text, author, "
        "message, created_at, reverts) VALUES (?, ?, ?, ?, ?, ?, ?, now()::TIMESTAMP, ?)",
        [row[0], kind, dataset, name, text, author, message, reverts],
    )
    return str(row[0])


def _all(workspace: Workspace) -> list[Document]:
    """Return all versions of all texts; there are few, and every page asks for some of them."""

    def read() -> list[Document]:
        with workspace.cursor() as cursor:
            return [Document(*row) for row in cursor.execute(_VERSIONS).fetchall()]

    return workspace.keep_newest("documents", read)


def _overtaken(kind: str, name: str, seen: int, newest: int) -> UsageError:
    return UsageError(
        f"The {kind} '{name}' was changed by somebody else: you started from version {seen}, and "
        f"version {newest} is there now. Look at it and make your change again."
    )

"""Branches of annotations: lines of work that begin at the same base and are merged later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import duckdb

from curation.errors import UnknownNameError, UsageError
from curation.lake.annotations import MAIN
from curation.lake.workspace import Workspace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,99}")


@dataclass(frozen=True)
class Branch:
    """A line of work on a dataset's annotations."""

    branch: str
    dataset: str
    base_snapshot: int | None
    """The lake's snapshot from which it sees the main branch; None where it came from outside."""
    author: str
    created_at: datetime


def create_branch(workspace: Workspace, dataset: str, branch: str, author: str) -> Branch:
    """Begin a branch: it has all annotations of the main branch as of now, and then its own.

    Raises:
        UsageError: a name that cannot be one, or is taken.
    """
    check_new_branch(workspace, dataset, branch)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        base = cursor.execute("SELECT max(id) FROM lake.current_snapshot()").fetchone()
        assert base is not None
        cursor.execute(
            "INSERT INTO lake.curation.branches VALUES (?, ?, ?, ?, now()::TIMESTAMP)",
            [branch, dataset, base[0], author],
        )

    workspace.write(
        change, author=author, message=f"Branch {branch}", operation="branch", dataset=dataset
    )
    return get_branch(workspace, dataset, branch)


def check_new_branch(workspace: Workspace, dataset: str, branch: str) -> None:
    """Refuse a name that cannot be a new branch's.

    Raises:
        UsageError: says why.
    """
    if branch == MAIN or not _NAME.fullmatch(branch):
        raise UsageError(
            f"'{branch[:120]}' cannot be a branch's name. Allowed: 1 to 100 letters, digits, "
            f"spaces, dots, dashes and underscores, and not '{MAIN}'."
        )
    if any(other.branch == branch for other in list_branches(workspace, dataset)):
        raise UsageError(f"'{dataset}' has a branch '{branch}' already. Choose another name.")


def list_branches(workspace: Workspace, dataset: str) -> list[Branch]:
    """Return a dataset's branches without the main one, the oldest first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT branch, dataset, base_snapshot, author, created_at FROM lake.curation.branches "
            "WHERE dataset = ? ORDER BY created_at, branch",
            [dataset],
        ).fetchall()
    return [Branch(*row) for row in rows]


def get_branch(workspace: Workspace, dataset: str, branch: str) -> Branch:
    """Return a branch by its name.

    Raises:
        UnknownNameError: there is none.
    """
    known = list_branches(workspace, dataset)
    found = next((other for other in known if other.branch == branch), None)
    if found is None:
        raise UnknownNameError("branch", branch, [MAIN, *(other.branch for other in known)])
    return found


def base_snapshot(workspace: Workspace, dataset: str, branch: str) -> int | None:
    """Return the lake's snapshot that a branch began at; None for the main branch.

    Raises:
        UnknownNameError: there is no such branch.
    """
    return None if branch == MAIN else get_branch(workspace, dataset, branch).base_snapshot

"""A dataset's history: who changed it, when and why."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from curation.lake.workspace import Workspace

DATA_OPERATIONS = ("import", "append", "roles", "restore", "run")
"""The operations that make a new snapshot of a dataset's rows or roles."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a dataset and the operation that made it."""

    snapshot: int
    time: datetime
    """UTC, without a zone."""
    author: str
    message: str
    operation: str
    rows: int | None
    classes: int | None


def log(
    workspace: Workspace, dataset: str, *, operations: Collection[str] = DATA_OPERATIONS
) -> list[Snapshot]:
    """Return a dataset's snapshots, the newest first; none for a dataset that is not there."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT snapshot_id, snapshot_time::TIMESTAMP, author, commit_message, commit_extra_info
            FROM lake.snapshots()
            WHERE json_extract_string(commit_extra_info, '$.dataset') = ?
            ORDER BY snapshot_id DESC
            """,
            [dataset],
        ).fetchall()
    history = []
    for snapshot, time, author, message, extra in rows:
        details = json.loads(extra)
        if details["operation"] in operations:
            history.append(
                Snapshot(
                    snapshot=snapshot,
                    time=time,
                    author=author or "",
                    message=message or "",
                    operation=details["operation"],
                    rows=details.get("rows"),
                    classes=details.get("classes"),
                )
            )
    return history

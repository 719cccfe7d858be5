"""A dataset's history: who changed it, when and why."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from curation.lake.workspace import METADATA, Workspace

DATA_OPERATIONS = ("import", "append", "roles", "restore", "run", "build")
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
    details: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """All that was noted with it, for example what it was made from."""


def log(
    workspace: Workspace, dataset: str, *, operations: Collection[str] = DATA_OPERATIONS
) -> list[Snapshot]:
    """Return a dataset's snapshots, the newest first; none for a dataset that is not there."""
    # The catalog's own tables (DuckLake specification, "Tables"): `lake.snapshots()` gives the same
    # but reads every change of every snapshot, which takes a second where there are thousands.
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""
            SELECT c.snapshot_id, s.snapshot_time::TIMESTAMP, c.author, c.commit_message,
                c.commit_extra_info
            FROM {METADATA}.ducklake_snapshot_changes c JOIN {METADATA}.ducklake_snapshot s
                ON s.snapshot_id = c.snapshot_id
            WHERE c.commit_extra_info LIKE ? AND c.commit_extra_info NOT LIKE ?
            ORDER BY c.snapshot_id DESC
            """,
            [f'%"dataset": {json.dumps(dataset)}%', '%"operation": "annotate"%'],
        ).fetchall()
    history = []
    for snapshot, time, author, message, extra in rows:
        details = json.loads(extra)
        if details["dataset"] == dataset and details["operation"] in operations:
            history.append(
                Snapshot(
                    snapshot=snapshot,
                    time=time,
                    author=author or "",
                    message=message or "",
                    operation=details["operation"],
                    rows=details.get("rows"),
                    classes=details.get("classes"),
                    details=details,
                )
            )
    return history

"""Undo and redo: what a person did to labels, recipes, rules, workflows and taxonomies.

Taking back is an event like any other: it names the action that it takes back, and can be taken
back itself, which is redo. A revert of a revert is never taken back; who undoes once more after a
redo makes a new revert of the action. So an action stands unless a revert of it stands, and the
order in which events arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import duckdb

from curation import sql
from curation.lake.annotations import COLUMNS_SQL, write_events
from curation.lake.documents import Kind as DocumentKind
from curation.lake.documents import add_row
from curation.lake.workspace import Workspace

Kind = Literal["label", "recipe", "taxonomy", "rule", "workflow"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LABELS: tuple[Kind, ...] = ("label",)


@dataclass(frozen=True)
class Action:
    """Something that a person did with one press."""

    action_id: str
    kind: Kind
    name: str
    """The label column, or what the document is called."""
    what: str
    """In words, for example ``relabel m-0012 to refund``."""
    done_at: datetime
    """UTC, without a zone."""
    record_key: str | None
    """The record, for a decision about one."""
    branch: str | None


def undo(
    workspace: Workspace, dataset: str, user: str, *, kinds: Collection[Kind] = KINDS
) -> Action | None:
    """Take back a person's newest action that stands; return it, or None if there is none."""
    action = next_undo(workspace, dataset, user, kinds=kinds)
    if action is not None:
        _revert(workspace, dataset, user, action, [action.action_id], f"Undo: {action.what}")
    return action


def redo(
    workspace: Workspace, dataset: str, user: str, *, kinds: Collection[Kind] = KINDS
) -> Action | None:
    """Bring back what a person took back last; return it, or None if there is none.

    Only what was taken back since the person's newest other action can come back.
    """
    action = next_redo(workspace, dataset, user, kinds=kinds)
    if action is not None:
        with workspace.cursor() as cursor:
            reverts = cursor.execute(
                f"SELECT action_id FROM ({_said_sql(dataset)}) WHERE reverts = ? AND stands",
                [action.action_id],
            ).fetchall()
        _revert(workspace, dataset, user, action, [r for (r,) in reverts], f"Redo: {action.what}")
    return action


def next_undo(
    workspace: Workspace, dataset: str, user: str, *, kinds: Collection[Kind] = KINDS
) -> Action | None:
    """Return what `undo` would take back."""
    return _first(
        workspace,
        f"""SELECT * FROM ({_said_sql(dataset)})
        WHERE author = ? AND list_contains(?, kind) AND reverts IS NULL AND stands
        ORDER BY done_at DESC, action_id DESC LIMIT 1""",
        [user, list(kinds)],
    )


def next_redo(
    workspace: Workspace, dataset: str, user: str, *, kinds: Collection[Kind] = KINDS
) -> Action | None:
    """Return what `redo` would bring back."""
    return _first(
        workspace,
        f"""WITH mine AS (
            SELECT * FROM ({_said_sql(dataset)}) WHERE author = ? AND list_contains(?, kind)),
        undone AS (
            SELECT reverts, done_at, action_id FROM mine
            WHERE stands AND reverts IN (SELECT action_id FROM mine WHERE reverts IS NULL)
                AND done_at >= (
                    SELECT coalesce(max(done_at), '-infinity') FROM mine WHERE reverts IS NULL)
            ORDER BY done_at DESC, action_id DESC LIMIT 1)
        SELECT mine.* FROM mine JOIN undone ON mine.action_id = undone.reverts""",
        [user, list(kinds)],
    )


def _said_sql(dataset: str) -> str:
    """Return the SELECT of all actions about a dataset, with whether each stands."""
    of = sql.literal(dataset)
    return f"""
        WITH written AS MATERIALIZED (SELECT rowid AS place, * FROM lake.curation.documents),
        labels AS (
            SELECT {COLUMNS_SQL} FROM lake.curation.annotations WHERE dataset = {of}),
        said AS MATERIALIZED (
            SELECT action_id, 'label' AS kind, min(label_column) AS name,
                CASE WHEN count(*) > 1 THEN count(*) || ' decisions'
                    ELSE concat_ws(' ', min(decision), min(record_key), 'to ' || min(value))
                    END AS what,
                max(created_at) AS done_at, CASE WHEN count(*) = 1 THEN min(record_key) END
                    AS record_key,
                min(branch) AS branch, min(annotator) AS author, min(reverts) AS reverts
            FROM labels GROUP BY action_id
            UNION ALL
            SELECT document_id, kind, name, kind || ' ' || name || ': ' || message, created_at,
                NULL, NULL, author, reverts
            FROM written
            WHERE (dataset = {of} OR dataset IS NULL)
                -- What was in force before anybody said so is not something that was done.
                AND NOT (kind IN ('taxonomy', 'workflow') AND place IN (
                    SELECT min(place) FROM written GROUP BY kind, dataset, name))),
        lifted AS (
            SELECT r.reverts FROM said r WHERE r.reverts IN (
                SELECT action_id FROM said WHERE reverts IS NOT NULL))
        SELECT *, action_id NOT IN (
            SELECT reverts FROM said
            WHERE reverts IS NOT NULL AND action_id NOT IN (SELECT reverts FROM lifted)) AS stands
        FROM said"""


def _first(workspace: Workspace, query: str, values: list[object]) -> Action | None:
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"SELECT action_id, kind, name, what, done_at, record_key, branch FROM ({query})",
            values,
        ).fetchone()
    return Action(*row) if row else None


def _revert(
    workspace: Workspace, dataset: str, user: str, action: Action, targets: list[str], message: str
) -> None:
    if action.kind == "label":
        rows = [
            {
                "dataset": dataset, "label_column": action.name, "record_key": action.record_key,
                "decision": "revert", "annotator": user, "reverts": target,
                "branch": action.branch, "reason": message,
            }
            for target in targets
        ]  # fmt: skip
        write_events(workspace, rows, message=message)
        return
    kind: DocumentKind = action.kind

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        for target in targets:
            owner = cursor.execute(
                "SELECT dataset FROM lake.curation.documents WHERE document_id = ?", [target]
            ).fetchone()
            assert owner is not None
            add_row(cursor, kind, owner[0], action.name, None, user, message, reverts=target)

    workspace.write(change, author=user, message=message, operation=kind, dataset=dataset)

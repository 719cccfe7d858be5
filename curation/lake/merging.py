"""Three-way merge of two annotation branches that began at the same base.

A branch is a set of events, so a merge is their union. What is left for a person is only where one
annotator said two things about one record: one on each side since the base. Both are read under the
wanted taxonomy first, so that a rename on one side is no conflict. What different annotators say
never conflicts: both stand, and the policy makes one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import duckdb

from curation.errors import UsageError
from curation.lake import taxonomies
from curation.lake.annotations import COLUMNS_SQL, MAIN, Annotation
from curation.lake.branches import get_branch
from curation.lake.fold import Cut, visible_sql
from curation.lake.translation import TaxonomyHistory
from curation.lake.workspace import Workspace

Said = tuple[str, tuple[str, ...]]
"""A decision and the classes that it may mean, so that equal ones say the same."""


@dataclass(frozen=True)
class Conflict:
    """One annotator said two things about one record since the base."""

    record_key: str
    annotator: str
    base: Annotation | None
    """What they had said before; it stands until they decide again."""
    ours: Annotation | None
    """None where they took it back."""
    theirs: Annotation | None


@dataclass(frozen=True)
class Merge:
    """What a merge brings: every new event of the other side is in one of the two."""

    added: tuple[str, ...]
    """Ids of the other side's events that count from now on."""
    conflicting: tuple[str, ...]
    """Ids of both sides' events that do not count until the annotator has decided again."""
    conflicts: tuple[Conflict, ...]


def three_way(
    base: Iterable[Annotation],
    ours: Iterable[Annotation],
    theirs: Iterable[Annotation],
    history: TaxonomyHistory,
    version: int,
) -> Merge:
    """Return what a merge of ``theirs`` into ``ours`` brings.

    Args:
        base: the events that both sides began with.
        ours: all events of our side, those of the base among them.
        theirs: all events of the other side, likewise.
        history: of the taxonomy.
        version: which version both sides are read under.
    """
    begun = {event.annotation_id: event for event in base}
    sides = [{**begun, **{e.annotation_id: e for e in side}} for side in (ours, theirs)]
    stood = _newest(begun.values())
    now = [_newest(side.values()) for side in sides]
    conflicts, conflicting = [], set()
    for place in sorted(now[0].keys() | now[1].keys() | stood.keys()):
        before, mine, other = stood.get(place), now[0].get(place), now[1].get(place)
        if before in (mine, other):  # only one side, or none, said something new
            continue
        if _meaning(mine, history, version) == _meaning(other, history, version):
            continue
        conflicts.append(Conflict(*place, before, mine, other))
        conflicting |= {
            event.annotation_id
            for side in sides
            for event in side.values()
            if event.annotation_id not in begun
            and event.decision != "revert"
            and (event.record_key, event.annotator) == place
        }
    new = [event for event in sides[1] if event not in sides[0] and event not in conflicting]
    return Merge(tuple(sorted(new)), tuple(sorted(conflicting)), tuple(conflicts))


def merge_branch(
    workspace: Workspace,
    dataset: str,
    label: str,
    branch: str,
    *,
    author: str,
    base: Collection[str] = (),
) -> Merge:
    """Merge a branch into the main one; what has been merged before is left out.

    Args:
        workspace: where.
        dataset: whose annotations.
        label: about which column.
        branch: what is merged.
        author: who merges.
        base: ids of the events that a branch from outside began with.

    Raises:
        UnknownNameError: there is no such branch.
        UsageError: there is nothing new in it.
    """
    found = get_branch(workspace, dataset, branch)
    ours = _events(workspace, dataset, label, Cut())
    theirs = _events(workspace, dataset, label, Cut(branch=branch))
    if found.base_snapshot is None:
        begun = [event for event in ours if event.annotation_id in base]
    else:
        begun = _events(workspace, dataset, label, Cut(snapshot=found.base_snapshot))
    known = {event.annotation_id for event in ours} | _settled(workspace, dataset)
    new = [event for event in theirs if event.annotation_id not in known]
    if not new:
        raise UsageError(f"Everything on the branch '{branch}' is on '{MAIN}' already.")
    # What was merged before is base now: it was agreed on, or is waiting already.
    merged = [event for event in theirs if event.annotation_id in known]
    history = taxonomies.history(workspace, dataset, label)
    result = three_way([*begun, *merged], ours, [*merged, *new], history, history.current.version)
    _store(workspace, dataset, branch, result, author)
    return result


def open_conflicts(workspace: Workspace, dataset: str) -> list[Annotation]:
    """Return the events that wait for their annotators to decide again, the oldest first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""WITH said AS (
                SELECT {COLUMNS_SQL} FROM lake.curation.annotations WHERE dataset = $dataset),
            waiting AS (
                SELECT said.*, m.created_at AS merged_at
                FROM said JOIN lake.curation.merged m USING (annotation_id)
                WHERE m.dataset = $dataset AND m.branch = '{MAIN}' AND m.outcome = 'conflict')
            SELECT w.* EXCLUDE (merged_at) FROM waiting w WHERE NOT EXISTS (
                SELECT 1 FROM said s WHERE s.record_key = w.record_key AND s.decision <> 'revert'
                    AND s.created_at > w.merged_at)
            ORDER BY created_at, annotation_id""",
            {"dataset": dataset},
        ).fetchall()
    return [Annotation(*row) for row in rows]


def _newest(events: Iterable[Annotation]) -> dict[tuple[str, str], Annotation]:
    """Return each annotator's newest standing decision about each record."""
    said = list(events)
    reverts = {event.action_id for event in said if event.decision == "revert"}
    lifted = {e.reverts for e in said if e.decision == "revert" and e.reverts in reverts}
    taken_back = {
        e.reverts for e in said if e.decision == "revert" and e.action_id not in lifted
    }  # fmt: skip
    found: dict[tuple[str, str], Annotation] = {}
    for event in sorted(said, key=attrgetter("created_at", "annotation_id")):
        if event.decision != "revert" and event.action_id not in taken_back:
            found[event.record_key or "", event.annotator] = event
    return found


def _meaning(event: Annotation | None, history: TaxonomyHistory, version: int) -> Said | None:
    if event is None:
        return None
    if event.value is None:
        return (event.decision, ())
    reading = history.reading(event.value, event.taxonomy_version, version)
    if reading.unknown:
        return ("label", (event.value,))
    return ("exclude", ()) if reading.status == "excluded" else ("label", reading.classes)


def _events(workspace: Workspace, dataset: str, label: str, cut: Cut) -> list[Annotation]:
    with workspace.cursor() as cursor:
        rows = cursor.execute(visible_sql(workspace, dataset, label, cut)).fetchall()
    return [Annotation(*row) for row in rows]


def _settled(workspace: Workspace, dataset: str) -> set[str]:
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT annotation_id FROM lake.curation.merged WHERE dataset = ? AND branch = ?",
            [dataset, MAIN],
        ).fetchall()
    return {annotation_id for (annotation_id,) in rows}


def _store(workspace: Workspace, dataset: str, branch: str, result: Merge, author: str) -> None:
    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        for outcome, ids in (("added", result.added), ("conflict", result.conflicting)):
            _insert(cursor, dataset, outcome, ids)

    workspace.write(
        change, author=author, operation="merge", dataset=dataset, branch=branch,
        message=f"Merged {branch}: {len(result.added):,} events, "
        f"{len(result.conflicts):,} conflicts",
    )  # fmt: skip


def _insert(
    cursor: duckdb.DuckDBPyConnection, dataset: str, outcome: str, ids: Sequence[str]
) -> None:
    cursor.execute(
        "INSERT INTO lake.curation.merged "
        "(merge_id, dataset, branch, annotation_id, outcome, created_at) "
        "SELECT uuidv7()::VARCHAR, ?, ?, unnest(?::VARCHAR[]), ?, now()::TIMESTAMP",
        [dataset, MAIN, list(ids), outcome],
    )


__all__ = ["Conflict", "Merge", "merge_branch", "open_conflicts", "three_way"]

"""The only door through which row values leave the core towards a page.

Every function takes the `Viewer` who wants to see them. Today a policy has one mode, ``open``; the
modes that show less are decided here, so that no page changes when they come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Literal

import pyarrow as pa

from curation import sql
from curation.lake import documents, taxonomies
from curation.lake.blame import Blame, blame
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.decisions import in_force_sql
from curation.lake.diffs import Diff, changed_rows, diff
from curation.lake.findings import FindingSummary, get_finding
from curation.lake.record_life import RecordLife, record_life
from curation.lake.records import ROW_COLUMN
from curation.lake.reviewing import (
    decided_sql,
    has_verdict_sql,
    random_order_sql,
    was_wrong_sql,
)
from curation.lake.translation import UNKNOWN, Reading
from curation.lake.workspace import Workspace

Show = Literal["flagged", "all"]

TOP_CLASSES = 5
OTHERS = "others"


@dataclass(frozen=True)
class Viewer:
    """Who looks, and in which role."""

    user: str
    role: str = "curator"


@dataclass(frozen=True)
class RowPage:
    """Some rows of a dataset, and where the next ones begin."""

    table: pa.Table
    next: int | None
    """Give it as ``after`` to get the next page; None on the last one."""


@dataclass(frozen=True)
class ReviewItem:
    """One record that waits for a decision about its label."""

    record_key: str
    fingerprint: str
    given_label: str | None
    suggested_label: str | None
    """A class of the taxonomy in force, or None where nothing is suggested."""
    taxonomy_version: int
    workflow_version: int
    can_keep: bool
    """Whether the given label is still a class, so that it can be kept as it is."""
    label_quality: float
    """0 to 1; 1 is clean."""
    given_label_probability: float | None
    is_label_issue: bool
    probabilities: dict[str, float]
    """The most likely classes, largest first, the given one among them; the rest as ``others``."""
    values: dict[str, Any]
    """The record's columns."""
    explanation: str | None = None
    """What the finder says of it, in one line."""
    is_drawn: bool = False
    """Whether it is shown by chance, to measure how good the queue is."""


@dataclass(frozen=True)
class FlaggedRow:
    """One row that a finder flagged."""

    record_key: str
    score: float
    """0 to 1; 1 is clean."""
    explanation: str | None
    """What the finder says of it, in one line."""
    suggestion: str | None
    """What could stand in the place of what is there."""
    given_label: str | None
    group: int | None
    """Rows with one number belong together, for example copies of one text."""
    decision: str | None
    """What stands decided about the record, by whomever: relabel, confirm, exclude or unsure."""
    values: dict[str, Any]
    """The record's columns."""


@dataclass(frozen=True)
class FlaggedPage:
    """Some flagged rows of a finding, the worst first, and where the next ones begin."""

    rows: list[FlaggedRow]
    next: int | None
    """Give it as ``after`` to get the next page; None on the last one."""


@dataclass(frozen=True)
class ReviewCounts:
    """How far a review is."""

    to_review: int
    """Undecided records under the filter."""
    decided: int
    """Records of the dataset that have a decision."""
    flagged_decided: int
    """Flagged records that were decided as right or wrong."""
    right_flags: int
    """Of those, the ones whose given label was found wrong."""


def rows(
    workspace: Workspace,
    viewer: Viewer,
    dataset: str,
    *,
    snapshot: int | None = None,
    where: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> RowPage:
    """Return a page of a dataset's rows in their order.

    Args:
        workspace: where the dataset is.
        viewer: who looks.
        dataset: its name.
        snapshot: which version; the newest without one.
        where: a scalar expression over its columns.
        after: ``next`` of the page before.
        limit: how many rows.

    Raises:
        UnknownNameError, ExpressionError: no such dataset, or a filter that cannot be read.
    """
    found = get_dataset(workspace, dataset, snapshot)
    condition = sql.scalar_expression(where, found.columns) if where else "TRUE"
    with workspace.cursor() as cursor, sql.evaluating(where or ""):
        # One row more than asked tells whether there is a next page.
        table = cursor.execute(
            f"SELECT rowid AS {ROW_COLUMN}, * FROM {table_sql(dataset, found.snapshot)} "
            f"WHERE rowid > ? AND ({condition}) ORDER BY rowid LIMIT ?",
            [-1 if after is None else after, limit + 1],
        ).to_arrow_table()
    page = table.slice(0, limit)
    more = len(table) > limit > 0
    return RowPage(page.drop_columns(ROW_COLUMN), page[ROW_COLUMN][-1].as_py() if more else None)


def review_queue(
    workspace: Workspace,
    viewer: Viewer,
    finding_id: str,
    *,
    show: Show = "flagged",
    given_label: str | None = None,
    max_quality: float = 1.0,
    skip: Collection[str] = (),
    limit: int = 20,
) -> list[ReviewItem]:
    """Return undecided records, the least likely label first.

    Args:
        workspace: where the finding is.
        viewer: who looks.
        finding_id: which finding.
        show: only flagged records, or all.
        given_label: only records with this label.
        max_quality: only records with at most this label quality, 0 to 1.
        skip: record keys to leave out.
        limit: how many.
    """
    finding = get_finding(workspace, finding_id)
    condition, values = _filter(finding, show, given_label, max_quality)
    if skip:
        condition += " AND NOT list_contains(?, f.record_key)"
        values.append(list(skip))
    queue = f"SELECT f.* FROM open f WHERE {condition} ORDER BY f.score, f.row_number LIMIT ?"
    return _items(workspace, viewer, finding, queue, [*values, limit], "q.score, q.row_number")


def random_draws(
    workspace: Workspace,
    viewer: Viewer,
    finding_id: str,
    *,
    skip: Collection[str] = (),
    of_each: int = 3,
) -> list[ReviewItem]:
    """Return the next undecided records of a finding's random order, to measure the queue by.

    Args:
        workspace: where the finding is.
        viewer: who looks.
        finding_id: which finding.
        skip: record keys to leave out.
        of_each: how many records that are not flagged, and how many that are.

    Returns:
        An unflagged record, a flagged one, and so on in turn.
    """
    finding = get_finding(workspace, finding_id)
    chance = random_order_sql(finding_id, "f.record_key")
    of_stratum = f"""(SELECT f.* FROM open f
        WHERE f.finding_id = ? AND f.is_issue = ? AND {has_verdict_sql(finding)}
            AND NOT list_contains(?, f.record_key)
        ORDER BY {chance}, f.row_number LIMIT ?)"""
    queue = f"{of_stratum} UNION ALL {of_stratum}"
    values = [value for flag in (False, True) for value in (finding_id, flag, list(skip), of_each)]
    order = f"{random_order_sql(finding_id, 'q.record_key')}, q.row_number"
    found: dict[str, ReviewItem] = {}
    for item in _items(workspace, viewer, finding, queue, values, order):
        found.setdefault(item.record_key, replace(item, is_drawn=True))
    others = [item for item in found.values() if not item.is_label_issue]
    flagged = [item for item in found.values() if item.is_label_issue]
    in_turn = chain.from_iterable(zip_longest(others, flagged))
    return [item for item in in_turn if item is not None]


def _items(
    workspace: Workspace,
    viewer: Viewer,
    finding: FindingSummary,
    queue: str,
    values: list[Any],
    order: str,
) -> list[ReviewItem]:
    """Return the records of a SELECT over the undecided rows (`open`), in an order of it (`q`)."""
    table = table_sql(finding.dataset, finding.snapshot)
    label = get_dataset(workspace, finding.dataset, finding.snapshot).roles.label
    with workspace.cursor() as cursor:
        found = cursor.execute(
            f"""
            WITH decided AS ({decided_sql(workspace, finding, viewer.user)}),
            open AS NOT MATERIALIZED (
                SELECT * FROM lake.curation.finding_rows f WHERE NOT EXISTS (
                    SELECT 1 FROM decided d WHERE d.record_key = f.record_key)),
            queue AS ({queue}),
            records AS (SELECT rowid AS {ROW_COLUMN}, * FROM {table})
            SELECT q.*, r AS record FROM queue q JOIN records r ON r.{ROW_COLUMN} = q.row_number
            ORDER BY {order}""",
            values,
        ).to_arrow_table()
    readings = _readings(workspace, finding, label)
    versions = documents.versions_in_force(workspace, finding.dataset, label or "")
    return [_item(finding, row, readings, versions) for row in found.to_pylist()]


def classes(workspace: Workspace, viewer: Viewer, finding_id: str) -> list[str]:
    """Return the classes that a record may be given now: those of the taxonomy in force."""
    finding = get_finding(workspace, finding_id)
    label = get_dataset(workspace, finding.dataset, finding.snapshot).roles.label
    if label is None or not taxonomies.is_stored(workspace, finding.dataset, label):
        return finding.classes
    return list(taxonomies.current(workspace, finding.dataset, label).classes)


def review_counts(
    workspace: Workspace,
    viewer: Viewer,
    finding_id: str,
    *,
    show: Show = "flagged",
    given_label: str | None = None,
    max_quality: float = 1.0,
) -> ReviewCounts:
    """Count what is left to review under a filter, and what the decisions say of the flags."""
    finding = get_finding(workspace, finding_id)
    condition, values = _filter(finding, show, given_label, max_quality)
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"""
            WITH decided AS ({decided_sql(workspace, finding, viewer.user)})
            SELECT count(*) FILTER (WHERE d.record_key IS NULL AND {condition}),
                count(DISTINCT d.record_key),
                count(*) FILTER (WHERE f.is_issue
                    AND d.decision IN ('relabel', 'confirm', 'exclude')),
                count(*) FILTER (WHERE f.is_issue AND {was_wrong_sql("f.given_label")})
            FROM lake.curation.finding_rows f LEFT JOIN decided d USING (record_key)
            WHERE f.finding_id = ?""",
            [*values, finding_id],
        ).fetchone()
    assert row is not None
    return ReviewCounts(*row)


def life_of_record(
    workspace: Workspace, viewer: Viewer, dataset: str, record_key: str
) -> RecordLife:
    """Return everything that happened to a record, values among it; see `lake.record_life`."""
    return record_life(workspace, dataset, record_key)


def blame_for_label(
    workspace: Workspace, viewer: Viewer, dataset: str, record_key: str
) -> list[Blame]:
    """Return where a record's label comes from; see `lake.blame`."""
    return blame(workspace, dataset, record_key)


def difference(workspace: Workspace, viewer: Viewer, dataset: str, old: int, new: int) -> Diff:
    """Return how two snapshots differ, with what became of values; see `lake.diffs`."""
    return diff(workspace, dataset, old, new, distributions=True)


def cells_changed(
    workspace: Workspace, viewer: Viewer, dataset: str, old: int, new: int, *, limit: int = 50
) -> pa.Table:
    """Return the cells that differ between two snapshots; see `lake.diffs.changed_rows`."""
    return changed_rows(workspace, dataset, old, new, limit=limit)


def preview(viewer: Viewer, table: pa.Table, limit: int = 50) -> pa.Table:
    """Return the first rows of a result that is not in the lake."""
    return table.slice(0, limit)


def flagged_rows(
    workspace: Workspace,
    viewer: Viewer,
    finding_id: str,
    *,
    after: int | None = None,
    limit: int = 20,
) -> FlaggedPage:
    """Return a page of the rows that a finder flagged, the worst first.

    Rows of one group follow each other; a group stands where its worst row would.

    Args:
        workspace: where the finding is.
        viewer: who looks.
        finding_id: which finding.
        after: ``next`` of the page before.
        limit: how many rows, at least 1.

    Raises:
        UnknownNameError: there is no such finding.
    """
    finding = get_finding(workspace, finding_id)
    dataset = get_dataset(workspace, finding.dataset, finding.snapshot)
    with workspace.cursor() as cursor:
        # One row more than asked tells whether there is a next page.
        found = cursor.execute(
            f"""
            WITH flagged AS (
                SELECT * EXCLUDE (probabilities), coalesce(group_number, -1 - row_number) AS alike
                FROM lake.curation.finding_rows WHERE finding_id = $finding AND is_issue),
            placed AS MATERIALIZED (
                SELECT *, row(min(score) OVER (PARTITION BY alike),
                    min(row_number) OVER (PARTITION BY alike), score, row_number) AS place
                FROM flagged),
            page AS (
                SELECT * FROM placed
                WHERE $after IS NULL
                    OR place > (SELECT place FROM placed WHERE row_number = $after)
                ORDER BY place LIMIT $rows),
            records AS (
                SELECT rowid AS {ROW_COLUMN}, * FROM {table_sql(dataset.name, dataset.snapshot)})
            SELECT p.* EXCLUDE (place), r AS record
            FROM page p JOIN records r ON r.{ROW_COLUMN} = p.row_number
            ORDER BY p.place""",
            {"finding": finding_id, "after": after, "rows": limit + 1},
        ).to_arrow_table()
    listed = found.slice(0, limit).to_pylist()
    last = listed[-1]["row_number"] if len(found) > limit else None
    said = _said(workspace, finding.dataset, dataset.roles.label)
    return FlaggedPage([_flagged(row, said) for row in listed], last)


def _said(workspace: Workspace, dataset: str, label: str | None) -> Mapping[str, str]:
    """Return the decision about each record that has one; kept, since the fold takes its time."""

    def fold() -> dict[str, str]:
        said = in_force_sql(workspace, dataset, label)
        with workspace.cursor() as cursor:
            decided = cursor.execute(
                f"SELECT record_key, decision FROM ({said}) "
                "WHERE standing IN ('in_force', 'excluded')"
            ).fetchall()
        return dict(decided)

    if label is None:
        return {}
    found: dict[str, str] = workspace.keep_newest(("decided", dataset, label), fold)
    return found


def _flagged(row: dict[str, Any], said: Mapping[str, str]) -> FlaggedRow:
    return FlaggedRow(
        record_key=row["record_key"],
        score=row["score"],
        explanation=row["explanation"],
        suggestion=row["suggestion"],
        given_label=row["given_label"],
        group=row["group_number"],
        decision=said.get(row["record_key"]),
        values={name: value for name, value in row["record"].items() if name != ROW_COLUMN},
    )


def _readings(
    workspace: Workspace, finding: FindingSummary, label: str | None
) -> Mapping[str, Reading] | None:
    """Return what the classes of the finding's snapshot mean now; None where nothing changed."""
    if label is None or not taxonomies.is_stored(workspace, finding.dataset, label):
        return None
    history = taxonomies.history(workspace, finding.dataset, label)
    version = get_dataset(workspace, finding.dataset, finding.snapshot).taxonomy_version
    return history.table(history.current.version).get(version, {})


def _filter(
    finding: FindingSummary, show: Show, given_label: str | None, max_quality: float
) -> tuple[str, list[Any]]:
    condition, values = (
        "f.finding_id = ? AND f.score <= ?",
        [finding.finding_id, max_quality],
    )
    condition += f" AND {has_verdict_sql(finding)}"
    if show == "flagged":
        condition += " AND f.is_issue"
    if given_label is not None:
        condition += " AND f.given_label = ?"
        values.append(given_label)
    return condition, values


def _item(
    finding: FindingSummary,
    row: dict[str, Any],
    readings: Mapping[str, Reading] | None,
    versions: Mapping[str, int],
) -> ReviewItem:
    given, suggested = row["given_label"], row["suggestion"]
    shares = dict(zip(finding.classes, row["probabilities"] or (), strict=False))
    kept: str | None = given
    if readings is not None and given is not None:
        kept = readings.get(given, UNKNOWN).label
    if readings is not None and finding.finder == "label":
        suggested = readings.get(suggested, UNKNOWN).label
        shares = _read(shares, readings)
    return ReviewItem(
        record_key=row["record_key"],
        fingerprint=row["fingerprint"],
        given_label=given,
        suggested_label=suggested,
        taxonomy_version=versions.get("taxonomy", 1),
        workflow_version=versions.get("workflow", 1),
        can_keep=kept is not None,
        label_quality=row["score"],
        given_label_probability=row["given_label_probability"],
        is_label_issue=row["is_issue"],
        probabilities=_top(shares, given),
        values={name: value for name, value in row["record"].items() if name != ROW_COLUMN},
        explanation=row["explanation"],
    )


def _read(shares: Mapping[str, float], readings: Mapping[str, Reading]) -> dict[str, float]:
    """Return probabilities of the classes of today; what a split leaves open is shared out."""
    found: dict[str, float] = {}
    for name, share in shares.items():
        now = readings.get(name, UNKNOWN).classes
        for one in now:
            found[one] = found.get(one, 0.0) + share / len(now)
    return found


def _top(shares: Mapping[str, float], given: str | None) -> dict[str, float]:
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])
    shown = dict(ranked[:TOP_CLASSES])
    if given is not None and given in shares and given not in shown:
        shown = dict(ranked[: TOP_CLASSES - 1]) | {given: shares[given]}
    if len(ranked) > len(shown):
        shown[OTHERS] = max(0.0, sum(shares.values()) - sum(shown.values()))
    return shown

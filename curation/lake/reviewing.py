"""What a review of a finding needs to know: who decided what, and a fixed random order.

The random order of a finding's records is that of a hash, so it needs no storing, is the same in
every session, and has nothing to do with the order in which records are reviewed.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from curation import sql
from curation.lake.datasets import get_dataset
from curation.lake.decisions import active_events_sql, in_force_sql
from curation.lake.findings import FindingSummary, get_finding
from curation.lake.fold import EVERYTHING
from curation.lake.workspace import Workspace

ERROR, RIGHT, UNSURE, OPEN = 1, 0, -1, -2
"""What is known of a record: its label was wrong, was right, a person was unsure, or nothing."""

_PACE_OVER: Final = 30
"""Decisions that the pace is measured over."""


def decided_sql(workspace: Workspace, finding: FindingSummary, annotator: str) -> str:
    """Return the SELECT of the records that a person need not decide about any more.

    Args:
        workspace: where the finding is.
        finding: which finding.
        annotator: who reviews; in the queue `label_next` everybody has their own say.
    """
    label = get_dataset(workspace, finding.dataset, finding.snapshot).roles.label
    if finding.finder in ("label", "reclassify"):
        said = in_force_sql(workspace, finding.dataset, label)
        return f"SELECT * FROM ({said}) WHERE standing IN ('in_force', 'excluded')"
    # What was said before is why the record is in the queue.
    active = active_events_sql(workspace, finding.dataset, label, EVERYTHING)
    found_at = sql.literal(finding.created_at.isoformat(sep=" "))
    later = f"created_at > {found_at}::TIMESTAMP"
    if finding.finder == "label_next":
        later = f"annotator = {sql.literal(annotator)}"
    return (
        f"SELECT DISTINCT ON (record_key) * FROM ({active}) WHERE {later} "
        "ORDER BY record_key, created_at DESC, annotation_id DESC"
    )


def has_verdict_sql(finding: FindingSummary) -> str:
    """Return the SQL of whether a row of a finding has a label that may be wrong."""
    return "given_label IS NOT NULL" if finding.finder == "label" else "TRUE"


def was_wrong_sql(given: str) -> str:
    """Return the SQL of whether a decision `d` says that the given label is wrong.

    Args:
        given: SQL of the label in the finding. It may be what the decision asked for, when the data
            were corrected since.
    """
    other = f"d.value IS DISTINCT FROM d.given AND d.value IS DISTINCT FROM {given}"
    return f"(d.decision = 'exclude' OR (d.decision = 'relabel' AND {other}))"


def random_order_sql(finding_id: str, key: str) -> str:
    """Return the SQL to order a finding's records by so that any first of them are drawn at random.

    Args:
        finding_id: which finding; another one has another order.
        key: SQL of the record key.
    """
    return f"md5(concat({sql.literal(finding_id + ':')}, {key}))"


def review_records(workspace: Workspace, finding_id: str, annotator: str = "") -> pa.Table:
    """Return each record of a finding and what is known of it, in the order of the queue.

    Rows with the same record key are one record, since one decision is about all of them.

    Args:
        workspace: where the finding is.
        finding_id: which finding.
        annotator: see `decided_sql`.

    Returns:
        `record_key`; `is_issue`, which comes first; `verdict` (`ERROR`, `RIGHT`, `UNSURE`, `OPEN`);
        and `chance`, the 0-based place in the random order.
    """
    finding = get_finding(workspace, finding_id)
    with workspace.cursor() as cursor:
        return cursor.execute(
            f"""
            WITH decided AS ({decided_sql(workspace, finding, annotator)}),
            records AS (
                SELECT record_key, bool_or(is_issue) AS is_issue, min(score) AS score,
                    min(row_number) AS row_number, arg_min(given_label, score) AS given_label
                FROM lake.curation.finding_rows
                WHERE finding_id = ? AND {has_verdict_sql(finding)} GROUP BY record_key)
            SELECT r.record_key, r.is_issue,
                (CASE WHEN d.record_key IS NULL THEN {OPEN} WHEN d.decision = 'unsure' THEN {UNSURE}
                    WHEN {was_wrong_sql("r.given_label")} THEN {ERROR} ELSE {RIGHT} END
                )::TINYINT AS verdict,
                row_number() OVER (
                    ORDER BY {random_order_sql(finding_id, "r.record_key")}) - 1 AS chance
            FROM records r LEFT JOIN decided d USING (record_key)
            ORDER BY r.is_issue DESC, r.score, r.row_number""",
            [finding_id],
        ).to_arrow_table()


def seconds_per_decision(workspace: Workspace, dataset: str, annotator: str = "") -> float | None:
    """Return how long the newest decisions took on average; None where nobody took the time.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        annotator: whose decisions; everybody's without one.
    """
    with workspace.cursor() as cursor:
        row = cursor.execute(
            """SELECT avg(seconds) FROM (
                SELECT seconds FROM lake.curation.annotations
                WHERE dataset = $dataset AND seconds > 0 AND annotator = coalesce($who, annotator)
                ORDER BY created_at DESC, annotation_id DESC LIMIT $newest)""",
            {"dataset": dataset, "who": annotator or None, "newest": _PACE_OVER},
        ).fetchone()
    return None if row is None or row[0] is None else float(row[0])

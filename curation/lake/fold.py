"""Which decisions are in force: a fold over annotation events, as SQL.

The fold has three stages. *Visible* are the events of a branch under a cut. *Active* are those that
were not taken back. Then a policy makes one decision of all that was said about a record, read
under one version of the taxonomy. No stage depends on the order in which events arrived: order is
that of ``created_at``, and of the event's id where two were made in the same microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from curation import sql
from curation.lake.annotations import COLUMNS_SQL, MAIN
from curation.lake.branches import base_snapshot
from curation.lake.workspace import Workspace

SqlPolicy = Literal["latest", "majority", "reviewer_over_annotator"]
Policy = Literal["latest", "majority", "reviewer_over_annotator", "crowdlab", "dawid_skene"]

Standing = Literal["in_force", "disputed", "queue", "excluded"]
"""``disputed``: as many say one thing as another. ``queue``: the taxonomy needs a person to decide
again. ``excluded``: the taxonomy leaves the class out."""


class Cut(BaseModel):
    """Which annotations count: by time, by workflow, or by set (branch, annotators, sources)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    branch: str = Field(default=MAIN, title="Branch")
    snapshot: int | None = Field(
        default=None, title="Lake snapshot", description="Only what was committed by then."
    )
    until: datetime | None = Field(default=None, title="Until (UTC)")
    workflow_versions: tuple[int, ...] | None = Field(default=None, title="Workflow versions")
    annotators: tuple[str, ...] | None = Field(default=None, title="Annotators")
    sources: tuple[str, ...] | None = Field(default=None, title="Sources")


EVERYTHING = Cut()


def visible_sql(workspace: Workspace, dataset: str, label: str | None, cut: Cut) -> str:
    """Return the SELECT of the events of a branch under a cut, with the columns of an annotation.

    A branch has its own events, those that were merged into it, and what the main branch had when
    it was made. Reverts count whoever made them and in whichever workflow.
    """
    of_branch = f"SELECT * FROM ({events_sql(dataset, label, cut.branch, cut.snapshot)})"
    base = base_snapshot(workspace, dataset, cut.branch)
    if base is not None:
        at = base if cut.snapshot is None else min(base, cut.snapshot)
        of_branch += f" UNION BY NAME SELECT * FROM ({events_sql(dataset, label, MAIN, at)})"
    conditions = []
    if cut.until is not None:
        conditions.append(f"created_at <= {sql.literal(cut.until.isoformat(sep=' '))}::TIMESTAMP")
    for column, allowed in (
        ("workflow_version", cut.workflow_versions),
        ("annotator", cut.annotators),
        ("source", cut.sources),
    ):
        if allowed is not None:
            listed = _list_sql(allowed)
            conditions.append(f"(decision = 'revert' OR list_contains({listed}, {column}))")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT * FROM ({of_branch}){where}"


def events_sql(dataset: str, label: str | None, branch: str, snapshot: int | None = None) -> str:
    """Return the SELECT of a branch's own events and of those that were merged into it."""
    at = "" if snapshot is None else f" AT (VERSION => {int(snapshot)})"
    name, of = sql.literal(branch), sql.literal(dataset)
    about = "" if label is None else f" AND label_column = {sql.literal(label)}"
    return f"""
        WITH merges AS MATERIALIZED (
            SELECT annotation_id, outcome FROM lake.curation.merged{at}
            WHERE dataset = {of} AND branch = {name})
        SELECT * FROM (
            SELECT {COLUMNS_SQL} FROM lake.curation.annotations{at} WHERE dataset = {of}{about})
        WHERE (branch = {name}
                OR annotation_id IN (SELECT annotation_id FROM merges WHERE outcome = 'added'))
            AND annotation_id NOT IN (
                SELECT annotation_id FROM merges WHERE outcome = 'conflict')"""


def active_sql(visible: str) -> str:
    """Return the SELECT of those visible events that nobody took back.

    A revert is taken back by another revert (redo), and no revert takes back one of those, so two
    levels are all there are (`lake.actions`).
    """
    return f"""
        WITH visible AS MATERIALIZED ({visible}),
        standing_reverts AS (
            SELECT reverts FROM visible WHERE decision = 'revert' AND action_id NOT IN (
                SELECT reverts FROM visible WHERE decision = 'revert'))
        SELECT * FROM visible WHERE decision <> 'revert'
            AND action_id NOT IN (SELECT reverts FROM standing_reverts)"""


def decided_sql(
    active: str,
    policy: SqlPolicy = "latest",
    *,
    reviewers: Iterable[str] = (),
    readings: Mapping[tuple[int, str], tuple[str | None, str]] | None = None,
) -> str:
    """Return the SELECT of one decision for each record, with its standing.

    Args:
        active: the SELECT of active events.
        policy: ``latest``: the newest event. ``majority``: what most annotators say now; as many
            on two sides is a dispute. ``reviewer_over_annotator``: the newest of a reviewer, else
            the newest.
        reviewers: who is a reviewer.
        readings: (taxonomy version, label) to the label under the wanted version and the standing
            that this gives; None where all events are of that version.

    Returns:
        The columns of an annotation, and ``value_read`` (the label under the wanted version),
        ``standing``, ``votes`` (annotators who said something) and ``agreeing``.
    """
    tally = votes_sql(active, readings=readings)
    if policy == "majority":
        return _majority_sql(tally)
    first = ""
    if policy == "reviewer_over_annotator":
        first = f"list_contains({_list_sql(reviewers)}, annotator) DESC, "
    return f"""
        SELECT * FROM ({tally})
        QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY {first}{_NEWEST}) = 1"""


def votes_sql(
    active: str, *, readings: Mapping[tuple[int, str], tuple[str | None, str]] | None = None
) -> str:
    """Return the SELECT of what each annotator says now about each record; see `decided_sql`."""
    return f"""
        SELECT *, count(*) OVER (PARTITION BY record_key) AS votes,
            count(*) OVER (PARTITION BY record_key, {_VERDICT}) AS agreeing
        FROM (
            SELECT * FROM ({_read_sql(active, readings)})
            QUALIFY row_number() OVER (
                PARTITION BY record_key, annotator ORDER BY {_NEWEST}) = 1)"""


_NEWEST = "created_at DESC, annotation_id DESC"
# Two verdicts are the same when they say the same of the record, in whichever words.
_VERDICT = """CASE WHEN standing = 'excluded' OR decision = 'exclude' THEN '-'
    WHEN decision = 'unsure' THEN '?' WHEN standing = 'queue' THEN '~' ELSE '=' || value_read END"""


def _majority_sql(tally: str) -> str:
    """Of those who are sure, the most; where two sides have as many, nobody wins."""
    return f"""
        WITH sure AS (
            SELECT *, {_VERDICT} AS verdict FROM ({tally})
            QUALIFY verdict <> '?' OR bool_and(verdict = '?') OVER (PARTITION BY record_key)),
        ahead AS (
            SELECT * FROM sure
            QUALIFY agreeing = max(agreeing) OVER (PARTITION BY record_key)),
        sides AS (
            SELECT record_key, count(DISTINCT verdict) AS sides FROM ahead GROUP BY record_key)
        SELECT l.* EXCLUDE (verdict) REPLACE (
            CASE WHEN s.sides > 1 THEN 'disputed' ELSE l.standing END AS standing)
        FROM ahead l JOIN sides s USING (record_key)
        QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY {_NEWEST}) = 1"""


def _read_sql(
    active: str, readings: Mapping[tuple[int, str], tuple[str | None, str]] | None
) -> str:
    if readings is None:
        return f"SELECT *, value AS value_read, 'in_force' AS standing FROM ({active})"
    rows = ", ".join(
        f"({int(version)}, {sql.literal(label)}, {sql.literal(read)}, {sql.literal(standing)})"
        for (version, label), (read, standing) in sorted(readings.items())
    )
    # A label that no version has cannot be read: a person decides again.
    return f"""
        WITH readings(version, label, read, standing) AS (VALUES {rows})
        SELECT a.*, r.read AS value_read,
            CASE WHEN a.value IS NULL THEN 'in_force' ELSE coalesce(r.standing, 'queue') END
                AS standing
        FROM ({active}) a
            LEFT JOIN readings r ON r.version = a.taxonomy_version AND r.label = a.value"""


def _list_sql(values: Iterable[str | int]) -> str:
    return f"[{', '.join(sql.literal(value) for value in values)}]"

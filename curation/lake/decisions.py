"""The decisions in force about a dataset's labels, under a policy, a cut and a taxonomy version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import get_args

from curation.errors import UsageError
from curation.lake import documents, taxonomies
from curation.lake.annotations import Annotation
from curation.lake.datasets import get_dataset
from curation.lake.fold import (
    EVERYTHING,
    Cut,
    Policy,
    SqlPolicy,
    Standing,
    active_sql,
    decided_sql,
    visible_sql,
    votes_sql,
)
from curation.lake.translation import Status
from curation.lake.workflows import Workflow, current_workflow
from curation.lake.workspace import Workspace

STANDING: Mapping[Status, Standing] = {
    "read": "in_force", "queue": "queue", "excluded": "excluded"
}  # fmt: skip
"""How a decision stands whose label reads so."""
_IN_SQL: Mapping[Policy, SqlPolicy] = {
    "latest": "latest", "majority": "majority", "crowdlab": "majority",
    "dawid_skene": "majority", "reviewer_over_annotator": "reviewer_over_annotator",
}  # fmt: skip


@dataclass(frozen=True)
class Decided(Annotation):
    """What stands about a record: the event that decided, and how it reads."""

    value_read: str | None
    """The label under the wanted version of the taxonomy; ``value`` is as it was said."""
    standing: Standing
    votes: int
    """Annotators who said something about the record."""
    agreeing: int
    """Of those, who said the same as this event."""


def decisions(
    workspace: Workspace,
    dataset: str,
    *,
    label: str | None = None,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> list[Decided]:
    """Return one decision for each record about which something was said, the oldest first.

    Those whose standing is not ``in_force`` or ``excluded`` wait for a person.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        label: the label column that they are about; without one, the dataset's newest.
        policy: how several decisions become one; the workflow's without one.
        cut: which annotations count.
        taxonomy_version: which version labels are read under; the one in force without one.

    Raises:
        UsageError: a policy that needs a model; `finders.consensus` has those.
    """
    label = label or get_dataset(workspace, dataset).roles.label
    if label is None:
        return []
    policy = policy or current_workflow(workspace, dataset, label).policy
    if policy not in get_args(SqlPolicy):
        raise UsageError(f"The policy '{policy}' needs a model: ask curation.finders.consensus.")
    query = in_force_sql(
        workspace, dataset, label, policy=policy, cut=cut, taxonomy_version=taxonomy_version
    )
    return _fetched(workspace, query)


def votes(
    workspace: Workspace,
    dataset: str,
    label: str,
    *,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> list[Decided]:
    """Return what each annotator says now about each record, the oldest first; see `decisions`."""
    query = votes_in_force_sql(
        workspace, dataset, label, cut=cut, taxonomy_version=taxonomy_version
    )
    return _fetched(workspace, query)


def votes_in_force_sql(
    workspace: Workspace,
    dataset: str,
    label: str,
    *,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> str:
    """Return the SELECT behind `votes`: the columns of `Decided`."""
    cut = _counted(current_workflow(workspace, dataset, label), cut)
    return votes_sql(
        active_events_sql(workspace, dataset, label, cut),
        readings=readings(workspace, dataset, label, taxonomy_version),
    )


def _fetched(workspace: Workspace, query: str) -> list[Decided]:
    names = ", ".join(field.name for field in fields(Decided))
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {names} FROM ({query}) ORDER BY created_at, annotation_id"
        ).fetchall()
    return [Decided(*row) for row in rows]


def _counted(workflow: Workflow, cut: Cut) -> Cut:
    """Leave out the workflow versions that the workflow in force says do not count."""
    if workflow.counts is None or cut.workflow_versions is not None:
        return cut
    return cut.model_copy(update={"workflow_versions": workflow.counts})


def in_force_sql(
    workspace: Workspace,
    dataset: str,
    label: str | None,
    *,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> str:
    """Return the SELECT behind `decisions`: the columns of `Decided`.

    Here the majority stands for the policies that need a model.
    """
    if label is None:
        return decided_sql(active_events_sql(workspace, dataset, None, cut)) + " LIMIT 0"
    workflow = current_workflow(workspace, dataset, label)
    wanted = policy or workflow.policy
    return decided_sql(
        active_events_sql(workspace, dataset, label, _counted(workflow, cut)),
        _IN_SQL[wanted],
        reviewers=workflow.reviewers,
        readings=readings(workspace, dataset, label, taxonomy_version),
    )


def active_events_sql(workspace: Workspace, dataset: str, label: str | None, cut: Cut) -> str:
    """Return the SELECT of all events of a cut that nobody took back."""
    return active_sql(visible_sql(workspace, dataset, label, cut))


def readings(
    workspace: Workspace, dataset: str, label: str, version: int | None = None
) -> Mapping[tuple[int, str], tuple[str | None, Standing]] | None:
    """Return how every label of every taxonomy version reads under one; None where it has one."""
    if documents.in_force(workspace, "taxonomy", dataset, label) is None and version is None:
        return None
    history = taxonomies.history(workspace, dataset, label)
    wanted = version or taxonomies.current(workspace, dataset, label).version
    return {
        (said, name): (reading.label, STANDING[reading.status])
        for said, readings_of in history.table(wanted).items()
        for name, reading in readings_of.items()
    }


def said_until_now(workspace: Workspace, dataset: str) -> str:
    """Return a text that changes with everything that is said or decided on about a dataset."""
    with workspace.cursor() as cursor:
        row = cursor.execute(
            """SELECT concat_ws(' ', count(*), max(annotation_id), (
                SELECT count(*) || ' ' || max(document_id) FROM lake.curation.documents
                WHERE dataset = $dataset OR dataset IS NULL), (
                SELECT count(*) FROM lake.curation.merged WHERE dataset = $dataset))
            FROM lake.curation.annotations WHERE dataset = $dataset""",
            {"dataset": dataset},
        ).fetchone()
    assert row is not None
    return str(row[0])

"""Finds label issues in a dataset of the lake, and finds them again instead of computing twice."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyarrow as pa

from curation import sql
from curation.errors import UsageError
from curation.finders.base import Finding
from curation.finders.label import FINDER, find_label_issues
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.findings import FindingSummary, find_stored, store_finding
from curation.lake.records import FINGERPRINT_COLUMN, ROW_COLUMN, fingerprint_sql
from curation.lake.roles import Roles
from curation.lake.workspace import Workspace
from curation.learn.probabilities import Preset
from curation.progress import Progress, no_progress, part


def find_in_dataset(
    workspace: Workspace,
    dataset: str,
    *,
    preset: Preset = "fast",
    seed: int = 0,
    pred_probs_prefix: str | None = None,
    progress: Progress = no_progress,
) -> FindingSummary:
    """Find label issues in a dataset's newest snapshot and keep them in the lake.

    The same snapshot with the same parameters is not computed again.

    Raises:
        UsageError: the dataset has no label column.
        LabelError: a label column from which nothing can be learned.
    """
    found = get_dataset(workspace, dataset)
    if found.roles.label is None:
        raise UsageError(f"'{dataset}' has no label column. Give one column the role label.")
    parameters = {"preset": preset, "seed": seed, "pred_probs_prefix": pred_probs_prefix}
    stored = find_stored(workspace, dataset, found.snapshot, FINDER, parameters)
    if stored is not None:
        return stored
    given = [c for c in found.columns if pred_probs_prefix and c.startswith(pred_probs_prefix)]
    roles = Roles(columns={c: r for c, r in found.roles.columns.items() if r != "ignore"})
    wanted = sql.identifiers(dict.fromkeys([*roles.columns, *given]))
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {wanted}, {fingerprint_sql(found.roles)} AS {FINGERPRINT_COLUMN}, "
            f"rowid AS {ROW_COLUMN} FROM {table_sql(dataset, found.snapshot)} ORDER BY rowid"
        ).to_arrow_table()
    finding = find_label_issues(
        rows.drop_columns([FINGERPRINT_COLUMN, ROW_COLUMN]),
        roles=roles,
        preset=preset,
        seed=seed,
        pred_probs_prefix=pred_probs_prefix,
        progress=part(progress, 0.0, 0.95),
    )
    summary = FindingSummary(
        finding_id=uuid.uuid4().hex,
        dataset=dataset,
        snapshot=found.snapshot,
        finder=FINDER,
        parameters=parameters,
        created_at=datetime.now(UTC).replace(tzinfo=None),
        rows=finding.summary.rows,
        classes=finding.classes,
        flagged=finding.summary.flagged,
        estimated_errors=finding.summary.estimated_errors,
        seconds=finding.summary.seconds,
        learner=finding.learner,
        notes=finding.notes,
    )
    store_finding(workspace, summary, _stored_rows(finding, rows))
    progress(1.0, "Stored")
    return summary


def _stored_rows(finding: Finding, source: pa.Table) -> pa.Table:
    """Return the finding's rows as the lake keeps them."""
    place = finding.rows["row"]
    size = finding.probabilities.shape[1]
    probabilities = pa.FixedSizeListArray.from_arrays(
        pa.array(finding.probabilities.ravel()), size
    ).cast(pa.list_(pa.float32()))
    return (
        finding.rows.drop_columns("row")
        .append_column("row_number", source[ROW_COLUMN].take(place))
        .append_column("fingerprint", source[FINGERPRINT_COLUMN].take(place))
        .append_column("probabilities", probabilities)
    )

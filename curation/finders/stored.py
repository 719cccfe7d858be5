"""Looks for issues in a dataset of the lake, and finds them again instead of computing twice."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import cached_property

import pyarrow as pa

from curation import sql
from curation.finders.base import Finder, Finding
from curation.finders.label import LabelIssues
from curation.finders.search import asked, search
from curation.finders.split_leakage import SPLIT_NAMES
from curation.lake.computed import KeptArrays
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.findings import FindingSummary, find_stored, store_finding
from curation.lake.records import FINGERPRINT_COLUMN, ROW_COLUMN, fingerprint_sql
from curation.lake.roles import Roles
from curation.lake.workspace import Workspace
from curation.learn.arrays import Matrix
from curation.learn.shared import Settings, Shared
from curation.progress import Progress, no_progress, part


def find_in_dataset(
    workspace: Workspace,
    dataset: str,
    finder: Finder | None = None,
    settings: Settings | None = None,
    *,
    progress: Progress = no_progress,
) -> FindingSummary:
    """Look for issues in a dataset's newest snapshot and keep what was found in the lake.

    The same snapshot with the same parameters is not computed again, and what several finders need
    (probabilities, neighbours) is computed once for all of them.

    Args:
        workspace: where the dataset is.
        dataset: its name.
        finder: what to look for; label errors without one.
        settings: how features, neighbours and probabilities are computed.
        progress: told the fraction done; it may raise `Cancelled`, and then nothing is kept.

    Raises:
        UsageError: the dataset lacks what the finder needs.
        CurationError: see the finder.
    """
    search = DatasetSearch(workspace, dataset, settings)
    return search.find(finder or LabelIssues(), progress)


class DatasetSearch:
    """A search of a dataset's newest snapshot for one kind of issue after the other.

    The rows are read once, when a finder first needs them.
    """

    def __init__(
        self, workspace: Workspace, dataset: str, settings: Settings | None = None
    ) -> None:
        self._workspace, self._settings = workspace, settings or Settings()
        self._found = get_dataset(workspace, dataset)

    def lacks(self, finder: Finder) -> str:
        """Say what the dataset lacks for a finder; empty where it can work."""
        return finder.lacks(self._read[0])

    def find(self, finder: Finder, progress: Progress = no_progress) -> FindingSummary:
        """Return what a finder finds, and keep it; see `find_in_dataset`."""
        found = self._found
        parameters = asked(finder, self._settings)
        stored = find_stored(self._workspace, found.name, found.snapshot, finder.name, parameters)
        if stored is not None:
            return stored
        shared, source = self._read
        finding = search(shared, finder, part(progress, 0.0, 0.95))
        summary = _store(self._workspace, found, finding, source)
        progress(1.0, "Stored")
        return summary

    @cached_property
    def _read(self) -> tuple[Shared, pa.Table]:
        """The dataset as finders take it; and its rows' ids and fingerprints."""
        found, settings = self._found, self._settings
        roles = Roles(
            columns={c: r for c, r in found.roles.columns.items() if r != "ignore"},
            sensitive=found.roles.sensitive,
        )
        prefix = settings.pred_probs_prefix
        # What no model may look at may still be probabilities, or name the side of a split.
        others = [
            column
            for column in found.columns
            if (prefix and column.startswith(prefix)) or column.lower() in SPLIT_NAMES
        ]
        wanted = sql.identifiers(dict.fromkeys([*roles.columns, *others]))
        with self._workspace.cursor() as cursor:
            rows = cursor.execute(
                f"SELECT {wanted}, {fingerprint_sql(found.roles)} AS {FINGERPRINT_COLUMN}, "
                f"rowid AS {ROW_COLUMN} FROM {table_sql(found.name, found.snapshot)} "
                "ORDER BY rowid"
            ).to_arrow_table()
        ids = [FINGERPRINT_COLUMN, ROW_COLUMN]
        keep = KeptArrays(self._workspace, found.name, found.snapshot)
        return Shared(rows.drop_columns(ids), roles, settings, keep=keep), rows.select(ids)


def _store(
    workspace: Workspace, found: Dataset, finding: Finding, source: pa.Table
) -> FindingSummary:
    summary = FindingSummary(
        finding_id=uuid.uuid4().hex,
        dataset=found.name,
        snapshot=found.snapshot,
        finder=finding.finder,
        parameters=finding.parameters,
        created_at=datetime.now(UTC).replace(tzinfo=None),
        rows=finding.summary.rows,
        classes=finding.classes,
        flagged=finding.summary.flagged,
        estimated_errors=finding.summary.estimated_errors,
        seconds=finding.summary.seconds,
        learner=finding.learner,
        notes=finding.notes,
        subjects_flagged=finding.summary.subjects_flagged,
        info=finding.info,
    )
    store_finding(workspace, summary, _stored_rows(finding, source), finding.subjects)
    return summary


def _stored_rows(finding: Finding, source: pa.Table) -> pa.Table:
    """Return the finding's rows as the lake keeps them."""
    place = finding.rows["row"]
    return (
        finding.rows.drop_columns("row")
        .rename_columns({"group": "group_number"})
        .append_column("row_number", source[ROW_COLUMN].take(place))
        .append_column("fingerprint", source[FINGERPRINT_COLUMN].take(place))
        .append_column("probabilities", _lists(finding.probabilities, len(place)))
    )


def _lists(probabilities: Matrix | None, rows: int) -> pa.Array:
    if probabilities is None:
        return pa.nulls(rows, pa.list_(pa.float32()))
    flat = pa.array(probabilities.ravel())
    return pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1]).cast(
        pa.list_(pa.float32())
    )

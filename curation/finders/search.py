"""Looks for issues in a table: any finder, on any data frame."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import PluginError, UsageError
from curation.finders.base import ROWS, SUBJECTS, Finder, Finding
from curation.lake.profile import profile_table
from curation.lake.roles import Roles, detect_roles
from curation.learn.shared import VERSION, Settings, Shared
from curation.learn.tables import as_table
from curation.learn.warning_filters import clean_warning_filters
from curation.progress import Progress, no_progress


def find_issues(
    data: Any,
    finder: Finder,
    *,
    label: str | None = None,
    roles: Roles | None = None,
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> Finding:
    """Return what a finder says of a table.

    Args:
        data: a pyarrow Table, or a pandas or polars data frame.
        finder: what to look for, with its parameters.
        label: the label column; by default the one that `roles` names or that is detected.
        roles: what each column is for; detected by default.
        settings: how features, neighbours and probabilities are computed.
        progress: told the fraction done and what is done now; it may raise `Cancelled`.

    Raises:
        UsageError: the data lack what the finder needs, or `data` is no table.
        CurationError: see the finder.
    """
    table = as_table(data)
    roles = roles or detect_roles(profile_table(table))
    if label is not None and roles.label != label:
        roles = roles.with_roles({label: "label"})
    return search(Shared(table, roles, settings), finder, progress)


def search(shared: Shared, finder: Finder, progress: Progress = no_progress) -> Finding:
    """Return what a finder says of data that other finders may share.

    Raises:
        UsageError: the data lack what the finder needs.
        PluginError: what the finder returned is no finding.
    """
    start = time.perf_counter()
    if reason := finder.lacks(shared):
        raise UsageError(reason)
    with clean_warning_filters():
        finding = finder.find(shared, progress)
    _check(finding, finder, shared)
    return replace(
        finding,
        finder=finder.name,
        roles=shared.roles,
        parameters=asked(finder, shared.settings),
        summary=replace(finding.summary, seconds=time.perf_counter() - start),
    )


def asked(finder: Finder, settings: Settings) -> dict[str, Any]:
    """Return what a finding depends on beside the data, as JSON has it."""
    return {
        **finder.model_dump(mode="json"),
        **settings.model_dump(mode="json"),
        "version": finder.version,
        "shared_version": VERSION,
    }


def _check(finding: Finding, finder: Finder, shared: Shared) -> None:
    """Refuse what is no finding: a finder may be anybody's.

    Raises:
        PluginError: it says what is wrong.
    """
    wrong = ""
    if not isinstance(finding, Finding):
        wrong = f"it returned {type(finding).__name__}, not a Finding"
    elif finding.rows.schema != ROWS or finding.subjects.schema != SUBJECTS:
        wrong = "its rows or subjects have other columns; make them with finding_rows()"
    elif _out_of_bounds(finding.rows) or _out_of_bounds(finding.subjects):
        wrong = "a score is not between 0 and 1"
    elif finding.rows.num_rows:
        places = finding.rows["row"].to_numpy()
        if places[0] < 0 or places[-1] >= shared.table.num_rows or (np.diff(places) <= 0).any():
            wrong = "its rows are not in the order of the data, each at most once"
    if wrong:
        raise PluginError(f"The finder '{finder.name}' is not made right: {wrong}.")


def _out_of_bounds(table: pa.Table) -> bool:
    scores = table["score"].to_numpy()
    return bool(len(scores)) and not bool(((scores >= 0) & (scores <= 1)).all())

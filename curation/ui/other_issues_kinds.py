"""The kinds of issues beside label errors, and how a dataset stands in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import CurationError
from curation.finders.base import Finder
from curation.finders.registry import finders
from curation.finders.split_leakage import SPLIT_NAMES
from curation.lake.datasets import Dataset
from curation.lake.findings import (
    FindingSummary,
    finding_rows,
    finding_subjects,
    latest_finding,
)
from curation.lake.roles import Role, Roles
from curation.lake.workspace import Workspace
from curation.learn.shared import Shared
from curation.privacy import gate
from curation.ui.jobs import JOBS, JobKey
from curation.ui.numbers import count

Severity = Literal["high", "medium", "low"]

OWN_PAGE: Final = "label"
"""The finder whose issues are reviewed on a page of their own."""
LEAKS: Final = frozenset({"label_leakage", "identifier_leakage", "split_leakage"})
"""Kinds that make every measured figure too good, however few rows they are about."""
HIGH_FROM: Final = 0.05
MEDIUM_FROM: Final = 0.005
MEANS: Final = (
    "High: a leak, or at least 5% of the rows are flagged. Medium: at least 0.5%, or a column or "
    "class that is rather wrong than right. Low: anything else."
)
_SAMPLE: Final = 200
"""Rows by which it is judged whether a kind can be looked for: types matter, not values."""
_PLURALS: Final[Mapping[str, str]] = {
    "class": "classes", "classes": "sets of classes", "dataset": "whole dataset",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of issue, and what was found of it last; None where nobody has looked yet."""

    finder: type[Finder]
    finding: FindingSummary | None
    subjects: tuple[Mapping[str, Any], ...] = ()
    """The columns, classes and slices that were flagged, the worst first."""

    @property
    def name(self) -> str:
        """The finder's name."""
        return self.finder.name

    @property
    def has_issues(self) -> bool:
        """Whether anything was flagged."""
        found = self.finding
        return found is not None and bool(found.flagged or found.subjects_flagged)

    @property
    def share(self) -> float:
        """Flagged rows as a share of those that were scored, 0 to 1."""
        found = self.finding
        return found.flagged / found.rows if found is not None and found.rows else 0.0

    @property
    def severity(self) -> Severity:
        """How bad it is; see `MEANS`."""
        if self.name in LEAKS or self.share >= HIGH_FROM:
            return "high"
        wrong = any(one["score"] < 0.5 for one in self.subjects)
        return "medium" if wrong or self.share >= MEDIUM_FROM else "low"

    @property
    def counted(self) -> str:
        """What was flagged, for example ``"312 rows, 2 columns"``."""
        parts = []
        if self.finding is not None and self.finding.flagged:
            parts.append(count(self.finding.flagged, "row"))
        for kind, number in Counter(one["kind"] for one in self.subjects).items():
            noun = "set of classes" if kind == "classes" else kind
            parts.append(count(number, noun, _PLURALS.get(kind)))
        return ", ".join(parts)


def asked_key(workspace: Workspace, dataset: str, name: str) -> JobKey:
    """Return the key of the job that looks for one kind again."""
    return JobKey(str(workspace.path), dataset, f"other:{name}")


def kinds(workspace: Workspace, dataset: str) -> list[Kind]:
    """Return every kind of issue but label errors, as it was looked for last."""
    newest: list[Kind] = workspace.keep_newest(
        ("other issues", dataset), lambda: _newest(workspace, dataset)
    )
    return [_as_asked(workspace, dataset, kind) for kind in newest]


def kind_named(workspace: Workspace, dataset: str, name: str | None) -> Kind | None:
    """Return one kind as it was looked for last, or None where there is none of that name."""
    return next((kind for kind in kinds(workspace, dataset) if kind.name == name), None)


def ranked(found: Iterable[Kind]) -> list[Kind]:
    """Return the kinds with issues, the worst first."""
    order: list[Severity] = ["high", "medium", "low"]
    flagged = [kind for kind in found if kind.has_issues]
    return sorted(flagged, key=lambda k: (order.index(k.severity), -k.share, k.finder.title))


def lacking(workspace: Workspace, viewer: gate.Viewer, dataset: Dataset) -> dict[str, str]:
    """Return the kinds that cannot be looked for in a dataset, by name, with the reason."""
    key = ("other issues lack", dataset.name, dataset.snapshot, dataset.roles.model_dump_json())
    found: dict[str, str] = workspace.keep(key, lambda: _lacking(workspace, viewer, dataset))
    return found


def worst_line(workspace: Workspace, viewer: gate.Viewer, kind: Kind) -> str:
    """Return what a finder says of the worst that it flagged; empty where it says nothing."""
    finding = kind.finding
    if finding is None or not kind.has_issues:
        return ""
    if said := next((one["explanation"] for one in kind.subjects if one["explanation"]), None):
        return str(said)
    line: str = workspace.keep_newest(
        ("other issues worst", viewer, finding.finding_id),
        lambda: _worst_row(workspace, viewer, finding.finding_id),
    )
    return line


def rows_flagged(workspace: Workspace, found: list[Kind]) -> int:
    """Return how many rows at least one of the kinds flags; all are of one snapshot."""
    ids = [k.finding.finding_id for k in found if k.finding is not None and k.finding.flagged]
    union: int = workspace.keep(("other issues union", *ids), lambda: _union(workspace, ids))
    return union


def _newest(workspace: Workspace, dataset: str) -> list[Kind]:
    found = []
    for name, finder in finders().items():
        if name != OWN_PAGE:
            finding = latest_finding(workspace, dataset, finder=name)
            found.append(Kind(finder, finding, _subjects(workspace, finding)))
    return found


def _as_asked(workspace: Workspace, dataset: str, kind: Kind) -> Kind:
    """Return the kind with what was asked last: an older finding if that answers the question."""
    job = JOBS.get(asked_key(workspace, dataset, kind.name))
    asked = job.result if job is not None else None
    newest = kind.finding
    if not isinstance(asked, FindingSummary) or newest is None or asked.snapshot < newest.snapshot:
        return kind
    if asked.finding_id == newest.finding_id:
        return kind
    return replace(kind, finding=asked, subjects=_subjects(workspace, asked))


def _subjects(
    workspace: Workspace, finding: FindingSummary | None
) -> tuple[Mapping[str, Any], ...]:
    if finding is None or not finding.subjects_flagged:
        return ()
    listed = finding_subjects(workspace, finding.finding_id).to_pylist()
    return tuple(one for one in listed if one["is_issue"])


def _lacking(workspace: Workspace, viewer: gate.Viewer, dataset: Dataset) -> dict[str, str]:
    columns: dict[str, Role] = {c: r for c, r in dataset.roles.columns.items() if r != "ignore"}
    roles = Roles(columns=columns, sensitive=dataset.roles.sensitive)
    sample = gate.rows(workspace, viewer, dataset.name, limit=_SAMPLE).table
    # As in a search: what no model may look at may still name the side of a split.
    wanted = [c for c in sample.column_names if c in columns or c.lower() in SPLIT_NAMES]
    shared = Shared(sample.select(wanted), roles)
    found = {}
    for name, finder in finders().items():
        try:
            reason = finder().lacks(shared)
        except CurationError as error:
            reason = str(error)
        if reason:
            found[name] = reason
    return found


def _worst_row(workspace: Workspace, viewer: gate.Viewer, finding_id: str) -> str:
    page = gate.flagged_rows(workspace, viewer, finding_id, limit=1)
    return next((row.explanation or "" for row in page.rows), "")


def _union(workspace: Workspace, ids: list[str]) -> int:
    places = []
    for finding_id in ids:
        rows = finding_rows(workspace, finding_id, ["row_number", "is_issue"])
        places += rows.filter(rows["is_issue"])["row_number"].chunks
    return len(pc.unique(pa.chunked_array(places, pa.int64())))

"""Deciding about all flagged records of one kind at once: which records, and what is left alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

from curation.lake import taxonomies
from curation.lake.annotations import Verdict
from curation.lake.datasets import Dataset, class_counts
from curation.lake.decisions import decisions
from curation.lake.findings import FindingSummary, finding_rows
from curation.lake.workspace import Workspace

Verb = Literal["exclude", "relabel"]

COPIES: Final = frozenset({"exact_duplicate", "near_duplicate"})
"""Kinds of which one record of each group is kept when the others are excluded."""
RELABELS: Final = frozenset({"conflicting_labels", "string_mismatch"})
"""Kinds whose suggestion may be a class."""


@dataclass(frozen=True)
class Plan:
    """What one press would say about the flagged records."""

    verdicts: list[Verdict]
    decided: int = 0
    """Flagged records that somebody decided about; they are left alone."""
    kept: int = 0
    """Records that stay as the one of their group."""


def plan(workspace: Workspace, dataset: Dataset, finding: FindingSummary, verb: Verb) -> Plan:
    """Return the decisions that would be made, each record once, the worst first.

    Args:
        workspace: where the finding is.
        dataset: its dataset, with a label column.
        finding: what was flagged.
        verb: exclude the records, or relabel those whose suggestion is a class to it.
    """
    said = decisions(workspace, dataset.name, policy="latest")
    decided = {one.record_key: one.decision for one in said if one.record_key is not None}
    rows = _rows(workspace, finding)
    flagged = [row for row in rows if row["is_issue"]]
    skipped = len({row["record_key"] for row in flagged} & decided.keys())
    if verb == "relabel":
        known = _classes(workspace, dataset)
        return Plan(_relabelled(flagged, known, decided, finding.info.get("labels")), skipped)
    kept = _one_of_each(rows, decided) if finding.finder in COPIES else set()
    keys = dict.fromkeys(row["record_key"] for row in flagged)
    gone = [key for key in keys if key not in decided and key not in kept]
    return Plan([Verdict(key, "exclude") for key in gone], skipped, len(kept - decided.keys()))


def _rows(workspace: Workspace, finding: FindingSummary) -> list[dict[str, Any]]:
    """Return the flagged rows, and of copies the others of their groups; the worst first."""
    columns = ["row_number", "record_key", "given_label", "score", "is_issue", "suggestion",
               "group_number"]  # fmt: skip
    table: pa.Table = finding_rows(workspace, finding.finding_id, columns)
    if finding.finder not in COPIES:
        table = table.filter(table["is_issue"])
    else:
        table = table.filter(table["group_number"].is_valid())
    return list(table.sort_by([("score", "ascending"), ("row_number", "ascending")]).to_pylist())


def _relabelled(
    flagged: list[dict[str, Any]],
    known: Collection[str],
    decided: Collection[str],
    labels: Mapping[str, str] | None,
) -> list[Verdict]:
    """Return the relabels; `labels` says what each label should be where suggestions may not."""
    wanted: dict[str, Verdict] = {}
    for row in flagged:
        key, label, given = row["record_key"], row["suggestion"], row["given_label"]
        if labels is not None:
            label = labels.get(given)
        if key not in decided and label in known and label != given:
            wanted.setdefault(key, Verdict(key, "relabel", label, given=given))
    return list(wanted.values())


def _one_of_each(rows: list[dict[str, Any]], decided: Mapping[str, str]) -> set[str]:
    """Return the record of each group that stays: one not flagged, one decided, or the first."""
    best: dict[int, tuple[bool, bool, bool, int, str]] = {}
    for row in rows:
        key, group = row["record_key"], row["group_number"]
        is_gone = decided.get(key) == "exclude"
        rank = (is_gone, row["is_issue"], key not in decided, row["row_number"], key)
        best[group] = min(best.get(group, rank), rank)
    return {key for *_, key in best.values()}


def _classes(workspace: Workspace, dataset: Dataset) -> set[str]:
    """Return the classes that a record may be given now."""
    label = dataset.roles.label
    if label is not None and taxonomies.is_stored(workspace, dataset.name, label):
        return set(taxonomies.current(workspace, dataset.name, label).classes)
    return set(class_counts(workspace, dataset.name))

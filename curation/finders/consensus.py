"""What several annotators say together: decisions under any policy, and how well they agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.errors import LabelError, UsageError
from curation.finders.agreement import Agreement, krippendorff_alpha
from curation.finders.annotators import Consensus, majority
from curation.finders.crowd import crowdlab
from curation.finders.dawid_skene import dawid_skene
from curation.lake.datasets import Dataset
from curation.lake.decisions import Decided, decisions, votes
from curation.lake.findings import FindingSummary, finding_rows, latest_finding
from curation.lake.fold import EVERYTHING, Cut, Policy
from curation.lake.workflows import current_workflow
from curation.lake.workspace import Workspace

_FLOOR = 1e-6
"""Probability of a class that the model does not know: some, since an annotator says it is so."""


@dataclass(frozen=True)
class Annotators:
    """What is known of the people who labelled a dataset together."""

    consensus: Consensus
    agreement: Agreement
    shared: int
    """Records about which two or more said something."""


def decided(
    workspace: Workspace,
    dataset: Dataset,
    *,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> list[Decided]:
    """Return one decision for each record about which something was said, the oldest first.

    Args:
        workspace: where the dataset is.
        dataset: the dataset, at the snapshot whose out-of-sample probabilities CROWDLAB needs.
        policy: how several decisions become one; the workflow's without one.
        cut: which annotations count.
        taxonomy_version: which version labels are read under; the one in force without one.

    Raises:
        UsageError: CROWDLAB without a finding of label issues on this snapshot.
    """
    label = dataset.roles.label
    if label is None:
        return []
    policy = policy or current_workflow(workspace, dataset.name, label).policy
    if policy not in ("crowdlab", "dawid_skene"):
        return decisions(
            workspace, dataset.name, label=label, policy=policy, cut=cut,
            taxonomy_version=taxonomy_version,
        )  # fmt: skip
    said = votes(workspace, dataset.name, label, cut=cut, taxonomy_version=taxonomy_version)
    by_most = decisions(
        workspace, dataset.name, label=label, policy="majority", cut=cut,
        taxonomy_version=taxonomy_version,
    )  # fmt: skip
    table = _vote_table(said)
    if not len(table):
        return by_most
    found = dawid_skene(table) if policy == "dawid_skene" else _crowdlab(workspace, dataset, table)
    return _chosen(by_most, said, found)


def annotators(workspace: Workspace, dataset: Dataset, policy: Policy | None = None) -> Annotators:
    """Return how well a dataset's annotators agree, and how good each of them is.

    Args:
        workspace: where the dataset is.
        dataset: which one.
        policy: what their quality is measured by; the workflow's without one, and the majority
            where that names no measure.

    Raises:
        LabelError: nobody has said anything about a label yet.
    """
    label = dataset.roles.label
    said = votes(workspace, dataset.name, label) if label else []
    table = _vote_table(said)
    if not len(table) or label is None:
        raise LabelError(
            f"Nobody has given a label to a record of '{dataset.name}' yet. Review some first."
        )
    policy = policy or current_workflow(workspace, dataset.name, label).policy
    if policy == "crowdlab":
        consensus = _crowdlab(workspace, dataset, table)
    else:
        consensus = dawid_skene(table) if policy == "dawid_skene" else majority(table)
    shared = sum(1 for votes_ in consensus.rows["votes"].to_pylist() if votes_ > 1)
    return Annotators(consensus, krippendorff_alpha(table), shared)


def vote_table(workspace: Workspace, dataset: Dataset) -> pa.Table:
    """Return what each annotator says now: record_key, annotator, label."""
    label = dataset.roles.label
    return _vote_table(votes(workspace, dataset.name, label) if label else [])


def probabilities(
    workspace: Workspace, dataset: Dataset, labels: Iterable[str]
) -> tuple[npt.NDArray[np.float64], list[str], list[str]]:
    """Return the out-of-sample probabilities that the newest finding of label issues left.

    Args:
        workspace: where the finding is.
        dataset: at the finding's snapshot.
        labels: classes that must have a column, also where the model does not know them.

    Returns:
        Shape (n, k), rows sum to 1; the n record keys, each once; the k classes.

    Raises:
        UsageError: there is no such finding.
    """
    finding = latest_finding(workspace, dataset.name, dataset.snapshot, finder="label")
    if finding is None:
        raise UsageError(
            "This needs out-of-sample probabilities of the labels: find label issues on snapshot "
            f"{dataset.snapshot} of '{dataset.name}' first."
        )
    return _matrix(workspace, finding, labels)


def _matrix(
    workspace: Workspace, finding: FindingSummary, labels: Iterable[str]
) -> tuple[npt.NDArray[np.float64], list[str], list[str]]:
    rows = finding_rows(workspace, finding.finding_id, ["record_key", "probabilities"])
    keys: list[str] = rows["record_key"].to_pylist()
    flat = rows["probabilities"].combine_chunks().values.to_numpy(zero_copy_only=False)
    known = flat.reshape(len(keys), len(finding.classes)).astype(np.float64)
    classes = [*finding.classes, *sorted(set(labels) - set(finding.classes))]
    matrix = np.full((len(keys), len(classes)), _FLOOR)
    matrix[:, : known.shape[1]] = np.maximum(known, _FLOOR)
    # Rows of the same content share a key; they have the same probabilities.
    first = np.unique(np.asarray(keys, dtype=object), return_index=True)[1]
    matrix = matrix[first]
    return matrix / matrix.sum(axis=1, keepdims=True), [keys[i] for i in first], classes


def _crowdlab(workspace: Workspace, dataset: Dataset, table: pa.Table) -> Consensus:
    matrix, records, classes = probabilities(workspace, dataset, table["label"].to_pylist())
    # A record that left the data since has no probabilities, and its votes nothing to apply to.
    here = set(records)
    kept = table.filter(pa.array([key in here for key in table["record_key"].to_pylist()]))
    return crowdlab(kept, matrix, records, classes)


def _vote_table(said: Sequence[Decided]) -> pa.Table:
    labels = [one for one in said if _is_label(one)]
    return pa.table(
        {
            "record_key": pa.array([one.record_key for one in labels], pa.string()),
            "annotator": pa.array([one.annotator for one in labels], pa.string()),
            "label": pa.array([one.value_read for one in labels], pa.string()),
        }
    )


def _is_label(one: Decided) -> bool:
    return (
        one.standing == "in_force"
        and one.decision in ("relabel", "confirm")
        and one.value_read is not None
    )


def _chosen(by_most: Sequence[Decided], said: Sequence[Decided], found: Consensus) -> list[Decided]:
    """Give each record the newest event that says what the consensus says."""
    saying: dict[tuple[str | None, str | None], Decided] = {
        (one.record_key, one.value_read): one for one in said if _is_label(one)
    }
    verdicts: dict[str, dict[str, Any]] = {row["record_key"]: row for row in found.rows.to_pylist()}
    chosen = []
    for one in by_most:
        verdict = verdicts.get(one.record_key or "")
        # Most say that the record does not belong here, or that they do not know.
        if verdict is None or (one.standing != "disputed" and not _is_label(one)):
            chosen.append(one)
            continue
        standing: Literal["disputed", "in_force"] = (
            "disputed" if verdict["label"] is None or verdict["is_disputed"] else "in_force"
        )
        event = saying.get((one.record_key, verdict["label"]), one)
        chosen.append(replace(event, standing=standing))
    return sorted(chosen, key=lambda one: (one.created_at, one.annotation_id))

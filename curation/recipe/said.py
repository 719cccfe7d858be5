"""The decisions of a dataset, as a run applies them: read under one version of the taxonomy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.finders.consensus import decided
from curation.lake import taxonomies
from curation.lake.datasets import Dataset
from curation.lake.decisions import STANDING, Decided
from curation.lake.fold import EVERYTHING, Cut, Policy, Standing
from curation.lake.translation import Reading, TaxonomyHistory
from curation.lake.workspace import Workspace
from curation.recipe.model import Recipe
from curation.steps.base import Said

Readings = Mapping[str, tuple[str | None, Standing]]


@dataclass(frozen=True)
class SaidAboutData:
    """What a run knows about labels beside the rows."""

    decisions: Sequence[Said]
    readings: Readings | None
    """How the labels in the data read; None where no taxonomy was ever changed."""


def of_dataset(
    workspace: Workspace,
    dataset: Dataset,
    *,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
) -> SaidAboutData:
    """Return what stands in the workspace about a dataset's labels."""
    found = decided(workspace, dataset, policy=policy, cut=cut, taxonomy_version=taxonomy_version)
    return said_about(workspace, dataset.name, dataset, found, taxonomy_version)


def said_about(
    workspace: Workspace,
    source: str,
    target: Dataset,
    found: Sequence[Decided],
    taxonomy_version: int | None = None,
) -> SaidAboutData:
    """Return decisions about one dataset's labels as they meet the rows of another, or the same.

    Args:
        workspace: where both are.
        source: the dataset that the decisions and the taxonomy belong to.
        target: the rows.
        found: the decisions, read under the wanted version of the taxonomy.
        taxonomy_version: that version; the one in force without one.
    """
    if target.roles.label is None:
        return SaidAboutData((), None)
    history = taxonomies.history(workspace, source, target.roles.label)
    if len(history.versions) == 1:
        return SaidAboutData([_said(one, None, 1) for one in found], None)
    said = [_said(one, history, target.taxonomy_version) for one in found]
    wanted = taxonomy_version or history.current.version
    return SaidAboutData(said, data_readings(history, target.taxonomy_version, wanted))


def of_recipe(recipe: Recipe, labels: set[str]) -> SaidAboutData:
    """Return what a recipe carries with it, for data with these labels."""
    history = recipe.taxonomy
    version = history.closest(labels) if history else 1
    said = [
        Said(
            a.record_key, a.fingerprint, a.given, a.decision, a.value, a.standing,
            also_given=_also_given(history, a.given, a.given_version, version),
        )
        for a in recipe.annotations
    ]  # fmt: skip
    if history is None:
        return SaidAboutData(said, None)
    return SaidAboutData(said, data_readings(history, version, history.current.version))


def data_readings(history: TaxonomyHistory, version: int, wanted: int) -> Readings:
    """Return how each class of a version reads under another."""
    return {
        name: (reading.label, STANDING[reading.status])
        for name, reading in history.table(wanted).get(version, {}).items()
    }


def _said(one: Decided, history: TaxonomyHistory | None, data_version: int) -> Said:
    return Said(
        record_key=one.record_key or "",
        fingerprint=one.fingerprint or "",
        given=one.given,
        decision="exclude" if one.standing == "excluded" else one.decision,
        value=one.value_read,
        standing="in_force" if one.standing == "excluded" else one.standing,
        also_given=_also_given(history, one.given, one.given_version, data_version),
    )


def _also_given(
    history: TaxonomyHistory | None, given: str | None, said_under: int, data_version: int
) -> tuple[str, ...]:
    """Return what the label that was seen may be called in data of another taxonomy version."""
    if history is None or given is None or said_under == data_version:
        return ()
    reading: Reading = history.reading(given, said_under, data_version)
    return tuple(name for name in reading.classes if name != given)

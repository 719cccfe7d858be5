"""Looking for other issues in the background: all kinds at once, or one of them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curation.errors import DataError, UnknownNameError, UsageError
from curation.finders.base import Finder
from curation.finders.registry import finder_named
from curation.finders.stored import DatasetSearch, find_in_dataset
from curation.lake.datasets import Dataset
from curation.lake.findings import FindingSummary
from curation.lake.workspace import Workspace
from curation.learn.shared import Settings
from curation.progress import Cancelled, Progress, part
from curation.ui import imports, state
from curation.ui.forms import validated
from curation.ui.jobs import JOBS, Job, JobKey
from curation.ui.other_issues_kinds import Kind, asked_key

_TITLE = "Looking for other issues"


@dataclass(frozen=True)
class Looked:
    """What came of a search for all kinds."""

    snapshot: int
    failed: Mapping[str, Job] = field(default_factory=dict)
    """The kinds that could not be looked for to the end, by name, each with its error."""


def all_key(dataset: str) -> JobKey:
    """Return the key of the job that looks for all kinds."""
    return state.job_key(dataset, "other")


def looking_now(dataset: str) -> bool:
    """Say whether a search for all kinds goes on."""
    job = JOBS.get(all_key(dataset))
    return job is not None and job.running


def failures(dataset: Dataset) -> tuple[dict[str, Job], dict[str, str]]:
    """Return what failed in the last search of this snapshot, by the name of the kind.

    Returns:
        The searches that ended with an error, and why data are not fit for a kind after all.
    """
    job = JOBS.get(all_key(dataset.name))
    looked = job.result if job is not None else None
    if not isinstance(looked, Looked) or looked.snapshot != dataset.snapshot:
        return {}, {}
    unfit = {
        name: str(failed.error)
        for name, failed in looked.failed.items()
        if isinstance(failed.error, DataError | UsageError)
        and not isinstance(failed.error, UnknownNameError)
    }
    return {name: job for name, job in looked.failed.items() if name not in unfit}, unfit


def look_for_all(dataset: Dataset, wanted: list[Kind]) -> None:
    """Start to look for these kinds, each with the parameters that it was asked with before."""
    workspace = state.workspace()
    asking = [(as_before(kind), settings_before(kind)) for kind in wanted]

    def work(progress: Progress) -> Looked:
        imports.wait_for_learning()
        return _look(workspace, dataset, asking, progress)

    JOBS.start(all_key(dataset.name), work, title=_TITLE, inputs=f"{dataset.snapshot} {asking!r}")


def look_again(dataset: Dataset, finder: Finder, settings: Settings) -> None:
    """Start to look for one kind with other parameters."""
    workspace = state.workspace()

    def work(progress: Progress) -> FindingSummary:
        imports.wait_for_learning()
        return find_in_dataset(workspace, dataset.name, finder, settings, progress=progress)

    JOBS.start(
        asked_key(workspace, dataset.name, finder.name),
        work,
        title=f"Looking for {finder.title[:1].lower()}{finder.title[1:]}",
        inputs=f"{dataset.snapshot} {finder!r} {settings!r}",
    )


def as_before(kind: Kind) -> Finder:
    """Return a kind's finder with the parameters that it was asked with last, if they still fit."""
    made, _ = validated(kind.finder, _parameters(kind, kind.finder.model_fields))
    return made or finder_named(kind.name)


def settings_before(kind: Kind) -> Settings:
    """Return the shared settings that a kind was looked for with last, if they still fit."""
    made, _ = validated(Settings, _parameters(kind, Settings.model_fields))
    return made or Settings()


def _parameters(kind: Kind, fields: Mapping[str, Any]) -> dict[str, Any]:
    before = kind.finding.parameters if kind.finding is not None else {}
    return {name: before[name] for name in fields if name in before}


def _look(
    workspace: Workspace,
    dataset: Dataset,
    asking: list[tuple[Finder, Settings]],
    progress: Progress,
) -> Looked:
    """Look for one kind after the other; those with the same settings share what they compute."""
    failed: dict[str, Job] = {}
    searches: dict[str, DatasetSearch] = {}
    for place, (finder, settings) in enumerate(asking):
        one = searches.setdefault(
            settings.model_dump_json(), DatasetSearch(workspace, dataset.name, settings)
        )
        share = part(progress, place / len(asking), (place + 1) / len(asking))
        attempt = _attempt(workspace, dataset.name, one, finder, share)
        if attempt.error is not None:
            failed[finder.name] = attempt
    return Looked(dataset.snapshot, failed)


def _attempt(
    workspace: Workspace, dataset: str, search: DatasetSearch, finder: Finder, progress: Progress
) -> Job:
    """Look for one kind as a job within the job, which keeps an error of whatever sort.

    Raises:
        Cancelled: a person asked the whole search to stop.
    """

    def work(_: Progress) -> FindingSummary:
        progress(0.0, f"Looking for {finder.title[:1].lower()}{finder.title[1:]}")
        return search.find(finder, progress)

    attempt = Job(JobKey(str(workspace.path), dataset, f"other-{finder.name}"), finder.title, "")
    attempt.run(work)
    if attempt.state == "cancelled":
        raise Cancelled
    return attempt

"""Runs of a recipe in the background, kept by what they depend on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curation.lake.datasets import Dataset
from curation.lake.decisions import said_until_now
from curation.progress import Progress
from curation.recipe.model import Recipe
from curation.recipe.runner import RunResult, StepOutcome, run_on_dataset, run_on_file
from curation.ui import parts, state


@dataclass(frozen=True)
class Ran:
    """What a run did, without its rows; many sessions may read it at once."""

    steps: list[StepOutcome]
    classes: list[dict[str, int]]
    """Rows a class: at 0 of the input, at i after step i."""
    rows_in: int
    rows_out: int
    notes: list[str]

    @property
    def waiting(self) -> int:
        """Records that a step left for a person."""
        return sum(len(step.queue) for step in self.steps if step.queue is not None)


@dataclass(frozen=True)
class FileRun:
    """A run on a file, and where its rows lie."""

    ran: Ran
    written: Path
    table: pa.Table


def run_here(
    dataset: Dataset, recipe: Recipe, *, until: int | None = None, kind: str = "recipe"
) -> Ran | None:
    """Return the recipe's run on the current dataset; None while it runs or where it failed, drawn.

    A run is done once for the same snapshot, decisions and recipe.
    """
    workspace = state.workspace()

    def work(progress: Progress) -> Ran:
        with run_on_dataset(
            workspace, dataset.name, recipe, until=until, progress=progress
        ) as result:
            return _read(result)

    result = parts.result_of(
        state.job_key(dataset.name, kind),
        work,
        title="Running the recipe",
        inputs=_inputs(dataset, recipe, until),
        panel=f"{kind}-job",
    )
    return result if isinstance(result, Ran) else None


def run_there(recipe: Recipe, path: Path, name: str) -> FileRun | None:
    """Return the recipe's run on an uploaded file; None while it runs or where it failed, drawn."""

    def work(progress: Progress) -> FileRun:
        with run_on_file(recipe, path, name=name, progress=progress) as result:
            written = path.with_name(f"{path.stem}-curated.csv")
            result.write(written)
            return FileRun(_read(result), written, result.table())

    result = parts.result_of(
        state.job_key(str(path), "run"),
        work,
        title=f"Running on {name}",
        inputs=recipe.sha256,
        panel="run-job",
    )
    return result if isinstance(result, FileRun) else None


def position_of(recipe: Recipe, name: str) -> int | None:
    """Return where the first step of a kind stands, from 0, or None."""
    return next((number for number, step in enumerate(recipe.steps) if step.name == name), None)


def _read(result: RunResult) -> Ran:
    classes = [result.class_counts(number) for number in range(len(result.steps) + 1)]
    return Ran(list(result.steps), classes, result.rows_in, result.rows, list(result.notes))


def _inputs(dataset: Dataset, recipe: Recipe, until: int | None) -> str:
    said = said_until_now(state.workspace(), dataset.name)
    return f"{dataset.snapshot} {said} {recipe.sha256} {until}"

"""The options of balancing, measured in the background on the rows before the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.lake.datasets import Dataset
from curation.lake.decisions import said_until_now
from curation.lake.workspace import Workspace
from curation.learn.labels import labels_as_text
from curation.learn.shared import Shared
from curation.progress import Progress, part
from curation.recipe.model import Recipe
from curation.recipe.runner import run_on_dataset
from curation.sampling.balance.balance_effect import Effect, balance_effect
from curation.sampling.balance.class_weights import BETA
from curation.sampling.balance.effect_options import Option, option_for, usual_options
from curation.sampling.balance.effect_rows import MOST_ROWS
from curation.steps import Rebalance, Sample
from curation.steps.rebalance_methods import SPLIT_COLUMN, TRAIN
from curation.ui import state
from curation.ui.jobs import JOBS, Job, JobKey

KIND: Final = "balance-effect"
CHOSEN: Final = "chosen"
"""Name of the option that the form describes."""


@dataclass(frozen=True)
class Measured:
    """What was measured, and for which step."""

    effect: Effect
    step: Rebalance


def job_key(dataset: Dataset) -> JobKey:
    """Return the key of the job that measures a dataset's options."""
    return state.job_key(dataset.name, KIND)


def measured_data(dataset: Dataset, recipe: Recipe, place: int) -> str:
    """Return a text that changes with the rows before the step at ``place``."""
    said = said_until_now(state.workspace(), dataset.name)
    before = [step.model_dump_json() for step in recipe.steps[:place]]
    return f"{dataset.snapshot} {said} {recipe.seed} {before}"


def start_measuring(dataset: Dataset, recipe: Recipe, place: int, rows: int) -> Job:
    """Start to measure what the usual options and the step at ``place`` do.

    Args:
        dataset: whose rows.
        recipe: with the step at ``place``.
        place: which step, from 0.
        rows: how many there are before that step.
    """
    workspace, step = state.workspace(), recipe.steps[place]
    assert isinstance(step, Rebalance)

    def work(progress: Progress) -> Measured:
        shared, share = _rows(workspace, dataset, recipe, place, rows, part(progress, 0.0, 0.15))
        counts = _counts(shared, share)
        options = [_of_step(step, counts), *usual_options(counts, with_smote=_is_tabular(shared))]
        effect = balance_effect(
            shared, options, counts=counts, seed=recipe.seed, progress=part(progress, 0.15, 1.0)
        )
        return Measured(effect, step)

    inputs = f"{measured_data(dataset, recipe, place)} {step.model_dump_json()}"
    return JOBS.start(job_key(dataset), work, title="Measuring the options", inputs=inputs)


def _rows(
    workspace: Workspace,
    dataset: Dataset,
    recipe: Recipe,
    place: int,
    rows: int,
    progress: Progress,
) -> tuple[Shared, float]:
    """Return the rows before the step, or as large a part of each class, and how large it is."""
    step, label = recipe.steps[place], dataset.roles.label
    assert isinstance(step, Rebalance)
    assert label is not None
    share, until = 1.0, place
    if rows > MOST_ROWS:
        share, until = MOST_ROWS / rows, place + 1
        recipe = recipe.with_step(Sample(id="measured", fraction=share, per=(label,)), place)
    with run_on_dataset(workspace, dataset.name, recipe, until=until, progress=progress) as result:
        table = result.table()
    return Shared(_train(table, step.split_column or SPLIT_COLUMN), dataset.roles), share


def _train(table: pa.Table, column: str) -> pa.Table:
    """Return the rows that may be rebalanced: held-out ones never are, nor learned from here."""
    if column not in table.column_names:
        return table
    return table.filter(pc.equal(table[column].cast(pa.string()), TRAIN))


def _counts(shared: Shared, share: float) -> dict[str, int]:
    labels = labels_as_text(shared.table.column(shared.label)).drop_null()
    counted = pc.value_counts(labels.combine_chunks()).to_pylist()
    return {one["values"]: max(1, round(one["counts"] / share)) for one in counted}


def _of_step(step: Rebalance, counts: dict[str, int]) -> Option:
    return option_for(
        counts,
        step.method,
        rows_per_class=step.rows_per_class,
        ratio=step.ratio,
        proportions=step.proportions,
        total=step.total,
        weights_by=step.weights or "balanced",
        beta=step.beta or BETA,
        name=CHOSEN,
    )


def _is_tabular(shared: Shared) -> bool:
    return not shared.roles.having("text", "embedding", "image")

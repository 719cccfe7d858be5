"""What a rule would draw from a dataset, in a moment: figures, strata, classes, some rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow as pa

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.datasets import Dataset, get_dataset
from curation.lake.workspace import Workspace
from curation.privacy.gate import Viewer
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn import Stratum
from curation.sampling.drawing.staging import check_drawn_before, check_named_columns
from curation.sampling.previews import preview_rows
from curation.sampling.previews.preview_counts import Figures, figures_of
from curation.sampling.previews.preview_estimate import (
    count_groups,
    count_sizes,
    from_groups,
    is_countable,
    with_sizes,
)
from curation.sampling.previews.preview_rows import (
    asks_model,
    check_classes,
    count_near,
    example_rows,
    near_sql,
    rows_to_look_at,
)
from curation.sampling.previews.preview_scaled import fitted, scaled_up, telling
from curation.sampling.rules.library import written_out
from curation.sampling.rules.rule import Rule


@dataclass(frozen=True)
class Preview:
    """What a rule would draw."""

    rows: int
    """Rows of the dataset."""
    looked_at: int
    """Rows of it that were looked at one by one; the rest was only counted, or not even that."""
    population: int
    """Rows that could be drawn."""
    drawn: int
    kept: int
    """Rows of the drawn that are always kept."""
    strata: list[Stratum]
    strata_count: int
    shortfall: int
    """Rows that were asked for and not there, over all strata."""
    classes_before: dict[str, int]
    """Rows of each class that could be drawn, the largest first; empty without a label column."""
    classes_after: dict[str, int]
    """Drawn rows of each class."""
    examples: pa.Table
    """Some drawn rows: the dataset's columns, ``inclusion_probability``, ``drawn_because``. Where
    not all rows were looked at, the chance is that among those that were."""
    notes: list[str]
    seconds: float
    """How long it took."""
    estimates: tuple[str, ...] = ()
    """Which of these are estimates, for example ``drawn`` and ``classes_after``."""

    @property
    def is_estimate(self) -> bool:
        """Whether any figure is an estimate."""
        return bool(self.estimates)


def preview_rule(
    workspace: Workspace,
    viewer: Viewer,
    dataset: str,
    rule: Rule,
    *,
    snapshot: int | None = None,
    examples: int = 20,
    progress: Progress = no_progress,
) -> Preview:
    """Say what a rule would draw from a dataset.

    All rows of a small dataset are looked at, and every figure is what a draw gives. Of a large one
    rows and strata are counted, and the rest is estimated from rows spread evenly over it; the
    preview says which figures are estimates.

    Args:
        workspace: where the dataset and the rules within the rule are.
        viewer: who looks at the example rows.
        dataset: its name.
        rule: what draws.
        snapshot: which version of the dataset; the newest without one.
        examples: how many of the drawn rows to show.
        progress: told how far it is.

    Raises:
        UnknownNameError: no such dataset, rule or column.
        CurationError: the rule does not fit the data.
    """
    began = time.perf_counter()
    found = get_dataset(workspace, dataset, snapshot)
    whole = written_out(workspace, rule)
    check_named_columns(whole, found.columns)
    check_classes(workspace, found, whole)
    with DuckDBEngine() as engine:
        figures, looked_at, drawn = _look(engine, workspace, found, whole, progress)
        progress(0.9, "Reading some rows")
        shown = example_rows(engine, workspace, viewer, found, drawn, examples)
    progress(1.0, "Done")
    return _preview(found, looked_at, figures, shown, time.perf_counter() - began, whole)


def _look(
    engine: DuckDBEngine, workspace: Workspace, dataset: Dataset, rule: Rule, progress: Progress
) -> tuple[Figures, int, Relation]:
    """Return the figures, how many rows were looked at, and what was drawn from them."""
    near, groups = near_sql([rule], dataset), None
    if dataset.rows > preview_rows.MOST_EXACT and is_countable(rule):
        groups = count_groups(workspace, dataset, rule)
    if groups is not None and rule.by == "uniform":
        count = groups.rows
    else:  # rows that cannot be drawn are looked at too
        count = count_near(workspace, dataset, near)
    rows, is_all = rows_to_look_at(engine, workspace, dataset, [rule], near, count)
    check_drawn_before(engine, rows)
    looked_at = int(engine.values(f"SELECT count(*) FROM {rows.name}")[0])
    progress(0.2, "Drawing")
    inner = part(progress, 0.2, 0.8)
    if is_all:
        drawn = draw(engine, rows, rule, dataset.roles, progress=inner)
        return figures_of(engine, rows, rule, dataset, drawn), looked_at, drawn.rows
    ratio = max(1, looked_at) / count
    if groups is not None:
        drawn = draw(engine, rows, telling(rule, ratio), dataset.roles, progress=inner)
        figures, whole = from_groups(engine, groups, rule, dataset, drawn)
        return figures, looked_at, whole
    smaller, its_part = fitted(rule, ratio)
    drawn = draw(engine, rows, smaller, dataset.roles, progress=inner)
    figures = figures_of(engine, rows, smaller, dataset, drawn)
    figures = scaled_up(figures, 1 / its_part, 1 / ratio)
    if is_countable(rule) and not rule.quota:
        figures = with_sizes(figures, rule, count_sizes(workspace, dataset, rule))
    return figures, looked_at, drawn.rows


def _preview(
    dataset: Dataset,
    looked_at: int,
    figures: Figures,
    examples: pa.Table,
    seconds: float,
    rule: Rule,
) -> Preview:
    notes = list(figures.notes)
    if figures.estimates:
        why = "a model is asked about each" if asks_model(rule) else "the dataset is large"
        notes.append(
            f"Estimated from {looked_at:,} of {dataset.rows:,} rows, since {why}: "
            f"{', '.join(figures.estimates).replace('_', ' ')}. A draw looks at all rows."
        )
    return Preview(
        rows=dataset.rows, looked_at=looked_at, population=figures.population,
        drawn=figures.drawn, kept=figures.kept, strata=figures.strata,
        strata_count=figures.strata_count, shortfall=figures.shortfall,
        classes_before=figures.classes_before, classes_after=figures.classes_after,
        examples=examples, notes=notes, seconds=seconds, estimates=figures.estimates,
    )  # fmt: skip

"""What each way of balancing classes does to a model, measured before it is applied.

A quick model is cross-validated on the rows as they are and on rows that each option rebalanced, in
the same folds; only the training side is rebalanced, as only training data ever should be. Each
fold gives a difference to the rows as they are. Their mean has the interval of the corrected
resampled t-test (`effect_intervals`): folds share most of their training rows, so the plain t
interval would be too narrow. It is taken in the place of a bootstrap over rows since it covers
another training set as well, and the question is what happens at the next training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.errors import UsageError
from curation.learn.folds import FOLDS
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part
from curation.sampling.balance.effect_figures import METRICS
from curation.sampling.balance.effect_folds import PLAIN, Side, divisions, fold_figures
from curation.sampling.balance.effect_intervals import Difference, mean_difference
from curation.sampling.balance.effect_models import Logistic, Model, Trees
from curation.sampling.balance.effect_options import (
    AS_IT_IS,
    DECIDED,
    Option,
    factors_of,
    measured_options,
    usual_options,
)
from curation.sampling.balance.effect_rows import MeasuredRows, rows_to_measure
from curation.sampling.balance.prior_correction import class_shares

Table = npt.NDArray[np.float64]

_FEW: Final = 3_000
"""Up to so many rows the folds are drawn four times, above it twice."""
LEAST_IN_CLASS: Final = 10
"""The recall of a class with fewer rows has no interval: its folds hold one row, or none."""


@dataclass(frozen=True)
class OptionEffect:
    """What one option does to a model.

    Attributes:
        option: what was done to the training rows.
        figures: metric (`METRICS`) to its mean over the folds.
        differences: metric to its difference to the rows as they are.
        recall: class to its recall where the most probable class is taken.
        recall_differences: class to the difference of its recall.
        corrected: the figures once the probabilities are put right for the true class shares;
            empty where that changes nothing or cannot be.
        corrected_differences: their differences to the rows as they are, uncorrected.
        shares: class to its share of the training rows, by weight: the priors to correct from.
    """

    option: Option
    figures: dict[str, float]
    differences: dict[str, Difference]
    recall: dict[str, float]
    recall_differences: dict[str, Difference]
    corrected: dict[str, float]
    corrected_differences: dict[str, Difference]
    shares: dict[str, float]


@dataclass(frozen=True)
class ModelEffect:
    """What the options do to one kind of model; the first is the rows as they are."""

    model: str
    options: list[OptionEffect]
    folds: int
    """Train and test sides in all, over all repeats."""


@dataclass(frozen=True)
class Effect:
    """What options of balancing do.

    Attributes:
        models: for each kind of model what they do to it.
        counts: class to rows, of all the data.
        rows: rows that were learned from and tested.
        notes: what was left aside, and how it was measured.
    """

    models: list[ModelEffect]
    counts: dict[str, int]
    rows: int
    notes: list[str] = field(default_factory=list)

    @property
    def shares(self) -> dict[str, float]:
        """Class to its true share: the priors to correct to."""
        found = class_shares(list(self.counts.values()))
        return dict(zip(self.counts, found.tolist(), strict=True))


def balance_effect(
    shared: Shared,
    options: Sequence[Option] | None = None,
    *,
    counts: Mapping[str, int] | None = None,
    seed: int = 0,
    folds: int = FOLDS,
    repeats: int | None = None,
    progress: Progress = no_progress,
) -> Effect:
    """Measure what options of balancing do to ranking, calibration and the recall of each class.

    The model is logistic regression on the shared feature space; for data of features alone
    extremely randomised trees as well. Rows of one group, copies and near copies are never on both
    sides. At most 20,000 rows are used, fewer with more than 25 classes. The order of the rows
    changes nothing.

    Args:
        shared: rows with a label.
        options: what to try; by default `usual_options`. Those that change nothing are left out.
        counts: class to rows of all the data, where ``shared`` holds a sample of them.
        seed: for folds and for the rows that an option draws.
        folds: test sides of one division of the rows, 2 or more.
        repeats: divisions of the rows; 2 by default, 4 up to 3,000 rows. Trees get half as many.
        progress: told the fraction done; may raise `Cancelled` between two fits.

    Raises:
        UsageError: fewer than 2 folds, no repeat, no option, or an option that cannot be done.
        LabelError: nothing can be learned from the label column, or there are more than 200
            classes.
        DataError: fewer than 50 rows have a label, or all of them belong together.
    """
    if folds < 2 or (repeats is not None and repeats < 1):
        raise UsageError(
            f"Got {folds} folds and {repeats} repeats; 2 folds and 1 repeat are the least."
        )
    rows = rows_to_measure(shared, seed, part(progress, 0.0, 0.1))
    full = {label: (counts or rows.counts).get(label, 0) for label in rows.classes}
    if min(full.values()) < 1:
        raise UsageError("The counts lack a class of the rows. Give the rows of every class.")
    if options is None:
        options = usual_options(full, with_smote=rows.is_tabular)
    chosen = measured_options(options, rows.classes)
    times = repeats or (4 if len(rows.codes) <= _FEW else 2)
    models: list[Model] = [Logistic(), Trees()] if rows.is_tabular else [Logistic()]
    offered = [AS_IT_IS, *chosen, DECIDED]
    found = []
    for number, model in enumerate(models):
        sides = divisions(rows, folds, max(1, round(times * model.repeats)), seed)
        each = 0.9 / len(models)
        share = part(progress, 0.1 + each * number, 0.1 + each * (number + 1))
        table = fold_figures(model, rows, offered, sides, share)
        found.append(_model_effect(model.title, table, rows, offered, sides, full))
    progress(1.0, "measured")
    return Effect(found, full, len(rows.codes), rows.notes)


def _model_effect(
    model: str,
    table: Table,
    rows: MeasuredRows,
    options: Sequence[Option],
    sides: Sequence[Side],
    counts: Mapping[str, int],
) -> ModelEffect:
    """Return means and differences of what `fold_figures` gave."""
    ratio = float(np.mean([len(side.test) / len(side.train) for side in sides]))
    classes, base = rows.classes, table[0, PLAIN]
    few = np.bincount(rows.codes, minlength=len(classes)) < LEAST_IN_CLASS
    sizes = np.array([counts[label] for label in classes], dtype=np.float64)
    effects = []
    recalls = slice(len(METRICS), None)
    for option, (plain, corrected) in zip(options, table, strict=True):
        factors = factors_of(option, classes) if option.changes_rows else 1.0
        taught = class_shares(sizes * factors)
        recall = _differences((plain - base)[:, recalls], classes, ratio)
        is_corrected = not np.isnan(corrected).all()
        effects.append(
            OptionEffect(
                option,
                _means(plain, METRICS),
                _differences(plain - base, METRICS, ratio),
                _means(plain[:, recalls], classes),
                {
                    label: Difference(found.value) if is_few else found
                    for (label, found), is_few in zip(recall.items(), few, strict=True)
                },
                _means(corrected, METRICS) if is_corrected else {},
                _differences(corrected - base, METRICS, ratio) if is_corrected else {},
                dict(zip(classes, taught.tolist(), strict=True)),
            )
        )
    return ModelEffect(model, effects, len(sides))


def _means(table: Table, names: Iterable[str]) -> dict[str, float]:
    return {
        name: float(column[~np.isnan(column)].mean()) if not np.isnan(column).all() else np.nan
        for name, column in zip(names, table.T, strict=False)
    }


def _differences(table: Table, names: Iterable[str], ratio: float) -> dict[str, Difference]:
    return {
        name: mean_difference(column, ratio) for name, column in zip(names, table.T, strict=False)
    }

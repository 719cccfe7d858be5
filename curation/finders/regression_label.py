"""Rows whose given number is likely wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import LabelError
from curation.finders.base import Finder, Finding, finding_rows, summarise
from curation.finders.columns import counted, is_number, numbers, percent
from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.learn.numeric_targets import Predicted, groups_of, predict_left_out
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

MIN_ROWS = 20
"""With fewer rows nobody can tell what is usual."""
MIN_VALUES = 5
"""A column with fewer distinct values holds classes, not numbers."""

_BOUND = 2.5
"""A number farther from its prediction than so many deviations teaches as if it were so near."""
_FARTHEST, _FARTHEST_TAUGHT = 1e12, 20.0
"""A number's distance from the median in spreads, at most: kept, and shown to a model."""
_FLOOR = 0.1
"""What is added to a deviation before its logarithm, in medians of all deviations."""
_MIDDLE = 0.85
"""The share of rows, those nearest to their predictions, whose spread tells what is usual."""
_FREEDOM = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)
_TAILS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03)


class RegressionLabel(Finder):
    """Find rows whose number is far from what a model says that did not see them.

    Ridge regression and trees predict each row's number from rows of other groups; copies of a row
    and rows of its group teach nothing about it. Numbers that are far off are pulled in, and the
    model is fitted once more. The distance from the prediction is then set against the distance
    that is usual for rows of such content, so that a region where numbers scatter is not flagged as
    a whole.

    Rows are flagged as long as about the allowed share of the flags is expected to be false
    (Benjamini and Hochberg 1995). What is expected of right numbers is fitted to the middle of the
    distances (Efron 2004, "Large-Scale Simultaneous Hypothesis Testing"), by Student's t.
    """

    name: ClassVar[str] = "regression_label"
    title: ClassVar[str] = "Wrong numbers"
    scores: ClassVar[str] = (
        "How near the number is to its prediction: 1 is as predicted, 0.5 as far as is usual for "
        "such rows, near 0 far beyond."
    )
    advice: ClassVar[str] = "Compare the number with its source, the lowest scores first."

    false_share: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        title="Share of false alarms",
        description="About this share of the flags may be right numbers; lower flags fewer rows.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say whether the label is a number and there is something to predict it from."""
        if shared.roles.label is None:
            return f"Which column is the label? Columns: {', '.join(shared.table.column_names)}."
        kind = shared.table.schema.field(shared.label).type
        if not is_number(kind):
            return (
                f"The label '{shared.label}' holds {kind}; this finder looks at numbers. For "
                "classes, use the finder 'label'."
            )
        if not shared.roles.content:
            return "There is no column to predict the number from: give one the role 'feature'."
        return ""

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Score every row that has a number."""
        rows, given, notes = _given(shared)
        fit = _fitted(shared, rows, given, part(progress, 0.0, 0.9))
        progress(0.9, "choosing likely errors")
        chance, freedom = _chance(fit.distance)
        is_issue = _flagged(chance, self.false_share) & (fit.suggested != given)
        errors = _errors(chance)
        # A median distance gives one half.
        score = np.exp2(-fit.distance / max(float(np.median(fit.distance)), 1e-12))
        suggestion, explanation = _in_words(fit, given, is_issue)
        found = finding_rows(
            shared, score, is_issue, rows=rows, suggestion=suggestion, explanation=explanation
        )
        notes += _bounds(fit, given, errors, freedom, self.false_share)
        progress(1.0, f"{int(is_issue.sum()):,} likely wrong numbers in {len(rows):,} rows")
        return Finding(
            self.name, found, summarise(found, estimated_errors=errors), learner=fit.learner,
            notes=[*fit.notes, *notes],
        )  # fmt: skip


@dataclass(frozen=True)
class _Fit:
    """What the model says of m numbers.

    Attributes:
        suggested: shape (m,), predictions, whole where all labels are.
        distance: shape (m,), from the prediction, in units of what is usual for such a row.
        learner: in words.
        notes: what was left out.
    """

    suggested: Vector
    distance: Vector
    learner: str
    notes: list[str]


def _given(shared: Shared) -> tuple[Codes, Vector, list[str]]:
    """Return the rows that have a number, these numbers, and what was left out.

    Raises:
        LabelError: too few numbers, or so few different ones that they are classes.
    """
    values = numbers(shared.table.column(shared.label))
    rows = np.flatnonzero(np.isfinite(values))
    given = values[rows]
    if len(rows) < MIN_ROWS:
        raise LabelError(
            f"Label column '{shared.label}' has a number in {counted(len(rows))} of "
            f"{len(values):,}. At least {MIN_ROWS} are needed to learn what is usual."
        )
    distinct = len(np.unique(given))
    if distinct < MIN_VALUES:
        raise LabelError(
            f"Label column '{shared.label}' has {distinct} different numbers: they look like "
            f"classes. Use the finder 'label', or a label with {MIN_VALUES} numbers or more."
        )
    missing = len(values) - len(rows)
    notes = [f"{counted(missing)} without a finite number left out."] if missing else []
    return rows, given, notes


def _fitted(shared: Shared, rows: Codes, given: Vector, progress: Progress) -> _Fit:
    """Predict each number from the rows of other groups, and say how far it is from that.

    Numbers are fitted in units of their own spread, and again after far ones were pulled in: the
    pseudo-values of Huber, "Robust Statistics" (1981), section 7.8. What is usual for a row is
    fitted to the logarithm of the distances.
    """
    groups, notes = groups_of(shared, rows)

    def predicted(targets: Vector, share: Progress) -> Predicted:
        column: Matrix = targets.astype(np.float32)[:, None]
        return predict_left_out(shared, rows, column, groups=groups, progress=share)

    centre, unit = _centre_and_unit(given)
    with np.errstate(over="ignore"):
        exact = np.clip((given - centre) / unit, -_FARTHEST, _FARTHEST)
    targets = np.clip(exact, -_FARTHEST_TAUGHT, _FARTHEST_TAUGHT)
    first = predicted(targets, part(progress, 0.0, 0.4)).values[:, 0].astype(np.float64)
    off = targets - first
    bound = _BOUND * 1.4826 * float(np.median(np.abs(off - np.median(off))))
    found = predicted(first + np.clip(off, -bound, bound), part(progress, 0.4, 0.7))
    values = found.values[:, 0].astype(np.float64)
    distance = np.abs(exact - values)
    median = float(np.median(distance))
    if median > 0:
        logs = np.log(distance + _FLOOR * median)
        usual = predicted(logs, part(progress, 0.7, 1.0)).values[:, 0]
        distance = distance / np.exp(usual.astype(np.float64))
    suggested = values * unit + centre
    if (given == np.rint(given)).all():
        suggested = np.rint(suggested)
    return _Fit(suggested, distance, found.learner, [*found.notes, *notes])


def _centre_and_unit(given: Vector) -> tuple[float, float]:
    """Return the median, and a spread that a few wild numbers do not set."""
    low, middle, high = np.quantile(given, [0.25, 0.5, 0.75], method="nearest").tolist()
    spread = np.abs(given - middle)
    return middle, float(high - low) or float(np.median(spread[spread > 0]))


def _chance(distance: Vector) -> tuple[Vector, float]:
    """Return how likely a right number would be as far off, and the degrees of freedom taken.

    Student's t goes through the median of the distances, with the tail (of some allowed ones) that
    fits their middle best. Where half of the numbers are predicted exactly, all others are judged
    by each other.
    """
    from scipy.stats import t

    if np.median(distance) <= 0:
        return np.where(distance > 0, (distance > 0).mean(), 1.0), _FREEDOM[-1]
    middle, high = np.quantile(distance, [0.5, _MIDDLE])
    ratios = {f: t.ppf(0.5 + _MIDDLE / 2, f) / t.ppf(0.75, f) for f in _FREEDOM}
    freedom = min(_FREEDOM, key=lambda f: abs(np.log(high / middle / ratios[f])))
    scaled = distance / middle * t.ppf(0.75, freedom)
    chance: Vector = 2 * t.sf(scaled, freedom)
    return chance, freedom


def _flagged(chance: Vector, false_share: float) -> Flags:
    """Return the rows that are flagged so that about `false_share` of them are false alarms."""
    ranked = np.sort(chance)
    allowed = np.flatnonzero(ranked <= false_share * np.arange(1, len(ranked) + 1) / len(ranked))
    if not len(allowed):
        return np.zeros(len(chance), dtype=np.bool_)
    flagged: Flags = chance <= ranked[allowed[-1]]
    return flagged


def _errors(chance: Vector) -> int:
    """Return how many more rows lie in the tail than right numbers would, less a deviation."""
    n = len(chance)
    beyond = [
        (int((chance <= tail).sum()) - n * tail - (n * tail) ** 0.5) / (1 - tail) for tail in _TAILS
    ]
    return max(0, round(float(max(beyond))))


def _in_words(fit: _Fit, given: Vector, is_issue: Flags) -> tuple[pa.Array, dict[int, str]]:
    """Return the suggestion and the explanation of each flagged row."""
    flagged = np.flatnonzero(is_issue)
    typical = max(float(np.median(fit.distance)), 1e-12)
    suggestions, lines = {}, {}
    for i in flagged.tolist():
        value, suggested = float(given[i]), float(fit.suggested[i])
        suggestions[i] = f"{suggested:.0f}" if suggested == round(suggested) else f"{suggested:.4g}"
        lines[i] = (
            f"{value:.6g} is far {'above' if value > suggested else 'below'} {suggestions[i]}, "
            f"what such rows suggest: {fit.distance[i] / typical:,.1f} times as far as is usual."
        )
    column = [suggestions.get(i) for i in range(len(given))]
    return pa.array(column, pa.string()), lines


def _bounds(fit: _Fit, given: Vector, errors: int, freedom: float, false_share: float) -> list[str]:
    """Say how much the model knows, and what the estimates leave out."""
    spread = float(np.median(np.abs(given - np.median(given))))
    left = float(np.median(np.abs(given - fit.suggested)))
    share = max(0.0, 1 - left / spread) if spread > 0 else 0.0
    notes = [
        f"The model takes away {percent(share)} of the typical distance from the median. An error "
        "smaller than what is usual for its row cannot be told from chance, so the estimate of "
        f"{errors:,} errors is a lower bound."
    ]
    if freedom <= _FREEDOM[0]:
        notes.append(
            "The distances from the predictions have long tails, as those of right numbers may "
            f"have too: more than {percent(false_share)} of the flags may be false."
        )
    return notes

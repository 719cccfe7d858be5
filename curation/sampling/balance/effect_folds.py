"""Fits of one model on every fold and option, and the figures of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.errors import DataError
from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.learn.folds import fold_of_each_row
from curation.learn.threads import in_threads, single_threaded_blas
from curation.progress import Progress
from curation.sampling.balance.effect_figures import METRICS, figures
from curation.sampling.balance.effect_models import Model, Start
from curation.sampling.balance.effect_options import (
    AS_IT_IS,
    DECIDED,
    Option,
    factors_of,
    rebalanced,
)
from curation.sampling.balance.effect_rows import MeasuredRows
from curation.sampling.balance.prior_correction import class_shares, correct_priors

PLAIN: Final = 0
CORRECTED: Final = 1
"""Places of the figures before and after the prior correction."""


@dataclass(frozen=True)
class Side:
    """One division of the rows: which of them teach, and which are predicted."""

    train: Codes
    test: Codes
    seed: int


def divisions(rows: MeasuredRows, folds: int, repeats: int, seed: int) -> list[Side]:
    """Return the folds of each repeat; those that would leave one class to teach are left out.

    Raises:
        DataError: all rows belong together, or no fold leaves two classes to teach.
    """
    found: list[Side] = []
    for repeat in range(repeats):
        fold = fold_of_each_row(rows.codes, rows.groups, folds=folds, seed=seed + repeat)
        for number in range(int(fold.max()) + 1):
            test = np.flatnonzero(fold == number)
            train = np.flatnonzero(fold != number)
            if len(np.unique(rows.codes[train])) > 1:
                found.append(Side(train, test, seed + len(found)))
    if not found:
        raise DataError(
            "The rows with a label belong together (one group, or copies), or all but one class "
            "do, so nothing can be learned from some and tested on others. Take the role 'group' "
            "from a column, or add rows."
        )
    return found


def fold_figures(
    model: Model,
    rows: MeasuredRows,
    options: Sequence[Option],
    sides: Sequence[Side],
    progress: Progress,
) -> npt.NDArray[np.float64]:
    """Return the figures of every option and division: shape (options, 2, divisions, 7 + k).

    The second axis holds them as they come (`PLAIN`), and after the correction for the true class
    shares (`CORRECTED`), NaN where there is none. See `effect_figures.figures` for the last axis.

    Args:
        model: what learns.
        rows: what it learns from.
        options: the first is `AS_IT_IS`.
        sides: from `divisions`.
        progress: told after each fit; may raise.
    """
    sizes = np.bincount(rows.codes, minlength=len(rows.classes))
    small = sizes < sizes.mean()
    found = np.full((len(options), 2, len(sides), len(METRICS) + len(sizes)), np.nan)
    one = partial(_fit, model, rows, small)
    fitted = [place for place, option in enumerate(options) if option.changes_rows]
    total = len(sides) * (1 + len(fitted))
    starts: list[Start] = []
    rest = [(place, number) for place in fitted for number in range(len(sides))]

    def again(item: tuple[int, int]) -> _Fit:
        return one(sides[item[1]], options[item[0]], starts[item[1]])

    with single_threaded_blas():
        for number, result in enumerate(in_threads(lambda side: one(side, AS_IT_IS, None), sides)):
            progress(number / total, f"{model.title}, {AS_IT_IS.title.lower()}")
            starts.append(result.end)
            for place, option in enumerate(options):
                if not option.changes_rows:
                    figure = result.decided if option == DECIDED else result.plain
                    found[place, PLAIN, number] = figure
        for done, result in enumerate(in_threads(again, rest)):
            place, number = rest[done]
            progress((len(sides) + done) / total, f"{model.title}, {options[place].title}")
            found[place, PLAIN, number] = result.plain
            found[place, CORRECTED, number] = result.decided
    return found


@dataclass(frozen=True)
class _Fit:
    """Figures of one fit, and where it ended.

    Attributes:
        plain: of the probabilities as they come.
        decided: of the rows as they are, decided for even classes; of an option, after the
            correction for the true shares.
    """

    plain: Vector
    decided: Vector
    end: Start


def _fit(
    model: Model, rows: MeasuredRows, small: Flags, side: Side, option: Option, start: Start
) -> _Fit:
    k = len(rows.classes)
    codes, asked = rows.codes[side.train], rows.codes[side.test]
    taught = rebalanced(
        option, factors_of(option, rows.classes), rows.matrix[side.train], codes,
        np.random.default_rng(side.seed),
    )  # fmt: skip
    fitted = model.fitted(
        taught.matrix, taught.codes, k, taught.weights, rows.matrix[side.test],
        start=start, seed=side.seed,
    )  # fmt: skip
    probabilities = fitted.probabilities
    plain = figures(probabilities, probabilities.argmax(axis=1), asked, small)
    true = class_shares(np.bincount(codes, minlength=k))
    if not option.changes_rows:
        # A class without a training row is never decided for, as it never would be by chance.
        odds = np.divide(probabilities, true, out=np.zeros_like(probabilities), where=true > 0)
        return _Fit(plain, figures(probabilities, odds.argmax(axis=1), asked, small), fitted.end)
    sampled = class_shares(np.bincount(taught.codes, taught.weights, minlength=k))
    if ((sampled == 0) & (true > 0)).any():
        return _Fit(plain, np.full(len(plain), np.nan), None)
    right = correct_priors(probabilities, sampled, true)
    return _Fit(plain, figures(_as_matrix(right), right.argmax(axis=1), asked, small), None)


def _as_matrix(probabilities: npt.NDArray[np.floating]) -> Matrix:
    return probabilities.astype(np.float32, copy=False)

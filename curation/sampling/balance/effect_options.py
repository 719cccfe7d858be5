"""What can be done about uneven classes, as options whose effect can be measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from curation.errors import UnknownNameError, UsageError
from curation.learn.arrays import Codes, Matrix, Vector
from curation.sampling.balance.class_weights import BETA, WeightsBy, class_weights
from curation.sampling.balance.plan import Method, plan_classes

How = Literal["nothing", "rows", "weights", "synthetic", "decision"]

NEIGHBOURS = 5
"""Among so many nearest rows of its class a row finds its partner: Chawla et al. 2002."""


MOST_MADE = 2_000
"""Synthetic rows of a class that are made to measure; they weigh for as many as would be made."""


@dataclass(frozen=True)
class Option:
    """One thing that can be done about the class mix.

    Attributes:
        name: unique among the options that are measured together.
        title: for a person.
        how: rows are left out and copied; rows weigh differently; rows are left out and made; or
            only the decision changes, and the model stays.
        factors: for each class what a row of it becomes: 0.5 keeps every second row, 3 makes three
            of each, or is the row's weight. Classes that are not named keep 1.
    """

    name: str
    title: str
    how: How = "rows"
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def changes_rows(self) -> bool:
        """Whether the model learns from other rows or weights."""
        return self.how in ("rows", "weights", "synthetic")


AS_IT_IS = Option("as_it_is", "As it is", "nothing")
DECIDED = Option("decided", "Only the decision", "decision")
"""The model of the rows as they are, taken for the class with the largest p / π: what a change of
the decision alone gives, without another model (Elkan 2001, section 2)."""


def option_for(
    counts: Mapping[str, int],
    method: Method,
    *,
    rows_per_class: int | None = None,
    ratio: float | None = None,
    proportions: Mapping[str, float] | None = None,
    total: int | None = None,
    weights_by: WeightsBy = "balanced",
    beta: float = BETA,
    name: str | None = None,
) -> Option:
    """Return a method of rebalancing as an option; see `plan_classes` and `class_weights`.

    Raises:
        UsageError: numbers that the method cannot do with.
    """
    if method == "weights":
        title = "Weights, balanced" if weights_by == "balanced" else "Weights, effective number"
        weights = class_weights(counts, weights_by, beta=beta)
        return Option(name or f"weights_{weights_by}", title, "weights", weights)
    after = plan_classes(
        counts, method, rows_per_class=rows_per_class, ratio=ratio, proportions=proportions,
        total=total,
    )  # fmt: skip
    factors = {label: after[label] / rows for label, rows in counts.items()}
    how: How = "synthetic" if method == "smote" else "rows"
    return Option(name or method, _title(method, after), how, factors)


def usual_options(counts: Mapping[str, int], *, with_smote: bool) -> list[Option]:
    """Return what is usually tried: a cap at the median, leaving out, copies, weights, SMOTE.

    Args:
        counts: class to rows, each 1 or more.
        with_smote: whether the columns allow synthetic rows.
    """
    median = max(1, round(statistics.median(counts.values())))
    found = [
        option_for(counts, "cap", rows_per_class=median),
        option_for(counts, "undersample"),
        option_for(counts, "oversample"),
        option_for(counts, "weights"),
        option_for(counts, "weights", weights_by="effective"),
    ]
    return [*found, option_for(counts, "smote")] if with_smote else found


def measured_options(options: Sequence[Option], classes: Sequence[str]) -> list[Option]:
    """Return the options without those that change nothing or say what another one says.

    Raises:
        UsageError: two options with one name, or a factor that is negative, not finite, or 0 for
            all classes.
        UnknownNameError: a factor of a class that is not there.
    """
    kept: list[Option] = []
    for option in options:
        if option.name in {AS_IT_IS.name, DECIDED.name, *(one.name for one in kept)}:
            raise UsageError(f"Two options are called '{option.name}'. Give each its own name.")
        for label in option.factors:
            if label not in classes:
                raise UnknownNameError("class", label, classes, where=f"{option.title}: ")
        factors = factors_of(option, classes)
        if not np.isfinite(factors).all() or (factors < 0).any() or not factors.any():
            raise UsageError(
                f"{option.title}: a factor is 0 or more and not 0 for all classes; got "
                f"{factors[:10].tolist()}."
            )
        if np.ptp(factors) < 1e-9 or any(_same(option, one, classes) for one in kept):
            continue
        kept.append(option)
    return kept


def factors_of(option: Option, classes: Sequence[str]) -> Vector:
    """Return the factor of each class: shape (k,)."""
    return np.array([option.factors.get(label, 1.0) for label in classes], dtype=np.float64)


@dataclass(frozen=True)
class Taught:
    """The rows that a model learns from.

    Attributes:
        matrix: shape (n, d).
        codes: shape (n,).
        weights: shape (n,), above 0. They add up to the given rows among them: a penalty that
            falls with the rows is not to fall since rows were copied.
    """

    matrix: Matrix
    codes: Codes
    weights: Vector


def rebalanced(
    option: Option, factors: Vector, matrix: Matrix, codes: Codes, random: np.random.Generator
) -> Taught:
    """Return training rows after an option; a class keeps a row at least, unless its factor is 0.

    A row that is there three times is given once with weight 3, which teaches the same.

    Args:
        option: what is done.
        factors: shape (k,), of the classes.
        matrix: shape (n, d).
        codes: shape (n,).
        random: draws rows.
    """
    if not option.changes_rows:
        return Taught(matrix, codes, np.ones(len(codes)))
    if option.how == "weights":
        weights = factors[codes]
        kept = weights > 0
        return _scaled(matrix[kept], codes[kept], weights[kept], int(kept.sum()))
    rows = np.bincount(codes, minlength=len(factors))
    wanted = np.where(factors > 0, np.maximum(1, np.rint(rows * factors)), 0).astype(np.int64)
    wanted[rows == 0] = 0
    if option.how == "synthetic":
        return _with_synthetic(matrix, codes, rows, wanted, random)
    times = _times(codes, rows, wanted, random)
    kept = times > 0
    return _scaled(matrix[kept], codes[kept], times[kept].astype(np.float64), int(kept.sum()))


def _times(codes: Codes, rows: Codes, wanted: Codes, random: np.random.Generator) -> Codes:
    """Return how often each row is taken, shape (n,): equally often but for the remainder."""
    order = np.lexsort((random.permutation(len(codes)), codes))
    starts = np.cumsum(rows) - rows
    rank = np.empty(len(codes), dtype=np.int64)
    rank[order] = np.arange(len(codes)) - starts[codes[order]]
    whole, rest = np.divmod(wanted, np.maximum(rows, 1))
    times: Codes = whole[codes] + (rank < rest[codes])
    return times


def _with_synthetic(
    matrix: Matrix, codes: Codes, rows: Codes, wanted: Codes, random: np.random.Generator
) -> Taught:
    """Return rows with synthetic ones between a row and a near one of its class, after SMOTE.

    All columns of the matrix are interpolated, those of categories as well.
    """
    fewer = np.minimum(wanted, rows)
    kept = _times(codes, rows, fewer, random) > 0
    matrices, labels, weights = [matrix[kept]], [codes[kept]], [np.ones(int(kept.sum()))]
    for code in np.flatnonzero((wanted > rows) & (rows > 1)):
        lacking = int(wanted[code] - rows[code])
        made = _between(matrix[codes == code], min(lacking, MOST_MADE), random)
        matrices.append(made)
        labels.append(np.full(len(made), code, dtype=np.int64))
        weights.append(np.full(len(made), lacking / len(made)))
    together = np.concatenate(matrices), np.concatenate(labels), np.concatenate(weights)
    return _scaled(*together, int(kept.sum()))


def _scaled(matrix: Matrix, codes: Codes, weights: Vector, given: int) -> Taught:
    return Taught(matrix, codes, weights * (given / weights.sum()))


def _between(members: Matrix, many: int, random: np.random.Generator) -> Matrix:
    from curation.learn.neighbours import nearest_neighbours

    near = nearest_neighbours(members, NEIGHBOURS).indices
    first = np.resize(random.permutation(len(members)), many)
    second = near[first, random.integers(0, near.shape[1], many)]
    gap: npt.NDArray[np.float32] = random.random((many, 1), dtype=np.float32)
    return members[first] + gap * (members[second] - members[first])


def _same(one: Option, other: Option, classes: Sequence[str]) -> bool:
    return one.how == other.how and np.allclose(
        factors_of(one, classes), factors_of(other, classes)
    )


def _title(method: Method, after: Mapping[str, int]) -> str:
    most, least = max(after.values()), min(after.values())
    return {
        "cap": f"Cap at {most:,}",
        "undersample": f"Undersample to {most:,}",
        "oversample": f"Oversample to {least:,}",
        "smote": f"SMOTE to {least:,}",
    }.get(method, "Target proportions")

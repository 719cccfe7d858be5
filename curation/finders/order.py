"""Find whether the order of the rows has to do with what is in them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.columns import subject
from curation.finders.copies import graph_notes, lacks_content
from curation.learn.arrays import Codes, Vector
from curation.learn.neighbours import Neighbours
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

_ROWS = 10_000
_PERMUTATIONS = 99


class Order(Finder):
    """Data that are sorted, drift, or were collected in runs: rows side by side are alike.

    The distance in position of each row to its nearest rows in content is compared with that to any
    row. If order means nothing, one is like the other; a permutation test says how sure the
    difference is. Such data are not independent draws: a split by position tests a model on other
    things than it learned, and a model that reads rows in order forgets.
    """

    name: ClassVar[str] = "order"
    title: ClassVar[str] = "Order of the rows"
    scores: ClassVar[str] = (
        "0 is a row whose nearest rows in content stand next to it, 1 one whose nearest stand as "
        "far away as any."
    )
    advice: ClassVar[str] = (
        "Shuffle before training; split by time or source where the order is one, not at random."
    )

    significance: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        title="Significance",
        description="The data are flagged when chance makes as much order with less probability.",
    )
    least_effect: float = Field(
        default=0.03,
        ge=0,
        le=1,
        title="Least effect",
        description="The part of all neighbours that must stand nearer than chance has it; in many "
        "rows the smallest difference is significant.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is nothing to compare."""
        return lacks_content(shared)

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for order."""
        progress(0.0, "comparing positions")
        neighbours = shared.neighbours(progress)
        size = len(neighbours.indices)
        nearness = _place_shares(np.arange(size)[:, None], neighbours.indices, size)
        score = np.minimum(2 * nearness.mean(axis=1), 1.0)
        effect, chance = order_test(neighbours, seed=shared.settings.seed)
        is_issue = chance < self.significance and effect >= self.least_effect
        places = np.abs(np.arange(size)[:, None] - neighbours.indices)
        median = float(np.median(places))
        any_row = size * (1 - 0.5**0.5)  # the median distance of two places drawn at random
        line = (
            f"Rows that are alike stand {median:,.0f} rows apart in the middle, any two "
            f"{any_row:,.0f}; p {'at most' if chance <= 1 / (_PERMUTATIONS + 1) else 'about'} "
            f"{chance:.2g}."
        )
        if is_issue:
            line = f"The order of the rows has to do with their content. {line}"
        rows = finding_rows(shared, score, np.zeros(size, dtype=np.bool_))
        subjects = finding_subjects(
            [subject("dataset", "order of the rows", 1 - effect, is_issue, size, line)]
        )
        info: dict[str, Any] = {
            "p_value": chance, "effect": effect, "median_places": median, "expected": any_row,
        }  # fmt: skip
        return Finding(
            self.name,
            rows,
            summarise(rows, subjects),
            subjects=subjects,
            learner=neighbours.how,
            notes=graph_notes(neighbours),
            info=info,
        )


def order_test(neighbours: Neighbours, *, seed: int = 0) -> tuple[float, float]:
    """Return how much nearer neighbours stand than any two rows, and the chance of as much.

    The effect is the one-sided Kolmogorov-Smirnov statistic, 0 to 1: the largest part of all
    neighbours by which more of them stand within some distance than chance has there. The chance
    comes from as many random orders as `_PERMUTATIONS`, so it is 0.01 at the least; of many rows,
    a sample is taken.

    Args:
        neighbours: of n rows.
        seed: of the sample and the random orders.
    """
    draw = np.random.default_rng(seed)
    size = len(neighbours.indices)
    rows = np.sort(draw.choice(size, min(size, _ROWS), replace=False))
    near = neighbours.indices[rows].astype(np.int64)
    effect = _excess(_place_shares(rows[:, None], near, size))
    as_much = 0
    for _ in range(_PERMUTATIONS):
        place = draw.permutation(size)
        as_much += _excess(_place_shares(place[rows][:, None], place[near], size)) >= effect
    return effect, (1 + as_much) / (1 + _PERMUTATIONS)


def _place_shares(places: Codes, others: Any, size: int) -> Vector:
    """Return the share of all other rows that stand as near to a place as another does, or nearer.

    About even between 0 and 1 if the others are any rows; half a row is taken off, so that the
    middle is 0.5.

    Args:
        places: shape (m, 1), positions in a row of `size`.
        others: shape (m, k), positions.
        size: of all.
    """
    apart = np.abs(places - others)
    before, after = places, size - 1 - places
    within = np.minimum(apart, before) + np.minimum(apart, after)
    # Two rows at one distance count as half before each other.
    both = (apart <= before) & (apart <= after)
    shares: Vector = (within - np.where(both, 1.0, 0.5)) / (size - 1)
    return shares


def _excess(shares: Vector) -> float:
    """Return by how much the distribution of shares lies above an even one at the most: 0 to 1."""
    bins = np.minimum((shares.ravel() * 1_000).astype(np.int64), 999)
    found = np.cumsum(np.bincount(bins, minlength=1_000)) / shares.size
    return float(max((found - np.arange(1, 1_001) / 1_000).max(), 0.0))

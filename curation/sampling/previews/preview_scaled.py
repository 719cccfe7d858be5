"""A rule drawn from a part of the rows, and its figures as those of the whole.

For a rule that no counts tell about: made of others, by cost, with a model. Its amounts are made
smaller in proportion to the rows that are there, and the figures are made larger again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from curation.sampling.drawing.drawn import Stratum
from curation.sampling.previews.preview_counts import Figures
from curation.sampling.rules.rule import Rule

ALL_FIGURES = (
    "population", "drawn", "kept", "strata", "shortfall", "classes_before", "classes_after",
)  # fmt: skip
_LEAST_AMOUNT = 5
"""Amounts are not made smaller than this, or rounding would tell more than the rule."""
_TELLING_AMOUNT = 200
"""So many rows of a stratum tell its classes, give or take 7 in 100."""


def scaled_up(figures: Figures, by: float, rows_by: float) -> Figures:
    """Return figures of some rows as those of the whole.

    Args:
        figures: what was drawn from some rows.
        by: what drawn rows are multiplied by.
        rows_by: what rows that may be drawn are multiplied by.
    """

    def times(counts: Mapping[str, int], factor: float) -> dict[str, int]:
        return {name: round(count * factor) for name, count in counts.items()}

    return replace(
        figures,
        population=round(figures.population * rows_by),
        drawn=round(figures.drawn * by),
        kept=round(figures.kept * rows_by),
        strata=[
            Stratum(s.name, round(s.rows * rows_by), round(s.asked * by), round(s.drawn * by))
            for s in figures.strata
        ],
        shortfall=round(figures.shortfall * by),
        classes_before=times(figures.classes_before, rows_by),
        classes_after=times(figures.classes_after, by),
        estimates=ALL_FIGURES,
    )


def fitted(rule: Rule, ratio: float) -> tuple[Rule, float]:
    """Return a rule with amounts that fit a part of the rows, and what part its draw then is.

    Args:
        rule: what draws from the whole; written out.
        ratio: the rows that are there, as a part of the whole.

    Returns:
        The rule itself and 1 where its amounts would become too small to tell anything.
    """
    if any(amount * ratio < _LEAST_AMOUNT for amount in _amounts(rule)):
        return rule, 1.0
    return _scaled(rule, lambda amount: max(1, round(amount * ratio)), ratio), ratio


def telling(rule: Rule, ratio: float) -> Rule:
    """Return a rule that draws as another does from a part of the rows, enough to tell classes.

    How many rows it draws tells nothing; of which classes they are does.
    """
    return _scaled(
        rule, lambda amount: max(round(amount * ratio), min(amount, _TELLING_AMOUNT)), ratio
    )


def _scaled(rule: Rule, smaller: Callable[[int], int], ratio: float) -> Rule:
    changes: dict[str, object] = {
        name: smaller(amount)
        for name in ("n", "rows", "minimum")
        if (amount := getattr(rule, name)) is not None
    }
    if rule.minutes is not None:
        changes["minutes"] = rule.minutes * ratio
    if rule.quota:
        changes["quota"] = {name: smaller(rows) for name, rows in rule.quota.items()}
    changes["parts"] = tuple(
        _scaled(part, smaller, ratio) if isinstance(part, Rule) else part for part in rule.parts
    )
    return rule.model_copy(update=changes)


def _amounts(rule: Rule) -> list[float]:
    """Return how many rows a rule and those in it ask for, where they say a number."""
    said: list[float] = [a for a in (rule.n, rule.rows) if a is not None]
    if rule.minutes is not None and rule.seconds_per_row is not None:
        said.append(rule.minutes * 60 / rule.seconds_per_row)
    said += rule.quota.values()
    return said + [a for part in rule.parts if isinstance(part, Rule) for a in _amounts(part)]

"""What the choices in the form of a sampling rule are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from curation.sampling.rules.rule import Rule

WHO: Final[Mapping[str, str]] = {
    "where": "under a condition",
    "classes": "of some classes",
    "issue": "with an issue",
    "uncertain_above": "the model is unsure of",
    "clusters_of": "like some records",
}
"""Field that narrows the population: what its rows are."""

WAYS: Final[Mapping[str, str]] = {
    "uniform": "by chance, all rows alike",
    "weighted": "by chance, by a weight",
    "recency": "by chance, newer rows more often",
    "hard_and_rare": "by chance, hard and rare rows more often",
    "uncertainty": "the least certain rows first",
    "margin": "rows between two classes first",
    "diversity": "rows unlike each other",
}

STRATA: Final[Mapping[str, str]] = {
    "none": "from all at once",
    "columns": "per column",
    "clusters": "per cluster",
}

AMOUNTS: Final[Mapping[str, str]] = {
    "fraction": "a fraction of the rows",
    "n": "a number of rows",
    "rows": "a number of rows in all",
    "minutes": "what fits in minutes of work",
    "quota": "a quota for each stratum",
}

COSTS: Final[Mapping[str, str]] = {
    "seconds_per_row": "the same time each",
    "cost": "a time of its own each",
}

COMBINES: Final[Mapping[str, str]] = {
    "union": "rows of any of them",
    "except": "rows of the first, without those of the others",
    "priority": "the first, then the next, until there are enough",
}


def title(field: str) -> str:
    """Return what a field of a rule is called."""
    return Rule.model_fields[field].title or field


def about(field: str) -> str | None:
    """Return what a field of a rule means."""
    return Rule.model_fields[field].description

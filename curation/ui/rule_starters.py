"""Rules to start from, by what the data have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from curation.lake.datasets import Dataset
from curation.sampling.rules.rule import Rule

_FRACTION: Final = 0.1
_PER_CLASS: Final = 20
_WORTH_A_LOOK: Final = 100
_CLOSEST: Final = 1_000
_HALF_LIFE: Final = 30.0


@dataclass(frozen=True)
class Starter:
    """A rule that serves a usual purpose."""

    title: str
    why: str
    suggested: str
    """A name for it."""
    rule: Rule


def starters(dataset: Dataset) -> list[Starter]:
    """Return the rules that make sense for a dataset's roles, the most usual first."""
    label, found = dataset.roles.label, list[Starter]()
    found.append(
        Starter(
            "A part of everything",
            "Small enough to look at or to try a model on, and it grows with the data.",
            "tenth",
            Rule(fraction=_FRACTION),
        )
    )
    if label is not None:
        found.append(
            Starter(
                "The same number of each class",
                "Small classes are seen as much as large ones.",
                "even classes",
                Rule(n=_PER_CLASS, per=(label,)),
            )
        )
    if len(dataset.roles.having("timestamp")) == 1:
        found.append(
            Starter(
                "Newer rows more often",
                f"A row {_HALF_LIFE:.0f} days older has half the weight.",
                "recent",
                Rule(by="recency", half_life=_HALF_LIFE, fraction=_FRACTION),
            )
        )
    if label is not None:
        found.append(
            Starter(
                "What to annotate next",
                "Rows unlike each other among those that a model finds between two classes.",
                "next to annotate",
                # Uncertainty by itself was worse than chance on texts: benchmarks/README.md.
                Rule(by="diversity", candidates_by="margin", candidates=_CLOSEST, n=_WORTH_A_LOOK),
            )
        )
    if dataset.roles.content:
        found.append(
            Starter(
                "Rows unlike each other",
                "Few rows that show all that there is.",
                "diverse",
                Rule(by="diversity", n=_WORTH_A_LOOK),
            )
        )
    return found

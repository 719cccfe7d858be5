"""What a rule drew: the rows with their chances, and how it went in each stratum."""

from __future__ import annotations

from dataclasses import dataclass, field

from curation.engines.base import Relation

PROBABILITY_COLUMN = "inclusion_probability"
"""Each drawn row's chance to be drawn, above 0 up to 1; null where it was ranked, not drawn."""
REASON_COLUMN = "drawn_because"
"""Why the row was drawn, in words."""
MOST_STRATA = 1_000
"""So many strata are told one by one; a million may be drawn from."""


@dataclass(frozen=True)
class Stratum:
    """How a rule went in one stratum."""

    name: str
    """Its values with ` / ` between them; empty where all rows are one stratum."""
    rows: int
    """Rows that could be drawn."""
    asked: int
    drawn: int

    @property
    def shortfall(self) -> int:
        """Rows that it lacked."""
        return max(0, self.asked - self.drawn)


@dataclass(frozen=True)
class Drawn:
    """What a rule drew."""

    rows: Relation
    """The drawn rows: the columns that came in, and the two above (replaced if they were there:
    the chance is multiplied by the one before)."""
    population: int
    """Rows that could be drawn."""
    kept: int
    """Rows of the drawn that are always kept."""
    strata: list[Stratum] = field(default_factory=list)
    """The first `MOST_STRATA` in order of shortfall, then size."""
    strata_count: int = 1
    shortfall: int = 0
    """Rows that were asked for and not there, over all strata."""
    notes: list[str] = field(default_factory=list)

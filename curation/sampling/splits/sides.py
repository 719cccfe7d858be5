"""Which side of a split each row is on, as SQL: by the hash of its key, or of its group.

A side is decided by a number u in [0, 1) that depends only on seed, step and record key (or group),
so rows that come later move none of those that were there. The test side has the smallest u, then
comes validation, then train: another share of validation changes nothing in the test side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import DataError
from curation.lake.records import KEY_COLUMN, KEY_SEPARATOR, label_sql

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Shares:
    """The parts of the rows that test and validation have, each 0 or more; train has the rest."""

    test: float
    validation: float

    @property
    def train(self) -> float:
        """The part of the rows that train has."""
        return 1 - self.test - self.validation

    @property
    def sides(self) -> list[Side]:
        """The sides that have rows, in order of time."""
        wanted = {"train": 1.0, "validation": self.validation, "test": self.test}
        return [side for side in SIDES if wanted[side] > 0]


def unit_side_sql(unit: str, shares: Shares) -> str:
    """Return the SQL of a row's side by its u, for the same shares everywhere."""
    test, upto = sql.literal(shares.test), sql.literal(shares.test + shares.validation)
    return bounded_side_sql(unit, test, upto)


def bounded_side_sql(unit: str, test_below: str, validation_below: str) -> str:
    """Return the SQL of a row's side by its u and two bounds."""
    return (
        f"CASE WHEN {unit} < {test_below} THEN 'test' "
        f"WHEN {unit} < {validation_below} THEN 'validation' ELSE 'train' END"
    )


def group_sql(columns: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Return the SQL of a row's group: text, null where all of its columns are missing."""
    values = [label_sql(column, kinds[column]) for column in columns]
    if len(values) == 1:
        return values[0]
    parts = ", ".join(f"coalesce({value}, '')" for value in values)
    missing = " AND ".join(f"({value}) IS NULL" for value in values)
    return f"CASE WHEN NOT ({missing}) THEN concat_ws({sql.literal(KEY_SEPARATOR)}, {parts}) END"


def group_or_key_sql(columns: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Return the SQL of what a row's side hangs on: its group, or its own key where it has none."""
    return f"coalesce({group_sql(columns, kinds)}, {sql.identifier(KEY_COLUMN)})"


def check_groups(engine: Engine, relation: Relation, columns: Sequence[str], shares: Shares) -> int:
    """Return how many rows have no group.

    Raises:
        DataError: there are fewer groups than sides.
    """
    group = group_sql(columns, relation.columns)
    groups, without, rows = engine.values(
        f"SELECT count(DISTINCT {group}), count(*) FILTER (WHERE ({group}) IS NULL), count(*) "
        f"FROM {relation.name}"
    )
    if rows and groups + without < len(shares.sides):
        raise DataError(
            f"{_listed(columns)} {'holds' if len(columns) == 1 else 'hold'} {groups} "
            f"group{'' if groups == 1 else 's'}, and a group is on one side only: "
            f"{len(shares.sides)} sides ({', '.join(shares.sides)}) need as many groups at least. "
            "Name another column under 'group', or split by: hash."
        )
    return int(without)


def _listed(columns: Sequence[str]) -> str:
    return ("Column " if len(columns) == 1 else "Columns ") + ", ".join(f"'{c}'" for c in columns)

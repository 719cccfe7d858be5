"""The rows of each class that are balanced: how many, which stay, which others are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    INTERNAL_COLUMNS,
    KEY_COLUMN,
    ROW_COLUMN,
    label_sql,
)
from curation.lake.roles import Roles
from curation.sampling.drawing.hashing import rank_sql

CLASS_COLUMN = "_curation_class"

_KEY, _ROW = sql.identifier(KEY_COLUMN), sql.identifier(ROW_COLUMN)
_CLASS, _PLACE = sql.identifier(CLASS_COLUMN), sql.identifier("_curation_place")


@dataclass(frozen=True)
class ClassRows:
    """Labelled rows of a relation that are balanced; the others are left as they are."""

    engine: Engine
    relation: Relation
    roles: Roles
    label: str
    seed: int
    step_id: str
    scope: str = "TRUE"
    """SQL of a condition: rows for which it does not hold are not balanced."""

    @property
    def class_sql(self) -> str:
        """SQL of a row's class as text; null for a row that is not balanced."""
        return f"CASE WHEN {self.scope} THEN {label_sql(self.label, self._kind(self.label))} END"

    @property
    def classed_sql(self) -> str:
        """A SELECT of all rows with their class in `CLASS_COLUMN`."""
        return f"SELECT *, {self.class_sql} AS {_CLASS} FROM {self.relation.name}"

    @property
    def order_sql(self) -> str:
        """SQL to order rows by: chance by key, then content, so that no order of rows counts."""
        columns = [c for c in self.relation.columns if c not in INTERNAL_COLUMNS]
        ties = sql.identifiers([FINGERPRINT_COLUMN, *columns])
        return rank_sql(self.seed, self.step_id, _KEY, ties)

    def counts(self) -> dict[str, int]:
        """Return the rows of each class, the largest first."""
        found = self.engine.table(
            f"""SELECT class_, count(*) AS rows_
            FROM (SELECT {self.class_sql} AS class_ FROM {self.relation.name})
            WHERE class_ IS NOT NULL GROUP BY class_ ORDER BY rows_ DESC, class_"""
        )
        return dict(zip(found["class_"].to_pylist(), found["rows_"].to_pylist(), strict=True))

    def without_surplus(self, most: Mapping[str, int]) -> str:
        """Return the SELECT without the rows beyond ``most`` of each class, by hash.

        Classes that ``most`` does not name are kept whole.
        """
        return f"""
            SELECT * FROM {self.relation.name} WHERE {_ROW} NOT IN (
                SELECT {_ROW} FROM ({self._placed(most, most=list(most.values()))})
                WHERE {_PLACE} > _curation_most)"""

    def parents(
        self, have: Mapping[str, int], wanted: Mapping[str, int], blocks: Mapping[str, int]
    ) -> Relation:
        """Return the rows of some classes and how many rows are to be made from each.

        Every row of a class gives as many, but for the remainder, which those with the smallest
        hashes give: when rows join a class, others make what they made before.

        Args:
            have: class to its rows.
            wanted: class to the rows that are to be made; the classes that are returned.
            blocks: class to the parts into which hashes put its rows, each 1 or more.

        Returns:
            row_, key_, class_, place_ (order in the class, from 1), block_ (from 0 over all
            classes, those of a class one after the other), copies_ (rows to make, from 0) and
            start_ (how many the rows before it make).
        """
        placed = self._placed(
            wanted,
            have=[have[name] for name in wanted],
            wanted=list(wanted.values()),
            blocks=[blocks[name] for name in wanted],
            first=[0, *accumulate(blocks[name] for name in wanted)][: len(wanted)],
        )
        prefix = sql.literal(f"{self.seed}:{self.step_id}:block:")
        digits = f"substring(md5(concat({prefix}, {_KEY})), 1, 7)"
        more = f"CASE WHEN {_PLACE} <= _curation_wanted % _curation_have THEN 1 ELSE 0 END"
        return self.engine.select(
            f"""SELECT *, CAST(sum(copies_) OVER (ORDER BY row_) AS BIGINT) - copies_ AS start_
            FROM (
                SELECT {_ROW} AS row_, {_KEY} AS key_, {_CLASS} AS class_, {_PLACE} AS place_,
                    _curation_first + CAST(concat('0x', {digits}) AS BIGINT) % _curation_blocks
                        AS block_,
                    _curation_wanted // _curation_have + {more} AS copies_
                FROM ({placed}))"""
        )

    def _placed(self, classes: Mapping[str, int], **columns: list[int]) -> str:
        """Return the SELECT of the rows of some classes with their place in the class, from 1.

        Args:
            classes: which.
            columns: numbers of each class, which come along under ``_curation_`` and their name.
        """
        numbers = {
            f"_curation_{name}": pa.array(values, pa.int64()) for name, values in columns.items()
        }
        names = pa.array(list(classes), pa.string())
        plan = self.engine.put(pa.table({"_curation_name": names, **numbers}))
        return f"""
            SELECT {_ROW}, {_KEY}, {_CLASS}, {", ".join(numbers)}, row_number() OVER (
                PARTITION BY {_CLASS} ORDER BY {self.order_sql}) AS {_PLACE}
            FROM ({self.classed_sql}) JOIN {plan.name} ON _curation_name = {_CLASS}"""

    def _kind(self, column: str) -> str:
        return self.relation.columns[column]

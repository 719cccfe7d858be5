"""The cut of a combined sample to so many rows, level by level.

A level is the rows that one part of a priority adds to those before; a union or except is one
level. Levels are taken whole until one does not fit; of that one the rows with the smallest second
hash stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.sampling.drawing.columns import data_columns
from curation.sampling.drawing.combined_parts import Part

LEVEL_COLUMN = "_curation_level"
"""The number of the level that a row is of, from 1."""

_ROW = sql.identifier(ROW_COLUMN)


@dataclass(frozen=True)
class Cut:
    """Where a sample is cut."""

    level: int
    """The last level that has a place, from 1."""
    kept: int
    """Rows of it that stay."""
    rows: int
    """Rows of it."""
    is_certain: bool
    """Whether it is this level whatever the seed."""

    @property
    def share(self) -> float:
        """The chance of a row of the last level to stay."""
        return self.kept / self.rows if self.rows else 1.0


def find_cut(
    engine: Engine, rows: Relation, levels: Sequence[Part], most: int | None, kept: int
) -> Cut:
    """Say at which level rows are cut.

    Args:
        engine: what the rows are in.
        rows: with `LEVEL_COLUMN`.
        levels: what they hold.
        most: rows that stay in all; None for all.
        kept: rows that the levels may hold, and that are not among these, as they are always kept.
    """
    if most is None:
        (size,) = engine.values(f"SELECT count(*) FROM {rows.name}")
        return Cut(len(levels), size, size, is_certain=True)
    counts = engine.table(
        f"SELECT {LEVEL_COLUMN} AS level, count(*) AS rows_ FROM {rows.name} GROUP BY 1"
    ).to_pylist()
    by_level = {row["level"]: row["rows_"] for row in counts}
    before, level = 0, 1
    while level < len(levels) and before + by_level.get(level, 0) < most:
        before += by_level.get(level, 0)
        level += 1
    size = by_level.get(level, 0)
    is_certain = not _may_end_before(levels[: level - 1], before, most) and (
        level == len(levels) or _must_end(engine, levels[:level], before + size, most, kept)
    )
    return Cut(level, min(size, most - before), size, is_certain)


def cut_sql(
    relation: Relation, rows: Relation, columns: Sequence[str], salt: str, most: int
) -> str:
    """Return the SELECT of the rows that stay.

    Args:
        relation: the data, with what orders rows of the same key.
        rows: ``ROW_COLUMN``, `LEVEL_COLUMN` and the columns.
        columns: what is selected of them.
        salt: what the second hash begins with.
        most: rows that stay.
    """
    ties = ", ".join(
        f"r.{name}" for name in map(sql.identifier, [FINGERPRINT_COLUMN, *data_columns(relation)])
    )
    key = f"r.{sql.identifier(KEY_COLUMN)}"
    order = f"md5(concat({sql.literal(f'{salt}:')}, {key})), {key}, {ties}"
    chosen = ", ".join(f"s.{column} AS {column}" for column in columns)
    return f"""
        SELECT {", ".join(columns)} FROM (
            SELECT {chosen}, row_number() OVER (ORDER BY s.{LEVEL_COLUMN}, {order}) AS place
            FROM {rows.name} AS s JOIN {relation.name} AS r ON r.{_ROW} = s.{_ROW})
        WHERE place <= {int(most)}"""


def _may_end_before(levels: Sequence[Part], rows: int, most: int) -> bool:
    """Say whether with another seed these levels could be all that have a place."""
    return min(sum(p.high for p in levels), rows + _far(rows)) >= most


def _must_end(engine: Engine, levels: Sequence[Part], rows: int, most: int, kept: int) -> bool:
    """Say whether these levels hold enough rows with every seed."""
    if max(*(p.low - kept for p in levels), rows - _far(rows)) >= most:
        return True
    one_by_one = " UNION ALL ".join(p.population for p in levels)
    counted, different = engine.values(
        f"SELECT count(*), count(DISTINCT {_ROW}) FROM ({one_by_one})"
    )
    return bool(counted == different and sum(p.low for p in levels) - kept >= most)


def _far(rows: int) -> int:
    """Return by how many rows a number of drawn rows does not differ in a billion seeds.

    Seven standard deviations: it varies less than a sum of independent chances, whose variance is
    not above their mean.
    """
    return math.ceil(7 * math.sqrt(rows)) + 7

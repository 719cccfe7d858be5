"""The rows with the smallest ranks of each stratum, without sorting all rows.

Ranks fall into buckets. Counts of the buckets tell in which one a stratum's last row lies: rows of
the buckets before are drawn, and only those of this one are sorted. What is drawn is the same as
if all rows were sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.sampling.drawing.allocation import Counts
from curation.sampling.drawing.columns import data_columns
from curation.sampling.drawing.pool import COST, KEPT, RANK, ROW, STRATUM, UNIT, Pool

_BUCKETS = 80_000
"""Over all strata: to count more takes longer than to sort what falls into one of these."""
_FEWEST_BUCKETS = 64
_FEWEST_PER_STRATUM = 1_000
"""With fewer rows in a stratum, on average, to sort them is quicker than to count buckets."""

_LEAST_SPREAD = 1e-9
"""Ranks that lie closer are in one bucket."""


@dataclass(frozen=True)
class Selection:
    """What was drawn of a pool."""

    rows: Relation
    """The drawn and the kept rows, with the columns of the pool."""
    beyond: Relation | None
    """``STRATUM`` and ``beyond``, the smallest rank that was not drawn, of the strata that have
    one. None where each row was drawn or not by itself."""


def smallest(engine: Engine, pool: Pool, relation: Relation, take: Counts) -> Selection:
    """Draw so many rows of each stratum, those with the smallest ranks.

    Rows with the same rank and hash, which have the same record key, are taken in the order of
    their content, so that the order of the rows does not matter.

    Args:
        engine: where the rows are.
        pool: the rows.
        relation: the data behind them.
        take: shape (strata,), rows of each.
    """
    wanted = engine.put(pa.table({"stratum": pa.array(pool.strata, pa.string()), "take": take}))
    bucket = _bucket_sql(pool)
    edges = engine.select(
        f"""SELECT stratum, bucket, reached - size AS below, take
        FROM (SELECT *, sum(size) OVER (PARTITION BY stratum ORDER BY bucket) AS reached
            FROM (SELECT {STRATUM} AS stratum, {bucket} AS bucket, count(*) AS size
                FROM {pool.rows.name} WHERE {RANK} IS NOT NULL GROUP BY 1, 2)
            JOIN {wanted.name} USING (stratum))
        WHERE reached > take AND reached - size <= take"""
    )
    # A row's first place is the best that ties could give it, its last place the worst.
    border = engine.select(
        f"""SELECT p.*, e.take - e.below AS room, rank() OVER ranked AS first_place,
            count(*) OVER ranked AS last_place
        FROM {pool.rows.name} p JOIN {edges.name} e
            ON p.{STRATUM} = e.stratum AND {bucket} = e.bucket AND p.{RANK} IS NOT NULL
        WINDOW ranked AS (PARTITION BY p.{STRATUM} ORDER BY p.{RANK}, p.{UNIT})"""
    )
    columns = sql.identifiers(pool.rows.columns)
    drawn = engine.select(
        f"""SELECT {columns} FROM {pool.rows.name} p
            LEFT JOIN {edges.name} e ON p.{STRATUM} = e.stratum
            WHERE {KEPT} OR ({RANK} IS NOT NULL AND (e.bucket IS NULL OR {bucket} < e.bucket))
        UNION ALL SELECT {columns} FROM {border.name} WHERE last_place <= room
        UNION ALL SELECT {columns} FROM (
            SELECT b.*, row_number() OVER (
                PARTITION BY b.{STRATUM} ORDER BY {_content_sql(relation)}) AS place
            FROM {border.name} b JOIN {relation.name} d ON b.{ROW} = d.{ROW}
            WHERE b.first_place <= b.room AND b.last_place > b.room)
        WHERE first_place - 1 + place <= room"""
    )
    beyond = engine.select(
        f"""SELECT {STRATUM}, min({RANK}) AS beyond FROM {border.name} WHERE last_place > room
        GROUP BY {STRATUM}"""
    )
    return Selection(drawn, beyond)


def affordable(engine: Engine, pool: Pool, relation: Relation, budget: int) -> Selection:
    """Draw the rows with the smallest ranks until the next one would cost more than is left.

    Later rows that would still fit are not drawn: a row's chance then depends only on where its
    own rank lies among the others', which is what makes it known.

    Args:
        engine: where the rows are.
        pool: rows with costs, all of one stratum.
        relation: the data behind them.
        budget: microseconds.
    """
    bucket = _bucket_sql(pool)
    edges = engine.select(
        f"""SELECT bucket, reached - cost AS below
        FROM (SELECT *, sum(cost) OVER (ORDER BY bucket) AS reached
            FROM (SELECT {bucket} AS bucket, sum({COST}) AS cost
                FROM {pool.rows.name} WHERE {RANK} IS NOT NULL GROUP BY 1))
        WHERE reached > {int(budget)} AND reached - cost <= {int(budget)}"""
    )
    border = engine.select(
        f"""SELECT p.*, e.below + sum(p.{COST}) OVER (
            ORDER BY p.{RANK}, p.{UNIT}, {_content_sql(relation)}
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS spent
        FROM {pool.rows.name} p
        JOIN {edges.name} e ON {bucket} = e.bucket AND p.{RANK} IS NOT NULL
        JOIN {relation.name} d ON p.{ROW} = d.{ROW}"""
    )
    columns = sql.identifiers(pool.rows.columns)
    drawn = engine.select(
        f"""SELECT {columns} FROM {pool.rows.name}
            WHERE {KEPT} OR ({RANK} IS NOT NULL
                AND {bucket} < coalesce((SELECT min(bucket) FROM {edges.name}), {_BUCKETS}.0 + 1))
        UNION ALL SELECT {columns} FROM {border.name} WHERE spent <= {int(budget)}"""
    )
    beyond = engine.select(
        f"""SELECT {STRATUM}, min({RANK}) AS beyond FROM {border.name}
        WHERE spent > {int(budget)} GROUP BY {STRATUM}"""
    )
    return Selection(drawn, beyond)


def below(engine: Engine, pool: Pool, threshold: float) -> Selection:
    """Draw each row whose hash is smaller than a threshold."""
    drawn = engine.select(
        f"SELECT * FROM {pool.rows.name} WHERE {KEPT} OR {UNIT} < {sql.literal(threshold)}"
    )
    return Selection(drawn, None)


def _bucket_sql(pool: Pool) -> str:
    """Return the SQL of a row's bucket: a number from 0 that never falls as the rank rises."""
    spread = pool.highest - pool.lowest
    few = int(pool.available.sum()) < _FEWEST_PER_STRATUM * len(pool.strata)
    if few or spread < _LEAST_SPREAD:
        return "0.0"
    buckets = max(_FEWEST_BUCKETS, _BUCKETS // len(pool.strata))
    lowest, scale = sql.literal(pool.lowest), sql.literal(buckets / spread)
    return f"floor(({RANK} - {lowest}) * {scale})"


def _content_sql(relation: Relation) -> str:
    """Return the SQL by which rows with one hash are ordered."""
    content = (KEY_COLUMN, FINGERPRINT_COLUMN, *data_columns(relation))
    return ", ".join(f"d.{sql.identifier(column)}" for column in content if column != ROW_COLUMN)

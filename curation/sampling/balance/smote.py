"""Synthetic rows between a row and one of its neighbours of the same class, in bounded memory.

SMOTE for numeric features and SMOTE-NC for mixed ones (see `smote_nc`). All chance is a hash of
seed, step, class, parent key and number. The rows of a large class are put into blocks by a hash of
their key, and neighbours are looked for within a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.errors import UsageError
from curation.lake.records import ROW_COLUMN
from curation.lake.roles import Roles, is_numeric
from curation.progress import Progress, no_progress
from curation.sampling.balance.class_rows import CLASS_COLUMN, ClassRows
from curation.sampling.balance.made_rows import ADDED_COLUMNS, made_sql, numbered_sql
from curation.sampling.balance.plan import SYNTHETIC
from curation.sampling.balance.smote_nc import nearest_rows, penalty_of, voted

BLOCK = 16_384
"""Rows of a class among which each one's neighbours are looked for; half as many at least."""
ROWS_AT_ONCE = 131_072
"""Rows whose blocks are in memory together, or one block."""
LARGEST = 1e100
"""Numbers beyond it, infinities and NaN are taken as missing."""

_SMALLEST = 1e-150
"""Standard deviations below it are taken as none."""
_UNIT_DIGITS = 13
_ROW, _CLASS = sql.identifier(ROW_COLUMN), sql.identifier(CLASS_COLUMN)


@dataclass(frozen=True)
class Features:
    """The columns from which synthetic rows get values of their own, with their types."""

    numeric: Mapping[str, str]
    """Interpolated."""
    nominal: Mapping[str, str]
    """Voted by the neighbours: text, boolean and enumerated columns."""


def features_of(relation: Relation, roles: Roles) -> Features:
    """Return the columns with the role feature.

    Raises:
        UsageError: nothing is numeric, or a content column can neither be interpolated nor voted.
    """
    columns = [c for c in roles.content if c in relation.columns and c not in ADDED_COLUMNS]
    kinds = {column: relation.columns[column] for column in columns}
    numeric, nominal, other = {}, {}, {}
    for column, kind in kinds.items():
        if roles.role_of(column) != "feature":
            other[column] = str(roles.role_of(column))
        elif is_numeric(kind) and not kind.endswith("]"):
            numeric[column] = kind
        elif kind in ("VARCHAR", "BOOLEAN") or kind.startswith("ENUM"):
            nominal[column] = kind
        else:
            other[column] = kind
    instead = "use method: oversample, which copies rows, or method: weights"
    if other:
        raise UsageError(
            "SMOTE makes rows from numbers and categories, and cannot make up "
            f"{', '.join(f'{column} ({what})' for column, what in other.items())}. Give such a "
            f"column the role ignore (it is then the parent's), or {instead}."
        )
    if not numeric:
        raise UsageError(
            "SMOTE needs a column of numbers with the role feature, and there is none. Columns: "
            f"{', '.join(relation.columns)[:300]}. Give one that role, or {instead}."
        )
    return Features(numeric, nominal)


def blocks_of(size: int) -> int:
    """Return into how many blocks a class is put: a power of 2, so that it seldom changes."""
    return 1 if size <= BLOCK else 2 ** math.ceil(math.log2(size / BLOCK))


def synthetic_sql(
    rows: ClassRows,
    have: Mapping[str, int],
    wanted: Mapping[str, int],
    *,
    neighbours: int,
    progress: Progress = no_progress,
) -> str:
    """Return the SELECT of synthetic rows, with the columns of `made_rows.given_sql`.

    - numeric columns: a point between the two parents, the same part of the way in each; whole
      numbers are rounded. Missing where the first parent's is; the first parent's where only the
      second's is missing.
    - nominal columns: what most of the first parent's neighbours have; missing counts as a value.
    - all other columns: the first parent's.

    Distances are Euclidean over numeric columns, each divided by the power of 2 nearest to its
    standard deviation over all rows that are balanced; a missing number is put at the mean. Two
    different nominal values are as far apart as `smote_nc.penalty_of` says.

    Args:
        rows: what synthetic rows are made from.
        have: class to its rows.
        wanted: class to the rows to make; each of them has 2 rows or more.
        neighbours: 1 or more; a class with fewer other rows has so many.
        progress: told between batches of blocks.

    Raises:
        UsageError: see `features_of`.
    """
    features = features_of(rows.relation, rows.roles)
    parents = rows.parents(have, wanted, {name: blocks_of(have[name]) for name in wanted})
    scales = _scales(rows, features)
    penalties = _penalties(rows, scales) if features.nominal else {}
    found = []
    for blocks in _blocks(rows, features, scales, parents, _batches(have, wanted), progress):
        near = [_of_block(block, features, neighbours, penalties) for block in blocks]
        found.append(rows.engine.put(pa.concat_tables(near)))
    together = " UNION ALL ".join(f"SELECT * FROM {one.name}" for one in found)
    return _interpolated(rows, features, parents, f"({together})")


def _batches(have: Mapping[str, int], wanted: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the first and the last of the blocks that are in memory together."""
    batches, first, size, number = [], 0, 0.0, 0
    for name in wanted:
        blocks = blocks_of(have[name])
        for _ in range(blocks):
            if size and size + have[name] / blocks > ROWS_AT_ONCE:
                batches.append((first, number - 1))
                first, size = number, 0.0
            size += have[name] / blocks
            number += 1
    return [*batches, (first, number - 1)]


@dataclass(frozen=True)
class _Scale:
    """How a numeric column is put around 0 with a standard deviation around 1."""

    column: str
    centre: float
    width: float

    def of(self, rows: str) -> str:
        """Return the SQL over rows of a name."""
        number = _finite(f"{rows}.{sql.identifier(self.column)}")
        centre, width = sql.literal(self.centre), sql.literal(self.width)
        return f"coalesce(({number} - {centre}) / {width}, 0)"


def _scales(rows: ClassRows, features: Features) -> list[_Scale]:
    numbers = [_finite(sql.identifier(column)) for column in features.numeric]
    figures = ", ".join(f"avg({number}), stddev_pop({number})" for number in numbers)
    values = rows.engine.values(
        f"SELECT {figures} FROM {rows.relation.name} WHERE ({rows.class_sql}) IS NOT NULL"
    )
    scales = []
    for place, column in enumerate(features.numeric):
        mean, deviation = values[2 * place] or 0.0, values[2 * place + 1] or 0.0
        # Powers of 2, so that a new row seldom changes what is near but in its own neighbourhood.
        width = 2.0 ** round(math.log2(deviation)) if deviation > _SMALLEST else 1.0
        scales.append(_Scale(column, round(mean / width) * width, width))
    return scales


def _finite(name: str) -> str:
    number = f"CAST({name} AS DOUBLE)"
    return f"CASE WHEN abs({number}) <= {sql.literal(LARGEST)} THEN {number} END"


def _penalties(rows: ClassRows, scales: list[_Scale]) -> dict[str, float]:
    deviations = ", ".join(f"stddev_pop({s.of('r')}) AS s{n}" for n, s in enumerate(scales))
    found = rows.engine.table(
        f"""SELECT r.{_CLASS} AS class_, {deviations} FROM ({rows.classed_sql}) r
        WHERE r.{_CLASS} IS NOT NULL GROUP BY r.{_CLASS}"""
    )
    return {row.pop("class_"): penalty_of(list(row.values())) for row in found.to_pylist()}


def _blocks(
    rows: ClassRows,
    features: Features,
    scales: list[_Scale],
    parents: Relation,
    batches: list[tuple[int, int]],
    progress: Progress,
) -> Iterator[list[pa.Table]]:
    """Yield the rows of each block, one batch of blocks after the other."""
    numbers = [f"CAST({scale.of('r')} AS FLOAT) AS n{i}" for i, scale in enumerate(scales)]
    nominal = [
        f"CAST(r.{sql.identifier(c)} AS VARCHAR) AS c{i}" for i, c in enumerate(features.nominal)
    ]
    for done, (first, last) in enumerate(batches):
        progress(done / len(batches), "looking for neighbours")
        table = rows.engine.table(
            f"""SELECT p.row_, p.class_, p.copies_, p.block_, {", ".join(numbers + nominal)}
            FROM {parents.name} p JOIN {rows.relation.name} r ON r.{_ROW} = p.row_
            WHERE p.block_ BETWEEN {first} AND {last} ORDER BY p.block_, p.place_"""
        )
        ends = np.flatnonzero(np.diff(table["block_"].to_numpy(), append=-1)) + 1
        starts = np.concatenate([[0], ends[:-1]])
        yield [table.slice(s, e - s) for s, e in zip(starts, ends, strict=True)]


def _of_block(
    table: pa.Table, features: Features, neighbours: int, penalties: Mapping[str, float]
) -> pa.Table:
    """Return row_, near_ (rows of the neighbours) and a vote for each nominal column."""
    numbers = np.stack([table[f"n{i}"].to_numpy() for i in range(len(features.numeric))], axis=1)
    nominal = range(len(features.nominal))
    coded = [table[f"c{i}"].combine_chunks().dictionary_encode("encode") for i in nominal]
    values = [column.dictionary.to_pylist() for column in coded]
    codes = np.zeros((table.num_rows, len(nominal)), dtype=np.int64)
    for place, column in enumerate(coded):
        codes[:, place] = column.indices.to_numpy()
    penalty = penalties.get(table["class_"][0].as_py(), 1.0)
    near = nearest_rows(numbers, codes, values, neighbours, penalty)
    bases = np.flatnonzero(table["copies_"].to_numpy() > 0)
    near = near[bases]
    row = table["row_"].to_numpy()
    lists = pa.FixedSizeListArray.from_arrays(pa.array(row[near].ravel()), near.shape[1])
    votes = voted(codes, near)
    chosen = {
        f"v{place}": column.dictionary.take(pa.array(votes[:, place])).cast(pa.string())
        for place, column in enumerate(coded)
    }
    return pa.table({"row_": row[bases], "near_": lists.cast(pa.list_(pa.int64())), **chosen})


def _interpolated(rows: ClassRows, features: Features, parents: Relation, beside: str) -> str:
    numbered = numbered_sql(rows, SYNTHETIC, parents, beside)
    # One hash is enough for both: it is long, and its digits are independent of each other.
    which, gap = _unit("digest_", 1), _unit("digest_", 1 + _UNIT_DIGITS)
    drawn = f"""
        SELECT *, {gap} AS gap_,
            near_[1 + CAST(floor({which} * array_length(near_)) AS BIGINT)] AS near_row_
        FROM ({numbered})"""
    values = {c: _between(sql.identifier(c), kind) for c, kind in features.numeric.items()}
    for place, (column, kind) in enumerate(features.nominal.items()):
        values[column] = f"CAST(d.v{place} AS {kind})"
    return made_sql(
        rows, SYNTHETIC, drawn, values, "to_json([d.key_, m.key_])",
        f"""JOIN {rows.relation.name} n ON n.{_ROW} = d.near_row_
            JOIN {parents.name} m ON m.row_ = d.near_row_""",
    )  # fmt: skip


def _unit(digest: str, start: int) -> str:
    digits = f"substring({digest}, {start}, {_UNIT_DIGITS})"
    return f"(CAST(concat('0x', {digits}) AS BIGINT) / {16.0**_UNIT_DIGITS:.1f})"


def _between(name: str, kind: str) -> str:
    """Return the SQL of the value ``d.gap_`` of the way from ``b`` to ``n``, of the same type."""
    here, there = f"CAST(b.{name} AS DOUBLE)", f"CAST(n.{name} AS DOUBLE)"
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        point = f"{here} + d.gap_ * ({there} - {here})"
        # Rounding of the last digit must not carry it past a parent.
        point = f"least(greatest({point}, least({here}, {there})), greatest({here}, {there}))"
    else:
        # Large whole numbers are added as such: a double would lose their last digits.
        way = f"CAST(round(d.gap_ * ({there} - {here})) AS HUGEINT)"
        point = f"CAST(b.{name} AS HUGEINT) + {way}"
    limit = sql.literal(LARGEST)
    known = f"abs({here}) <= {limit} AND abs({there}) <= {limit}"
    return (
        f"CASE WHEN {known} THEN coalesce(TRY_CAST({point} AS {kind}), b.{name}) ELSE b.{name} END"
    )

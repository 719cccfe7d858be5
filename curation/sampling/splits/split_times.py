"""A split in time as SQL: what is learned from lies before what is tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import DataError, UsageError
from curation.lake.roles import is_numeric
from curation.sampling.splits.sides import Shares


def time_sql(column: str, kind: str) -> str:
    """Return the SQL of a row's time: a TIMESTAMP, or a DOUBLE of a column of numbers.

    Raises:
        UsageError: the type of the column is no time.
    """
    name, kind = sql.identifier(column), kind.upper()
    if is_numeric(kind):
        return f"CASE WHEN NOT isnan(CAST({name} AS DOUBLE)) THEN CAST({name} AS DOUBLE) END"
    if kind == "VARCHAR":
        return f"CASE WHEN trim({name}) <> '' THEN TRY_CAST({name} AS TIMESTAMP) END"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"CAST({name} AS TIMESTAMP)"
    raise UsageError(
        f"Column '{column}' is {kind}, which has no order in time. Name a column of dates, times, "
        "texts like 2026-09-30, or numbers under 'timestamp'."
    )


def check_times(engine: Engine, relation: Relation, column: str) -> int:
    """Return how many rows have no time.

    Raises:
        DataError: a text that is no time.
    """
    kind, name = relation.columns[column], sql.identifier(column)
    time = time_sql(column, kind)
    if kind.upper() == "VARCHAR":
        wrong = engine.table(
            f"SELECT DISTINCT {name} AS text FROM {relation.name} "
            f"WHERE trim({name}) <> '' AND ({time}) IS NULL ORDER BY text LIMIT 3"
        )["text"].to_pylist()
        if wrong:
            raise DataError(
                f"Column '{column}' holds texts that are no times, for example "
                f"{', '.join(map(repr, wrong))}. Write times as 2026-09-30 or 2026-09-30 14:05:00, "
                "or leave those rows out before the split."
            )
    return int(engine.values(f"SELECT count(*) FROM {relation.name} WHERE ({time}) IS NULL")[0])


def fitted_cutoffs(engine: Engine, relation: Relation, column: str, shares: Shares) -> list[str]:
    """Return where validation and test begin, as text; as near to the shares as instants allow.

    All rows of one instant are on one side, and each side has one instant at least.

    Raises:
        DataError: there are fewer instants than sides.
    """
    time = time_sql(column, relation.columns[column])
    instants = engine.select(
        f"""SELECT time_, row_number() OVER (ORDER BY time_) AS number_,
            sum(rows_) OVER (ORDER BY time_) - rows_ AS before_
        FROM (SELECT {time} AS time_, count(*) AS rows_ FROM {relation.name} GROUP BY 1)
        WHERE time_ IS NOT NULL"""
    )
    count, rows = engine.values(
        f"SELECT count(*), (SELECT count(*) FROM {relation.name} WHERE ({time}) IS NOT NULL) "
        f"FROM {instants.name}"
    )
    later = shares.sides[1:]
    if count <= len(later):
        raise DataError(
            f"Column '{column}' holds {count} different time{'' if count == 1 else 's'}, and rows "
            f"of one time are on one side: {len(later) + 1} sides need as many times at least. "
            "Name another column under 'timestamp', or split by: hash."
        )
    found: list[str] = []
    below, part = count + 1, 1.0
    for left, side in reversed(list(enumerate(later, start=1))):
        part -= shares.test if side == "test" else shares.validation
        time_, below = engine.values(
            f"""SELECT time_, number_ FROM {instants.name}
            WHERE number_ > {left} AND number_ < {below}
            ORDER BY abs(before_ - {sql.literal(part * rows)}), time_ LIMIT 1"""
        )
        found.insert(0, _written(time_))
    return found


def time_side_sql(column: str, kind: str, cutoffs: Sequence[str], shares: Shares) -> str:
    """Return the SQL of a row's side: the last whose cutoff it has reached; train without a time.

    Args:
        column: of times.
        kind: its DuckDB type.
        cutoffs: where each side after train begins, as `read_cutoff` writes it.
        shares: say which sides there are.

    Raises:
        UsageError: a date for a column of numbers, or the other way round.
    """
    numeric = is_numeric(kind)
    time = time_sql(column, kind)
    cases = ""
    for side, cutoff in reversed(list(zip(shares.sides[1:], cutoffs, strict=True))):
        if is_number(cutoff) != numeric:
            raise UsageError(
                f"The cutoff {cutoff} is {'a number' if is_number(cutoff) else 'a time'}, and "
                f"column '{column}' is {kind}. Give cutoffs of the column's kind."
            )
        value = f"CAST({sql.literal(cutoff)} AS {'DOUBLE' if numeric else 'TIMESTAMP'})"
        cases += f"WHEN ({time}) >= {value} THEN {sql.literal(side)} "
    return f"CASE {cases}ELSE 'train' END"


def read_cutoff(text: str) -> str:
    """Return a cutoff as SQL reads it: a number, or a time in UTC.

    Raises:
        ValueError: it is neither.
    """
    if is_number(text):
        return text
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(
            f"'{text}' is no time; write 2026-09-30, 2026-09-30 14:05:00, or a number"
        ) from error
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return time.isoformat(sep=" ")


def rise(cutoffs: Sequence[str]) -> bool:
    """Say whether cutoffs are of one kind and each is larger than the one before."""
    if any(map(is_number, cutoffs)):
        numbers = [float(one) if is_number(one) else math.nan for one in cutoffs]
        return all(low < high for low, high in pairwise(numbers))
    times = list(map(datetime.fromisoformat, cutoffs))
    return all(low < high for low, high in pairwise(times))


def _written(time: datetime | float) -> str:
    """Write a fitted cutoff so that it reads back the same."""
    if isinstance(time, datetime):
        return time.isoformat(sep=" ")
    return str(int(time)) if time.is_integer() else repr(time)


def is_number(text: str) -> bool:
    """Say whether a cutoff is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

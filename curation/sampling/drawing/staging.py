"""Rows made ready to be drawn from: with the columns that a draw needs beside the data."""

from __future__ import annotations

from collections.abc import Iterable

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UnknownNameError, UsageError
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    INTERNAL_COLUMNS,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.roles import Roles, is_numeric
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.rules.rule import Rule


def with_internal_columns(source: str, roles: Roles) -> str:
    """Return the SELECT of rows with record key, fingerprint, place and source of the label.

    Args:
        source: SQL of what is read from; it has ``rowid``, which stays the row's place.
        roles: of its columns.
    """
    return f"""
        SELECT *, {key_sql(roles)} AS {sql.identifier(KEY_COLUMN)},
            {fingerprint_sql(roles)} AS {sql.identifier(FINGERPRINT_COLUMN)},
            rowid AS {sql.identifier(ROW_COLUMN)}, 'given' AS {sql.identifier(SOURCE_COLUMN)}
        FROM {source}"""


def check_named_columns(rule: Rule, columns: Iterable[str]) -> None:
    """Refuse a rule that names a column which is not there; case does not matter, as in DuckDB.

    Raises:
        UnknownNameError: it names one.
    """
    known = {column.lower(): column for column in columns}
    for column in sorted(rule.columns_used()):
        if column.lower() not in known:
            raise UnknownNameError("column", column, known.values())


def drawn_query(rows: Relation) -> str:
    """Return the SELECT of drawn rows in their order, without what a draw needs beside the data."""
    columns = sql.identifiers(c for c in rows.columns if c not in INTERNAL_COLUMNS)
    return f"SELECT {columns} FROM {rows.name} ORDER BY {sql.identifier(ROW_COLUMN)}"


def check_drawn_before(engine: Engine, relation: Relation) -> None:
    """Refuse data with columns that a draw gives its rows, unless a draw gave them.

    What was drawn before may be drawn from again: the chances are multiplied.

    Raises:
        UsageError: a column has the name of one of them and holds something else.
    """
    by_lower = {column.lower(): column for column in relation.columns}
    there = [c for c in (PROBABILITY_COLUMN, REASON_COLUMN) if c in by_lower]
    if not there:
        return
    kinds = [relation.columns.get(column, "") for column in there]
    if len(kinds) == 2 and is_numeric(kinds[0]) and kinds[1] == "VARCHAR":
        chance = sql.identifier(by_lower[PROBABILITY_COLUMN])
        wrong = engine.values(
            f"SELECT count(*) FROM {relation.name} WHERE NOT ({chance} > 0 AND {chance} <= 1)"
        )
        if wrong == (0,):
            return
    raise UsageError(
        f"The data have a column '{by_lower[there[0]]}' that no sample made: a sample gives its "
        f"rows the columns {PROBABILITY_COLUMN} (a number above 0 up to 1) and {REASON_COLUMN} "
        "(text). Rename the column in the source, or leave it out."
    )

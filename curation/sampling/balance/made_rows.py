"""Rows that are made from others, as copies or synthetic ones, beside those that were given.

A made row says what it is (`MADE_COLUMN`) and which records it comes from (`PARENTS_COLUMN`), and
has a key of its own: a hash of seed, step, class, parent key and number, so that the same rows are
made tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UsageError
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.roles import Roles
from curation.sampling.balance.class_rows import ClassRows
from curation.sampling.balance.plan import COPY, MADE_COLUMN, PARENTS_COLUMN, SYNTHETIC

ADDED_COLUMNS: Mapping[str, str] = {MADE_COLUMN: "VARCHAR", PARENTS_COLUMN: "VARCHAR"}

ROWS_APART = 2**40
"""Made rows are numbered from the next multiple of it, so that none meets a row that was left out
or put aside before, of which this step knows nothing."""
NO_KEY = "NULL"
_DIGITS = 15
"""Hexadecimal digits of the hash in a key of whole numbers: 60 bits."""


def check_columns_free(engine: Engine, relation: Relation, roles: Roles) -> None:
    """Refuse data that use the names of the two columns for something else.

    Raises:
        UsageError: they do.
    """
    for column, kind in relation.columns.items():
        if column.lower() not in ADDED_COLUMNS:
            continue
        name = sql.identifier(column)
        strange = kind != "VARCHAR" or roles.role_of(column) not in (None, "ignore", "feature")
        if not strange and column.lower() == MADE_COLUMN:
            is_ours = f"{name} IN ({sql.literal(COPY)}, {sql.literal(SYNTHETIC)})"
            strange = bool(
                engine.values(
                    f"SELECT count(*) FROM {relation.name} "
                    f"WHERE {name} IS NOT NULL AND NOT {is_ours}"
                )[0]
            )
        if strange or column not in ADDED_COLUMNS:
            raise UsageError(
                f"The data have a column '{column}', and made rows are marked in a column of that "
                "name. Rename it before this step."
            )


def given_sql(rows: str, relation: Relation) -> str:
    """Return the SELECT of given rows with the two columns, empty where they were not there."""
    new = [c for c in ADDED_COLUMNS if c not in relation.columns]
    empty = "".join(f", CAST(NULL AS VARCHAR) AS {sql.identifier(c)}" for c in new)
    return f"SELECT *{empty} FROM ({rows})"


def copies_sql(rows: ClassRows, parents: Relation) -> str:
    """Return the SELECT of the copies of rows, with the columns of `given_sql`.

    Args:
        rows: what is copied from.
        parents: see `ClassRows.parents`.
    """
    return made_sql(rows, COPY, numbered_sql(rows, COPY, parents), {}, "to_json([d.key_])")


def numbered_sql(rows: ClassRows, kind: str, parents: Relation, beside: str = "") -> str:
    """Return the SELECT of one row for each that is made: row_, key_, row_number_ and digest_.

    Args:
        rows: what they are made from.
        kind: `COPY` or `SYNTHETIC`.
        parents: see `ClassRows.parents`.
        beside: SQL of rows with a column row_; only its rows are parents, and its columns come too.
    """
    joined = f" JOIN {beside} USING (row_)" if beside else ""
    prefix = sql.literal(f"{rows.seed}:{rows.step_id}:{kind}:")
    return f"""
        SELECT *, start_ + number_ - 1 AS row_number_,
            md5(concat({prefix}, class_, ':', key_, ':', number_)) AS digest_
        FROM (SELECT *, unnest(range(1, copies_ + 1)) AS number_
            FROM {parents.name}{joined} WHERE copies_ > 0)"""


def made_sql(
    rows: ClassRows,
    kind: str,
    drawn: str,
    values: Mapping[str, str],
    parents: str,
    beside: str = "",
) -> str:
    """Return the SELECT of made rows, with the columns of `given_sql`.

    Args:
        rows: what they are made from.
        kind: `COPY` or `SYNTHETIC`.
        drawn: a SELECT of row_, row_number_ and digest_, one row for each that is made.
        values: column to SQL of its value, over ``d`` (what is drawn) and ``b`` (its first parent);
            other columns are the first parent's.
        parents: SQL of a list of keys as JSON, over ``d``.
        beside: more to join.
    """
    relation, roles = rows.relation, rows.roles
    key = sql.identifier(KEY_COLUMN)
    fingerprint = sql.identifier(FINGERPRINT_COLUMN)
    keyed = made_key(relation, roles, kind)
    own = {
        **keyed,
        KEY_COLUMN: f"concat('{kind}-', d.digest_)",
        ROW_COLUMN: f"{_first_row(rows)} + d.row_number_",
        MADE_COLUMN: sql.literal(kind),
        PARENTS_COLUMN: f"CAST({parents} AS VARCHAR)",
        **({SOURCE_COLUMN: sql.literal(SYNTHETIC)} if kind == SYNTHETIC else {}),
        **values,
    }
    names = list(dict.fromkeys([*relation.columns, *ADDED_COLUMNS]))
    listed = ", ".join(
        f"{own.get(name, f'b.{sql.identifier(name)}')} AS {sql.identifier(name)}" for name in names
    )
    again = [f"{key_sql(roles)} AS {key}"] if keyed and NO_KEY not in keyed.values() else []
    # A copy has its parent's content, and what was decided about that content holds for it too.
    if kind == SYNTHETIC:
        again.append(f"{fingerprint_sql(roles)} AS {fingerprint}")
    replaced = f" REPLACE ({', '.join(again)})" if again else ""
    return f"""
        SELECT *{replaced} FROM (
            SELECT {listed}
            FROM ({drawn}) d JOIN {relation.name} b ON b.{sql.identifier(ROW_COLUMN)} = d.row_
            {beside})"""


def made_key(relation: Relation, roles: Roles, kind: str) -> dict[str, str]:
    """Return the SQL that gives a made row a key of its own in the key columns, over ``d``.

    One of the columns holds the hash: text as ``copy-`` or ``synthetic-`` and 32 digits, a UUID as
    one, whole numbers of 64 bits and more as a negative number. Where no column has room for that,
    the first is null. Without key columns there is nothing to give.
    """
    keys = [column for column in roles.having("key") if column in relation.columns]
    for column in keys:
        kind_of = relation.columns[column].upper()
        if kind_of == "VARCHAR":
            return {column: f"concat('{kind}-', d.digest_)"}
        if kind_of == "UUID":
            return {column: "CAST(d.digest_ AS UUID)"}
        if kind_of in ("BIGINT", "HUGEINT"):
            number = f"CAST(concat('0x', substring(d.digest_, 1, {_DIGITS})) AS BIGINT)"
            return {column: f"CAST(-1 - {number} AS {kind_of})"}
    return {keys[0]: NO_KEY} if keys else {}


def _first_row(rows: ClassRows) -> int:
    row = sql.identifier(ROW_COLUMN)
    query = f"SELECT coalesce(max({row}), 0) // {ROWS_APART} FROM {rows.relation.name}"
    return (int(rows.engine.values(query)[0]) + 1) * ROWS_APART

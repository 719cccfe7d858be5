"""The only place that quotes SQL names and values, and the only parser of a user's expression.

A recipe may come from someone else, so its expressions are not trusted: they are read into a tree,
every node of the tree must be on the list below, and what runs is the tree written out again, never
the text that came in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import duckdb
import sqlglot
from sqlglot import exp

from curation.errors import ExpressionError, UnknownNameError, suggest

MAX_EXPRESSION_LENGTH = 10_000
_MAX_DEPTH = 60


def identifier(name: str) -> str:
    """Quote a table or column name."""
    if "\x00" in name:
        raise ExpressionError("A name cannot hold a NUL character.")
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str]) -> str:
    """Quote several names, with commas between."""
    return ", ".join(map(identifier, names))


def literal(value: str | float | bool | None) -> str:
    """Write a value as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value!r}::DOUBLE" if math.isfinite(value) else f"'{value!r}'::DOUBLE"
    if "\x00" in value:
        raise ExpressionError("A text cannot hold a NUL character.")
    return "'" + value.replace("'", "''") + "'"


_STRUCTURE: tuple[type[exp.Expr], ...] = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe,
    exp.Case, exp.If, exp.Interval, exp.Var,
)  # fmt: skip
_FUNCTIONS: Mapping[type[exp.Expr], str] = {
    exp.Coalesce: "coalesce", exp.Nullif: "nullif", exp.Lower: "lower", exp.Upper: "upper",
    exp.Trim: "trim", exp.Length: "length", exp.Substring: "substring", exp.Replace: "replace",
    exp.Contains: "contains", exp.StartsWith: "starts_with", exp.EndsWith: "ends_with",
    exp.RegexpLike: "regexp_matches", exp.RegexpFullMatch: "regexp_full_match",
    exp.Concat: "concat", exp.Abs: "abs", exp.Round: "round",
    exp.Floor: "floor", exp.Ceil: "ceil", exp.Greatest: "greatest", exp.Least: "least",
    exp.Year: "year", exp.Month: "month", exp.Day: "day", exp.IsNan: "isnan",
    exp.Cast: "cast", exp.TryCast: "try_cast",
}  # fmt: skip
_CASTS = frozenset({
    exp.DataType.Type.BIGINT, exp.DataType.Type.INT, exp.DataType.Type.DOUBLE,
    exp.DataType.Type.BOOLEAN, exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT,
    exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ,
})  # fmt: skip

FUNCTIONS: tuple[str, ...] = tuple(sorted(_FUNCTIONS.values()))
"""The functions that an expression may call."""


def scalar_expression(text: str, columns: Iterable[str]) -> str:
    """Return the DuckDB SQL of an expression over the columns of one row.

    Args:
        text: what the user wrote, for example ``intent = 'refund' AND length(message) > 20``.
        columns: the columns that it may name; case does not matter, as in DuckDB.

    Raises:
        ExpressionError: it does not parse, is not one scalar expression, or calls a function that
            is not listed in `FUNCTIONS`.
        UnknownNameError: it names a column that is not there.
    """
    tree = _parsed(text).copy()
    by_lower = {column.lower(): column for column in columns}
    for column in tree.find_all(exp.Column):
        if column.table:
            raise _refused(f"a column of another table, {column.sql()}")
        known = by_lower.get(column.name.lower())
        if known is None:
            raise UnknownNameError("column", column.name, by_lower.values())
        column.this.replace(exp.to_identifier(known, quoted=True))
    return tree.sql(dialect="duckdb", comments=False)


def columns_of(text: str) -> set[str]:
    """Return the column names in an expression, as they are written there."""
    return {column.name for column in _parsed(text).find_all(exp.Column)}


@contextmanager
def evaluating(text: str) -> Iterator[None]:
    """Turn what DuckDB says when it computes a user's expression into an error that names it.

    Types and values are met only when the expression runs: ``message > 3``, ``cast(id AS int)``.

    Raises:
        ExpressionError: the expression cannot be computed on these data.
    """
    try:
        yield
    except (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
        raise ExpressionError(
            f"The expression cannot be computed on these data: {_first_line(error)}\n"
            f"Got: {_shortened(text)}"
        ) from error


@lru_cache(maxsize=256)
def _parsed(text: str) -> exp.Expr:
    if "\x00" in text:
        raise ExpressionError("An expression cannot hold a NUL character.")
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise ExpressionError(
            f"The expression has {len(text):,} characters; "
            f"at most {MAX_EXPRESSION_LENGTH:,} can be read."
        )
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise ExpressionError(
            f"The expression cannot be read: {_first_line(error)}\nGot: {_shortened(text)}"
        ) from error
    if len(trees) > 1:
        raise _refused("more than one statement")
    tree = trees[0] if trees else None
    if tree is None or isinstance(tree, exp.Semicolon):
        raise ExpressionError("The expression is empty. Write one, for example: intent = 'refund'.")
    for node in tree.walk():
        _check(node)
    return tree


def _check(node: exp.Expr) -> None:
    if node.depth > _MAX_DEPTH:
        raise ExpressionError(f"The expression is nested more than {_MAX_DEPTH} deep.")
    if isinstance(node, (exp.Cast, exp.TryCast)):
        if node.to.this not in _CASTS or node.to.expressions:
            raise _refused(f"a cast to {node.to.sql('duckdb')}")
        return
    if isinstance(node, exp.DataType):
        if not isinstance(node.parent, (exp.Cast, exp.TryCast)):
            raise _refused("a type")
        return
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest")):
        raise _refused("a subquery")
    if isinstance(node, (exp.Query, exp.Subquery, exp.Exists)):
        raise _refused("a subquery")
    if isinstance(node, exp.Star):
        raise _refused("*")
    if type(node) in _FUNCTIONS or type(node) in _STRUCTURE:
        return
    if isinstance(node, exp.Anonymous):
        raise _refused(f"the function {node.name}()", function=node.name)
    if isinstance(node, exp.Func):
        name = node.sql_name().lower()
        raise _refused(f"the function {name}()", function=name)
    raise _refused(f"{type(node).__name__.lower()}")


def _refused(what: str, *, function: str = "") -> ExpressionError:
    allowed = (
        f" {suggest(function, FUNCTIONS)}Functions: {', '.join(FUNCTIONS)}." if function else ""
    )
    return ExpressionError(
        f"The expression holds {what}, which is not allowed: "
        f"only comparisons, arithmetic and listed functions over the columns of a row.{allowed}"
    )


def _first_line(error: BaseException) -> str:
    # SQLGlot underlines the place with terminal codes; the message is read in pages too.
    text = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").strip()
    return text.splitlines()[0] if text else type(error).__name__


def _shortened(text: str, most: int = 120) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"

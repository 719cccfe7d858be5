"""One scan that says enough of each column to guess its role."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from curation import sql
from curation.lake.roles import ColumnProfile

_EXACT_ROWS = 200_000
"""Up to so many rows distinct values are counted exactly; above, only where all may differ."""
_SAMPLE_ROWS = 50_000


def profile_relation(cursor: duckdb.DuckDBPyConnection, table: str) -> list[ColumnProfile]:
    """Return the profile of every column of a table that SQL names, in its order."""
    described = cursor.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    columns = {name: str(kind) for name, kind, *_ in described}
    row = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    rows = int(row[0])
    distinct = "count(DISTINCT {0})" if rows <= _EXACT_ROWS else "approx_count_distinct({0})"
    counts = _scan(cursor, table, columns, "count({0})")
    distincts = _scan(cursor, table, columns, distinct)
    near_unique = [name for name, n in distincts.items() if n > 0.9 * rows]
    if rows > _EXACT_ROWS and near_unique:
        distincts |= _scan(cursor, table, near_unique, "count(DISTINCT {0})")
    sample = f"(SELECT * FROM {table} LIMIT {_SAMPLE_ROWS})"
    texts = [name for name, kind in columns.items() if kind == "VARCHAR" or kind.endswith("]")]
    words = [name for name in texts if columns[name] == "VARCHAR"]
    lengths = _scan(cursor, sample, texts, "avg(len({0}))")
    spaces = _scan(cursor, sample, words, "avg(len({0}) - len(replace({0}, ' ', '')))")
    return [
        ColumnProfile(
            name=name,
            type=kind,
            rows=rows,
            nulls=rows - int(counts[name]),
            distinct=int(distincts[name]),
            mean_length=lengths.get(name, 0.0),
            mean_words=spaces[name] + 1 if name in spaces and counts[name] else 0.0,
        )
        for name, kind in columns.items()
    ]


def profile_table(table: pa.Table) -> list[ColumnProfile]:
    """Return the profile of every column of an Arrow table, in its order."""
    with duckdb.connect() as connection:
        connection.register("source", table)
        return profile_relation(connection, "source")


def _scan(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str] | list[str],
    expression: str,
) -> dict[str, float]:
    """Evaluate one aggregate for several columns in one scan; null becomes 0."""
    names = list(columns)
    if not names:
        return {}
    wanted = ", ".join(expression.format(sql.identifier(name)) for name in names)
    row = cursor.execute(f"SELECT {wanted} FROM {table}").fetchone()
    assert row is not None
    return {name: value or 0 for name, value in zip(names, row, strict=True)}

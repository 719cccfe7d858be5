"""The rows of a DuckLake catalog, from one kind of database to another.

DuckLake's tables are the same everywhere, but the types of the columns that hold inlined rows
differ: SQLite has few types, and PostgreSQL's text cannot hold every character, so that DuckLake
keeps text there as bytes (DuckLake specification, "Data Inlining").
"""

from __future__ import annotations

import duckdb

from curation import sql
from curation.errors import WorkspaceError
from curation.lake import catalogs
from curation.lake.catalogs import Catalog, Kind
from curation.lake.schema import roll_back

_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
_STORED: dict[Kind, dict[str, str]] = {
    "sqlite": {"blob": "BLOB", "boolean": "BIGINT", **dict.fromkeys(_WHOLE, "BIGINT")},
    "postgres": {
        "varchar": "BLOB", "json": "BLOB", "blob": "BLOB", "boolean": "BOOLEAN",
        "int8": "SMALLINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
        "uint8": "INTEGER", "uint16": "INTEGER", "uint32": "BIGINT", "float32": "FLOAT",
        "float64": "DOUBLE", "time": "TIME", "uuid": "UUID",
    },
}  # fmt: skip
"""Type of a lake's column to the type in which each catalog holds its inlined values."""

_SCHEMAS: dict[Kind, str] = {"sqlite": "main", "postgres": "public"}
_INLINED = "ducklake_inlined_"
_DATA = "ducklake_inlined_data_"
# The files of these are not copied, so neither is the note to remove them.
_LEFT_OUT = "ducklake_files_scheduled_for_deletion"


HELD = "held"
"""What SQL calls the database in memory that holds a catalog's rows on their way."""


def hold(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Read all tables of a catalog, at one moment, into tables of the same names in `HELD`.

    Raises:
        duckdb.Error: it cannot be read.
    """
    if catalog.kind == "sqlite":
        # Each thread would read at a moment of its own.
        connection.execute("SET sqlite_disable_multithreaded_scans = true")
    catalogs.attach_tables(connection, catalog, "source", read_only=True)
    connection.execute(f"ATTACH ':memory:' AS {HELD}; BEGIN")
    for schema, name in _names(connection, "source", _SCHEMAS[catalog.kind]):
        rows = f"source.{sql.identifier(schema)}.{sql.identifier(name)}"
        connection.execute(f"CREATE TABLE {HELD}.{sql.identifier(name)} AS FROM {rows}")
    connection.execute("COMMIT; DETACH source")


def put(
    connection: duckdb.DuckDBPyConnection,
    target: Catalog,
    kinds: tuple[Kind, Kind],
    *,
    schema: str,
    data: str,
) -> None:
    """Write the rows in `HELD` to a new catalog, in one transaction.

    Args:
        connection: the one that holds them.
        target: a catalog as DuckLake makes it, with nothing in it.
        kinds: from which kind of catalog to which.
        schema: the target's schema.
        data: the path of the data that it is to name.

    Raises:
        WorkspaceError: the target's tables are not those of the source.
        duckdb.Error: it cannot be written.
    """
    catalogs.attach_tables(connection, target, "target", read_only=False)
    there = {name for _, name in _names(connection, "target", schema)}
    held = {name for _, name in _names(connection, HELD, "main")}
    inlined = {name for name in held - there if name.startswith(_INLINED)}
    if held - inlined != there:
        raise WorkspaceError(
            "The workspace was written by another version of DuckLake. Open it with this version "
            "first: curation datasets"
        )
    connection.execute("BEGIN")
    try:
        for name in sorted(held - {_LEFT_OUT}):
            into = f"target.{schema}.{sql.identifier(name)}"
            if name in inlined:
                connection.execute(_create(connection, name, into, kinds))
            else:
                connection.execute(f"DELETE FROM {into}")
            _insert(connection, f"{HELD}.{sql.identifier(name)}", into)
        connection.execute(
            f"UPDATE target.{schema}.ducklake_metadata SET value = ? WHERE key = 'data_path'",
            [data],
        )
        connection.execute("COMMIT; DETACH target")
    except BaseException:
        # What is left of the transaction would stand in the way of who removes the tables.
        roll_back(connection)
        raise


def _insert(connection: duckdb.DuckDBPyConnection, rows: str, into: str) -> None:
    columns, stored = _columns(connection, rows), _columns(connection, into)
    values = [_value(column, kind, stored[column]) for column, kind in columns.items()]
    connection.execute(
        f"INSERT INTO {into} ({sql.identifiers(columns)}) SELECT {', '.join(values)} FROM {rows}"
    )


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, into: str, kinds: tuple[Kind, Kind]
) -> str:
    """Return the SQL that makes a table for inlined rows, as DuckLake would have made it."""
    columns = _columns(connection, f"{HELD}.{sql.identifier(name)}")
    if kinds[0] != kinds[1]:
        columns |= {c: _stored(t, kinds[1]) for c, t in _lake_types(connection, name).items()}
    listed = ", ".join(f"{sql.identifier(column)} {kind}" for column, kind in columns.items())
    return f"CREATE TABLE {into} ({listed})"


def _lake_types(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Return column to DuckLake's type, of the table whose inlined rows are in the one named."""
    if not name.startswith(_DATA):
        return {}
    table, version = name.removeprefix(_DATA).split("_")
    rows = connection.execute(
        f"""
        SELECT column_name, column_type FROM {HELD}.ducklake_column c, (
            SELECT max(begin_snapshot) AS made FROM {HELD}.ducklake_schema_versions
            WHERE schema_version = $version AND (table_id = $table OR table_id IS NULL))
        WHERE c.table_id = $table AND parent_column IS NULL
            AND begin_snapshot <= made AND (end_snapshot IS NULL OR end_snapshot > made)""",
        {"table": int(table), "version": int(version)},
    ).fetchall()
    return dict(rows)


def _stored(kind: str, catalog: Kind) -> str:
    if catalog == "postgres" and kind.startswith("decimal"):
        return kind
    return _STORED[catalog].get(kind, "VARCHAR")


def _value(column: str, held: str, stored: str) -> str:
    """Return the SQL of a column's value as another catalog stores it."""
    name = sql.identifier(column)
    if (held, stored) == ("VARCHAR", "BLOB"):
        return f"encode({name})"
    if (held, stored) == ("BLOB", "VARCHAR"):
        return f"decode({name})"
    return f"CAST({name} AS {stored})"


def _names(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str
) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name = ? AND table_name LIKE 'ducklake%' ORDER BY ALL",
        [database, schema],
    ).fetchall()


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    return {name: str(kind) for name, kind, *_ in rows}

"""Runs steps in process, out of core, in a DuckDB that can reach no file and no network."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation import sql
from curation.engines.base import BatchFunction, Relation
from curation.progress import Progress, no_progress


class DuckDBEngine:
    """One run's engine. Open it with ``with``: it spills to a folder that is removed at the end.

    Args:
        memory_limit: for example ``"4GB"``; without one, DuckDB's own (80% of the memory).
    """

    def __init__(self, memory_limit: str | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="curation-run-"))
        self.connection = duckdb.connect()
        self._numbers = itertools.count(1)
        self.connection.execute(
            f"SET TimeZone = 'UTC'; SET enable_progress_bar = false; "
            f"SET temp_directory = {sql.literal(str(self._folder))}"
        )
        if memory_limit is not None:
            self.connection.execute(f"SET memory_limit = {sql.literal(memory_limit)}")

    def lock(self) -> None:
        """Refuse files, network and settings from now on: before the first step of a recipe."""
        self.connection.execute(
            f"SET allowed_directories = [{sql.literal(str(self._folder))}]; "
            "SET enable_external_access = false; SET lock_configuration = true"
        )

    def select(self, query: str) -> Relation:
        """Return the rows of one SELECT as a temporary table."""
        name = self._new_name()
        self.connection.execute(f"CREATE TEMP TABLE {name} AS {query}")
        return self.relation(name)

    def relation(self, name: str) -> Relation:
        """Return the relation of a table that is already on this connection."""
        described = self.connection.execute(f"DESCRIBE SELECT * FROM {name}").fetchall()
        return Relation(name, {column: str(kind) for column, kind, *_ in described})

    def values(self, query: str) -> tuple[Any, ...]:
        """Return the one row that a SELECT of counts gives."""
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return row

    def table(self, query: str) -> pa.Table:
        """Return the rows of a SELECT in memory."""
        return self.connection.execute(query).to_arrow_table()

    def reader(self, query: str) -> pa.RecordBatchReader:
        """Return the rows of a SELECT in batches; read them before the next query."""
        return self.connection.execute(query).to_arrow_reader()

    def put(self, table: pa.Table | pa.RecordBatchReader) -> Relation:
        """Copy Arrow rows into a temporary table."""
        self.connection.register("incoming", table)
        try:
            return self.select("SELECT * FROM incoming")
        finally:
            self.connection.unregister("incoming")

    def map_table(
        self, relation: Relation, function: BatchFunction, progress: Progress = no_progress
    ) -> Relation:
        """Apply a function to all rows in memory."""
        rows = self.table(f"SELECT * FROM {relation.name}")
        progress(0.1, "Rows read")
        return self.put(function(rows))

    def close(self) -> None:
        """Close the connection and remove what it spilled."""
        self.connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_name(self) -> str:
        return sql.identifier(f"relation_{next(self._numbers)}")

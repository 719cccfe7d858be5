"""What a step may ask of the machine that runs it.

A step gets a relation and gives one back. It has two tools: a SELECT in DuckDB's dialect over named
relations, and a function over Arrow batches for models. Everything else is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from curation.progress import Progress, no_progress

BatchFunction = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Relation:
    """A named set of rows inside an engine. It holds no rows itself and never changes."""

    name: str
    """What a SELECT calls it, quoted."""
    columns: Mapping[str, str]
    """Column name to DuckDB type, in order."""


class Engine(Protocol):
    """Runs SELECTs and functions over relations."""

    def select(self, query: str) -> Relation:
        """Return the rows of one SELECT, kept so that they are computed once."""

    def values(self, query: str) -> tuple[Any, ...]:
        """Return the one row that a SELECT of counts gives."""

    def table(self, query: str) -> pa.Table:
        """Return the rows of a SELECT in memory; for models and for people, not for data."""

    def reader(self, query: str) -> pa.RecordBatchReader:
        """Return the rows of a SELECT in batches."""

    def put(self, table: pa.Table | pa.RecordBatchReader) -> Relation:
        """Bring Arrow rows into the engine."""

    def map_table(
        self, relation: Relation, function: BatchFunction, progress: Progress = no_progress
    ) -> Relation:
        """Apply a function that must see all rows at once, such as the fit of a model."""

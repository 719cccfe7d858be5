"""A step applied to a table by a real engine, as a run does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.roles import Role, Roles
from curation.steps import Step, StepContext
from curation.steps.base import Said as Given
from curation.steps.base import data_columns


@dataclass(frozen=True)
class Applied:
    """What came out, in the order of the input, and what the step said of it."""

    table: pa.Table
    counts: dict[str, int]
    touched: int
    note: str
    queue: list[dict[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.table.to_pylist()
        return found


def prepared(
    engine: DuckDBEngine, table: pa.Table, roles: Roles, person: Sequence[int]
) -> Relation:
    relation = engine.put(table)
    chosen = ", ".join(map(str, person)) or "-1"
    return engine.select(
        f"SELECT *, {key_sql(roles)} AS {KEY_COLUMN}, {fingerprint_sql(roles)} AS {FINGERPRINT_COLUMN}, "
        f"rowid AS {ROW_COLUMN}, CASE WHEN rowid IN ({chosen}) THEN 'person' ELSE 'given' END "
        f"AS {SOURCE_COLUMN} FROM {relation.name}"
    )


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


Apply = Callable[..., Applied]


@pytest.fixture
def apply(engine: DuckDBEngine) -> Apply:
    def run(
        step: Step,
        table: pa.Table,
        roles: dict[str, Role],
        *,
        decisions: Sequence[Given] = (),
        person: Sequence[int] = (),
        seed: int = 0,
    ) -> Applied:
        known = Roles(columns=roles)
        relation = prepared(engine, table, known, person)
        context = StepContext(engine, known, seed, step.step_id, decisions)
        result = step.apply(relation, context)
        columns = ", ".join(
            f'"{c.replace(chr(34), chr(34) * 2)}"' for c in data_columns(result.relation)
        )
        return Applied(
            engine.table(f"SELECT {columns} FROM {result.relation.name} ORDER BY {ROW_COLUMN}"),
            result.counts, result.touched, result.note,
            result.queue.to_pylist() if result.queue is not None else [],
        )  # fmt: skip

    return run

"""The SQL of every step, as it runs, in golden files: a change of meaning shows in their diff.

Refresh them with ``pytest tests/steps/test_golden_sql.py --update-golden``, then read the diff.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from applied import Given, prepared
from example_steps import EXAMPLES

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.roles import Role, Roles
from curation.steps import Step, StepContext

GOLDEN = Path(__file__).parent / "golden"
ROLES: dict[str, Role] = {
    "id": "key", "text": "feature", "size": "feature", "label": "label", "select": "ignore",
}  # fmt: skip
TABLE = pa.table(
    {
        "id": [f"k{n}" for n in range(20)],
        "text": [f"{'red apple' if n % 2 else 'blue hammer'} {n % 5}" for n in range(20)],
        "size": [float(n % 4) for n in range(20)],
        "label": ["fruit" if n % 2 else "tool" for n in range(20)],
        "select": [n % 7 for n in range(20)],
    }
)


class RecordingEngine(DuckDBEngine):
    """A real engine that writes down every query."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []

    def _record(self, query: str) -> None:
        self.queries.append(textwrap.dedent(query).strip())

    def select(self, query: str) -> Relation:
        self._record(query)
        return super().select(query)

    def values(self, query: str) -> tuple[Any, ...]:
        self._record(query)
        return super().values(query)

    def table(self, query: str) -> pa.Table:
        self._record(query)
        return super().table(query)


def named() -> list[tuple[str, Step]]:
    return [
        (f"{name}-{number}" if len(steps) > 1 else name, step)
        for name, steps in EXAMPLES.items()
        for number, step in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize(("file", "step"), named(), ids=[file for file, _ in named()])
def test_the_sql_of_a_step(file: str, step: Step, golden: Callable[[Path, str], None]) -> None:
    roles = Roles(columns=ROLES)
    with RecordingEngine() as engine:
        relation = prepared(engine, TABLE, roles, ())
        engine.queries.clear()
        decisions = [Given("k1", "?", "fruit", "relabel", "tool")]
        step.apply(relation, StepContext(engine, roles, 7, step.step_id, decisions))
        text = ";\n\n".join(engine.queries)
    golden(GOLDEN / f"{file}.sql", f"-- {step.name}: {step.describe()}\n\n{text};\n")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == {file for file, _ in named()}

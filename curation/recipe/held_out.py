"""Rows of a split's frozen sides: kept aside while later steps run, and put back beside theirs.

What a step never gets it cannot change, drop, copy or learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UsageError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.steps import ApplyAnnotations, Split, Step, StepResult
from curation.steps.base import Said

_KEY, _PRINT = sql.identifier(KEY_COLUMN), sql.identifier(FINGERPRINT_COLUMN)


@dataclass(frozen=True)
class HeldOut:
    """The rows of frozen sides, and the decisions about the others."""

    rows: Relation
    sides: tuple[str, ...]
    step_id: str
    """Of the split."""
    decisions: Sequence[Said]
    """Those that later steps may apply."""
    held_back: int
    """Decisions about the rows that are kept aside."""

    def check(self, step: Step) -> None:
        """Refuse a second split.

        Raises:
            UsageError: the step is one.
        """
        if isinstance(step, Split):
            raise UsageError(
                f"The step '{self.step_id}' splits the rows already, and {self._named()} is frozen "
                "there: a second split would not see its rows. Leave one of the two out, or give "
                "the first one frozen: []."
            )

    def said(self, step: Step, done: StepResult) -> StepResult:
        """Return a step's result that says how many decisions were held back from it."""
        if not isinstance(step, ApplyAnnotations):
            return done
        counts = {**done.counts, "held_back": self.held_back}
        if not self.held_back:
            return replace(done, counts=counts)
        some = "1 decision" if self.held_back == 1 else f"{self.held_back:,} decisions"
        note = f"{done.note}; {some} about {self._named()} held back"
        return replace(done, counts=counts, note=note.removeprefix("; "))

    def beside(self, relation: Relation) -> Relation:
        """Return a step's rows and those kept aside, which lack the columns that it added."""
        columns = {**relation.columns, **self.rows.columns, **relation.columns}
        parts = [
            f"SELECT {', '.join(_column(c, kind, rows) for c, kind in columns.items())} "
            f"FROM {rows.name}"
            for rows in (relation, self.rows)
        ]
        # A query in place of a table: the rows are not written once more for every step.
        return Relation(f"({' UNION ALL '.join(parts)})", columns)

    def _named(self) -> str:
        return " and ".join(self.sides)


def put_aside(
    engine: Engine, relation: Relation, step: Split, decisions: Sequence[Said]
) -> tuple[HeldOut, Relation]:
    """Return the rows of the frozen sides, and the rows that later steps get.

    Args:
        engine: of the rows.
        relation: the rows with their sides.
        step: the split; it freezes a side at least.
        decisions: of the run. One is about a row kept aside where its record is there alone, or
            its record is gone and its content is there alone.
    """
    sides = ", ".join(map(sql.literal, step.frozen))
    frozen = f"coalesce({sql.identifier(step.column)} IN ({sides}), FALSE)"
    held = engine.select(f"SELECT * FROM {relation.name} WHERE {frozen}")
    rest = engine.select(f"SELECT * FROM {relation.name} WHERE NOT {frozen}")
    back = _about(engine, held, rest, decisions)
    kept = [said for number, said in enumerate(decisions) if number not in back]
    return HeldOut(held, step.frozen, step.step_id, kept, len(back)), rest


def _about(engine: Engine, held: Relation, rest: Relation, decisions: Sequence[Said]) -> set[int]:
    """Return the numbers of the decisions about held rows."""
    if not decisions:
        return set()
    told = engine.put(
        pa.table(
            {
                "number": list(range(len(decisions))),
                "record_key": pa.array([said.record_key for said in decisions], pa.string()),
                "fingerprint": pa.array([said.fingerprint for said in decisions], pa.string()),
            }
        )
    )
    found = engine.table(
        f"""SELECT number FROM {told.name}
        WHERE record_key NOT IN (SELECT {_KEY} FROM {rest.name})
            AND (record_key IN (SELECT {_KEY} FROM {held.name})
                OR (fingerprint IN (SELECT {_PRINT} FROM {held.name})
                    AND fingerprint NOT IN (SELECT {_PRINT} FROM {rest.name})))"""
    )
    return set(found["number"].to_pylist())


def _column(column: str, kind: str, rows: Relation) -> str:
    name = sql.identifier(column)
    return name if column in rows.columns else f"CAST(NULL AS {kind}) AS {name}"

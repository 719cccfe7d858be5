"""What every step of a recipe is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import CurationError, UnknownNameError, UsageError
from curation.lake.fold import Standing
from curation.lake.records import INTERNAL_COLUMNS
from curation.lake.roles import Roles
from curation.progress import Progress, no_progress

StepState = Literal["none", "frozen", "refit"]


@dataclass(frozen=True)
class Said:
    """A decision as `apply_annotations` needs it, whether it comes from the lake or a recipe."""

    record_key: str
    fingerprint: str
    given: str | None
    """The label that the record had in the data when it was decided about."""
    decision: str
    value: str | None = None
    """The right label under the wanted version of the taxonomy."""
    standing: Standing = "in_force"
    also_given: tuple[str, ...] = ()
    """Other labels that mean what ``given`` meant, where the data use another taxonomy by now."""


@dataclass(frozen=True)
class StepContext:
    """What a step is told beside its parameters and its rows."""

    engine: Engine
    roles: Roles
    seed: int
    step_id: str
    decisions: Sequence[Said] = ()
    readings: Mapping[str, tuple[str | None, Standing]] | None = None
    """How the labels in the data read under the wanted taxonomy; None where they are of it."""
    progress: Progress = no_progress

    def label(self) -> str:
        """Return the label column.

        Raises:
            UsageError: the data have none.
        """
        if self.roles.label is None:
            raise UsageError("This step needs a label column, and none has the role label.")
        return self.roles.label


@dataclass(frozen=True)
class StepResult:
    """What a step made of its rows."""

    relation: Relation
    touched: int
    """Rows that were changed, left out or made."""
    counts: dict[str, int] = field(default_factory=dict)
    note: str = ""
    queue: pa.Table | None = None
    """Records that wait for a person: record_key, given_label, suggested_label, reason."""


class Step(BaseModel, ABC):
    """One typed operation of a recipe.

    A step is this one class: its docstring is its help, its fields are its parameters, and the
    YAML, the form in the browser and the reference all come from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=False)

    name: ClassVar[str]
    title: ClassVar[str]
    state: ClassVar[StepState] = "none"
    """Whether the step learns from the data, and then keeps what it learned or learns it anew."""
    needs_label: ClassVar[bool] = False
    """Whether the step cannot work on data without a label column."""

    id: str | None = Field(
        default=None,
        title="Id",
        description="What chance is tied to: two steps of one kind need different ids.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$",
    )

    @property
    def step_id(self) -> str:
        """The id, or the name of a step that has none."""
        return self.id or self.name

    @abstractmethod
    def describe(self) -> str:
        """Say in a few words what this step does with its parameters."""

    def columns_used(self) -> set[str]:
        """Return the columns that the parameters name."""
        return set()

    def columns_added(self) -> set[str]:
        """Return the columns that the rows have after this step and need not have before."""
        return set()

    @abstractmethod
    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Return the rows after this step."""


def data_columns(relation: Relation) -> list[str]:
    """Return a relation's columns without those that a run carries beside the data."""
    return [column for column in relation.columns if column not in INTERNAL_COLUMNS]


def condition_sql(expression: str, relation: Relation) -> str:
    """Return the SQL of a user's condition over a relation's own columns."""
    return f"({sql.scalar_expression(expression, data_columns(relation))})"


def check_columns(columns: Sequence[str], relation: Relation) -> None:
    """Refuse columns that the rows do not have; case does not matter, as in DuckDB.

    Raises:
        UnknownNameError: one is not there.
    """
    known = {column.lower() for column in data_columns(relation)}
    for column in columns:
        if column.lower() not in known:
            raise UnknownNameError("column", column, data_columns(relation))


def row_count(engine: Engine, relation: Relation) -> int:
    """Return how many rows a relation has."""
    return int(engine.values(f"SELECT count(*) FROM {relation.name}")[0])


def without(
    context: StepContext, relation: Relation, query: str, note: str = "", **counts: int
) -> StepResult:
    """Return the result of a step that only leaves rows out."""
    kept = context.engine.select(query)
    dropped = row_count(context.engine, relation) - row_count(context.engine, kept)
    return StepResult(kept, dropped, {**counts, "dropped": dropped}, note)


__all__ = [
    "CurationError", "Said", "Step", "StepContext", "StepResult", "StepState", "check_columns",
    "condition_sql", "data_columns", "row_count", "without",
]  # fmt: skip

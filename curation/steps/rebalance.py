"""Keep at most so many rows of each class."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from curation import sql
from curation.engines.base import Relation
from curation.lake.records import label_sql
from curation.sampling.draw import capped
from curation.steps.base import (
    Step,
    StepContext,
    StepResult,
    check_columns,
    condition_sql,
    data_columns,
    without,
)


class Rebalance(Step):
    """Keep at most so many rows of each class; which ones is decided by a hash of the record key.

    Rows that come later do not reshuffle those that were there, except where a class is full and a
    new row has a smaller hash. Rows without a label count as one class.
    """

    name: ClassVar[str] = "rebalance"
    title: ClassVar[str] = "Cap classes"
    needs_label: ClassVar[bool] = True

    step: Literal["rebalance"] = "rebalance"
    rows_per_class: int = Field(
        title="Rows per class", description="The most rows that a class may keep.", ge=1, le=10**10
    )
    where: str | None = Field(
        default=None,
        title="Only where",
        description="Cap only rows for which this holds and keep all others, "
        "for example: channel = 'chat'.",
        json_schema_extra={"widget": "expression"},
    )

    @field_validator("where")
    @classmethod
    def _can_be_read(cls, where: str | None) -> str | None:
        if where is not None:
            sql.columns_of(where)
        return where

    def describe(self) -> str:
        """Say how many rows a class may keep."""
        scope = f" where {self.where}" if self.where else ""
        return f"at most {self.rows_per_class:,} rows a class{scope}"

    def columns_used(self) -> set[str]:
        """Return the columns in the condition."""
        return sql.columns_of(self.where) if self.where else set()

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Keep the rows with the smallest hashes of each class."""
        label = context.label()
        check_columns([label], relation)
        query = capped(
            relation.name,
            strata=[label_sql(label, relation.columns[label])],
            ties=data_columns(relation),
            most=self.rows_per_class,
            seed=context.seed,
            step_id=self.step_id,
            where=condition_sql(self.where, relation) if self.where else None,
        )
        with sql.evaluating(self.where or ""):
            return without(context, relation, query)

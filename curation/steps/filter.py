"""Keep rows by a condition."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from curation import sql
from curation.engines.base import Relation
from curation.steps.base import Step, StepContext, StepResult, condition_sql, without


class Filter(Step):
    """Keep the rows for which a condition is true; a condition that is unknown (null) is not."""

    name: ClassVar[str] = "filter"
    title: ClassVar[str] = "Filter rows"

    step: Literal["filter"] = "filter"
    where: str = Field(
        title="Keep rows where",
        description="A condition over the columns, for example: length(message) > 3.",
        min_length=1,
        json_schema_extra={"widget": "expression"},
    )

    @field_validator("where")
    @classmethod
    def _can_be_read(cls, where: str) -> str:
        sql.columns_of(where)
        return where

    def describe(self) -> str:
        """Say which rows are kept."""
        return f"keep rows where {self.where}"

    def columns_used(self) -> set[str]:
        """Return the columns in the condition."""
        return sql.columns_of(self.where)

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Keep the rows for which the condition is true."""
        condition = condition_sql(self.where, relation)
        query = f"SELECT * FROM {relation.name} WHERE coalesce({condition}, FALSE)"
        with sql.evaluating(self.where):
            return without(context, relation, query)

"""Keep one of the rows that are the same."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from curation import sql
from curation.engines.base import Relation
from curation.errors import UsageError
from curation.lake.records import KEY_COLUMN, SOURCE_COLUMN
from curation.steps.base import (
    Step,
    StepContext,
    StepResult,
    check_columns,
    data_columns,
    without,
)

_RANK = sql.identifier("_curation_rank")


class DropDuplicates(Step):
    """Keep one of the rows that have the same values in the chosen columns.

    A row whose label a person decided is kept before others, then the one with the smallest record
    key. Two nulls count as the same value.
    """

    name: ClassVar[str] = "drop_duplicates"
    title: ClassVar[str] = "Drop exact duplicates"

    step: Literal["drop_duplicates"] = "drop_duplicates"
    columns: list[str] = Field(
        default_factory=list,
        title="Same in",
        description="Columns that must be equal; none means text, features and other content.",
        json_schema_extra={"widget": "columns"},
    )

    def describe(self) -> str:
        """Say which columns are compared."""
        return f"exact on {', '.join(self.columns) if self.columns else 'content'}"

    def columns_used(self) -> set[str]:
        """Return the compared columns."""
        return set(self.columns)

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Keep the first row of each group of equal ones."""
        columns = self.columns or [c for c in context.roles.content if c in relation.columns]
        if not columns:
            raise UsageError("There are no content columns to compare; name some under 'columns'.")
        check_columns(columns, relation)
        # The last columns only make the order total: rows equal in all of them are one row twice.
        ties = sql.identifiers([KEY_COLUMN, *data_columns(relation)])
        by_person = f"({sql.identifier(SOURCE_COLUMN)} = 'person') DESC"
        return without(
            context,
            relation,
            f"""
            SELECT * EXCLUDE ({_RANK}) FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY {sql.identifiers(columns)} ORDER BY {by_person}, {ties}) AS {_RANK}
                FROM {relation.name})
            WHERE {_RANK} = 1""",
        )

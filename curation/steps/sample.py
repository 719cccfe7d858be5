"""Draw a sample that stays put."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from curation import sql
from curation.engines.base import Relation
from curation.errors import UsageError
from curation.sampling.draw import capped, fraction
from curation.steps.base import (
    Step,
    StepContext,
    StepResult,
    check_columns,
    data_columns,
    row_count,
    without,
)


class Sample(Step):
    """Draw rows by a hash of seed and record key: a number from each stratum, or a fraction.

    The same rows are drawn again tomorrow. A stratum with fewer rows than asked gives all it has,
    and the shortfall is reported. A rule of the workspace may say how much: its name stands for
    what it says when the recipe runs there, and an exported recipe has it written out.
    """

    name: ClassVar[str] = "sample"
    title: ClassVar[str] = "Sample rows"

    step: Literal["sample"] = "sample"
    n: int | None = Field(
        default=None, ge=1, le=10**10, title="Rows", description="Rows to draw from each stratum."
    )
    fraction: float | None = Field(
        default=None, gt=0, le=1, title="Fraction", description="Part of the rows, above 0 up to 1."
    )
    per: list[str] = Field(
        default_factory=list,
        title="Per",
        description="Columns whose values make a stratum; none draws from all rows at once.",
        json_schema_extra={"widget": "columns"},
    )

    rule: str | None = Field(
        default=None,
        title="Rule",
        description="A sampling rule of the workspace, as NAME or NAME@VERSION, in place of these.",
        pattern=r"^[^@]{1,100}(@[1-9][0-9]{0,5})?$",
    )

    @model_validator(mode="after")
    def _one_amount(self) -> Sample:
        if self.n is not None and self.fraction is not None:
            raise ValueError("give either n or fraction, and not both")
        if self.n is None and self.fraction is None and self.rule is None:
            raise ValueError("give either n or fraction, or a rule")
        return self

    def describe(self) -> str:
        """Say how many rows are drawn and from what."""
        if self.n is None and self.fraction is None:
            return f"by the rule {self.rule}"
        amount = f"{self.n:,} rows" if self.n is not None else f"{self.fraction:.0%} of the rows"
        return f"{amount} per {', '.join(self.per)}" if self.per else amount

    def columns_used(self) -> set[str]:
        """Return the columns that make the strata."""
        return set(self.per)

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Draw the rows with the smallest hashes."""
        if self.n is None and self.fraction is None:
            raise UsageError(
                f"The rule '{self.rule}' is in a workspace, and this run has none. Export the "
                "recipe from there: rules are written out then."
            )
        check_columns(self.per, relation)
        strata, ties = list(map(sql.identifier, self.per)), data_columns(relation)
        if self.fraction is not None:
            query = fraction(
                relation.name, strata=strata, ties=ties, part=self.fraction,
                seed=context.seed, step_id=self.step_id,
            )  # fmt: skip
            return without(context, relation, query)
        assert self.n is not None
        query = capped(
            relation.name, strata=strata, ties=ties, most=self.n, seed=context.seed,
            step_id=self.step_id, where=None,
        )  # fmt: skip
        result = without(context, relation, query)
        short = self._shortfall(relation, context)
        note = f"{short:,} rows fewer than asked: some strata are smaller than {self.n:,}"
        return StepResult(
            result.relation, result.touched, {**result.counts, "shortfall": short},
            note if short else "",
        )  # fmt: skip

    def _shortfall(self, relation: Relation, context: StepContext) -> int:
        assert self.n is not None
        if not self.per:
            return max(0, self.n - row_count(context.engine, relation))
        missing = context.engine.values(
            f"SELECT coalesce(sum(greatest(0, {self.n} - rows_)), 0) FROM ("
            f"SELECT count(*) AS rows_ FROM {relation.name} GROUP BY {sql.identifiers(self.per)})"
        )
        return int(missing[0])

"""What a sampling rule says: who may be drawn, how, how many, and what is always kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from curation import sql

Way = Literal[
    "uniform", "weighted", "recency", "hard_and_rare", "uncertainty", "margin", "diversity",
]  # fmt: skip
BY_CHANCE: frozenset[str] = frozenset({"uniform", "weighted", "recency", "hard_and_rare"})
"""Ways that give each row a known chance; the others rank the rows and take the first."""

Combine = Literal["union", "except", "priority"]

STRATUM_SEPARATOR = " / "
"""Between the values of several columns in the name of a stratum."""
NO_VALUE = "(none)"
"""The name of a missing value in the name of a stratum."""
MOST_ROWS = 10**10
Reference = Annotated[str, Field(pattern=r"^[^@\n]{1,100}(@[1-9][0-9]{0,5})?$")]


class RuleFields(BaseModel):
    """Everything that a rule may say; a rule by itself and the step `sample` share it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: str | None = Field(
        default=None,
        title="Only where",
        description="Rows that may be drawn, for example: channel = 'chat'.",
        json_schema_extra={"widget": "expression"},
    )
    classes: tuple[str, ...] = Field(
        default=(), title="Classes", description="Only rows of these classes may be drawn."
    )
    issue: str | None = Field(
        default=None,
        title="Issue",
        description="A finder's name: only rows that it flags may be drawn.",
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
    )
    issue_below: float | None = Field(
        default=None,
        gt=0,
        le=1,
        title="Issue score below",
        description="Rows with a lower score of the finder, in place of those that it flags.",
    )
    uncertain_above: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        title="Uncertainty above",
        description="Only rows about which the model is less certain: 0 certain, 1 cannot tell.",
    )
    clusters_of: tuple[str, ...] = Field(
        default=(),
        title="Clusters of",
        description="Record keys: only rows in the clusters that hold these records.",
    )

    by: Way = Field(default="uniform", title="Draw", description="Which rows come first.")
    per: tuple[str, ...] = Field(
        default=(),
        title="Per",
        description="Columns whose values make a stratum; none draws from all rows at once.",
        json_schema_extra={"widget": "columns"},
    )
    per_cluster: bool = Field(
        default=False,
        title="Per cluster",
        description="Clusters of similar rows make the strata, so that each is covered.",
    )
    clusters: int = Field(
        default=20, ge=2, le=1_000, title="Clusters", description="How many clusters are made."
    )
    weight: str | None = Field(
        default=None,
        title="Weight",
        description="A number of each row, 0 or more: twice the weight, about twice the chance.",
        json_schema_extra={"widget": "expression"},
    )
    timestamp: str | None = Field(
        default=None,
        title="Time",
        description="The column of dates or times; that with the role timestamp by default.",
        json_schema_extra={"widget": "column"},
    )
    half_life: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        title="Half-life in days",
        description="A row so much older has half the weight.",
    )
    hard: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Share of hardness",
        description="Of the weight: 1 looks at hardness alone, 0 at rareness of the class alone.",
    )
    candidates: int = Field(
        default=10_000,
        ge=10,
        le=50_000,
        title="Candidates",
        description="Diverse rows are chosen among so many.",
    )
    candidates_by: Literal["uniform", "uncertainty", "margin"] = Field(
        default="uniform",
        title="Candidates by",
        description="Which rows are the candidates: any by chance, or the least certain.",
    )

    n: int | None = Field(
        default=None,
        ge=1,
        le=MOST_ROWS,
        title="Rows",
        description="Rows to draw from each stratum.",
    )
    fraction: float | None = Field(
        default=None, gt=0, le=1, title="Fraction", description="Part of the rows, above 0 up to 1."
    )
    rows: int | None = Field(
        default=None,
        ge=1,
        le=MOST_ROWS,
        title="Rows in all",
        description="Rows to draw in all; each stratum has its share of them.",
    )
    minutes: float | None = Field(
        default=None,
        gt=0,
        le=10**8,
        title="Minutes",
        description="Rows that a person can annotate in so many minutes.",
    )
    quota: Mapping[str, Annotated[int, Field(ge=0, le=MOST_ROWS)]] = Field(
        default_factory=dict,
        title="Quota",
        description="Rows of each stratum by name; values of several columns as: chat / refund.",
    )
    minimum: int | None = Field(
        default=None,
        ge=1,
        le=MOST_ROWS,
        title="At least",
        description="Rows that each stratum gives at least, as far as it has them.",
    )
    fill: bool = Field(
        default=False,
        title="Fill up",
        description="Rows that a stratum lacks are taken from the others.",
    )
    seconds_per_row: float | None = Field(
        default=None,
        gt=0,
        le=10**6,
        title="Seconds a row",
        description="Seconds that a person needs for one row.",
    )
    cost: str | None = Field(
        default=None,
        title="Seconds of a row",
        description="Seconds that a person needs, for each row; above 0. Cheap rows come first.",
        json_schema_extra={"widget": "expression"},
    )

    keep: str | None = Field(
        default=None,
        title="Always keep",
        description="Rows that are always drawn, beside the amount.",
        json_schema_extra={"widget": "expression"},
    )
    keep_keys: tuple[str, ...] = Field(
        default=(),
        title="Always keep these",
        description="Record keys of rows that are always drawn, beside the amount.",
    )

    combine: Combine | None = Field(
        default=None,
        title="Combine",
        description="How the rows of several rules make one sample.",
    )
    parts: tuple[Reference | Rule, ...] = Field(
        default=(),
        title="Rules",
        description="Rules by name, NAME or NAME@VERSION; their order counts for except, priority.",
    )

    @field_validator("where", "weight", "cost", "keep")
    @classmethod
    def _can_be_read(cls, expression: str | None) -> str | None:
        if expression is not None:
            sql.columns_of(expression)
        return expression

    def expressions(self) -> list[str]:
        """Return the user's expressions."""
        return [e for e in (self.where, self.weight, self.cost, self.keep) if e is not None]

    def columns_used(self) -> set[str]:
        """Return the columns that the rule and the rules within it name."""
        named = set(self.per)
        for expression in self.expressions():
            named |= sql.columns_of(expression)
        if self.timestamp is not None:
            named.add(self.timestamp)
        for part in self.parts:
            if isinstance(part, Rule):
                named |= part.columns_used()
        return named

    def describe(self) -> str:
        """Say in a few words what is drawn."""
        from curation.sampling.rules.wording import described  # it needs this module

        return described(self)

    @property
    def amount(self) -> str | None:
        """The field that says how many, or None."""
        given = [f for f in ("n", "fraction", "rows", "minutes") if getattr(self, f) is not None]
        if self.quota:
            given.append("quota")
        return given[0] if given else None

    def _wrong(self) -> str:
        """Say what does not fit together, or nothing."""
        from curation.sampling.rules.wording import mistake  # it needs this module

        return mistake(self)


class Rule(RuleFields):
    """A sampling rule: who may be drawn, how, how many, what is always kept, and a seed."""

    seed: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        title="Seed",
        description="Rules with different seeds draw different rows.",
    )
    name: str | None = Field(
        default=None,
        title="Name",
        description="NAME@VERSION of a rule that is written out.",
        pattern=r"^[^@\n]{1,100}(@[1-9][0-9]{0,5})?$",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Rule:
        if wrong := self._wrong():
            raise ValueError(wrong)
        return self

    @property
    def sha256(self) -> str:
        """Hash of what the rule draws; its name does not count."""
        text = json.dumps(self.model_dump(mode="json", exclude={"name"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_combined(self) -> bool:
        """Whether it is made of other rules."""
        return self.combine is not None


RuleFields.model_rebuild()
__all__ = ["BY_CHANCE", "NO_VALUE", "STRATUM_SEPARATOR", "Rule", "RuleFields", "Way"]

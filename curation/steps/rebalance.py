"""Change how many rows each class has, or how much they count."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from curation import sql
from curation.engines.base import Relation
from curation.errors import UsageError
from curation.sampling.balance.class_weights import BETA, WEIGHT_COLUMN, WeightsBy
from curation.sampling.balance.made_rows import ADDED_COLUMNS
from curation.sampling.balance.plan import Method, check_proportions, plan_classes
from curation.steps.base import Step, StepContext, StepResult, check_columns
from curation.steps.rebalance_methods import balanced_rows, capped, resampled, weighed

NEIGHBOURS = 5

_FIELDS: dict[str, tuple[Method, ...]] = {
    "rows_per_class": ("cap", "oversample", "smote"),
    "ratio": ("undersample", "oversample", "smote"),
    "proportions": ("proportions",),
    "total": ("proportions",),
    "weights": ("weights",),
    "beta": ("weights",),
    "weight_column": ("weights",),
    "neighbours": ("smote",),
}
"""Which methods a parameter belongs to."""


class Rebalance(Step):
    """Change how many rows each class has, or how much they count, by a hash of the record key.

    cap keeps at most so many rows of each class, and undersample as many as the smallest has.
    oversample copies rows of small classes, and smote makes synthetic ones between neighbours.
    proportions leaves rows out until each class has its share, and with a total copies rows too.
    weights adds a column and changes no row.

    The same rows are left out and the same ones made tomorrow: rows that come later do not
    reshuffle those that were there, except where a class is full and a new row has a smaller hash.
    A made row is marked in the column `made` (copy or synthetic) and names its `parents`. Where the
    data are split, only rows of train are changed: made rows never meet validation or test. Rows
    without a label count as one class for cap; all other methods leave them as they are.
    """

    name: ClassVar[str] = "rebalance"
    title: ClassVar[str] = "Rebalance classes"
    needs_label: ClassVar[bool] = True

    step: Literal["rebalance"] = "rebalance"
    method: Method = Field(
        default="cap",
        title="Method",
        description="Leave rows out (cap, undersample, proportions), make rows (oversample, smote, "
        "proportions with a total), or weigh them (weights).",
    )
    rows_per_class: int | None = Field(
        default=None,
        title="Rows per class",
        description="The most rows that a class may keep; for oversample and smote, the rows that "
        "a class has at least.",
        ge=1,
        le=10**10,
    )
    ratio: float | None = Field(
        default=None,
        title="Ratio",
        description="The largest class may have so many times the rows of the smallest; 1 makes "
        "all equal.",
        ge=1,
        le=10**10,
    )
    proportions: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        default=None,
        title="Proportions",
        description="The share of each class, together 1; a class with share 0 is left out.",
    )
    total: int | None = Field(
        default=None,
        title="Rows in all",
        description="Rows that the proportions make together; a class that lacks rows is copied.",
        ge=1,
        le=10**10,
    )
    weights: WeightsBy | None = Field(
        default=None,
        title="Weights",
        description="balanced makes all classes count the same, and is the default; effective "
        "counts less what more rows of a class add.",
    )
    beta: float | None = Field(
        default=None,
        title="Beta",
        description=f"For effective weights: nearer to 1 is nearer to balanced; {BETA} by default.",
        gt=0,
        lt=1,
    )
    weight_column: str | None = Field(
        default=None,
        title="Weight column",
        description=f"The column that holds the weights; {WEIGHT_COLUMN} by default.",
        min_length=1,
        max_length=100,
    )
    neighbours: int | None = Field(
        default=None,
        title="Neighbours",
        description="For smote: the nearest rows of the same class that a synthetic row may lie "
        f"towards; {NEIGHBOURS} by default.",
        ge=1,
        le=100,
    )
    where: str | None = Field(
        default=None,
        title="Only where",
        description="Rebalance only rows for which this holds and leave all others as they are, "
        "for example: channel = 'chat'.",
        json_schema_extra={"widget": "expression"},
    )
    split_column: str | None = Field(
        default=None,
        title="Split column",
        description="Only rows with train in this column are changed; by default the column split, "
        "or one that a split before this step added.",
        json_schema_extra={"widget": "column"},
    )

    @field_validator("where")
    @classmethod
    def _can_be_read(cls, where: str | None) -> str | None:
        if where is not None:
            sql.columns_of(where)
        return where

    @model_validator(mode="after")
    def _fits_together(self) -> Rebalance:
        if wrong := self._wrong():
            raise ValueError(wrong)
        if self.proportions is not None:
            try:
                check_proportions(self.proportions)
            except UsageError as error:
                raise ValueError(str(error).rstrip(".")) from error
        return self

    def _wrong(self) -> str:
        given = {name: methods for name, methods in _FIELDS.items() if getattr(self, name)}
        for name, methods in given.items():
            if self.method not in methods:
                return (
                    f"'{name}' says nothing to method: {self.method}; it belongs to "
                    f"{', '.join(methods)}. Leave it out, or change the method"
                )
        wrong = {
            "'rows_per_class' is missing. Method cap needs the most rows a class may keep": (
                self.method == "cap" and "rows_per_class" not in given
            ),
            "'proportions' is missing. Give each class a share, together 1": (
                self.method == "proportions" and "proportions" not in given
            ),
            "give either 'ratio' or 'rows_per_class', and not both": (
                {"ratio", "rows_per_class"} <= set(given)
            ),
            "'beta' belongs to weights: effective. Leave it out, or ask for those": (
                "beta" in given and self.weights != "effective"
            ),
            "'weight_column' cannot begin with _curation_. Give another name": (
                self.column_of_weights.lower().startswith("_curation_")
            ),
        }
        return next((message for message, holds in wrong.items() if holds), "")

    @model_serializer(mode="wrap")
    def _what_was_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what goes without saying, so that a cap reads and hashes as it always did."""
        unsaid = {name for name in (*_FIELDS, "split_column") if getattr(self, name) is None}
        if self.method == "cap":
            unsaid.add("method")
        return {name: value for name, value in handler(self).items() if name not in unsaid}

    def plan(self, counts: dict[str, int]) -> dict[str, int]:
        """Return how many rows each class has after this step; see `plan_classes`.

        Args:
            counts: rows of each class among those that are rebalanced.
        """
        return plan_classes(
            counts,
            self.method,
            rows_per_class=self.rows_per_class,
            ratio=self.ratio,
            proportions=self.proportions,
            total=self.total,
        )

    def describe(self) -> str:
        """Say what happens to the classes."""
        scope = f" where {self.where}" if self.where else ""
        return self._what() + scope

    def _what(self) -> str:
        most = f"largest to smallest at most {self.ratio or 1:g} to 1"
        least = f"up to {self.rows_per_class:,} rows a class" if self.rows_per_class else most
        match self.method:
            case "cap":
                return f"at most {self.rows_per_class:,} rows a class"
            case "undersample":
                return f"leave rows out, {most}"
            case "oversample":
                return f"copy rows, {least}"
            case "smote":
                return f"make synthetic rows, {least}"
            case "weights":
                return f"{self.weights or 'balanced'} weights in {self.column_of_weights}"
            case "proportions":
                total = f" of {self.total:,} rows" if self.total else ""
                return f"given shares{total} for {len(self.proportions or ())} classes"

    @property
    def column_of_weights(self) -> str:
        """The column that the weights are in."""
        return self.weight_column or WEIGHT_COLUMN

    def columns_used(self) -> set[str]:
        """Return the columns in the condition, and that of the split where it is named."""
        named = {self.split_column} if self.split_column else set()
        return named | (sql.columns_of(self.where) if self.where else set())

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Leave out, make or weigh rows."""
        label = context.label()
        check_columns([label], relation)
        with sql.evaluating(self.where or ""):
            rows = balanced_rows(relation, context, self.step_id, self.where, self.split_column)
            if self.method == "cap":
                return capped(rows, context, self.rows_per_class or 0)
            if self.method == "weights":
                by, beta = self.weights or "balanced", self.beta or BETA
                return weighed(rows, by, beta, self.column_of_weights)
            neighbours = (self.neighbours or NEIGHBOURS) if self.method == "smote" else 0
            return resampled(
                rows, self.plan, makes=self.makes_rows, neighbours=neighbours,
                progress=context.progress,
            )  # fmt: skip

    def columns_added(self) -> set[str]:
        """Return the marks of made rows, or the column of weights."""
        if self.method == "weights":
            return {self.column_of_weights}
        return set(ADDED_COLUMNS) if self.makes_rows else set()

    @property
    def makes_rows(self) -> bool:
        """Whether it may copy rows or make synthetic ones."""
        return self.method in ("oversample", "smote") or self.total is not None

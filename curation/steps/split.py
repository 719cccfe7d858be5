"""Put each row on a side of a split: train, validation or test."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from curation.engines.base import Relation
from curation.errors import DataError
from curation.sampling.balance.plan import MADE_COLUMN, PARENTS_COLUMN
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.splits.sides import Shares
from curation.sampling.splits.split_leaks import Leaks, find_leaks
from curation.sampling.splits.split_times import read_cutoff, rise
from curation.steps.base import Step, StepContext, StepResult
from curation.steps.splitting import cutoffs_of, place, thresholds_of

_NEEDS = {
    "group": "group", "timestamp": "time", "cutoffs": "time",
    "per": "stratified", "thresholds": "stratified",
}  # fmt: skip
"""Fields that only one way to split reads."""
_LONGEST = 80
_TAKEN = frozenset({PROBABILITY_COLUMN, REASON_COLUMN, MADE_COLUMN, PARENTS_COLUMN})
"""Names of columns that other steps add."""


class Split(Step):
    """Put each row on a side, train, validation or test, in a column of its own.

    A row's side hangs on a hash of seed, step and record key (or group), so that no row that comes
    later moves it. In time, and within strata, the bounds are fitted to the rows of each run unless
    they are given: then they are frozen, and old rows stay. Rows of one group are on one side; rows
    without one go by their key. Rows without a time are in train. No step after this one sees the
    rows of a frozen side: none changes them, drops them or learns from them, and decisions about
    them are held back, so apply those before.
    """

    name: ClassVar[str] = "split"
    title: ClassVar[str] = "Split into train and test"
    state: ClassVar[Literal["refit"]] = "refit"

    step: Literal["split"] = "split"
    column: str = Field(
        default="split",
        title="Column",
        description="What the column of the sides is called.",
        min_length=1,
        max_length=200,
    )
    test: float = Field(
        default=0.2, ge=0, lt=1, title="Test", description="Part of the rows, from 0 to below 1."
    )
    validation: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        title="Validation",
        description="Part of the rows, from 0 to below 1; train has the rest.",
    )
    by: Literal["hash", "group", "time", "stratified"] = Field(
        default="hash",
        title="Split by",
        description="Any rows, whole groups, oldest to newest, or the same shares in each stratum.",
    )
    group: list[str] = Field(
        default_factory=list,
        title="Group",
        description="Columns whose values together are on one side; that with the role group by "
        "default.",
        json_schema_extra={"widget": "columns"},
    )
    timestamp: str | None = Field(
        default=None,
        title="Time",
        description="The column of times, or of numbers that rise with time; that with the role "
        "timestamp by default.",
        json_schema_extra={"widget": "column"},
    )
    cutoffs: list[Annotated[str, BeforeValidator(str)]] = Field(
        default_factory=list,
        title="Cutoffs",
        description="Frozen: when validation and then test begin; fitted to the shares without.",
    )
    per: list[str] = Field(
        default_factory=list,
        title="Per",
        description="Columns whose values make a stratum; the label by default.",
        json_schema_extra={"widget": "columns"},
    )
    thresholds: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        title="Thresholds",
        description="Frozen: of each stratum, the hash below which rows are test and validation.",
    )
    leakage: Literal["report", "stop", "together"] = Field(
        default="report",
        title="Leaks",
        description="report counts rows that tie two sides; stop refuses them; together keeps "
        "rows of equal content on one side.",
    )
    frozen: tuple[Literal["validation", "test"], ...] = Field(
        default=("test",),
        title="Frozen",
        description="Sides that no later step touches.",
    )
    keep_existing: bool = Field(
        default=False,
        title="Keep sides that are there",
        description="Where the data have the column, its sides stay, and rows without get one.",
    )

    @field_validator("cutoffs")
    @classmethod
    def _times(cls, cutoffs: list[str]) -> list[str]:
        return [read_cutoff(cutoff) for cutoff in cutoffs]

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, bounds: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for stratum, (test, validation) in bounds.items():
            if not 0 <= test <= validation <= 1:
                raise ValueError(
                    f"'{stratum}' has {test:g} and {validation:g}; they rise from 0 up to 1"
                )
        return bounds

    @model_validator(mode="after")
    def _fits_together(self) -> Split:
        if self.column.lower().startswith("_curation_") or self.column.lower() in _TAKEN:
            raise ValueError(
                f"column: '{self.column}' is a name that runs use for something else; "
                "take another one, for example: split"
            )
        if not 0 < self.test + self.validation < 1:
            raise ValueError(
                f"test and validation together are above 0 and below 1, and train has the rest; "
                f"got {self.test:g} and {self.validation:g}"
            )
        for field, by in _NEEDS.items():
            if getattr(self, field) and self.by != by:
                raise ValueError(f"{field} needs by: {by}, and by is {self.by}")
        if self.cutoffs and len(self.cutoffs) != len(self.shares.sides) - 1:
            later = " and ".join(self.shares.sides[1:])
            raise ValueError(f"cutoffs say when {later} begin; got {len(self.cutoffs)}")
        if not rise(self.cutoffs):
            raise ValueError(f"cutoffs rise from one to the next; got {', '.join(self.cutoffs)}")
        if self.leakage == "together" and self.by != "hash":
            raise ValueError(
                "leakage: together needs by: hash, since groups, times and strata may part equal "
                "rows; drop the duplicates before, or take leakage: stop"
            )
        return self

    @property
    def shares(self) -> Shares:
        """The parts that the sides have."""
        return Shares(self.test, self.validation)

    @property
    def is_fixed(self) -> bool:
        """Whether it fits nothing to the rows: nothing moves an old row then."""
        return self.by in ("hash", "group") or bool(self.cutoffs or self.thresholds)

    def describe(self) -> str:
        """Say the shares and what they go by."""
        parts = [f"{name} {part:.3g}" for name, part in self._parts() if part]
        text = f"{', '.join(parts)} by {self.by}"
        columns = self.group or self.per or ([self.timestamp] if self.timestamp else [])
        named = f" of {', '.join(columns)}" if columns else ""
        return text + named if len(text + named) < _LONGEST else text

    def _parts(self) -> list[tuple[str, float]]:
        return [("train", self.shares.train), ("validation", self.validation), ("test", self.test)]

    def columns_used(self) -> set[str]:
        """Return the columns that the parameters name."""
        return {*self.group, *self.per, *([self.timestamp] if self.timestamp else [])}

    def columns_added(self) -> set[str]:
        """Return the column of the sides."""
        return {self.column}

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Give each row its side.

        Raises:
            UsageError: the column is there, the rows were made by a step before, or no column says
                the group, the time or the stratum.
            DataError: fewer groups or times than sides, a text that is no time, other values in
                the column, or leaks that are to stop the run.
        """
        placed = place(self, relation, context)
        leaks = find_leaks(
            context.engine, placed.relation, placed.column, context.roles,
            groups=placed.group, progress=context.progress,
        )  # fmt: skip
        if self.leakage == "stop" and leaks.any:
            raise DataError(_stopped(leaks))
        rows = sum(placed.sides.values())
        shares = [f"{side} {count:,}" for side, count in placed.sides.items()]
        hollow = [
            f"no row is in {side}" for side in self.shares.sides if rows and not placed.sides[side]
        ]
        said = [", ".join(shares), *hollow, *placed.notes, leaks.described(), *leaks.notes]
        return StepResult(
            placed.relation, 0, {**placed.sides, **placed.counts, **leaks.counts},
            "; ".join(filter(None, said)) if rows else "",
        )  # fmt: skip


def frozen_form(step: Split, relation: Relation, context: StepContext) -> Split:
    """Return the step with the bounds that it fits to these rows written out.

    Rows that come later then move none of these rows. By hash and by group it always is so.

    Args:
        step: of any kind.
        relation: the rows that it is to split.
        context: of the step in its recipe: its seed and id decide the hashes.

    Raises:
        UsageError: there are more than 1,000 strata; see also `Split.apply`.
        DataError: see `Split.apply`.
    """
    if step.by == "time" and not step.cutoffs:
        return step.model_copy(update={"cutoffs": cutoffs_of(step, relation, context)})
    if step.by == "stratified" and not step.thresholds:
        return step.model_copy(update={"thresholds": thresholds_of(step, relation, context)})
    return step


def _stopped(leaks: Leaks) -> str:
    return (
        f"The sides are tied together: {leaks.described()}. A test is only fair when nothing in it "
        "was seen in training.\nKeep copies on one side with leakage: together, drop duplicates "
        "before the split, split by: group, or count leaks only with leakage: report."
    )

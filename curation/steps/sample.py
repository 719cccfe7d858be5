"""Draw a sample that stays put."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from curation.engines.base import Relation
from curation.errors import UsageError
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN, Drawn
from curation.sampling.drawing.staging import check_drawn_before
from curation.sampling.rules.references import named_in
from curation.sampling.rules.rule import Rule, RuleFields
from curation.sampling.rules.rule_yaml import read_parts
from curation.steps.base import Step, StepContext, StepResult, check_columns, row_count

_MOST_NAMED = 3


class Sample(RuleFields, Step):
    """Draw rows by a hash of seed and record key: a number from each stratum, or a fraction.

    The same rows are drawn again tomorrow, and new rows do not reshuffle them. What a stratum lacks
    is reported. Each drawn row carries its inclusion probability and why it was drawn. A rule of
    the workspace may say how the rows are drawn: its name stands for what it says when the recipe
    runs there, and an exported recipe has it written out, with the rule's own seed, so that a rule
    draws the same rows in every recipe.
    """

    name: ClassVar[str] = "sample"
    title: ClassVar[str] = "Sample rows"

    step: Literal["sample"] = "sample"
    rule: str | None = Field(
        default=None,
        title="Rule",
        description="A sampling rule of the workspace, as NAME or NAME@VERSION, in place of these.",
        pattern=r"^[^@\n]{1,100}(@[1-9][0-9]{0,5})?$",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=2**32,
        title="Seed of the rule",
        description="What a rule that is written out draws with; other samples use the recipe's.",
    )

    @field_validator("parts", mode="before")
    @classmethod
    def _parts_one_by_one(cls, parts: Any) -> Any:
        return read_parts(parts)

    @field_validator("classes", "clusters_of", "keep_keys", mode="before")
    @classmethod
    def _numbers_as_text(cls, values: Any) -> Any:
        # YAML reads the class 1 as a number; a class of booleans is called as the lake writes it.
        if not isinstance(values, list):
            return values
        return [
            str(v).lower() if isinstance(v, bool) else str(v) if isinstance(v, int) else v
            for v in values
        ]

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Sample:
        given = self._given()
        if self.seed is not None and (self.rule is None or not given):
            raise ValueError(
                "seed belongs to a rule that is written out; other samples use the recipe's seed"
            )
        if self.rule is not None and not given:
            return self
        if self.rule is not None and "@" not in self.rule:
            raise ValueError(
                f"the rule '{self.rule}' stands for all of it: leave out {', '.join(given)}, or "
                "leave out rule"
            )
        if wrong := self._wrong():
            raise ValueError(wrong if given else f"{wrong}; or name a rule")
        return self

    @model_serializer(mode="wrap")
    def _what_was_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out of a recipe what goes without saying; a rule has many fields."""
        usual = {*RuleFields.model_fields, "rule", "seed"} - set(self._given())
        kept = ("rule", "seed")
        data = {
            name: value
            for name, value in handler(self).items()
            if name not in usual or (name in kept and value is not None)
        }
        if self.parts:
            data["parts"] = [
                part
                if isinstance(part, str)
                else part.model_dump(mode="json", exclude_defaults=True)
                for part in self.parts
            ]
        return data

    def describe(self) -> str:
        """Say how many rows are drawn and from what."""
        return f"by the rule {self.rule}" if self.is_by_name else super().describe()

    @property
    def is_by_name(self) -> bool:
        """Whether it only names a rule."""
        return self.rule is not None and not self._given()

    @property
    def needs_workspace(self) -> bool:
        """Whether it names a rule that is not written out, itself or within it."""
        return self.is_by_name or any(named_in(self))

    def as_rule(self) -> Rule:
        """Return what it says as a rule; its name is that of the rule which was written out.

        Raises:
            UsageError: it only names a rule.
        """
        if self.is_by_name:
            raise _without_workspace(str(self.rule))
        fields = {name: getattr(self, name) for name in self._given()}
        return Rule(**fields, seed=self.seed or 0, name=self.rule)

    @classmethod
    def written_out(cls, rule: Rule, *, step_id: str | None = None) -> Sample:
        """Return the step that draws as a rule with a name does, wherever it stands."""
        fields = {name: getattr(rule, name) for name in RuleFields.model_fields}
        return cls(
            id=step_id, **fields, rule=rule.name, seed=rule.seed or None if rule.name else None
        )

    def columns_added(self) -> set[str]:
        """Return the columns that drawn rows have: their chance, and why they were drawn."""
        return {PROBABILITY_COLUMN, REASON_COLUMN}

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Draw the rows that the rule says."""
        from curation.sampling.drawing.draw import draw  # it may load what models need

        if self.needs_workspace:
            raise _without_workspace(str(self.rule or next(named_in(self))))
        check_columns(sorted(self.columns_used()), relation)
        check_drawn_before(context.engine, relation)
        drawn = draw(
            context.engine,
            relation,
            self.as_rule(),
            context.roles,
            salt=None if self.rule else f"{context.seed}:{context.step_id}",
            progress=context.progress,
        )
        rows, before = row_count(context.engine, drawn.rows), row_count(context.engine, relation)
        counts = {
            "drawn": rows, "population": drawn.population, "kept": drawn.kept,
            "shortfall": drawn.shortfall, "dropped": before - rows,
        }  # fmt: skip
        return StepResult(drawn.rows, before - rows, counts, _note(drawn))

    def _given(self) -> list[str]:
        """Return the fields of a rule that say something."""
        return [
            name
            for name, field in RuleFields.model_fields.items()
            if getattr(self, name) != field.get_default(call_default_factory=True)
        ]


def _note(drawn: Drawn) -> str:
    said = []
    if drawn.shortfall:
        text = f"{drawn.shortfall:,} rows fewer than asked"
        short = [s for s in drawn.strata if s.shortfall and s.name]
        named = [f"{s.name} has {s.drawn:,} of {s.asked:,}" for s in short[:_MOST_NAMED]]
        if len(short) > _MOST_NAMED:
            named.append("…")
        said.append(f"{text}: {', '.join(named)}" if named else text)
    return ". ".join([*said, *(note.rstrip(".") for note in drawn.notes)])


def _without_workspace(rule: str) -> UsageError:
    return UsageError(
        f"The rule '{rule}' is in a workspace, and this run has none. Export the "
        "recipe from there: rules are written out then."
    )

"""A recipe: ordered steps, the contract of the data they expect, and the decisions they apply."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from curation.errors import RecipeError
from curation.lake.roles import Role, Roles
from curation.lake.translation import TaxonomyHistory
from curation.steps import Step

if TYPE_CHECKING:
    from curation.progress import Progress

FORMAT = 1


class ColumnSpec(BaseModel):
    """What a recipe expects of one column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str | None = Field(
        default=None, title="Type", description="DuckDB type, for example VARCHAR; any without one."
    )
    role: Role | None = Field(default=None, title="Role")


class Contract(BaseModel):
    """The columns that a recipe was written for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, ColumnSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _roles_fit(self) -> Contract:
        assert self.roles is not None  # reading them raises where two columns are the label
        return self

    @property
    def roles(self) -> Roles:
        """The roles of the columns that have one."""
        return Roles(columns={c: spec.role for c, spec in self.columns.items() if spec.role})


class RecipeAnnotation(BaseModel):
    """A decision that travels with a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record_key: str
    fingerprint: str
    given: str | None = None
    decision: Literal["relabel", "confirm", "exclude"]
    value: str | None = None
    annotator: str = ""
    created_at: str = ""
    given_version: int = Field(default=1, ge=1)
    """The version of the taxonomy that ``given`` is a class of."""
    standing: Literal["in_force", "queue", "disputed"] = "in_force"
    """Whether it decides, or waits: for the taxonomy's sake, or since annotators disagree."""

    @model_validator(mode="after")
    def _value_for_relabel(self) -> RecipeAnnotation:
        if self.decision == "relabel" and not self.value and self.standing != "queue":
            raise ValueError("a relabel needs a value")
        return self


class Recipe(BaseModel):
    """Ordered steps with their contract and decisions; to change one is to make another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str = Field(default="recipe", min_length=1, max_length=100)
    seed: int = Field(
        default=0, ge=0, lt=2**32, title="Seed", description="All chance comes from it."
    )
    contract: Contract = Contract()
    steps: tuple[SerializeAsAny[Step], ...] = ()
    taxonomy: TaxonomyHistory | None = None
    """Versions of the label's classes; None where they never changed."""
    annotations: tuple[RecipeAnnotation, ...] = ()

    @model_validator(mode="after")
    def _ids_differ(self) -> Recipe:
        seen: set[str] = set()
        for number, step in enumerate(self.steps, start=1):
            if step.step_id in seen:
                raise RecipeError(
                    f"Step {number} ({step.name}): the id '{step.step_id}' is taken by a step "
                    f"before it. Give it its own, for example: id: {step.name}-{number}"
                )
            seen.add(step.step_id)
        return self

    @property
    def sha256(self) -> str:
        """Hash of what the recipe means: comments and spelling of the YAML do not change it."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_step(self, step: Step, index: int | None = None) -> Recipe:
        """Return the recipe with one more step, at the end or before position ``index``.

        A step without an id gets one where another of its kind is there already.
        """
        taken = {other.step_id for other in self.steps}
        number = 2
        while step.step_id in taken:
            step = step.model_copy(update={"id": f"{step.name}-{number}"})
            number += 1
        steps = list(self.steps)
        steps.insert(len(steps) if index is None else index, step)
        return self._with(steps)

    def without_step(self, index: int) -> Recipe:
        """Return the recipe without the step at a position."""
        return self._with([step for at, step in enumerate(self.steps) if at != index])

    def replaced(self, index: int, step: Step) -> Recipe:
        """Return the recipe with another step at a position; the new one keeps the old id."""
        steps = list(self.steps)
        steps[index] = step.model_copy(update={"id": step.id or steps[index].id})
        return self._with(steps)

    def moved(self, index: int, by: int) -> Recipe:
        """Return the recipe with a step moved up (negative) or down, as far as it goes."""
        steps = list(self.steps)
        step = steps.pop(index)
        steps.insert(max(0, min(len(steps), index + by)), step)
        return self._with(steps)

    def run(self, frame: Any, *, progress: Progress | None = None) -> Any:
        """Return the curated rows of a pandas, polars or Arrow table, as the same kind of table.

        Raises:
            ContractError: the table does not satisfy the recipe.
        """
        from curation.recipe.runner import run_on_frame  # the runner needs this module

        return run_on_frame(self, frame, progress=progress)

    def _with(self, steps: list[Step]) -> Recipe:
        return Recipe.model_validate({**dict(self), "steps": tuple(steps)})

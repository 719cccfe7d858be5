"""The steps of a recipe. A new one is a module here and a line in `STEPS`."""

from __future__ import annotations

from curation.errors import UnknownNameError
from curation.steps.apply_annotations import ApplyAnnotations
from curation.steps.base import Step, StepContext, StepResult
from curation.steps.drop_duplicates import DropDuplicates
from curation.steps.filter import Filter
from curation.steps.fix_labels import FixLabels
from curation.steps.rebalance import Rebalance
from curation.steps.sample import Sample
from curation.steps.split import Split

STEPS: tuple[type[Step], ...] = (
    ApplyAnnotations,
    Filter,
    DropDuplicates,
    FixLabels,
    Rebalance,
    Sample,
    Split,
)


def step_named(name: str) -> type[Step]:
    """Return the step class of a name.

    Raises:
        UnknownNameError: there is none.
    """
    for step in STEPS:
        if step.name == name:
            return step
    raise UnknownNameError("step", name, [step.name for step in STEPS])


__all__ = [
    "STEPS",
    "ApplyAnnotations",
    "DropDuplicates",
    "Filter",
    "FixLabels",
    "Rebalance",
    "Sample",
    "Split",
    "Step",
    "StepContext",
    "StepResult",
    "step_named",
]

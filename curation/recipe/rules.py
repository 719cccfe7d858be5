"""A recipe with the sampling rules that it names written out."""

from __future__ import annotations

from collections.abc import Mapping

from curation.lake.workspace import Workspace
from curation.recipe.model import Recipe
from curation.sampling.library import get_rule
from curation.steps import Sample


def with_rules(
    workspace: Workspace, recipe: Recipe, versions: Mapping[str, int] | None = None
) -> Recipe:
    """Return a recipe whose steps say what their rules say, with the version used beside the name.

    Args:
        workspace: where the rules are.
        recipe: what names them.
        versions: rule to version, for those that are not in force or are pinned.

    Raises:
        UnknownNameError: a rule that is not there.
        UsageError: a version that is not there.
    """
    for number, step in enumerate(recipe.steps):
        if not isinstance(step, Sample) or step.rule is None or step.n or step.fraction:
            continue
        name, _, pinned = step.rule.partition("@")
        wanted = int(pinned) if pinned else (versions or {}).get(name)
        rule, version = get_rule(workspace, name, wanted)
        written = Sample(
            id=step.id, n=rule.n, fraction=rule.fraction, per=list(rule.per),
            rule=f"{name}@{version}",
        )  # fmt: skip
        recipe = recipe.replaced(number, written)
    return recipe


def rules_of(recipe: Recipe) -> dict[str, int]:
    """Return the rules that a recipe with written-out rules uses, and their versions."""
    named = [step.rule for step in recipe.steps if isinstance(step, Sample) and step.rule]
    return {name: int(version) for name, _, version in (rule.partition("@") for rule in named)}

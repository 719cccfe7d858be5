"""A recipe with the sampling rules that it names written out."""

from __future__ import annotations

from collections.abc import Mapping

from curation.lake.workspace import Workspace
from curation.recipe.model import Recipe
from curation.sampling.rules.library import resolve_rule, rules_within, written_out
from curation.steps import Sample


def with_rules(
    workspace: Workspace, recipe: Recipe, versions: Mapping[str, int] | None = None
) -> Recipe:
    """Return a recipe whose steps say what their rules say, with the version used beside the name.

    Rules that a rule is made of are written out as well.

    Args:
        workspace: where the rules are.
        recipe: what names them.
        versions: rule to version, for those that are not in force; a recipe or rule that names a
            version itself gets that one.

    Raises:
        UnknownNameError: a rule that is not there.
        UsageError: a version that is not there; rules that are made of each other.
    """
    for number, step in enumerate(recipe.steps):
        if not isinstance(step, Sample) or not step.needs_workspace:
            continue
        if step.is_by_name:
            rule = resolve_rule(workspace, str(step.rule), versions)
        else:
            rule = written_out(workspace, step.as_rule(), versions)
        recipe = recipe.replaced(number, Sample.written_out(rule, step_id=step.id))
    return recipe


def rules_of(
    workspace: Workspace, recipe: Recipe, versions: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the rules that a recipe uses, directly or within other rules, and their versions.

    Given back as ``versions`` to `with_rules`, they write out the same recipe whatever is in force
    by then. `with_rules` says what the arguments are.
    """
    samples = [step for step in recipe.steps if isinstance(step, Sample)]
    used = [
        str(step.rule) if step.is_by_name else step.as_rule()
        for step in samples
        if step.rule is not None or step.parts
    ]
    return rules_within(workspace, used, versions)

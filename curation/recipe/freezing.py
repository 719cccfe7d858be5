"""A recipe whose splits keep every row where it is today, whatever joins it."""

from __future__ import annotations

from curation.lake.workspace import Workspace
from curation.recipe.model import Recipe
from curation.recipe.runner import run_on_dataset
from curation.steps import Split


def with_frozen_splits(
    workspace: Workspace, dataset: str, recipe: Recipe, *, snapshot: int | None = None
) -> Recipe:
    """Return a recipe with the cutoffs and thresholds of its splits written out.

    They are fitted to the rows that each split gets when the recipe runs on the dataset. Splits by
    hash and by group have none, and those that have theirs keep them.

    Args:
        workspace: where the dataset is; it is not changed.
        dataset: its name.
        recipe: with its seed and ids, which decide the hashes.
        snapshot: which version of the dataset; the newest without one.

    Raises:
        UnknownNameError: there is no such dataset.
        CurationError: a step cannot be done on these data; see `run_on_dataset`.
    """
    for at, step in enumerate(recipe.steps):
        if isinstance(step, Split) and not step.is_fixed:
            with run_on_dataset(workspace, dataset, recipe, snapshot=snapshot, until=at) as result:
                recipe = recipe.replaced(at, result.frozen(step, recipe.seed))
    return recipe

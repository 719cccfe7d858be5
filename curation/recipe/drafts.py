"""The recipe that is being written for a dataset, kept in the lake with all its versions."""

from __future__ import annotations

from curation.finders.consensus import decided
from curation.lake import documents, taxonomies
from curation.lake.datasets import get_dataset
from curation.lake.workspace import Workspace
from curation.recipe.model import ColumnSpec, Contract, Recipe, RecipeAnnotation
from curation.recipe.rules import with_rules
from curation.recipe.yaml import parse, render
from curation.steps import ApplyAnnotations

NAME = "recipe"
"""What the draft of a dataset is called: there is one."""


def load_draft(workspace: Workspace, dataset: str, *, saved: bool = True) -> Recipe:
    """Return a dataset's draft; a new one, or one not ``saved``, only applies the decisions."""
    text = draft_text(workspace, dataset) if saved else ""
    return parse(text) if text else Recipe(name=dataset, steps=(ApplyAnnotations(),))


def draft_text(workspace: Workspace, dataset: str) -> str:
    """Return the draft that is in force, or an empty text."""
    found = documents.in_force(workspace, "recipe", dataset, NAME)
    return found.text if found else ""


def save_draft(workspace: Workspace, dataset: str, recipe: Recipe, author: str) -> int:
    """Keep a new version of a dataset's draft; return its number."""
    text = render(recipe, draft_text(workspace, dataset) or None)
    message = f"Recipe with {len(recipe.steps)} steps"
    saved = documents.save(workspace, "recipe", dataset, NAME, text, author=author, message=message)
    return saved.version


def export(workspace: Workspace, dataset: str) -> str:
    """Return the draft as a recipe file that runs elsewhere: with its contract and decisions."""
    return render(exported(workspace, dataset), draft_text(workspace, dataset) or None)


def exported(workspace: Workspace, dataset: str) -> Recipe:
    """Return the draft with the dataset's contract and the decisions in force."""
    found = get_dataset(workspace, dataset)
    columns = {
        name: ColumnSpec(type=kind, role=found.roles.role_of(name))
        for name, kind in found.columns.items()
        if found.roles.role_of(name) != "ignore"
    }
    annotations = tuple(
        RecipeAnnotation(
            record_key=one.record_key or "",
            fingerprint=one.fingerprint or "",
            given=one.given,
            decision="exclude" if one.standing == "excluded" else one.decision,
            value=one.value_read,
            annotator=one.annotator,
            created_at=one.created_at.isoformat(timespec="seconds"),
            given_version=one.given_version,
            standing="in_force" if one.standing == "excluded" else one.standing,
        )
        for one in decided(workspace, found)
        if one.decision in ("relabel", "confirm", "exclude")
    )
    history = taxonomies.history(workspace, dataset) if found.roles.label else None
    draft = with_rules(workspace, load_draft(workspace, dataset))
    return draft.model_copy(
        update={
            "contract": Contract(columns=columns),
            "annotations": annotations,
            "taxonomy": history if history and len(history.versions) > 1 else None,
        }
    )

"""The recipe that is being written for a dataset, kept in the lake with all its versions."""

from __future__ import annotations

import duckdb

from curation.lake.annotations import decisions
from curation.lake.datasets import get_dataset
from curation.lake.workspace import Workspace
from curation.recipe.model import ColumnSpec, Contract, Recipe, RecipeAnnotation
from curation.recipe.yaml import parse, render
from curation.steps import ApplyAnnotations


def load_draft(workspace: Workspace, dataset: str) -> Recipe:
    """Return the draft of a dataset; a new one only applies the decisions."""
    text = draft_text(workspace, dataset)
    return parse(text) if text else Recipe(name=dataset, steps=(ApplyAnnotations(),))


def draft_text(workspace: Workspace, dataset: str) -> str:
    """Return the draft as it was last saved, or an empty text."""
    with workspace.cursor() as cursor:
        row = cursor.execute(
            "SELECT text FROM lake.curation.recipes WHERE dataset = ? "
            "ORDER BY created_at DESC, text LIMIT 1",
            [dataset],
        ).fetchone()
    return row[0] if row else ""


def save_draft(workspace: Workspace, dataset: str, recipe: Recipe, author: str) -> int:
    """Keep a new version of a dataset's draft; return the snapshot that has it."""
    text = render(recipe, draft_text(workspace, dataset) or None)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(
            "INSERT INTO lake.curation.recipes VALUES (?, ?, ?, now()::TIMESTAMP)",
            [dataset, text, author],
        )

    _, snapshot = workspace.write(
        change, author=author, message=f"Recipe with {len(recipe.steps)} steps",
        operation="recipe", dataset=dataset,
    )  # fmt: skip
    return snapshot


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
            record_key=event.record_key,
            fingerprint=event.fingerprint,
            given=event.given,
            decision=event.decision,
            value=event.value,
            annotator=event.annotator,
            created_at=event.created_at.isoformat(timespec="seconds"),
        )
        for event in decisions(workspace, dataset)
        if event.decision in ("relabel", "confirm", "exclude")
    )
    draft = load_draft(workspace, dataset)
    return draft.model_copy(
        update={"contract": Contract(columns=columns), "annotations": annotations}
    )

"""The JSON Schema of a recipe, for editors and other programs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from curation.recipe.model import Recipe
from curation.steps import STEPS


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a recipe with every step that is registered."""
    every: list[type[BaseModel]] = [Recipe, *STEPS]
    _, definitions = models_json_schema(
        [(model, "validation") for model in every], ref_template="#/$defs/{model}"
    )
    models = definitions["$defs"]
    recipe = models.pop("Recipe")
    models.pop("Step", None)
    for step in STEPS:
        models[step.__name__].setdefault("required", []).append("step")
    recipe["properties"]["steps"]["items"] = {
        "oneOf": [{"$ref": f"#/$defs/{step.__name__}"} for step in STEPS],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Curation recipe",
        **{key: value for key, value in recipe.items() if key != "title"},
        "$defs": models,
    }

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
    references, definitions = models_json_schema(
        [(model, "validation") for model in every], ref_template="#/$defs/{model}"
    )
    models = definitions["$defs"]
    names = {model: ref["$ref"].removeprefix("#/$defs/") for (model, _), ref in references.items()}
    recipe = models.pop(names[Recipe])
    models.pop("Step", None)
    for step in STEPS:
        # Another model may have the name of a step's class too: a taxonomy is split as well.
        models[step.__name__] = models.pop(names[step])
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

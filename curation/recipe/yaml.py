"""Recipe to YAML and back, with comments kept and every mistake named."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from curation.errors import CurationError, RecipeError
from curation.model_errors import in_words
from curation.recipe.model import FORMAT, Recipe
from curation.steps import Step, step_named
from curation.yaml_text import read_yaml, round_trip_yaml, safe

M = TypeVar("M", bound=pydantic.BaseModel)

MAX_CHARACTERS = 50_000_000
_HEADER = "Run it: curation run RECIPE.yaml --input FILE --output FILE"


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file.

    Raises:
        RecipeError: it is not there, is not YAML, or is not a recipe; the message names the place
            and the nearest allowed name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecipeError(f"There is no recipe '{path}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe '{path}' cannot be read: {error}") from error
    return parse(text)


def parse(text: str) -> Recipe:
    """Return the recipe that a YAML text holds; see `load_recipe`."""
    raw = _plain(_load(text))
    if not isinstance(raw, dict):
        raise RecipeError("A recipe is a mapping with the keys name, contract, steps, annotations.")
    if isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
        raise RecipeError(
            f"The recipe has format {raw['format']}, this version reads up to {FORMAT}. "
            "Upgrade: pip install --upgrade curation"
        )
    steps = raw.get("steps") or []
    if not isinstance(steps, list):
        raise RecipeError("'steps' must be a list: each item begins with '- step: NAME'.")
    raw["steps"] = tuple(_step(number, step) for number, step in enumerate(steps, start=1))
    for name in ("annotations", "contract"):
        if raw.get(name, 0) is None:
            del raw[name]
    return _validated(Recipe, raw, "The recipe: ")


def render(recipe: Recipe, original: str | None = None) -> str:
    """Return a recipe as YAML.

    Args:
        recipe: what to write.
        original: the text that it came from; its comments and order are kept.
    """
    document = _load(original) if original else None
    if not isinstance(document, CommentedMap):
        document = CommentedMap()
        document.yaml_set_start_comment(_HEADER)
    wanted = _as_data(recipe)
    if "contract" in wanted and "contract" not in document and "steps" in document:
        # What the steps expect reads better before them.
        document.insert(list(document).index("steps"), "contract", wanted["contract"])
    _merge(document, {k: v for k, v in wanted.items() if k not in ("steps", "annotations")})
    document["steps"] = _merged_steps(document.get("steps"), wanted["steps"])
    if wanted["annotations"]:
        document["annotations"] = _one_a_line(wanted["annotations"])
    else:
        document.pop("annotations", None)
    stream = io.StringIO()
    round_trip_yaml().dump(document, stream)
    return stream.getvalue()


def step_text(step: Step) -> str:
    """Return one step as it stands in a recipe."""
    stream = io.StringIO()
    round_trip_yaml().dump([_step_data(step)], stream)
    return stream.getvalue()


def _load(text: str) -> Any:
    yaml = round_trip_yaml()
    return read_yaml(
        text, yaml.load, what="The recipe", most=MAX_CHARACTERS, deepest=20, error=RecipeError
    )


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {_key(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (str, int, float):
        if isinstance(node, kind):
            return kind(node)
    # A date or another YAML type is read as the text that it stands for.
    return str(node)


def _key(key: Any) -> str:
    # A class of a column of booleans is called as the lake writes it.
    return str(key).lower() if isinstance(key, bool) else str(key)


def _step(number: int, raw: Any) -> Step:
    if not isinstance(raw, dict) or "step" not in raw:
        raise RecipeError(f"Step {number} has no name. Each step begins with '- step: NAME'.")
    where = f"Step {number} ({raw['step']}): "
    try:
        kind = step_named(str(raw["step"]))
    except CurationError as error:
        raise RecipeError(f"Step {number}: {error}") from error
    return _validated(kind, raw, where)


def _validated(model: type[M], raw: dict[str, Any], where: str) -> M:
    try:
        return model.model_validate(raw)
    except pydantic.ValidationError as error:
        raise RecipeError(where + in_words(model, error)) from error
    except RecipeError:
        raise
    except CurationError as error:
        raise RecipeError(f"{where}{error}") from error


def _as_data(recipe: Recipe) -> dict[str, Any]:
    data: dict[str, Any] = safe(recipe.model_dump(mode="json", exclude_none=True))
    data["steps"] = [_step_data(step) for step in recipe.steps]
    data["annotations"] = [_told(annotation) for annotation in data["annotations"]]
    data["contract"]["columns"] = {
        name: _flow(spec) for name, spec in data["contract"]["columns"].items()
    }
    if not data["contract"]["columns"]:
        del data["contract"]
    return data


def _told(annotation: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a decision what goes without saying."""
    usual = {"given_version": 1, "standing": "in_force"}
    return {name: value for name, value in annotation.items() if usual.get(name) != value}


def _step_data(step: Step) -> dict[str, Any]:
    """Return a step's parameters, its name first; what is not set is left out."""
    data = safe(step.model_dump(mode="json", exclude_none=True))
    ordered = {"step": step.name} | ({"id": data["id"]} if "id" in data else {})
    usual = {name: field.get_default() for name, field in type(step).model_fields.items()}
    return ordered | {
        name: value for name, value in data.items() if value not in ([], {}) or usual.get(name)
    }


def _merged_steps(old: Any, wanted: list[dict[str, Any]]) -> CommentedSeq:
    """Return the wanted steps in nodes of the old ones where they match, so comments stay."""
    nodes = [node for node in old or [] if isinstance(node, CommentedMap)]
    if isinstance(old, CommentedSeq) and [_identity(n) for n in nodes] == [
        _identity(w) for w in wanted
    ]:
        for node, step in zip(nodes, wanted, strict=True):
            _merge(node, step)
        return old
    merged = CommentedSeq()
    for step in wanted:
        at = next((i for i, n in enumerate(nodes) if _identity(n) == _identity(step)), None)
        node = CommentedMap() if at is None else nodes.pop(at)
        _merge(node, step)
        merged.append(node)
    return merged


def _identity(step: Mapping[str, Any]) -> tuple[Any, Any]:
    return step.get("step"), step.get("id")


def _merge(node: CommentedMap, wanted: Mapping[str, Any]) -> None:
    for key in [key for key in node if key not in wanted and key not in ("steps", "annotations")]:
        del node[key]
    for key, value in wanted.items():
        if isinstance(node.get(key), CommentedMap) and isinstance(value, Mapping):
            _merge(node[key], value)
        elif key not in node or _plain(node[key]) != _plain(value) or _is_inexact(value):
            node[key] = value


def _is_inexact(value: Any) -> bool:
    """Say whether ruamel.yaml could write a number that it read with another last digit."""
    return isinstance(value, float) and "e" in repr(value)


def _one_a_line(rows: list[dict[str, Any]]) -> CommentedSeq:
    return CommentedSeq(_flow(row) for row in rows)


def _flow(mapping: Mapping[str, Any]) -> CommentedMap:
    node = CommentedMap(mapping)
    node.fa.set_flow_style()
    return node

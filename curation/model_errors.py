"""What is wrong with the values of a pydantic model, in words for a person."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pydantic

from curation.errors import suggest


def in_words(model: type[pydantic.BaseModel], error: pydantic.ValidationError) -> str:
    """Return the first thing that is wrong, with the nearest name or value that is allowed."""
    errors = error.errors()
    # A misspelt name is also a missing one; the spelling says more.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    loc = first["loc"]
    path = ".".join(map(str, loc))
    if first["type"] == "extra_forbidden":
        known = [name for name in _model_at(model, loc[:-1]).model_fields if name != "format"]
        near = suggest(str(loc[-1]), known)
        return f"there is no '{path}'. {near}Allowed: {', '.join(known)}."
    if first["type"] == "literal_error":
        allowed = _literals(_model_at(model, loc[:-1]).model_fields[str(loc[-1])].annotation)
        near = suggest(str(first["input"]), allowed)
        return f"'{path}' cannot be {first['input']!r:.80}. {near}Allowed: {', '.join(allowed)}."
    if first["type"] == "missing":
        return f"'{path}' is missing."
    got = first.get("input")
    shown = f" Got: {got!r:.80}" if first["type"] != "value_error" else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"'{path}': {message}.{shown}" if path else f"{message}."


def _model_at(
    model: type[pydantic.BaseModel], loc: tuple[int | str, ...]
) -> type[pydantic.BaseModel]:
    """Return the model of the value that a place in a document holds."""
    kind: Any = model
    for name in loc:
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            kind = kind.model_fields[str(name)].annotation
        else:  # dict[str, Model] or tuple[Model, ...]
            kind = next(arg for arg in get_args(kind) if arg not in (str, ...))
    found: type[pydantic.BaseModel] = kind
    return found


def _literals(annotation: Any) -> list[str]:
    """Return the values of a Literal, also inside an optional one."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [value for arg in get_args(annotation) for value in _literals(arg)]

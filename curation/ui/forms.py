"""A form drawn from a pydantic model: one widget a field, its description the help."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import streamlit as st
from pydantic import BaseModel, ValidationError

from curation.errors import CurationError

Model = TypeVar("Model", bound=BaseModel)
Schema = Mapping[str, Any]

HIDDEN: Final = frozenset({"step", "id"})
"""Fields that a person does not fill in."""

_WORDS: Final = {
    "missing": "is needed",
    "extra_forbidden": "is not known here",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "string_type": "is needed",
    "string_too_short": "is needed",
    "too_short": "is needed",
}


def model_form(
    model: type[BaseModel],
    values: Mapping[str, Any] | None = None,
    *,
    key: str,
    columns: Sequence[str] = (),
    only: Collection[str] | None = None,
    needed: Collection[str] = (),
) -> dict[str, Any]:
    """Draw a widget for every field and return what they hold; empty optional fields are left out.

    A field that holds a mapping is not drawn; what `values` has for it is returned.

    Args:
        model: the model; its fields give the widgets.
        values: what the widgets show first; fields that are not in it show their default.
        key: start of the widgets' keys, which are ``{key}-{field}``.
        columns: the data's columns, offered where a field holds column names.
        only: draw these fields and no others; all by default.
        needed: optional fields that something else in the form makes necessary.
    """
    schema = model.model_json_schema()
    definitions, required = schema.get("$defs", {}), {*schema.get("required", ()), *needed}
    found: dict[str, Any] = {}
    for name, field in schema.get("properties", {}).items():
        if name in HIDDEN or "const" in field or (only is not None and name not in only):
            continue
        kind, optional = _resolved(field, definitions)
        start = (values or {}).get(name, field.get("default"))
        if kind.get("type") == "object":  # no widget holds one: what was there stays
            found |= {name: start} if start else {}
            continue
        label = str(field.get("title", name)) + (
            " (optional)" if (optional and name not in needed) or name not in required else ""
        )
        if name not in required and field.get("default") not in (None, [], ""):
            label = str(field.get("title", name))
        widget = _Widget(kind, label, field.get("description"), f"{key}-{name}", optional)
        value = widget.draw(start, columns)
        # A list that is not empty by default was emptied by a person.
        is_empty = value == "" or (value == [] and not field.get("default"))
        if value is not None and not (is_empty and name not in required):
            found[name] = value
    return found


def validated(model: type[Model], values: Mapping[str, Any]) -> tuple[Model | None, list[str]]:
    """Return the model that the values make, or what is wrong with them in words."""
    try:
        return model.model_validate(dict(values)), []
    except ValidationError as error:
        return None, in_words(error, model)
    except CurationError as error:  # an expression that cannot be read
        return None, [str(error)]


def has_fields(model: type[BaseModel]) -> bool:
    """Say whether the model's form has anything to fill in."""
    return bool(set(model.model_fields) - HIDDEN)


def in_words(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each thing that is wrong, naming fields by their title."""
    titles = {name: field.title or name for name, field in model.model_fields.items()}
    sentences = []
    for problem in error.errors():
        where = str(problem["loc"][0]) if problem["loc"] else ""
        reason = _WORDS.get(problem["type"])
        if reason is None:
            message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            reason = message[:1].lower() + message[1:] if where else message
        sentence = f"{titles.get(where, where)} {reason}".strip()
        sentences.append(sentence[:1].upper() + sentence[1:].rstrip(".") + ".")
    return list(dict.fromkeys(sentences))


def _resolved(field: Schema, definitions: Schema) -> tuple[dict[str, Any], bool]:
    """Return the field without its references and its None, and whether it may be None."""
    choices = field.get("anyOf", [field])
    kinds = [c for c in choices if c.get("type") != "null"]
    merged: dict[str, Any] = dict(kinds[0]) if kinds else {"type": "string"}
    if len(kinds) > 1 and {kind.get("type") for kind in kinds} == {"integer", "number"}:
        merged = dict(next(kind for kind in kinds if kind["type"] == "number"))
    if "$ref" in merged:
        merged = dict(definitions[merged["$ref"].rsplit("/", 1)[-1]])
    if "widget" in field:
        merged["widget"] = field["widget"]
    return merged, len(kinds) < len(choices)


@dataclass(frozen=True)
class _Widget:
    kind: Schema
    label: str
    help: str | None
    key: str
    optional: bool

    def draw(self, value: Any, columns: Sequence[str]) -> Any:
        """Draw the widget that fits the field and return what it holds."""
        if "enum" in self.kind or self._hint == "column":
            return self._choice(value, columns)
        match self.kind.get("type"):
            case "boolean":
                return st.toggle(self.label, value=bool(value), help=self.help, key=self.key)
            case "integer" | "number":
                return self._number(value)
            case "array":
                return self._choices(list(value or ()), columns)
            case _:
                hint = "a condition over the columns" if self._hint == "expression" else ""
                return st.text_input(
                    self.label, str(value or ""), help=self.help, key=self.key, placeholder=hint
                ).strip()

    @property
    def _hint(self) -> str | None:
        return self.kind.get("widget")

    def _choice(self, value: Any, columns: Sequence[str]) -> Any:
        listed = "enum" in self.kind
        options = list(self.kind.get("enum", columns))
        if value is not None and value not in options:
            options.append(value)
        start = None if self.optional else 0
        return st.selectbox(
            self.label,
            options,
            index=options.index(value) if value in options else start,
            help=self.help,
            key=self.key,
            placeholder="Choose",
            format_func=lambda option: str(option).replace("_", " ") if listed else str(option),
        )

    def _choices(self, chosen: list[Any], columns: Sequence[str]) -> list[Any]:
        known = list(self.kind.get("items", {}).get("enum", columns))
        return st.multiselect(
            self.label,
            [*known, *(item for item in chosen if item not in known)],
            default=chosen,
            help=self.help,
            key=self.key,
            placeholder="Choose columns" if self._hint == "columns" else "Choose",
            accept_new_options=not known,
        )

    def _number(self, value: Any) -> int | float | None:
        whole = self.kind["type"] == "integer"
        cast = int if whole else float
        low, high = _bounds(self.kind, whole)
        start = cast(value) if value is not None else None
        if start is None and not self.optional:
            start = cast(low if low is not None else 0)
        bounds: dict[str, Any] = {
            "min_value": None if low is None else cast(low),
            "max_value": None if high is None else cast(high),
            "value": start,
            "step": 1 if whole else 0.05 if high is not None and high <= 1 else 1.0,
            "format": "%d" if whole else "%.2f",
        }
        entered = st.number_input(self.label, help=self.help, key=self.key, **bounds)
        return None if entered is None else cast(entered)


def _bounds(kind: Schema, whole: bool) -> tuple[float | None, float | None]:
    """Return the least and the largest value that a number field may have."""
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    high = kind.get("maximum", kind.get("exclusiveMaximum"))
    if whole and low is not None and "exclusiveMinimum" in kind:
        low += 1
    if whole and high is not None and "exclusiveMaximum" in kind:
        high -= 1
    return low, high

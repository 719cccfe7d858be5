"""A taxonomy's history, a list of classes and a list of operations: from YAML and to it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.errors import UnknownNameError, UsageError, suggest
from curation.lake.taxonomy import OPERATIONS, Operation, Taxonomy
from curation.lake.translation import TaxonomyHistory
from curation.yaml_text import read_yaml, round_trip_yaml, safe

M = TypeVar("M", bound=pydantic.BaseModel)

FORMAT = 1
MAX_CHARACTERS = 10_000_000
_NULL = "tag:yaml.org,2002:null"
_HEADER = "Read it back: curation taxonomy import DATASET FILE"

_Place = tuple[int | str, ...]
_Lines = Mapping[_Place, int]
"""Where in a text, counted from 1, each part of what it holds begins."""


class _Class(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    name: str
    description: str | None = None


class _Version(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    version: int
    taken_back: bool = False
    parent: int | None = None
    operations: tuple[Any, ...] = ()
    classes: tuple[Any, ...] | None = None


class _File(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    format: int = FORMAT
    versions: tuple[Any, ...]


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it is not there or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file '{path}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file '{path}' cannot be read: {error}") from error


def render(history: TaxonomyHistory) -> str:
    """Return a history as YAML; `parse` gives an equal one back."""
    versions = []
    for taxonomy in history.versions:
        entry: dict[str, Any] = {"version": taxonomy.version}
        if taxonomy.version in history.taken_back:
            entry["taken_back"] = True
        if taxonomy.parent is None:
            entry["classes"] = [
                {"name": name, "description": taxonomy.descriptions[name]}
                if name in taxonomy.descriptions
                else name
                for name in taxonomy.classes
            ]
        else:
            entry["parent"] = taxonomy.parent
            entry["operations"] = [
                operation.model_dump(mode="json", exclude_none=True)
                for operation in taxonomy.operations
            ]
        versions.append(entry)
    stream = io.StringIO()
    stream.write(f"# {_HEADER}\n")
    round_trip_yaml().dump(safe({"format": FORMAT, "versions": versions}), stream)
    return stream.getvalue()


def parse(text: str) -> TaxonomyHistory | Taxonomy:
    """Return what a YAML text holds: a history, or a list of classes as version 1 of one.

    Args:
        text: a mapping with the key ``versions``, as `render` writes it; or a list of classes; or
            a mapping of class to description.

    Raises:
        UsageError: it is neither; the message names the place and the nearest allowed name.
    """
    raw, lines = _load(text)
    if isinstance(raw, dict) and isinstance(raw.get("versions"), list):
        return _history(raw, lines)
    if isinstance(raw, dict) and raw and all(isinstance(v, str | None) for v in raw.values()):
        return Taxonomy.first(raw, raw)
    if isinstance(raw, list) and raw:
        classes = [_class(entry, _at(lines, (n,), f"Class {n + 1}")) for n, entry in enumerate(raw)]
        return _listed(classes)
    raise UsageError(
        "A taxonomy is a list of classes, a mapping of class to description, or a mapping with the "
        f"key versions, as `curation taxonomy export` writes it. Got {_shown(raw)}."
    )


def parse_operations(text: str) -> tuple[Operation, ...]:
    """Return the operations that a YAML text lists.

    Raises:
        UsageError: it is no list of operations; the message names the place and the nearest
            allowed name.
    """
    raw, lines = _load(text)
    if not isinstance(raw, list) or not raw:
        raise UsageError(
            "Operations are a list; each item begins with '- operation: NAME'. "
            f"Names: {', '.join(_names())}. Got {_shown(raw)}."
        )
    return _operations(raw, lines, ())


def _history(raw: dict[str, Any], lines: _Lines) -> TaxonomyHistory:
    file = _validated(_File, raw, "The taxonomy: ")
    if file.format > FORMAT:
        raise UsageError(
            f"The taxonomy has format {file.format}, this version reads up to {FORMAT}. "
            "Upgrade: pip install --upgrade curation"
        )
    versions: list[Taxonomy] = []
    taken_back = set()
    for index, entry in enumerate(file.versions):
        place = ("versions", index)
        where = _at(lines, place, f"Version {index + 1}")
        said = _validated(_Version, entry, where)
        versions.append(_version(said, versions, lines, place, where))
        if said.taken_back:
            taken_back.add(said.version)
    return TaxonomyHistory(versions=tuple(versions), taken_back=frozenset(taken_back))


def _version(
    said: _Version, before: list[Taxonomy], lines: _Lines, place: _Place, where: str
) -> Taxonomy:
    if said.version != len(before) + 1:
        raise UsageError(
            f"{where}versions are numbered 1, 2, 3, … in their order; got {said.version}, "
            f"wanted {len(before) + 1}."
        )
    if said.classes is not None and said.parent is None and not said.operations:
        return _listed([_class(each, where) for each in said.classes], version=said.version)
    if said.classes is not None or said.parent is None or not said.operations:
        raise UsageError(
            f"{where}a version has either classes, or a parent and operations on its classes."
        )
    if not 1 <= said.parent <= len(before):
        raise UsageError(f"{where}the parent {said.parent} is not there. Name an earlier version.")
    operations = _operations(list(said.operations), lines, (*place, "operations"))
    try:
        return before[said.parent - 1].changed(operations, version=said.version)
    except UsageError as error:
        raise UsageError(f"{where}{error}") from error


def _operations(raw: list[Any], lines: _Lines, place: _Place) -> tuple[Operation, ...]:
    by_name = dict(zip(_names(), OPERATIONS, strict=True))
    found: list[Operation] = []
    for index, entry in enumerate(raw):
        where = _at(lines, (*place, index), f"Operation {index + 1}")
        if not isinstance(entry, dict) or "operation" not in entry:
            raise UsageError(f"{where}it begins with '- operation: NAME'. Got {_shown(entry)}.")
        name = str(entry["operation"])
        if name not in by_name:
            raise UnknownNameError("operation", name, by_name, where)
        found.append(_validated(by_name[name], entry, where))
    return tuple(found)


def _class(entry: Any, where: str) -> _Class:
    if isinstance(entry, dict) and "name" not in entry and len(entry) == 1:
        [(name, description)] = entry.items()
        return _validated(_Class, {"name": name, "description": description}, where)
    return _validated(_Class, entry if isinstance(entry, dict) else {"name": entry}, where)


def _listed(classes: list[_Class], version: int = 1) -> Taxonomy:
    return Taxonomy.first(
        [each.name for each in classes],
        {each.name: each.description for each in classes},
        version=version,
    )


def _names() -> list[str]:
    return [get_args(kind.model_fields["operation"].annotation)[0] for kind in OPERATIONS]


def _validated(model: type[M], raw: Any, where: str) -> M:
    try:
        return model.model_validate(raw)
    except pydantic.ValidationError as error:
        raise UsageError(where + _in_words(model, error)) from error


def _in_words(model: type[pydantic.BaseModel], error: pydantic.ValidationError) -> str:
    errors = error.errors()
    # A misspelt name is also a missing one; the spelling says more.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    path = ".".join(map(str, first["loc"]))
    allowed = ", ".join(model.model_fields)
    if first["type"] == "extra_forbidden":
        near = suggest(str(first["loc"][-1]), model.model_fields)
        return f"there is no '{path}'. {near}Allowed: {allowed}."
    if first["type"] == "missing":
        return f"'{path}' is missing. It has: {allowed}."
    if first["type"] == "literal_error":
        values = get_args(model.model_fields[path].annotation)
        near = suggest(str(first["input"]), values)
        return f"'{path}' cannot be {_shown(first['input'])}. {near}Allowed: {', '.join(values)}."
    return f"'{path}': {first['msg']}. Got {_shown(first['input'])}."


def _load(text: str) -> tuple[Any, _Lines]:
    """Return what a YAML text holds, every scalar but null as the text that it is, and its lines.

    A class may be called 1, true or 2024-01-01.
    """
    node = read_yaml(
        text,
        round_trip_yaml().compose,
        what="The text",
        most=MAX_CHARACTERS,
        deepest=10,
        error=UsageError,
    )
    lines: dict[_Place, int] = {}
    return _plain(node, (), lines), lines


def _plain(node: Node | None, place: _Place, lines: dict[_Place, int]) -> Any:
    if node is None:
        return None
    lines[place] = node.start_mark.line + 1
    if isinstance(node, SequenceNode):
        return [_plain(each, (*place, n), lines) for n, each in enumerate(node.value)]
    if isinstance(node, MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value in found:
                raise UsageError(
                    f"Line {key.start_mark.line + 1}: a key is a text and stands there once. "
                    f"Got {_shown(key.value)}."
                )
            found[key.value] = _plain(value, (*place, key.value), lines)
        return found
    return None if node.tag == _NULL else node.value


def _at(lines: _Lines, place: _Place, what: str) -> str:
    return f"{what} (line {lines[place]}): "


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if value is not None else "nothing"

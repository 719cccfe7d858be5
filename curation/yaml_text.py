"""YAML that a person may have written: what is refused before it is read, and what is written."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from curation.errors import UsageError

T = TypeVar("T")

_UNSAFE = frozenset("\x85\u2028\u2029")
"""Line breaks to YAML 1.1 that are none to Python's and DuckDB's readers."""


def round_trip_yaml() -> YAML:
    """Return a reader and writer that keeps comments and never breaks a line."""
    yaml = YAML(typ="rt")
    yaml.width = 1_000_000
    yaml.preserve_quotes = True
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml


def read_yaml(
    text: str,
    read: Callable[[io.StringIO], T],
    *,
    what: str,
    most: int,
    deepest: int,
    error: type[UsageError],
) -> T:
    """Return what ``read`` makes of a text that is safe to read.

    Args:
        text: the YAML.
        read: a method of `round_trip_yaml`.
        what: what the text is, as a sentence begins with it: ``"The recipe"``.
        most: characters that are read.
        deepest: levels of nesting that are read.
        error: what is raised.

    Raises:
        UsageError: of the class ``error``: it is too long, nested too deep, uses an alias, or is
            not YAML; the message names the line.
    """
    if len(text) > most:
        raise error(f"{what} has {len(text):,} characters; at most {most:,}.")
    try:
        _check_events(text, what, deepest, error)
        return read(io.StringIO(text))
    except (YAMLError, RecursionError, ValueError) as found:
        problem = getattr(found, "problem", None) or str(found).splitlines()[0]
        mark = getattr(found, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise error(f"{what} is not valid YAML{where}: {problem}") from found


def safe(value: Any) -> Any:
    """Put texts in double quotes that ruamel.yaml would write so that they read back otherwise."""
    if isinstance(value, dict):
        return {safe(key): safe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [safe(inner) for inner in value]
    if isinstance(value, str) and (value.startswith("?") or not _UNSAFE.isdisjoint(value)):
        return DoubleQuotedScalarString(value)
    return value


def _check_events(text: str, what: str, deepest: int, error: type[UsageError]) -> None:
    """Refuse what a few lines can make very large or very slow to read, and nobody needs."""
    depth = 0
    for event in round_trip_yaml().parse(io.StringIO(text)):
        if isinstance(event, AliasEvent):
            raise error(f"{what} uses a YAML alias (*name). Write the value out.")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > deepest:
            raise error(f"{what} is nested more than {deepest} deep. Write it flat.")

"""A sampling rule from YAML and to it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pydantic
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.errors import UsageError
from curation.model_errors import in_words
from curation.sampling.rules.references import MOST_DEEP, split_reference
from curation.sampling.rules.rule import Rule
from curation.yaml_text import read_yaml, round_trip_yaml, safe

MAX_CHARACTERS = 1_000_000
_NULL = "tag:yaml.org,2002:null"
_HEADER = "Keep it: curation rules save NAME FILE"
_PLAIN = {"a valid tuple": "a list", "a valid dictionary": "a mapping", "a valid string": "a text"}


def render_rule(rule: Rule) -> str:
    """Return a rule as YAML; `parse_rule` gives an equal one back."""
    stream = io.StringIO()
    stream.write(f"# {_one_line(rule.describe())}\n# {_HEADER}\n")
    round_trip_yaml().dump(safe(rule_data(rule)), stream)
    return stream.getvalue()


def rule_data(rule: Rule) -> dict[str, Any]:
    """Return what a rule says as plain data; what goes without saying is left out."""
    data: dict[str, Any] = rule.model_dump(mode="json", exclude_defaults=True)
    return data


def parse_rule(text: str) -> Rule:
    """Return the rule that a YAML text holds.

    Raises:
        UsageError: it is not YAML or not a rule; the message names the place and the nearest
            allowed name.
    """
    node = read_yaml(
        text,
        round_trip_yaml().compose,
        what="The rule",
        most=MAX_CHARACTERS,
        deepest=2 * MOST_DEEP + 4,
        error=UsageError,
    )
    return read_rule(_plain(node), "The rule: ")


def read_rule(raw: Any, where: str) -> Rule:
    """Return the rule that plain data hold: a mapping of field to value.

    Args:
        raw: texts may stand for numbers, as they do in YAML that is read as text.
        where: what messages begin with.

    Raises:
        UsageError: they hold no rule.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise UsageError(
            f"{where}it is a mapping of field to value, for example n: 100. Got {_shown(raw)}."
        )
    values = dict(raw)
    if values.get("parts") is not None:
        values["parts"] = read_parts(values["parts"], where)
    try:
        return Rule.model_validate(values)
    except pydantic.ValidationError as error:
        raise UsageError(where + said_of(error)) from error
    except UsageError as error:  # an expression that cannot be read
        raise UsageError(f"{where}{error}") from error


def read_parts(raw: Any, where: str = "") -> tuple[str | Rule, ...]:
    """Return the rules that a rule is made of; a part is a name or a rule itself.

    They are read one by one, so that a mistake is told of the part in which it is.

    Raises:
        UsageError: it is no list of names and rules.
    """
    if not isinstance(raw, list | tuple):
        raise UsageError(f"{where}parts is a list of rules. Got {_shown(raw)}.")
    found: list[str | Rule] = []
    for number, part in enumerate(raw, start=1):
        at = f"{where}part {number}: "
        if isinstance(part, str):
            try:
                split_reference(part)
            except UsageError as error:
                raise UsageError(f"{at}{error}") from error
        found.append(part if isinstance(part, str | Rule) else read_rule(part, at))
    return tuple(found)


def said_of(error: pydantic.ValidationError) -> str:
    """Say the first thing that is wrong with a rule, in a person's words."""
    said = in_words(Rule, error)
    for of_python, of_people in _PLAIN.items():
        said = said.replace(of_python, of_people)
    return said


def _one_line(text: str) -> str:
    flat = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(flat.split())[:200]


def _plain(node: Node | None) -> Any:
    """Return what a node holds, every scalar but null as the text that it is.

    A class may be called 1, true or 2024-01-01; numbers are read where a field wants one.
    """
    if isinstance(node, SequenceNode):
        return [_plain(each) for each in node.value]
    if isinstance(node, MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value in found:
                raise UsageError(
                    f"The rule, line {key.start_mark.line + 1}: a key is a text and stands there "
                    f"once. Got {_shown(key.value)}."
                )
            found[key.value] = _plain(value)
        return found
    return None if node is None or node.tag == _NULL else node.value


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if value is not None else "nothing"

"""Write docs/reference.md from the code: python docs/generate.py. A test holds it current."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from curation import errors, sql
from curation.cli.main import app
from curation.finders.base import Finder
from curation.finders.registry import FINDERS
from curation.steps import STEPS, Step

TARGET = Path(__file__).parent / "reference.md"


def reference() -> str:
    """Return the reference as Markdown."""
    parts = [
        "# Reference",
        "Written by `python docs/generate.py` from the code; do not edit it by hand.",
        "## Steps",
        *(_step(step) for step in STEPS),
        "## Finders",
        "A finder looks for one kind of issue: `curation find DATASET --finder NAME --set P=V`. "
        "Every finder gives each row a score from 0 to 1, 1 = clean. Another package's finder is a "
        "class derived from `curation.finders.base.Finder`, named in the entry-point group "
        "`curation.finders`.",
        *(_finder(finder) for finder in FINDERS),
        "## Expressions",
        "A condition (`where`) compares and computes over the columns of one row: comparisons, "
        "`AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, arithmetic, `CASE`, `CAST`, and "
        "these functions: " + ", ".join(f"`{name}`" for name in sql.FUNCTIONS) + ". Anything "
        "else is refused: other functions, subqueries, several statements.",
        "## Commands",
        *_commands(),
        "## Errors",
        f"```\n{inspect.getdoc(errors)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _finder(finder: type[Finder]) -> str:
    text = inspect.getdoc(finder) or ""
    return f"### {finder.name}\n\n{text}\n\nScore: {finder.scores} {finder.advice}" + _parameters(
        finder
    )


def _parameters(model: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_kind(field)} | {_default(model, name)} | {field.get('description', '')} |"
        for name, field in model.model_json_schema().get("properties", {}).items()
        if name != "step"
    ]
    head = ["", "", "| parameter | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def _step(step: type[Step]) -> str:
    state = {"none": "learns nothing", "frozen": "uses what was fixed when the recipe was made",
             "refit": "learns anew from each run's data"}[step.state]  # fmt: skip
    text = inspect.getdoc(step) or ""
    return f"### {step.name}\n\n{text}\n\nState: {state}." + _parameters(step)


def _kind(field: dict[str, Any]) -> str:
    options = field.get("anyOf", [field])
    names = []
    for option in options:
        if "enum" in option:
            names.append(" or ".join(f"`{value}`" for value in option["enum"]))
        elif option.get("type") == "array":
            names.append("list of columns")
        elif option.get("type") != "null":
            names.append(str(option.get("type", "")))
    return ", ".join(names)


def _default(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, []) else f"`{value}`"


def _commands() -> list[str]:
    return [_command(name, command) for name, command in _leaves(typer.main.get_command(app), "")]


def _leaves(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Give every command with its whole name, those of groups as well."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> str:
    rows = ["| | |", "|---|---|"]
    for parameter in command.params:
        shown = " ".join([*parameter.opts, *getattr(parameter, "secondary_opts", [])])
        if parameter.param_type_name == "argument":
            shown = parameter.metavar or parameter.name.upper()
        rows.append(f"| `{shown}` | {parameter.help or ''} |")
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    return f"### curation {name}\n\n{help_text}\n\n" + "\n".join(rows)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")

"""Who uses a rule: recipes that are being written, other rules, and what was built."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from curation.errors import UsageError
from curation.lake import documents
from curation.lake.workspace import Workspace
from curation.sampling.rules.library import get_rule, list_rules
from curation.sampling.rules.references import named_in, split_reference
from curation.yaml_text import read_yaml, round_trip_yaml

_MOST_CHARACTERS = 50_000_000


@dataclass(frozen=True)
class RuleUser:
    """What uses a rule."""

    kind: Literal["recipe", "rule", "build"]
    name: str
    """The dataset of a recipe or a build, or the name of a rule."""
    version: int | None
    """Of the recipe or rule that uses it; None for a build."""
    pinned: int | None
    """The version that it uses, whatever comes; None where it uses the one in force."""

    def describe(self) -> str:
        """Say who it is, for example: recipe of tickets, always version 2."""
        who = {"recipe": "recipe of ", "rule": "rule ", "build": "build of "}[self.kind] + self.name
        return who + (f", always version {self.pinned}" if self.pinned else "")


def users_of(workspace: Workspace, name: str) -> list[RuleUser]:
    """Return what uses a rule now: recipes in force, then rules in force, then builds.

    A build tells the version that it was made with. What uses it through another rule is found by
    asking who uses that one.
    """
    return [
        *_recipes(workspace, name),
        *_rules(workspace, name),
        *_builds(workspace, name),
    ]


def _recipes(workspace: Workspace, name: str) -> Iterator[RuleUser]:
    with workspace.cursor() as cursor:
        datasets = cursor.execute("SELECT name FROM lake.curation.datasets ORDER BY name")
        names = [dataset for (dataset,) in datasets.fetchall()]
    for dataset in names:
        newest = documents.in_force(workspace, "recipe", dataset, "recipe")
        if newest is None or name not in newest.text:
            continue
        for reference in _references(_steps(newest.text)):
            used, pinned = split_reference(reference)
            if used == name:
                yield RuleUser("recipe", dataset, newest.version, pinned)


def _steps(text: str) -> Any:
    read = round_trip_yaml().load
    recipe = read_yaml(
        text, read, what="The recipe", most=_MOST_CHARACTERS, deepest=20, error=UsageError
    )
    return recipe.get("steps") if isinstance(recipe, dict) else None


def _references(node: Any) -> Iterator[str]:
    """Yield what steps name: ``rule`` of a step, and texts in ``parts`` at any depth."""
    for one in node if isinstance(node, list) else []:
        if isinstance(one, str):
            yield str(one)
        elif isinstance(one, dict):
            if isinstance(one.get("rule"), str):
                yield str(one["rule"])
            yield from _references(one.get("parts"))


def _rules(workspace: Workspace, name: str) -> Iterator[RuleUser]:
    for other, version in list_rules(workspace).items():
        for reference in dict.fromkeys(named_in(get_rule(workspace, other, version)[0])):
            used, pinned = split_reference(reference)
            if used == name:
                yield RuleUser("rule", other, version, pinned)


def _builds(workspace: Workspace, name: str) -> Iterator[RuleUser]:
    with workspace.cursor() as cursor:
        built = cursor.execute(
            "SELECT dataset, manifest FROM lake.curation.runs "
            "WHERE contains(manifest, ?) ORDER BY dataset, rowid",
            [json.dumps(name, ensure_ascii=False)],
        ).fetchall()
    for dataset, manifest in built:
        used = json.loads(manifest).get("coordinates", {}).get("rules", {})
        if name in used:
            yield RuleUser("build", dataset, None, used[name])

"""What the docs say is what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from typer.testing import CliRunner

from curation.cli.main import app
from curation.recipe.yaml import load_recipe, parse
from curation.sampling.rules.rule_yaml import parse_rule

ROOT = Path(__file__).parents[1]


def test_the_reference_is_current() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == generate.reference(), (
        "run: python docs/generate.py"
    )


def test_every_command_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    known |= {str(group.name) for group in app.registered_groups}
    named = set(re.findall(r"curation (?!\-)([a-z]+)(?= |`)", text))
    assert named <= known, f"not commands: {named - known}"
    within = {"datasets", "log", "diff", "schema", "builds", "replay", "tags"}
    assert known <= named | within, f"not shown: {known - named}"


def test_every_command_has_help() -> None:
    runner = CliRunner()
    names = [[c.name or c.callback.__name__] for c in app.registered_commands]
    for group in app.registered_groups:
        names.append([str(group.name)])
        commands = group.typer_instance.registered_commands
        names += [[str(group.name), c.name or c.callback.__name__] for c in commands]
    for name in names:
        done = runner.invoke(app, [*name, "--help"])
        assert done.exit_code == 0, done.output
        assert "Usage" in done.output


def test_the_recipe_and_the_rule_in_the_readme_can_be_read() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    recipe, rule = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert [step.name for step in parse(recipe).steps] == [
        "apply_annotations", "drop_duplicates", "fix_labels", "rebalance",
    ]  # fmt: skip
    assert parse_rule(rule).describe() == (
        "100 rows per intent where channel = 'chat', half the weight every 30 days, some always kept"
    )


def test_the_example_recipe_can_be_read() -> None:
    recipe = load_recipe(ROOT / "examples" / "support" / "recipe.yaml")
    assert recipe.contract.roles.label == "intent"
    assert len(recipe.annotations) == 96

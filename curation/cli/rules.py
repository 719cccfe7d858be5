"""`rules list | show | save | duplicate | uses`: named sampling rules with versions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pydantic
import typer

from curation.cli import options, rule_draws
from curation.cli.output import say, say_json, say_table
from curation.errors import UsageError
from curation.lake import documents
from curation.lake.workspace import Workspace
from curation.sampling.rules.library import (
    difference,
    duplicate_rule,
    get_rule,
    resolve_rule,
    rule_versions,
    save_rule,
)
from curation.sampling.rules.references import split_reference
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_users import users_of
from curation.sampling.rules.rule_yaml import parse_rule, render_rule, rule_data, said_of

_group = typer.Typer(no_args_is_help=True, help="Named sampling rules, which recipes use.")

_Name = Annotated[str, typer.Argument(help="The rule.")]
_Reference = Annotated[str, typer.Argument(metavar="RULE", help="NAME or NAME@VERSION.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    rule_draws.register(_group)
    app.add_typer(_group, name="rules")


@_group.command("list")
def list_command(context: typer.Context, as_json: options.Json = False) -> None:
    """List the rules with all their versions."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        names = dict.fromkeys(one.name for one in documents.versions(workspace, "rule"))
        found = [one for name in names for one in rule_versions(workspace, name)]
    if as_json:
        say_json([_told(one) for one in found])
        return
    say_table(
        ("rule", "version", "draws", "by", "at", "message", "taken back"),
        [
            (v.name, v.version, v.rule.describe(), v.author, v.created_at, v.message,
             v.is_taken_back)
            for v in found
        ],
    )  # fmt: skip


@_group.command()
def show(
    context: typer.Context,
    rule: _Reference,
    written_out: Annotated[
        bool, typer.Option("--written-out", help="With the rules that it is made of in it.")
    ] = False,
    since: Annotated[
        int | None, typer.Option(metavar="N", help="Say what changed since this version instead.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print a rule as YAML, which `rules save` reads back."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        name, pinned = split_reference(rule)
        found, version = get_rule(workspace, name, pinned)
        if written_out:
            found = resolve_rule(workspace, rule).model_copy(update={"name": None})
        changes = None if since is None else difference(get_rule(workspace, name, since)[0], found)
    if as_json:
        more = {} if changes is None else {"since": since, "changes": changes}
        say_json({"name": name, "version": version, "rule": rule_data(found), **more})
    elif changes is not None:
        say("\n".join(changes) or f"Versions {since} and {version} say the same.")
    else:
        say(render_rule(found).rstrip("\n"))


@_group.command()
def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it; a recipe says rule: NAME.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE|-]", help="The rule as YAML; - reads standard input."),
    ] = None,
    n: Annotated[int | None, typer.Option(help="Rows to draw from each stratum.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Part of the rows, up to 1.")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows to draw in all.")] = None,
    per: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Columns that make a stratum. May be repeated."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Only these rows may be drawn.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Other seeds draw other rows; 0 without it.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(metavar="N", help="Refuse if there is a newer version than this by now."),
    ] = None,
    author: options.Author = None,
    message: Annotated[str, typer.Option(help="Why; kept with the version.")] = "Rule saved",
    as_json: options.Json = False,
) -> None:
    """Keep a new version of a sampling rule; recipes that name it use it from then on.

    The rule comes from a YAML file, which can say all that a rule may, or from the options.
    """
    given = {
        option: value
        for option, value in {
            "n": n, "fraction": fraction, "rows": rows, "per": tuple(per or ()) or None,
            "where": where, "seed": seed,
        }.items()
        if value is not None
    }  # fmt: skip
    if file is not None and given:
        raise UsageError(
            f"Give the rule as a file or as options, not both: leave out --{next(iter(given))}."
        )
    rule = _of_file(file) if file is not None else _of_options(given)
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        version = save_rule(
            workspace, name, rule, author=options.author_name(author), message=message, after=after
        )
    if as_json:
        say_json({"name": name, "version": version, "rule": rule_data(rule)})
    else:
        say(f"{name}, version {version}: {rule.describe()}.")


@_group.command()
def duplicate(
    context: typer.Context,
    rule: _Reference,
    new_name: Annotated[str, typer.Argument(help="What to call the copy.")],
    author: options.Author = None,
    as_json: options.Json = False,
) -> None:
    """Keep what a rule says under another name."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        name, pinned = split_reference(rule)
        version = duplicate_rule(
            workspace, name, new_name, version=pinned, author=options.author_name(author)
        )
    if as_json:
        say_json({"name": new_name, "version": version})
    else:
        say(f"{new_name}, version {version}.")


@_group.command()
def uses(context: typer.Context, name: _Name, as_json: options.Json = False) -> None:
    """Say which recipes, rules and builds use a rule."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        rule_versions(workspace, name)
        found = users_of(workspace, name)
    if as_json:
        say_json(found)
    elif not found:
        say(f"Nothing uses '{name}'.")
    else:
        say_table(("what", "of", "version used"), [(u.kind, u.name, u.pinned) for u in found])


def _told(version: object) -> dict[str, object]:
    data = dict(vars(version))
    rule: Rule = data.pop("rule")
    return {**data, "says": rule.describe(), "rule": rule_data(rule)}


def _of_file(file: Path) -> Rule:
    return parse_rule(sys.stdin.read() if str(file) == "-" else rule_draws.file_text(file))


def _of_options(given: Mapping[str, object]) -> Rule:
    try:
        return Rule.model_validate(given)
    except pydantic.ValidationError as error:
        raise UsageError(
            f"The rule cannot be kept: {said_of(error)} Give --n or --fraction, or a YAML file."
        ) from error

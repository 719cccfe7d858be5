"""`rules …`: named sampling rules with versions."""

from __future__ import annotations

from typing import Annotated

import pydantic
import typer

from curation.cli import options
from curation.cli.output import say, say_json, say_table
from curation.errors import UsageError
from curation.lake import documents
from curation.lake.workspace import Workspace
from curation.sampling.library import save_rule
from curation.sampling.rule import Rule

_group = typer.Typer(no_args_is_help=True, help="Named sampling rules, which recipes use.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_group, name="rules")


@_group.command("list")
def list_command(context: typer.Context, as_json: options.Json = False) -> None:
    """List the rules with all their versions."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = documents.versions(workspace, "rule")
    if as_json:
        say_json(found)
        return
    say_table(
        ("rule", "version", "says", "by", "taken back"),
        [(v.name, v.version, v.text, v.author, v.is_taken_back) for v in found],
    )


@_group.command()
def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it; a recipe says rule: NAME.")],
    n: Annotated[int | None, typer.Option(help="Rows to draw from each stratum.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Part of the rows, up to 1.")] = None,
    per: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Columns that make a stratum. May be repeated."),
    ] = None,
    author: options.Author = None,
    message: Annotated[str, typer.Option(help="Why; kept with the version.")] = "Rule saved",
) -> None:
    """Keep a new version of a sampling rule; recipes that name it use it from then on."""
    if not name.strip() or "@" in name or len(name) > 100:
        raise UsageError(f"'{name[:120]}' cannot be a rule's name: 1 to 100 characters without @.")
    try:
        rule = Rule(n=n, fraction=fraction, per=tuple(per or ()))
    except pydantic.ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"The rule cannot be kept: {said}. Give --n or --fraction.") from error
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        version = save_rule(
            workspace, name, rule, author=options.author_name(author), message=message
        )
    say(f"{name}, version {version}.")

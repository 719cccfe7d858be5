"""`taxonomy show|change|export|import|read`: the classes of a label column, in versions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from curation.cli import options
from curation.cli.output import say, say_json, say_table, warn
from curation.errors import UnknownNameError, UsageError
from curation.lake.taxonomies import apply, history, import_taxonomy, is_stored
from curation.lake.taxonomy import (
    Add,
    Merge,
    Operation,
    Rename,
    Retire,
    Split,
    Taxonomy,
    difference,
)
from curation.lake.taxonomy_consequences import consequences
from curation.lake.taxonomy_yaml import parse, parse_operations, read_text, render
from curation.lake.translation import Reading
from curation.lake.workspace import Workspace

_group = typer.Typer(no_args_is_help=True, help="Show and change the classes of a label column.")

_Dataset = Annotated[str, typer.Argument(help="The dataset.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Change it without asking.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
_Message = Annotated[str | None, typer.Option(help="Why; kept with the version.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_group, name="taxonomy")


@_group.command()
def show(
    context: typer.Context,
    dataset: _Dataset,
    version: Annotated[
        int | None, typer.Option(metavar="N", help="The version in force without one.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the classes of a version, and the operations that led to it."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        known = history(workspace, dataset)
    taxonomy = known.current if version is None else known.get(version)
    if as_json:
        versions = [
            {
                "version": each.version, "parent": each.parent,
                "taken_back": each.version in known.taken_back,
            }
            for each in known.versions
        ]  # fmt: skip
        say_json(
            {
                "dataset": dataset,
                **taxonomy.model_dump(mode="json"),
                "in_force": known.current.version,
                "versions": versions,
            }
        )
        return
    force = "in force" if taxonomy == known.current else f"{known.current.version} is in force"
    made = f", made from {taxonomy.parent}" if taxonomy.parent else ""
    say(f"Version {taxonomy.version} of {known.newest} ({force}){made}.")
    for operation in taxonomy.operations:
        say(f"  {operation}")
    say_table(
        ("class", "description"),
        [(name, taxonomy.descriptions.get(name)) for name in taxonomy.classes],
    )


@_group.command()
def change(
    context: typer.Context,
    dataset: _Dataset,
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="May be repeated, as all of these.")
    ] = None,
    merge: Annotated[
        list[str] | None, typer.Option(metavar="A,B=INTO", help="INTO is one of them, or new.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(metavar="NAME=X,Y", help="X or Y may be NAME itself.")
    ] = None,
    add: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A new class.")] = None,
    retire: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=queue|exclude]",
            help="Its records wait for another label, or are left out.",
        ),
    ] = None,
    operations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml",
            help="A list of operations instead, in their order; for names with = or a comma.",
        ),
    ] = None,
    yes: _Yes = False,
    dry_run: _DryRun = False,
    author: options.Author = None,
    message: _Message = None,
) -> None:
    """Make the next version; say first how many records and annotations that touches.

    Options apply in this order: renames, merges, splits, added and retired classes. No annotation
    is changed or lost: each is read under the new version.
    """
    wanted = _given(rename or [], merge or [], split or [], add or [], retire or [])
    if operations is not None:
        if wanted:
            raise UsageError("Give --operations, or the single options, not both.")
        wanted = parse_operations(read_text(operations))
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        _ask_and_apply(workspace, dataset, wanted, yes, dry_run, author, message)


@_group.command()
def export(
    context: typer.Context,
    dataset: _Dataset,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Standard output without one.")
    ] = None,
) -> None:
    """Write all versions as YAML."""
    options.check_targets({}, {"--output": output})
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        text = render(history(workspace, dataset))
    if output is None:
        say(text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")
    say(f"Written to {output}")


@_group.command("import")
def import_command(
    context: typer.Context,
    dataset: _Dataset,
    file: Annotated[
        Path,
        typer.Argument(
            help="YAML: an exported taxonomy, a list of classes, or class: description."
        ),
    ],
    yes: _Yes = False,
    dry_run: _DryRun = False,
    author: options.Author = None,
    message: _Message = None,
) -> None:
    """Take over the versions of another workspace, or a list of classes.

    A list becomes version 1 where nothing is stored yet and it has all classes that occur; else
    what it has more is added and what it lacks is retired. What was renamed, merged or split has
    to be said: curation taxonomy change.
    """
    imported = parse(read_text(file))
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        known = history(workspace, dataset)
        if isinstance(imported, Taxonomy) and (
            is_stored(workspace, dataset) or set(known.current.classes) - set(imported.classes)
        ):
            wanted = difference(known.current, imported)
            if not wanted:
                say(f"Version {known.current.version} has these classes already.")
                return
            warn("A list cannot say what was renamed, merged or split: curation taxonomy change.")
            _ask_and_apply(workspace, dataset, wanted, yes, dry_run, author, message)
            return
        if dry_run:
            say(f"Would be imported: {file}")
            return
        new = import_taxonomy(
            workspace, dataset, imported, author=options.author_name(author),
            message=message or f"Imported {file.name}",
        )  # fmt: skip
    say(f"Imported versions up to {new.version}.")


@_group.command()
def read(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="A label, as it was said.")],
    dataset: Annotated[str, typer.Option(metavar="NAME", help="The dataset.")],
    from_version: Annotated[
        int, typer.Option("--from", metavar="N", help="The version that it was said under.")
    ],
    to_version: Annotated[
        int | None, typer.Option("--to", metavar="N", help="The version in force without one.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what a label of one version means under another."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        known = history(workspace, dataset)
    known.get(from_version)
    target = known.current.version if to_version is None else to_version
    reading = known.reading(label, from_version, target)
    if as_json:
        say_json(
            {
                "label": label, "from": from_version, "to": target, "status": reading.status,
                "reading": reading.label, "candidates": reading.classes, "reason": reading.reason,
            }
        )  # fmt: skip
    else:
        say(f"'{label}' of version {from_version} under version {target}: {_in_words(reading)}")


def _ask_and_apply(
    workspace: Workspace,
    dataset: str,
    operations: Sequence[Operation],
    yes: bool,
    dry_run: bool,
    author: str | None,
    message: str | None,
) -> None:
    known = history(workspace, dataset)
    for each in consequences(workspace, dataset, operations):
        say(each.sentence)
    if dry_run:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "Nothing was changed: there is no terminal to ask for confirmation on. "
                "Add --yes, or --dry-run to only look."
            )
        if not typer.confirm(f"Make this the next version of the classes of '{dataset}'?"):
            warn("Nothing was changed.")
            raise typer.Exit(1)
    made = apply(
        workspace, dataset, operations, author=options.author_name(author),
        message=message or "; ".join(map(str, operations)), after=known.newest,
    )  # fmt: skip
    say(f"Version {made.version} is in force, with {len(made.classes):,} classes.")


def _given(
    rename: list[str], merge: list[str], split: list[str], add: list[str], retire: list[str]
) -> tuple[Operation, ...]:
    """Return the operations that the single options name."""
    found: list[Operation] = []
    for text in rename:
        old, new = _sides("--rename", "OLD=NEW", text)
        found.append(Rename(old=old, new=new))
    for text in merge:
        classes, into = _sides("--merge", "A,B=INTO", text)
        found.append(Merge(classes=_names(classes), into=into))
    for text in split:
        name, parts = _sides("--split", "NAME=X,Y", text)
        found.append(Split(name=name, into=_names(parts)))
    found.extend(Add(name=name) for name in add)
    found.extend(_retire(text) for text in retire)
    return tuple(found)


_Then = Literal["queue", "exclude"]


def _retire(text: str) -> Retire:
    if "=" not in text:
        return Retire(name=text, then="queue")
    name, then = _sides("--retire", "NAME[=queue|exclude]", text)
    if then not in get_args(_Then):
        raise UnknownNameError("way to retire a class", then, get_args(_Then), "--retire: ")
    return Retire(name=name, then=cast("_Then", then))


def _sides(option: str, form: str, text: str) -> tuple[str, str]:
    if text.count("=") != 1:
        raise UsageError(
            f"{option} takes {form}, got '{text}'. For names with = or a comma, write the "
            "operations into a file: --operations FILE.yaml"
        )
    left, right = text.split("=")
    return left.strip(), right.strip()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _in_words(reading: Reading) -> str:
    names = ", ".join(f"'{name}'" for name in reading.classes)
    if reading.status == "read":
        return f"{names}."
    if reading.status == "excluded":
        return "left out."
    return {
        "unknown": "unknown there, so a person decides.",
        "gone": "no such class, so a person decides.",
        "choose": f"a person chooses; it may be {names}.",
    }[reading.reason or "unknown"]

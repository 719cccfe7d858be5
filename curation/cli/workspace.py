"""`workspace init|info|copy|check|compact`: the place where everything lies, and its upkeep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table, warn
from curation.lake.checking import CheckReport
from curation.lake.checking import check as check_workspace
from curation.lake.compaction import CompactReport
from curation.lake.compaction import compact as compact_workspace
from curation.lake.copying import copy as copy_workspace
from curation.lake.workspace import Workspace
from curation.lake.workspace_info import WorkspaceInfo, workspace_info

_group = typer.Typer(no_args_is_help=True, help="Make, look at, copy, check and tidy a workspace.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_group, name="workspace")


@_group.command()
def init(
    context: typer.Context,
    where: Annotated[
        str | None,
        typer.Argument(help="Folder or postgresql://…; what --workspace says without it."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For PostgreSQL: a folder that everybody can reach."),
    ] = None,
) -> None:
    """Make a workspace, in a folder for one person or in PostgreSQL for a team."""
    with Workspace.init(where or options.workspace_path(context), data=data) as workspace:
        say(f"Made the workspace '{workspace.name}'; its data go to {workspace.data}")


@_group.command()
def info(context: typer.Context, as_json: options.Json = False) -> None:
    """Show where the workspace is and how much is in it."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = workspace_info(workspace)
    if as_json:
        say_json(found)
    else:
        _say_info(found)


@_group.command()
def copy(
    source: Annotated[str, typer.Argument(help="Folder or postgresql://… of a workspace.")],
    target: Annotated[str, typer.Argument(help="Folder or postgresql://… where there is none.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For a PostgreSQL target: where its data go.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Copy a workspace with all of its history, also from a folder to PostgreSQL and back."""
    with progress_bar() as progress:
        report = copy_workspace(source, target, data=data, progress=progress)
    if as_json:
        say_json(report)
        return
    say(
        f"Copied {report.snapshots:,} snapshots in {report.files:,} files with {report.bytes:,} "
        f"bytes from '{report.source}' to '{report.target}'."
    )


@_group.command()
def check(context: typer.Context, as_json: options.Json = False) -> None:
    """Look at every file and reference; the exit code is 1 if something is wrong."""
    with (
        Workspace.open(options.workspace_path(context), create=False) as workspace,
        progress_bar() as progress,
    ):
        report = check_workspace(workspace, progress=progress)
    if as_json:
        say_json(report)
    else:
        _say_check(report)
    if report.problems:
        raise typer.Exit(1)


def _say_check(report: CheckReport) -> None:
    for problem in report.problems:
        if problem.file is None:
            say(problem.message)
            continue
        needed = problem.snapshots
        by = f" of {problem.table}" if problem.table else ""
        span = f", needed by snapshots {needed[0]} to {needed[1]}" if needed else ""
        say(f"{problem.file}{by}{span}: {problem.message}")
    for note in report.notes:
        warn(f"Note: {note}")
    if report.orphans:
        warn(
            f"Note: {len(report.orphans):,} files belong to no snapshot; a write that was stopped "
            "left them. `curation workspace compact` removes them when they are a day old."
        )
    verdict = f"{len(report.problems):,} problems" if report.problems else "All is in order"
    say(f"{verdict}: looked at {report.files:,} files with {report.bytes:,} bytes.")


@_group.command()
def compact(
    context: typer.Context,
    keep_days: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Forget older snapshots, but never one that is tagged or otherwise referred to.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    author: options.Author = None,
    as_json: options.Json = False,
) -> None:
    """Write few large files instead of many small ones, and remove what nothing needs."""
    with (
        Workspace.open(options.workspace_path(context), create=False) as workspace,
        progress_bar() as progress,
    ):
        report = compact_workspace(
            workspace, keep_days=keep_days, dry_run=dry_run, author=options.author_name(author),
            progress=progress,
        )  # fmt: skip
    if as_json:
        say_json(report)
    else:
        _say_compact(report)


def _say_compact(report: CompactReport) -> None:
    would = "Would have" if report.is_dry_run else "Have"
    say(f"{would} moved {report.flushed_rows:,} rows from the catalog into files.")
    say(f"{would} forgotten {len(report.expired):,} snapshots.")
    if report.kept:
        say(f"{len(report.kept):,} as old stay, since something refers to them:")
    for number, why in sorted(report.kept.items()):
        say(f"  {number}: {why}")
    say(f"{would} removed {report.removed_files:,} files that nothing needs.")
    if not report.is_dry_run:
        say(f"Files: {report.files_before:,} before, {report.files_after:,} now.")


def _say_info(found: WorkspaceInfo) -> None:
    rows = [
        ("workspace", found.name),
        ("catalog", f"{found.catalog}, DuckLake format {found.format}"),
        ("data", found.data),
        ("datasets", found.datasets),
        ("snapshots", found.snapshots),
        ("files", f"{found.files:,} with {found.bytes:,} bytes"),
        ("rows in the catalog", found.inlined_rows),
        ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
    ]
    say_table(("what", ""), rows)

"""`import`, `datasets`, `log` and `diff`: what is in the workspace and how it came there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table, warn
from curation.errors import UnknownNameError, UsageError
from curation.lake.datasets import get_dataset, list_datasets
from curation.lake.diffs import diff as compare
from curation.lake.imports import MAX_REFUSED, ImportReport, import_file
from curation.lake.snapshots import log as history
from curation.lake.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(import_command)
    app.command()(datasets)
    app.command()(log)
    app.command()(diff)


def import_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines, Parquet, Arrow or Feather.")],
    dataset: Annotated[str, typer.Option(metavar="NAME", help="The dataset's name.")],
    label: options.Label = None,
    key: options.Keys = None,
    text: options.Texts = None,
    feature: options.Features = None,
    timestamp: options.Timestamp = None,
    group: options.Groups = None,
    ignore: options.Ignored = None,
    append: Annotated[
        bool,
        typer.Option(
            "--append", help="Add the rows; those whose key is there take the old ones' place."
        ),
    ] = False,
    encoding: options.Encoding = None,
    max_refused: options.MaxRefused = MAX_REFUSED,
    author: options.Author = None,
    message: Annotated[str | None, typer.Option(help="Why; kept with the snapshot.")] = None,
    as_json: options.Json = False,
) -> None:
    """Import a file as a dataset, or as a new snapshot of one that is there.

    Roles that are not given are detected and printed. Older snapshots stay: see `curation log`.
    """
    roles = options.given_roles(
        label=label, key=key, text=text, feature=feature, timestamp=timestamp, group=group,
        ignore=ignore,
    )  # fmt: skip
    with Workspace.open(options.workspace_path(context)) as workspace, progress_bar() as progress:
        report = import_file(
            workspace, file, dataset, roles=roles, mode="append" if append else "replace",
            encoding=encoding, max_refused=max_refused, author=options.author_name(author),
            message=message, progress=progress,
        )  # fmt: skip
    if as_json:
        say_json(report)
    else:
        _say_report(report)


def _say_report(report: ImportReport) -> None:
    say(f"{report.dataset}: took {report.taken:,} rows, refused {report.refused_count:,}.")
    for row in report.refused[:5]:
        warn(f"  line {row.line}: {row.reason}")
    if report.refused_file is not None:
        warn(f"  all refused rows: {report.refused_file}")
    say(f"Roles: {options.said_roles(report.roles.columns)}")
    for note in report.notes:
        say(f"Note: {note}")
    if report.diff is not None:
        change = report.diff
        say(
            f"Against snapshot {change.old}: {change.added:,} added, {change.removed:,} removed, "
            f"{change.changed:,} changed ({change.labels_changed:,} labels)."
        )
    say(f"Snapshot {report.snapshot}, {report.rows:,} rows.")


def datasets(context: typer.Context, as_json: options.Json = False) -> None:
    """List the datasets of the workspace."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = list_datasets(workspace)
    if as_json:
        say_json(found)
        return
    if not found:
        say("No datasets yet. Import one: curation import FILE --dataset NAME")
        return
    say_table(
        ("dataset", "rows", "classes", "snapshot", "label"),
        [(d.name, d.rows, d.classes, d.snapshot, d.roles.label) for d in found],
    )


def log(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The dataset.")],
    as_json: options.Json = False,
) -> None:
    """Show a dataset's snapshots, the newest first."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        snapshots = history(workspace, name)
        if not snapshots:
            raise UnknownNameError("dataset", name, [d.name for d in list_datasets(workspace)])
    if as_json:
        say_json(snapshots)
        return
    say_table(
        ("snapshot", "time (UTC)", "author", "operation", "rows", "message"),
        [(s.snapshot, s.time, s.author, s.operation, s.rows, s.message) for s in snapshots],
    )


def diff(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The dataset.")],
    old: Annotated[
        int | None, typer.Argument(help="The older snapshot; the one before the newest without it.")
    ] = None,
    new: Annotated[
        int | None, typer.Argument(help="The newer snapshot; the newest without it.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what differs between two snapshots of a dataset."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        newest = get_dataset(workspace, name).snapshot if new is None else new
        before = [s.snapshot for s in history(workspace, name) if s.snapshot < newest]
        if old is None and not before:
            raise UsageError(f"'{name}' has nothing before snapshot {newest} to compare with.")
        change = compare(workspace, name, before[0] if old is None else old, newest)
    if as_json:
        say_json(change)
        return
    say(f"From snapshot {change.old} to {change.new}:")
    say(f"{change.added:,} rows added, {change.removed:,} removed, {change.changed:,} changed.")
    if change.label_changes:
        say_table(
            ("label before", "label after", "rows"),
            [(c.before, c.after, c.rows) for c in change.label_changes],
        )

"""`import` and `datasets`: what is in the workspace and how it came there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table, warn
from curation.lake.datasets import list_datasets
from curation.lake.imports import MAX_REFUSED, ImportReport, import_file
from curation.lake.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(import_command)
    app.command()(datasets)


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

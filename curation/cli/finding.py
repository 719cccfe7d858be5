"""`find`: likely label errors in a file or a dataset."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, warn
from curation.errors import UsageError
from curation.lake import source_files
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.profile import profile_table
from curation.lake.roles import Role, Roles, detect_roles
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.progress import part

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.finders.base import Finding


class Preset(StrEnum):
    """How much work the model may be."""

    fast = "fast"
    accurate = "accurate"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(find)


def find(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A file, or a dataset's name.")],
    label: options.Label = None,
    text: options.Texts = None,
    feature: options.Features = None,
    key: options.Keys = None,
    ignore: options.Ignored = None,
    pred_probs_prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Columns PREFIX+class hold out-of-sample probabilities; use them, fit no model.",
        ),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="How much work the model may be.")] = Preset.fast,
    seed: Annotated[int, typer.Option(help="For what is drawn at random.")] = 0,
    encoding: options.Encoding = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the ranked rows go, e.g. found.parquet.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Rank every labelled row by how likely its label is right, and flag likely errors.

    \b
    The output has one row for every row with a label:
      record_key, row (0-based), given_label, label_quality (0 to 1, 1 = clean), is_label_issue,
      suggested_label, given_label_probability
    """
    started = time.perf_counter()
    given = options.given_roles(label=label, text=text, feature=feature, key=key, ignore=ignore)
    with progress_bar() as progress:
        table, roles = _read(context, source, given, encoding, exclusive=bool(text or feature))
        from curation.finders.label import find_label_issues  # after quick errors: slow to import

        finding = find_label_issues(
            table, roles=roles, preset=preset.value, seed=seed,
            pred_probs_prefix=pred_probs_prefix, progress=part(progress, 0.1, 1.0),
        )  # fmt: skip
    if output is not None:
        write_rows(finding.rows.to_reader(), output)
    _say_summary(finding, roles, time.perf_counter() - started, output, as_json)


def _read(
    context: typer.Context,
    source: str,
    given: dict[str, Role],
    encoding: str | None,
    *,
    exclusive: bool,
) -> tuple[pa.Table, Roles]:
    """Return rows and roles of a file or of a dataset in the workspace."""
    if Path(source).exists() or Path(source).suffix:
        with duckdb.connect() as connection:
            staged = source_files.stage_file(connection, Path(source), encoding=encoding)
            table = connection.execute(f"SELECT * FROM {staged.table} ORDER BY rowid").to_arrow_table()
        for note in staged.notes:
            warn(f"Note: {note}")
        if staged.refused_count:
            warn(f"Note: {staged.refused_count:,} rows were refused and are not ranked.")
        roles = detect_roles(profile_table(table))
    else:
        with Workspace.open(options.workspace_path(context), create=False) as workspace:
            dataset = get_dataset(workspace, source)
            roles = dataset.roles
            with workspace.cursor() as cursor:
                table = cursor.execute(
                    f"SELECT * FROM {table_sql(source, dataset.snapshot)} ORDER BY rowid"
                ).to_arrow_table()
    roles = roles.with_roles(given)
    if exclusive:
        # Who names the columns to learn from means these and no others.
        others = [c for c in roles.having("text", "feature", "embedding", "image") if c not in given]
        roles = roles.with_roles({column: "ignore" for column in others})
    if roles.label is None:
        raise UsageError(
            f"Which column is the label? Name it with --label. Columns: {', '.join(table.column_names)}."
        )
    return table, roles


def _say_summary(
    finding: Finding, roles: Roles, seconds: float, output: Path | None, as_json: bool
) -> None:
    summary = finding.summary
    if as_json:
        say_json(
            {
                "rows": summary.rows,
                "classes": summary.classes,
                "flagged": summary.flagged,
                "estimated_errors": summary.estimated_errors,
                "estimated_error_rate": summary.estimated_error_rate,
                "seconds": round(seconds, 3),
                "learner": finding.learner,
                "roles": roles.columns,
                "notes": finding.notes,
                "output": str(output) if output else None,
            }
        )
        return
    say(f"Roles: {options.said_roles(roles.columns)}")
    say(f"Model: {finding.learner}")
    for note in finding.notes:
        say(f"Note: {note}")
    say(
        f"{summary.flagged:,} of {summary.rows:,} rows flagged, {summary.classes:,} classes; "
        f"estimated errors {summary.estimated_errors:,} ({summary.estimated_error_rate:.1%}); "
        f"{seconds:.1f} s."
    )
    if output is not None:
        say(f"Ranked rows: {output}")

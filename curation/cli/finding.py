"""`find`: likely label errors in a file or a dataset."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table, warn
from curation.errors import UsageError
from curation.lake import source_files
from curation.lake.catalogs import locate
from curation.lake.datasets import get_dataset, list_datasets, table_sql
from curation.lake.file_kinds import kind_of
from curation.lake.imports import MAX_REFUSED
from curation.lake.profile import profile_table
from curation.lake.roles import Role, Roles, detect_roles
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.progress import part

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.finders.base import Finding


_SHOWN = 5


class Preset(StrEnum):
    """How much work the model may be."""

    fast = "fast"
    accurate = "accurate"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(find)


def find(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A file, or a dataset's name.")
    ],
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
    seed: options.Seed = 0,
    encoding: options.Encoding = None,
    max_refused: options.MaxRefused = MAX_REFUSED,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the ranked rows go, e.g. found.parquet."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Rank every labelled row by how likely its label is right, and flag likely errors.

    \b
    The output has one row for every row with a label, in the order of the input:
      record_key, row (0-based, without refused rows), given_label,
      label_quality (0 to 1, 1 = clean), is_label_issue, suggested_label,
      given_label_probability
    """
    started = time.perf_counter()
    given = options.given_roles(label=label, text=text, feature=feature, key=key, ignore=ignore)
    if output is not None:
        options.check_targets({"the source": Path(source)}, {"--output": output})
        kind_of(output.name)
    with progress_bar() as progress:
        if _is_file(context, source):
            table, roles = _read_file(Path(source), encoding, max_refused)
        else:
            table, roles = _read_dataset(context, source)
        roles = _named(table, roles, given, exclusive=bool(text or feature))
        from curation.finders.label import find_label_issues  # after quick errors: slow to import

        finding = find_label_issues(
            table, roles=roles, preset=preset.value, seed=seed,
            pred_probs_prefix=pred_probs_prefix, progress=part(progress, 0.1, 1.0),
        )  # fmt: skip
    if output is not None:
        write_rows(finding.rows.to_reader(), output)
    _say_summary(finding, roles, time.perf_counter() - started, output, as_json)


def _is_file(context: typer.Context, source: str) -> bool:
    """Say whether a file is meant; a dataset's name may have a dot, or be that of a folder here."""
    path, workspace_path = Path(source), options.workspace_path(context)
    if path.is_file() or not locate(workspace_path).may_be_there:
        return path.is_file() or path.suffix != "" or path.is_dir()
    with Workspace.open(workspace_path, create=False) as workspace:
        is_dataset = source in [dataset.name for dataset in list_datasets(workspace)]
    return not is_dataset and (path.suffix != "" or path.is_dir())


def _read_file(path: Path, encoding: str | None, max_refused: float) -> tuple[pa.Table, Roles]:
    """Return the rows of a file in its order, and the roles that they seem to have."""
    with duckdb.connect() as connection:
        staged = source_files.stage_file(
            connection, path, encoding=encoding, max_refused=max_refused
        )
        table = connection.execute(f"SELECT * FROM {staged.table} ORDER BY rowid").to_arrow_table()
    for note in staged.notes:
        warn(f"Note: {note}")
    if staged.refused_count:
        warn(f"Note: {staged.refused_count:,} rows were refused and are not ranked.")
    return table, detect_roles(profile_table(table))


def _read_dataset(context: typer.Context, name: str) -> tuple[pa.Table, Roles]:
    """Return the rows and roles of a dataset in the workspace."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        dataset = get_dataset(workspace, name)
        with workspace.cursor() as cursor:
            table = cursor.execute(
                f"SELECT * FROM {table_sql(name, dataset.snapshot)} ORDER BY rowid"
            ).to_arrow_table()
    return table, dataset.roles


def _named(table: pa.Table, roles: Roles, given: dict[str, Role], *, exclusive: bool) -> Roles:
    """Return the roles with those that were named, once one of them is the label."""
    roles = roles.with_named(given)
    if exclusive:
        # Who names the columns to learn from means these and no others.
        others = [
            c for c in roles.having("text", "feature", "embedding", "image") if c not in given
        ]
        roles = roles.with_roles(dict.fromkeys(others, "ignore"))
    if roles.label is None:
        raise UsageError(
            "Which column is the label? Name it with --label. "
            f"Columns: {', '.join(table.column_names)}."
        )
    return roles


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
        f"{summary.flagged:,} of {summary.rows:,} rows flagged, {summary.classes:,} classes, "
        f"in {seconds:.1f} s. The model's own, rough estimate of all errors: "
        f"{summary.estimated_errors:,} ({summary.estimated_error_rate:.1%})."
    )
    worst = finding.rows.sort_by("label_quality").slice(0, _SHOWN).to_pylist()
    say("Least likely labels:")
    say_table(
        ("record", "given", "suggested", "label quality"),
        [
            (r["record_key"], r["given_label"], r["suggested_label"], f"{r['label_quality']:.3f}")
            for r in worst
        ],
    )
    if output is not None:
        say(f"Every row's score: {output}")

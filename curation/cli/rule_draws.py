"""`rules preview | compare | draw | estimate`: what a rule draws from a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table
from curation.errors import UsageError
from curation.lake.workspace import Workspace
from curation.sampling.rules.library import get_rule, resolve_rule
from curation.sampling.rules.references import split_reference
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_yaml import parse_rule

if TYPE_CHECKING:
    from curation.engines.base import Relation
    from curation.engines.duckdb import DuckDBEngine
    from curation.sampling.drawing.drawn import Stratum
    from curation.sampling.previews.weighted_rows import Estimate

_MOST_LISTED = 10
_WIDEST = 40

_Rule = Annotated[
    str, typer.Argument(metavar="RULE", help="NAME, NAME@VERSION, or a file of YAML (.yaml, .yml).")
]
_Dataset = Annotated[str, typer.Option("--dataset", metavar="NAME", help="The dataset.")]
_Snapshot = Annotated[
    int | None, typer.Option(metavar="N", help="Which snapshot's rows; the newest without it.")
]


def register(group: typer.Typer) -> None:
    """Add these commands."""
    for command in (preview, compare, draw, estimate):
        group.command()(command)


def preview(
    context: typer.Context,
    rule: _Rule,
    dataset: _Dataset,
    snapshot: _Snapshot = None,
    examples: Annotated[
        int, typer.Option(metavar="N", min=0, max=1_000, help="How many drawn rows to show.")
    ] = 5,
    as_json: options.Json = False,
) -> None:
    """Say what a rule would draw, in a moment; of a large dataset some figures are estimates."""
    from curation.privacy.gate import Viewer
    from curation.sampling.previews.preview import preview_rule

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = preview_rule(
            workspace, Viewer(options.author_name(None)), dataset, read_rule(workspace, rule),
            snapshot=snapshot, examples=examples,
        )  # fmt: skip
    rows = [{k: _cell(v) for k, v in row.items()} for row in found.examples.to_pylist()]
    if as_json:
        figures = {k: v for k, v in vars(found).items() if k not in ("examples", "strata")}
        strata = [asdict(stratum) for stratum in found.strata]
        say_json({**figures, "is_estimate": found.is_estimate, "strata": strata, "examples": rows})
        return
    say(
        f"{found.drawn:,} of {found.population:,} rows that may be drawn, {found.kept:,} of them "
        f"always kept, {found.shortfall:,} fewer than asked."
    )
    _say_strata(found.strata, found.strata_count)
    if found.classes_before:
        say_table(
            ("class", "may be drawn", "drawn"),
            [(c, n, found.classes_after.get(c, 0)) for c, n in _first(found.classes_before)],
        )
    if rows:
        say_table(tuple(rows[0]), [[_short(value) for value in row.values()] for row in rows])
    for note in found.notes:
        say(note)


def compare(
    context: typer.Context,
    first: _Rule,
    second: Annotated[str, typer.Argument(metavar="RULE", help="The other.")],
    dataset: _Dataset,
    snapshot: _Snapshot = None,
    as_json: options.Json = False,
) -> None:
    """Say which rows two rules, or two versions of one, both draw, and of which classes."""
    from curation.sampling.previews.compare import compare_rules
    from curation.sampling.rules.library import difference

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        one, other = read_rule(workspace, first), read_rule(workspace, second)
        with progress_bar() as progress:
            found = compare_rules(
                workspace, dataset, one, other, snapshot=snapshot, progress=progress
            )
    changes = difference(one, other)
    if as_json:
        derived = {n: getattr(found, n) for n in ("only_first", "only_second", "is_estimate")}
        say_json({**asdict(found), **derived, "differences": changes})
        return
    for line in changes:
        say(line)
    say(
        f"{found.first:,} rows by {first}, {found.second:,} by {second}: {found.in_common:,} in "
        f"common, {found.only_first:,} only by the first, {found.only_second:,} only by the second."
    )
    classes = {**found.first_classes, **found.second_classes}
    if classes:
        rows = [
            (c, found.first_classes.get(c, 0), found.second_classes.get(c, 0))
            for c, _ in _first(classes)
        ]
        say_table(("class", "first", "second"), rows)
    if found.is_estimate:
        say(f"Both drew from {found.looked_at:,} of {found.of:,} rows.")


def draw(
    context: typer.Context,
    rule: _Rule,
    dataset: _Dataset,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the drawn rows go.")],
    snapshot: _Snapshot = None,
    as_json: options.Json = False,
) -> None:
    """Write the rows that a rule draws, with the chance of each and why it was drawn."""
    from curation.lake.target_files import write_rows
    from curation.sampling.drawing.frames import drawn_from_dataset
    from curation.sampling.drawing.staging import drawn_query

    options.check_targets({}, {"--output": output})
    with (
        Workspace.open(options.workspace_path(context), create=False) as workspace,
        progress_bar() as progress,
        drawn_from_dataset(
            workspace, dataset, read_rule(workspace, rule), snapshot=snapshot, progress=progress
        ) as (engine, drawn),
    ):
        rows = int(engine.values(f"SELECT count(*) FROM {drawn.rows.name}")[0])
        write_rows(engine.reader(drawn_query(drawn.rows)), output)
    if as_json:
        say_json(
            {
                "output": output, "rows": rows, "population": drawn.population, "kept": drawn.kept,
                "shortfall": drawn.shortfall, "strata_count": drawn.strata_count,
                "strata": [asdict(stratum) for stratum in drawn.strata], "notes": drawn.notes,
            }
        )  # fmt: skip
        return
    say(f"{rows:,} of {drawn.population:,} rows written to {output}.")
    if drawn.shortfall:
        say(f"{drawn.shortfall:,} rows fewer than asked:")
        _say_strata([s for s in drawn.strata if s.shortfall], drawn.strata_count)
    for note in drawn.notes:
        say(note)


def estimate(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="A file that `rules draw` wrote, or a dataset of such rows.")
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Rows of each value of it. May be repeated."),
    ] = None,
    total: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Its sum; of a condition, its rows. May be repeated."),
    ] = None,
    mean: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="Its mean. May be repeated.")
    ] = None,
    per: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Columns that rows were drawn by, a number from each."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Estimate figures of all rows from drawn ones, each with its interval of 95%."""
    from curation.sampling.previews.estimates import (
        estimated_counts,
        estimated_mean,
        estimated_total,
    )

    if not (column or total or mean):
        raise UsageError("Say what to estimate: --column COL, --total EXPR or --mean EXPR.")
    strata = tuple(per or ())
    found: list[tuple[str, Estimate]] = []
    with _drawn_rows(context, source) as (engine, rows):
        for name in column or []:
            counts = estimated_counts(engine, rows, name, strata=strata)
            found += [(f"rows by {name}", one) for one in counts]
        for expression in total or []:
            found.append(("total", estimated_total(engine, rows, expression, strata=strata)))
        for expression in mean or []:
            found.append(("mean", estimated_mean(engine, rows, expression, strata=strata)))
    if as_json:
        say_json([{"what": what, **asdict(one)} for what, one in found])
        return
    say_table(
        ("what", "of", "estimate", "from", "to", "drawn rows"),
        [
            (what, one.name, *(f"{x:,.6g}" for x in (one.total, one.low, one.high)), one.rows)
            for what, one in found
        ],
    )


def read_rule(workspace: Workspace, named: str) -> Rule:
    """Return the rule of a workspace or a file; one that is in a file may name others."""
    if named.lower().endswith((".yaml", ".yml")):
        return parse_rule(file_text(Path(named)))
    name, pinned = split_reference(named)
    get_rule(workspace, name, pinned)
    return resolve_rule(workspace, named).model_copy(update={"name": None})


def file_text(file: Path) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it is not there or cannot be read.
    """
    from curation.lake.taxonomy_yaml import read_text

    return read_text(file)


@contextmanager
def _drawn_rows(context: typer.Context, source: str) -> Iterator[tuple[DuckDBEngine, Relation]]:
    from curation.engines.duckdb import DuckDBEngine
    from curation.lake.datasets import get_dataset, table_sql
    from curation.lake.source_files import stage_file

    with DuckDBEngine() as engine:
        if Path(source).is_file():
            staged = stage_file(engine.connection, Path(source))
            yield engine, engine.relation(staged.table)
            return
        with Workspace.open(options.workspace_path(context), create=False) as workspace:
            found = get_dataset(workspace, source)
            with workspace.cursor() as cursor:
                query = f"SELECT * FROM {table_sql(found.name, found.snapshot)}"
                rows = engine.put(cursor.execute(query).to_arrow_reader())
        yield engine, rows


def _say_strata(strata: list[Stratum], count: int) -> None:
    listed = [s for s in strata[:_MOST_LISTED] if s.name]
    if listed:
        say_table(
            ("stratum", "rows", "asked", "drawn"),
            [(s.name, s.rows, s.asked, s.drawn) for s in listed],
        )
    if count > len(listed) > 0:
        say(f"… of {count:,} strata")


def _first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return list(counts.items())[:_MOST_LISTED]


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"

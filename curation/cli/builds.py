"""`build`, `builds` and `replay`: versions combined, and decisions on other rows."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table
from curation.errors import UsageError
from curation.lake.file_kinds import kind_of
from curation.lake.fold import Cut
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace

_Dataset = Annotated[str, typer.Argument(help="The dataset.")]
_Snapshot = Annotated[
    int | None, typer.Option(metavar="N", help="Which snapshot's rows; the newest without it.")
]
_Policy = Annotated[
    options.PolicyName | None,
    typer.Option(help="How several decisions become one; the workflow's without it."),
]
_Until = Annotated[datetime | None, typer.Option(help="Only what was said by then, in UTC.")]
_Branch = Annotated[str, typer.Option(metavar="NAME", help="The branch of annotations.")]
_Annotators = Annotated[
    list[str] | None, typer.Option("--annotator", metavar="NAME", help="Only theirs.")
]
_Workflows = Annotated[
    list[int] | None,
    typer.Option("--workflow", metavar="N", help="Only what was said under this version."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(build)
    app.command()(builds)
    app.command()(replay)


def build(
    context: typer.Context,
    dataset: _Dataset,
    into: Annotated[str, typer.Option("--as", metavar="NAME", help="The dataset that it makes.")],
    snapshot: _Snapshot = None,
    taxonomy: Annotated[
        int | None, typer.Option(metavar="N", help="Which version of the classes.")
    ] = None,
    recipe: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which version of the recipe; 0 only applies decisions."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=N", help="Which version of a sampling rule. May be repeated."),
    ] = None,
    policy: _Policy = None,
    until: _Until = None,
    branch: _Branch = "main",
    annotator: _Annotators = None,
    workflow: _Workflows = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="Also write the rows there.")
    ] = None,
    conflicts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the records that wait there.")
    ] = None,
    author: options.Author = None,
    message: Annotated[str | None, typer.Option(help="Why; kept with the snapshot.")] = None,
    as_json: options.Json = False,
) -> None:
    """Combine versions of data, annotations, classes, rules and recipe into a new dataset.

    What is not given is what is in force now; all of it is written down, and the same versions
    give the same bytes again.
    """
    from curation.recipe.builds import build as make
    from curation.recipe.builds import pin

    options.check_targets({}, {"--output": output, "--conflicts": conflicts})
    _check_kinds(output, conflicts)
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        coordinates = pin(
            workspace, dataset, snapshot=snapshot, policy=policy, taxonomy_version=taxonomy,
            recipe_version=recipe, rules=_rules(rule or []),
            cut=_cut(until, branch, annotator, workflow),
        )  # fmt: skip
        with progress_bar() as progress:
            made = make(
                workspace, coordinates, into, author=options.author_name(author),
                message=message, output=output, progress=progress,
            )  # fmt: skip
    if conflicts is not None:
        _write(made.conflicts, conflicts)
    if as_json:
        say_json({"snapshot": made.snapshot, "found_again": made.is_found_again, **made.manifest})
        return
    manifest = made.manifest
    say_table(
        ("step", "rows in", "rows out", "touched", ""),
        [
            (s["id"], s["rows_in"], s["rows_out"], s["touched"], s["note"])
            for s in manifest["steps"]
        ],
    )
    pinned = coordinates
    say(
        f"From snapshot {pinned.snapshot} of {pinned.dataset}, "
        f"{manifest['annotations']['events']:,} annotations ({pinned.policy}), taxonomy "
        f"{pinned.taxonomy_version}, recipe {pinned.recipe_version}."
    )
    again = ", which was there already" if made.is_found_again else ""
    say(
        f"{into}: snapshot {made.snapshot}{again}, {manifest['output']['rows']:,} rows; "
        f"{len(made.conflicts):,} records wait for a person."
    )


def builds(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Argument(help="Only what was built into this.")] = None,
    as_json: options.Json = False,
) -> None:
    """List what was built, and from which versions."""
    from curation.recipe.builds import list_builds

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = list_builds(workspace, dataset)
    if as_json:
        say_json([{"snapshot": one.snapshot, **one.manifest} for one in found])
        return
    rows = []
    for one in found:
        pinned = one.coordinates
        rows.append(
            (
                one.dataset, one.snapshot, f"{pinned.dataset} {pinned.snapshot}", pinned.policy,
                pinned.taxonomy_version, pinned.recipe_version, one.manifest["output"]["rows"],
                len(one.conflicts),
            )
        )  # fmt: skip
    say_table(
        ("dataset", "snapshot", "from", "policy", "taxonomy", "recipe", "rows", "waiting"), rows
    )


def replay(
    context: typer.Context,
    dataset: _Dataset,
    snapshot: _Snapshot = None,
    onto: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another dataset, whose rows they meet.")
    ] = None,
    policy: _Policy = None,
    until: _Until = None,
    branch: _Branch = "main",
    outcome: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="List the events with this outcome. May be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all events with outcomes there.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what becomes of every annotation on some rows; nothing is written to the workspace."""
    from curation.recipe.replay import NOT_IN_FORCE
    from curation.recipe.replay import replay as play
    from curation.steps.matching import OUTCOMES

    words = {**OUTCOMES, **NOT_IN_FORCE}
    for name in outcome or []:
        if name not in words:
            raise UsageError(f"There is no outcome '{name}'. Known: {', '.join(words)}.")
    options.check_targets({}, {"--output": output})
    _check_kinds(output)
    with (
        Workspace.open(options.workspace_path(context), create=False) as workspace,
        progress_bar() as progress,
    ):
        found = play(
            workspace, dataset, onto=snapshot, onto_dataset=onto, policy=policy,
            cut=_cut(until, branch, None, None), progress=progress,
        )  # fmt: skip
    if output is not None:
        _write(found.rows, output)
    listed = found.having(*(outcome or [])).to_pylist()
    if as_json:
        say_json(
            {"snapshot": found.snapshot, "counts": found.counts, "events": listed,
             "notes": found.notes}
        )  # fmt: skip
        return
    say_table(
        ("outcome", "events", ""),
        [(name, count, words[name]) for name, count in found.counts.items() if count],
    )
    say(f"{len(found.rows):,} events on snapshot {found.snapshot}.")
    for note in found.notes:
        say(f"Note: {note}")
    if outcome:
        columns = ("outcome", "record_key", "key_now", "given", "label_now", "value", "annotator")
        say_table(columns, [[row[name] for name in columns] for row in listed])


def _cut(
    until: datetime | None,
    branch: str,
    annotators: list[str] | None,
    workflows: list[int] | None,
) -> Cut:
    return Cut(
        branch=branch, until=until, annotators=tuple(annotators) if annotators else None,
        workflow_versions=tuple(workflows) if workflows else None,
    )  # fmt: skip


def _rules(named: list[str]) -> dict[str, int]:
    rules = {}
    for text in named:
        name, _, version = text.rpartition("=")
        if not name or not version.isdigit():
            raise UsageError(f"--rule '{text}' names no version. Write it as NAME=N.")
        rules[name] = int(version)
    return rules


def _check_kinds(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            kind_of(path.name)


def _write(table: pa.Table, path: Path) -> None:
    if kind_of(path.name)[0] == "jsonl":
        lines = (json.dumps(row, default=str, ensure_ascii=False) for row in table.to_pylist())
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    write_rows(table.to_reader(), path)

"""`annotations …`: what was said about labels, by whom, on which branch, and taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli import options
from curation.cli.output import say, say_json, say_table
from curation.errors import DataError
from curation.lake import actions
from curation.lake.annotations import MAIN, label_column
from curation.lake.branches import create_branch, list_branches
from curation.lake.datasets import get_dataset
from curation.lake.event_files import export_events, merge_events
from curation.lake.fold import Cut
from curation.lake.merging import Merge, merge_branch, open_conflicts
from curation.lake.workflows import current_workflow, save_workflow
from curation.lake.workspace import Workspace

_group = typer.Typer(
    no_args_is_help=True, help="What was said about labels: agreement, branches, undo and redo."
)

_Dataset = Annotated[str, typer.Argument(help="The dataset.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_group, name="annotations")


@_group.command()
def agreement(context: typer.Context, dataset: _Dataset, as_json: options.Json = False) -> None:
    """Show how well annotators agree, and how good each is."""
    from curation.finders.consensus import annotators

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = annotators(workspace, get_dataset(workspace, dataset))
    rows = found.consensus.annotators.to_pylist()
    alpha = found.agreement
    if as_json:
        say_json({"policy": found.consensus.policy, "alpha": alpha, "annotators": rows})
        return
    if alpha.alpha is None:
        say("Nobody has labelled the same record as another, so nothing tells how they agree.")
    else:
        say(
            f"Krippendorff's alpha {alpha.alpha:.2f} ({alpha.low:.2f} to {alpha.high:.2f}) over "
            f"{found.shared:,} records with two or more annotators."
        )
    say_table(
        ("annotator", "labels", f"quality ({found.consensus.policy})", "agreement", "worst class"),
        [
            (r["annotator"], r["votes"], _share(r["quality"]), _share(r["agreement"]),
             r["worst_class"])
            for r in rows
        ],
    )  # fmt: skip
    for note in found.consensus.notes:
        say(f"Note: {note}")


@_group.command()
def workflow(
    context: typer.Context,
    dataset: _Dataset,
    policy: Annotated[
        options.PolicyName | None, typer.Option(help="How several decisions become one.")
    ] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Whose word stands above others. May be repeated."),
    ] = None,
    counts: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Versions whose annotations count. May be repeated."),
    ] = None,
    guideline: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What annotators are told.")
    ] = None,
    author: options.Author = None,
    as_json: options.Json = False,
) -> None:
    """Show how a team labels, or make a new version of it; older annotations are kept."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        label = label_column(get_dataset(workspace, dataset))
        now = current_workflow(workspace, dataset, label)
        changes = {
            name: value
            for name, value in (
                ("policy", policy), ("reviewers", tuple(reviewer) if reviewer else None),
                ("counts", tuple(counts) if counts else None), ("guideline", guideline),
            )
            if value is not None
        }  # fmt: skip
        if changes:
            now = now.model_copy(update=changes)
            said = ", ".join(changes)
            save_workflow(
                workspace, dataset, label, now, author=options.author_name(author),
                message=f"Changed: {said}",
            )  # fmt: skip
    if as_json:
        say_json(now)
        return
    say(f"Policy: {now.policy}")
    say(f"Reviewers: {', '.join(now.reviewers) or 'none'}")
    say(f"Versions that count: {', '.join(map(str, now.counts)) if now.counts else 'all'}")
    if now.guideline:
        say(f"Guideline: {now.guideline}")


@_group.command()
def branch(
    context: typer.Context,
    dataset: _Dataset,
    name: Annotated[
        str | None, typer.Argument(help="A new branch; without it, all of them.")
    ] = None,
    author: options.Author = None,
    as_json: options.Json = False,
) -> None:
    """List the branches of a dataset's annotations, or begin one."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        get_dataset(workspace, dataset)
        if name is not None:
            create_branch(workspace, dataset, name, options.author_name(author))
        found = list_branches(workspace, dataset)
    if as_json:
        say_json(found)
        return
    say_table(
        ("branch", "since (UTC)", "by"),
        [(MAIN, None, None), *((b.branch, b.created_at, b.author) for b in found)],
    )


@_group.command()
def merge(
    context: typer.Context,
    dataset: _Dataset,
    source: Annotated[str, typer.Argument(help="A branch, or a file that `export` wrote.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call where a file's events come from.")
    ] = None,
    author: options.Author = None,
    as_json: options.Json = False,
) -> None:
    """Merge a branch, or a file of events, into the main branch.

    What different people say never conflicts. Where one person said two things about a record, one
    on each side, what stood before stands until they decide again. Exit code 1 then.
    """
    file, who = Path(source), options.author_name(author)
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        label = label_column(get_dataset(workspace, dataset))
        if file.suffix == ".parquet":
            result = merge_events(
                workspace, dataset, label, file, branch=name or file.stem, author=who
            )
        else:
            result = merge_branch(workspace, dataset, label, source, author=who)
    if as_json:
        say_json(result)
    else:
        _say_merge(result)
    if result.conflicts:
        raise typer.Exit(1)


@_group.command()
def conflicts(context: typer.Context, dataset: _Dataset, as_json: options.Json = False) -> None:
    """List what somebody said twice on branches that were merged, and has not decided since."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        get_dataset(workspace, dataset)
        found = open_conflicts(workspace, dataset)
    if as_json:
        say_json(found)
        return
    if not found:
        say("No conflicts.")
        return
    say_table(
        ("record", "annotator", "branch", "decision", "label"),
        [(e.record_key, e.annotator, e.branch, e.decision, e.value) for e in found],
    )


@_group.command()
def export(
    context: typer.Context,
    dataset: _Dataset,
    output: Annotated[Path, typer.Option(metavar="FILE.parquet", help="Where to.")],
    of: Annotated[str, typer.Option("--branch", metavar="NAME", help="Which branch.")] = MAIN,
) -> None:
    """Write all events as a file, to be merged elsewhere."""
    options.check_targets({}, {"--output": output})
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        label = label_column(get_dataset(workspace, dataset))
        count = export_events(workspace, dataset, label, output, Cut(branch=of))
    say(f"{count:,} events written to {output}.")


@_group.command()
def undo(context: typer.Context, dataset: _Dataset, author: options.Author = None) -> None:
    """Take back what you did last: to labels, the recipe, the classes, a rule or the workflow."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        get_dataset(workspace, dataset)
        action = actions.undo(workspace, dataset, options.author_name(author))
    if action is None:
        raise DataError("There is nothing of yours to take back.")
    say(f"Taken back: {action.what}.")


@_group.command()
def redo(context: typer.Context, dataset: _Dataset, author: options.Author = None) -> None:
    """Bring back what you took back last."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        get_dataset(workspace, dataset)
        action = actions.redo(workspace, dataset, options.author_name(author))
    if action is None:
        raise DataError(
            "There is nothing to bring back: you took nothing back since you did something else."
        )
    say(f"Back again: {action.what}.")


def _say_merge(result: Merge) -> None:
    say(f"{len(result.added):,} events merged, {len(result.conflicts):,} conflicts.")
    if result.conflicts:
        say_table(
            ("record", "annotator", "before", "here", "there"),
            [
                (c.record_key, c.annotator, *(e and (e.value or e.decision) for e in
                 (c.base, c.ours, c.theirs)))
                for c in result.conflicts
            ],
        )  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"

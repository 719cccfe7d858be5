"""`log`, `diff`, `tag`, `tags`, `record`, `blame` and `lineage`: what happened, and to what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curation.cli import options
from curation.cli.output import say, say_json, say_table
from curation.errors import UnknownNameError, UsageError
from curation.lake import tags as stored_tags
from curation.lake.blame import blame as causes_of
from curation.lake.datasets import get_dataset, list_datasets
from curation.lake.diffs import Diff
from curation.lake.diffs import diff as compare
from curation.lake.lineage import MOST_SNAPSHOTS
from curation.lake.lineage import lineage as lineage_of
from curation.lake.lineage_graph import Lineage, to_dot
from curation.lake.record_life import LifeEvent, RecordLife, record_life
from curation.lake.snapshots import log as history
from curation.lake.workspace import Workspace

_Name = Annotated[str, typer.Argument(help="The dataset.")]
_Key = Annotated[str, typer.Argument(help="The record key: the value of the key column.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (log, diff, tag, tags, record, blame, lineage):
        app.command()(command)


def log(context: typer.Context, name: _Name, as_json: options.Json = False) -> None:
    """Show a dataset's snapshots and their tags, the newest first."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        snapshots = history(workspace, name)
        if not snapshots:
            raise UnknownNameError("dataset", name, [d.name for d in list_datasets(workspace)])
        named: dict[int, list[str]] = {}
        for each in stored_tags.list_tags(workspace):
            at = next((s.snapshot for s in snapshots if s.snapshot <= each.snapshot), None)
            if at is not None:
                named.setdefault(at, []).append(each.name)
    if as_json:
        say_json(snapshots)
        return
    say_table(
        ("snapshot", "time (UTC)", "author", "operation", "rows", "tags", "message"),
        [
            (s.snapshot, s.time, s.author, s.operation, s.rows,
             ", ".join(named.get(s.snapshot, [])), s.message)
            for s in snapshots
        ],
    )  # fmt: skip


def diff(
    context: typer.Context,
    name: _Name,
    old: Annotated[
        str | None,
        typer.Argument(help="The older snapshot, or a tag; the one before the newer without it."),
    ] = None,
    new: Annotated[
        str | None, typer.Argument(help="The newer snapshot, or a tag; the newest without it.")
    ] = None,
    other: Annotated[
        str | None,
        typer.Option("--with", metavar="DATASET", help="The newer snapshot is one of DATASET."),
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also say what became of each column's values.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show what differs between two snapshots of a dataset, or of two datasets."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        second = other or name
        newer = get_dataset(workspace, second).snapshot if new is None else (
            stored_tags.resolve_snapshot(workspace, second, new)
        )  # fmt: skip
        if old is not None:
            older = stored_tags.resolve_snapshot(workspace, name, old)
        elif other is not None:
            older = get_dataset(workspace, name).snapshot
        else:
            before = [s.snapshot for s in history(workspace, name) if s.snapshot < newer]
            if not before:
                raise UsageError(f"'{name}' has nothing before snapshot {newer} to compare with.")
            older = before[0]
        change = compare(workspace, name, older, newer, other=other, distributions=columns)
    if as_json:
        say_json(change)
    else:
        _say_diff(change)


def _say_diff(change: Diff) -> None:
    say(f"From snapshot {change.old} to {change.new}:")
    say(f"{change.added:,} rows added, {change.removed:,} removed, {change.changed:,} changed.")
    for column, kind in change.columns_added.items():
        say(f"Column {column} ({kind}) is new.")
    for column, kind in change.columns_removed.items():
        say(f"Column {column} ({kind}) is gone.")
    for column, kinds in change.types_changed.items():
        say(f"Column {column} is {kinds.after}, before {kinds.before}.")
    for column, cells in sorted(change.cells_changed.items(), key=lambda each: -each[1]):
        say(f"{column} differs in {cells:,} of the changed rows.")
    if change.label_changes:
        say_table(
            ("label before", "label after", "rows"),
            [(c.before, c.after, c.rows) for c in change.label_changes],
        )
    for column_change in change.distributions or []:
        say(column_change.summary)


def tag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The tag's name, for example v1.")],
    at: Annotated[
        int | None,
        typer.Option(metavar="SNAPSHOT", help="A snapshot's number; the newest without it."),
    ] = None,
    message: Annotated[str, typer.Option(help="What for; kept with the tag.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the tag instead.")] = False,
    author: options.Author = None,
) -> None:
    """Name a snapshot of the workspace: its data, decisions, classes and recipes as they are then.

    The name can be given wherever a snapshot is asked for.
    """
    who = options.author_name(author)
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        if remove:
            stored_tags.untag(workspace, name, author=who)
            say(f"The tag {name} is removed; its snapshot stays.")
            return
        made = stored_tags.tag(workspace, name, at, author=who, message=message)
    say(f"{made.name} is snapshot {made.snapshot} of the workspace.")


def tags(context: typer.Context, as_json: options.Json = False) -> None:
    """List the tags of the workspace, the newest snapshot first."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = stored_tags.list_tags(workspace)
    if as_json:
        say_json(found)
        return
    if not found:
        say("No tags yet. Name the workspace as it is now: curation tag NAME")
        return
    say_table(
        ("tag", "snapshot", "author", "time (UTC)", "message"),
        [(t.name, t.snapshot, t.author, t.created_at, t.message) for t in found],
    )


def record(
    context: typer.Context, dataset: _Name, key: _Key, as_json: options.Json = False
) -> None:
    """Show all that happened to one record: snapshots, decisions, findings and runs."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        life = record_life(workspace, dataset, key)
    if as_json:
        say_json(_plain(life))
        return
    say_table(
        ("time (UTC)", "who", "what", "label now"),
        [(e.time, e.who, _in_words(e), e.reads_now) for e in life.events],
    )
    there = f"in {life.rows:,} rows" if life.rows != 1 else "there"
    label = f"its label is '{life.label}'" if life.label is not None else "it has no label"
    left_out = "; it was decided to leave it out" if life.is_excluded else ""
    say(f"The record is {there if life.rows else 'no longer there'}; {label}{left_out}.")


def blame(context: typer.Context, dataset: _Name, key: _Key, as_json: options.Json = False) -> None:
    """Show who or what gave a record the label it has now, and how the label got its name."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        causes = causes_of(workspace, dataset, key)
    if as_json:
        say_json(causes)
        return
    say_table(
        ("label", "by", "who", "time (UTC)", "what"),
        [(c.label, c.kind, c.who, c.when, c.what) for c in causes],
    )


def lineage(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Argument(help="Only it and what it was made from; all without it.")
    ] = None,
    last: Annotated[
        int, typer.Option(metavar="N", min=1, help="Snapshots of each dataset, the newest.")
    ] = MOST_SNAPSHOTS,
    dot: Annotated[
        bool, typer.Option("--dot", help="Print it for Graphviz: … --dot | dot -Tsvg")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show which files, snapshots and versions each snapshot was made from."""
    if dot and as_json:
        raise UsageError("--dot and --json are two forms of the same; give one.")
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        found = lineage_of(workspace, dataset, last=last)
    if as_json:
        say_json(found)
    elif dot:
        say(to_dot(found))
    else:
        _say_lineage(found)


def _say_lineage(found: Lineage) -> None:
    titles = {node.id: node.title for node in found.nodes}
    made_from: dict[str, list[str]] = {}
    for edge in found.edges:
        if edge.kind == "from":
            made_from.setdefault(edge.target, []).append(titles[edge.source])
    say_table(
        ("what", "", "made from", "time (UTC)", "who", "detail"),
        [
            (n.kind, n.title, ", ".join(made_from.get(n.id, [])), n.when, n.who, n.detail)
            for n in found.nodes
        ],
    )
    if found.left_out:
        say(f"{found.left_out:,} older snapshots are not shown: --last N")


def _in_words(event: LifeEvent) -> str:
    return f"{event.what} (taken back)" if event.is_taken_back else event.what


def _plain(life: RecordLife) -> dict[str, Any]:
    """Return a life for JSON, whose values may be of any of DuckDB's types."""
    events = [
        {**vars(event), "columns": {
            column: {"before": _text(was), "after": _text(is_now)}
            for column, (was, is_now) in event.columns.items()
        }}
        for event in life.events
    ]  # fmt: skip
    return {**vars(life), "events": events}


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)

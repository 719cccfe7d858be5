"""`queue`: how good a dataset's queue of likely label errors is, by the decisions so far."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli import options
from curation.cli.output import say, say_json
from curation.errors import UsageError
from curation.lake.datasets import get_dataset
from curation.lake.findings import latest_finding
from curation.lake.reviewing import seconds_per_decision
from curation.lake.workspace import Workspace

if TYPE_CHECKING:
    from curation.finders.queue_quality import Estimate


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(queue)


def queue(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The dataset.")],
    pace: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=0.1,
            help="Records that you decide in a minute; without one, as fast as up to now.",
        ),
    ] = None,
    fewest: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Errors that an hour has to find to be worth it."),
    ] = 10,
    as_json: options.Json = False,
) -> None:
    """Say how often the flags are right, how many errors are left, and when to stop.

    The estimates come from the decisions in the workspace. Some records of a review are drawn at
    random, so that they are not fooled by the order of the queue.
    """
    from curation.finders.queue_advice import advice
    from curation.finders.reviewed_queue import queue_quality

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        get_dataset(workspace, name)
        finding = latest_finding(workspace, name)
        if finding is None:
            raise UsageError(
                f"Nobody looked for label errors in '{name}' yet. Do: curation find {name}"
            )
        quality = queue_quality(workspace, finding.finding_id)
        seconds = seconds_per_decision(workspace, name) if pace is None else 60 / pace
    said = advice(quality, 3600 / seconds if seconds else None, fewest)
    if as_json:
        told: dict[str, Any] = asdict(quality)
        told.pop("chances")
        say_json(
            {"finding": finding.finding_id, "snapshot": finding.snapshot, **told, "advice": said}
        )
        return
    say(
        f"{quality.flagged:,} of {quality.records:,} records flagged on snapshot "
        f"{finding.snapshot}; {quality.checked:,} have a verdict, {quality.drawn:,} of them drawn "
        f"at random; {quality.unsure:,} unsure."
    )
    if quality.checked:
        say(f"Flags that are right: {_range(quality.precision, 100, '%')}.")
        say(f"Errors found: {quality.found:,}. Left: {_range(quality.left, 1, '')}.")
        say(said)
    else:
        say("Nothing is decided yet, so how often the flags are right is not known.")


def _range(estimate: Estimate, times: int, unit: str) -> str:
    value, low, high = (times * v for v in (estimate.value, estimate.low, estimate.high))
    return f"{value:,.0f}{unit} (95% interval {low:,.0f} to {high:,.0f}{unit})"

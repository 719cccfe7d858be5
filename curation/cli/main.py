"""The command `curation`: its commands, what all of them share, and how errors end it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from curation.cli import (
    annotating,
    builds,
    data,
    finding,
    history,
    queue,
    recipes,
    rules,
    taxonomy,
    workbench,
    workspace,
)
from curation.cli.output import warn
from curation.errors import CurationError
from curation.lake.workspace import DEFAULT_PATH, ENVIRONMENT_VARIABLE
from curation.progress import Cancelled

_EPILOG = (
    "Exit codes: 0 done; 1 the data did not satisfy what was asked of them; 2 wrong usage. "
    "Results go to standard output, progress and errors to standard error."
)


class _ErrorEdge(TyperGroup):
    """Turns a CurationError into its message and exit code; lets a bug show its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CurationError as error:
            warn(f"Error: {error}")
            raise typer.Exit(error.exit_code) from error
        except Cancelled as error:
            warn("Stopped; nothing was written.")
            raise typer.Exit(130) from error


app = typer.Typer(
    cls=_ErrorEdge,
    no_args_is_help=True,
    # A traceback with local variables would print rows.
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    context: typer.Context,
    workspace: Annotated[
        str,
        typer.Option(
            "--workspace",
            "-w",
            metavar="WHERE",
            envvar=ENVIRONMENT_VARIABLE,
            help="Folder or postgresql://… of the datasets, decisions, recipes and runs.",
        ),
    ] = str(DEFAULT_PATH),
) -> None:
    """Find and fix label errors, balance classes, and keep it all as a recipe that runs again.

    \b
    Try it:       curation demo
    Your file:    curation import tickets.csv --dataset tickets --label intent
                  curation app
    Tomorrow:     curation run recipe.yaml --input new.csv --output curated.csv
    Without any workspace:
                  curation find tickets.csv --label intent --output found.parquet
    """
    context.obj = workspace


for module in (
    workbench, data, history, finding, queue, recipes, annotating, taxonomy, builds, rules,
    workspace,
):  # fmt: skip
    module.register(app)

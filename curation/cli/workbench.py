"""`app` and `demo`: the workbench in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say
from curation.lake.workspace import Workspace

_DEMO = "curation-demo"

Port = Annotated[int, typer.Option(min=1, max=65535, help="Where the page is served.")]
Browser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Whether to open it in the browser.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("app")(app_command)
    app.command()(demo)


def app_command(context: typer.Context, port: Port = 8501, browser: Browser = True) -> None:
    """Open the workbench on the workspace."""
    from curation.ui.server import start

    start(options.workspace_path(context), port=port, open_browser=browser)


def demo(context: typer.Context, port: Port = 8501, browser: Browser = True) -> None:
    """Open the workbench on example data, in ./curation-demo unless --workspace says otherwise."""
    from curation.demo import populate
    from curation.ui.server import start

    given = context.find_root().get_parameter_source("workspace")
    path = _DEMO if given is None or given.name == "DEFAULT" else options.workspace_path(context)
    with Workspace.open(path) as workspace, progress_bar() as progress:
        populate(workspace, author="demo", progress=progress)
        say(f"Example workspace: {workspace.path if workspace.catalog.folder else workspace.name}")
    start(path, port=port, open_browser=browser)

"""Start the workbench's Streamlit server in this process."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Final

from curation.errors import UsageError, WorkspaceError
from curation.lake.workspace import DEFAULT_PATH, ENVIRONMENT_VARIABLE
from curation.resources import resource
from curation.ui import imports

ADDRESS: Final = "localhost"


def workspace_path() -> str:
    """Return the workspace that this server serves, from ``CURATION_WORKSPACE``."""
    return os.environ.get(ENVIRONMENT_VARIABLE) or str(DEFAULT_PATH)


def app_path() -> Path:
    """Return the entry script, beside its pages.

    Raises:
        WorkspaceError: the installation lacks it.
    """
    script = resource("app.py")
    if not script.is_file():
        raise WorkspaceError(
            f"The pages of the workbench are not in {script.parent}.\n"
            "Install the package again: pip install --force-reinstall curation"
        )
    return script


def start(workspace: str | Path, port: int = 8501, open_browser: bool = True) -> None:
    """Serve the workbench of one workspace until it is interrupted.

    Args:
        workspace: path or address of the workspace; pages open it when they are first asked for.
        port: TCP port on this machine.
        open_browser: open the workbench in the person's browser once it answers.

    Raises:
        UsageError: the port is taken, or not allowed.
        WorkspaceError: the installation lacks its pages.
    """
    script = str(app_path())
    check_port(port)
    os.environ[ENVIRONMENT_VARIABLE] = str(workspace)

    from streamlit import config
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.web import bootstrap

    # Streamlit takes a pages/ folder for its old automatic pages until st.navigation has run once,
    # and shows a deep link that comes first without its frame.
    PagesManager.uses_pages_directory = False
    options = {
        "server_port": port,
        "server_address": ADDRESS,
        "server_headless": not open_browser,
        "server_fileWatcherType": "none",
        "browser_gatherUsageStats": False,
        "global_developmentMode": False,
        "logger_hideWelcomeMessage": True,
    }
    config._main_script_path = script
    bootstrap.load_config_options(flag_options=options)
    imports.import_in_background()
    print(f"The workbench is at http://{ADDRESS}:{port} (stop it with Ctrl+C).", flush=True)  # noqa: T201
    bootstrap.run(script, is_hello=False, args=[], flag_options=options)


def check_port(port: int) -> None:
    """Return if the port is free on this machine.

    Raises:
        UsageError: the port is taken, or not allowed.
    """
    if not 0 < port < 65536:
        raise UsageError(
            f"Port {port} is not a port. Choose one from 1024 to 65535, for example 8501."
        )
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.ExitStack() as stack:
            try:
                probe = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            except OSError:
                continue  # no IPv6 here
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError as error:
                raise UsageError(
                    f"Port {port} needs more rights than you have. "
                    "Choose one above 1023: --port 8501."
                ) from error
            except OSError as error:
                if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                    continue  # IPv6 is switched off
                raise UsageError(
                    f"Port {port} is taken, perhaps by another workbench. "
                    f"Choose another: --port {port + 1}."
                ) from error

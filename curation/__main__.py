"""`python -m curation` is the command `curation`."""

from __future__ import annotations

from curation.cli.main import app

if __name__ == "__main__":
    app(prog_name="curation")

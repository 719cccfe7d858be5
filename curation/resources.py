"""Files that come with the product and are not code: the app, its pages, the example data."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(*parts: str) -> Path:
    """Return where a file of the product lies.

    In a wheel they lie inside the package, under ``_bundled``; in a source tree at its top.
    """
    bundled = _PACKAGE / "_bundled"
    return (bundled if bundled.is_dir() else _PACKAGE.parent).joinpath(*parts)

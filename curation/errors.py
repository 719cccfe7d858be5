"""Every error that a user can cause or mend.

CurationError                    exit code 2
├── UsageError                   the call names what is not there, or asks what cannot be done
│   ├── UnknownNameError         a dataset, column, class, step or snapshot that is not there
│   ├── ExpressionError          a filter that is not a scalar expression over known columns
│   └── RecipeError              a recipe file that cannot be read
├── WorkspaceError               the workspace cannot be opened or written
├── PluginError                  a finder of another package that is not made right
└── DataError                    exit code 1: the data do not allow it
    ├── SourceFileError          a file that cannot be read as what its name says
    ├── LabelError               a label column from which nothing can be learned
    └── ContractError            data that do not satisfy a recipe

Only the edges (command line, pages) catch CurationError. Any other exception is a bug.
A message says what was got, what is allowed, and what to do, in one to three lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

_MOST_NAMES = 12


class CurationError(Exception):
    """Root of all errors that a user can cause or mend."""

    exit_code: ClassVar[int] = 2


class UsageError(CurationError):
    """The call asks for something that cannot be done."""


class UnknownNameError(UsageError):
    """A name that is not known, with the nearest one that is.

    Args:
        kind: what the name should name, for example ``"column"``.
        name: what was got.
        known: the allowed names.
        where: where the name was met, put before the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind, self.name, self.known = kind, name, sorted(map(str, known))
        super().__init__(f"{where}{unknown_name(kind, name, self.known)}")


class ExpressionError(UsageError):
    """An expression that is not a scalar expression over known columns and functions."""


class RecipeError(UsageError):
    """A recipe file that cannot be read."""


class WorkspaceError(CurationError):
    """The workspace cannot be opened or written."""


class PluginError(CurationError):
    """What another package adds to this product is not made right."""


class DataError(CurationError):
    """The data do not allow what was asked."""

    exit_code: ClassVar[int] = 1


class SourceFileError(DataError):
    """A source file that cannot be read as what its name says."""


class LabelError(DataError):
    """A label column from which nothing can be learned."""


class ContractError(DataError):
    """Data that do not satisfy a recipe's contract."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'? "`` for the nearest known name, or ``""`` if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean '{by_lower[near[0]]}'? " if near else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, which one is nearest, and what is allowed."""
    names = sorted(map(str, known))
    listed = ", ".join(names[:_MOST_NAMES]) or "none"
    if len(names) > _MOST_NAMES:
        listed += f" and {len(names) - _MOST_NAMES:,} more"
    return f"There is no {kind} '{name}'. {suggest(name, names)}Known: {listed}."

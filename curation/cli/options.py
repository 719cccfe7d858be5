"""Options that several commands share."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from curation.errors import UsageError
from curation.lake.fold import Policy as PolicyName
from curation.lake.roles import SINGLE, Role

Label = Annotated[str | None, typer.Option(metavar="COL", help="The column with the labels.")]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="COL", help="A column that identifies a record. May be repeated."
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COL", help="A column of text. May be repeated."),
]
Features = Annotated[
    list[str] | None,
    typer.Option("--feature", metavar="COL", help="A column of values. May be repeated."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="COL", help="What belongs together, such as a customer."),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="COL", help="A column to leave alone. May be repeated."),
]
Timestamp = Annotated[
    str | None, typer.Option(metavar="COL", help="The column that says when a record came.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Encoding of a text file that is not UTF-8, e.g. windows-1252."
    ),
]
MaxRefused = Annotated[
    float,
    typer.Option(
        metavar="N", min=0,
        help="Rows that may be refused before the file is; below 1, a fraction of them.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="For what is drawn at random.")]
Author = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it; your user name without one.")
]


def given_roles(**columns: str | list[str] | None) -> dict[str, Role]:
    """Return column to role from options named by role.

    Raises:
        UsageError: one column in two roles.
    """
    roles: dict[str, Role] = {}
    for role, value in columns.items():
        for column in [value] if isinstance(value, str) else value or []:
            if column in roles and roles[column] != role:
                raise UsageError(
                    f"Column '{column}' cannot be both {roles[column]} and {role}; give one."
                )
            roles[column] = role  # type: ignore[assignment]  # options are named by role
    return roles


def said_roles(columns: dict[str, Role]) -> str:
    """Return roles in words: what was taken for what."""
    by_role: dict[str, list[str]] = {}
    for column, role in columns.items():
        by_role.setdefault(role, []).append(column)
    order = ["label", "key", *sorted(set(by_role) - {"label", "key", "ignore"}), "ignore"]
    return "; ".join(
        f"{role} {', '.join(by_role[role][:8])}" + (" …" if len(by_role[role]) > 8 else "")
        for role in order
        if role in by_role
    )


def author_name(author: str | None) -> str:
    """Return the given name, else the user's."""
    return author or getpass.getuser()


def check_targets(sources: Mapping[str, Path], targets: Mapping[str, Path | None]) -> None:
    """Refuse to start work whose result could not be written, or would overwrite its source.

    Args:
        sources: option to the file that is read.
        targets: option to the file that is to be written, None for one that is not asked for.

    Raises:
        UsageError: names the option and the path.
    """
    seen = {path.resolve(): name for name, path in sources.items()}
    for name, path in targets.items():
        if path is None:
            continue
        if path.is_dir() or not path.resolve().parent.is_dir():
            problem = "is a folder" if path.is_dir() else "is in a folder that does not exist"
            raise UsageError(f"{name} '{path}' {problem}. Name a file in a folder that exists.")
        if path.resolve() in seen:
            raise UsageError(
                f"{name} would overwrite {seen[path.resolve()]} ('{path}'). Name another file."
            )
        seen[path.resolve()] = name


def workspace_path(context: typer.Context) -> str:
    """Return the folder or address that ``--workspace`` names."""
    where: str = context.find_root().obj
    return where


__all__ = [
    "SINGLE", "Author", "Encoding", "Features", "Groups", "Ignored", "Json", "Keys", "Label",
    "MaxRefused", "PolicyName", "Seed", "Texts", "Timestamp", "author_name", "check_targets",
    "given_roles", "said_roles", "workspace_path",
]  # fmt: skip

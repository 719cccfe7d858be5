"""What each column of a dataset is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.errors import UnknownNameError, UsageError

Role = Literal[
    "key", "label", "text", "feature", "embedding", "image", "timestamp", "group",
    "weight", "annotator", "ignore",
]  # fmt: skip
ROLES: tuple[Role, ...] = (
    "key", "label", "text", "feature", "embedding", "image", "timestamp", "group",
    "weight", "annotator", "ignore",
)  # fmt: skip
SINGLE: frozenset[str] = frozenset({"label", "timestamp", "weight", "annotator"})
"""Roles that at most one column has."""

CONTENT = ("text", "feature", "embedding", "image")


class Roles(BaseModel):
    """The role of each column. A column has one role; `sensitive` may be added to any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Role] = Field(default_factory=dict)
    sensitive: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _single_roles_once(self) -> Roles:
        for role in sorted(SINGLE):
            if len(rivals := self.having(role)) > 1:
                raise UsageError(f"Only one column can be the {role}; got {_quoted(rivals)}.")
        return self

    def role_of(self, column: str) -> Role | None:
        """Return the role of a column, or None for one that has none."""
        return self.columns.get(column)

    def having(self, *roles: str) -> list[str]:
        """Return the columns that have one of these roles, in the order of the data."""
        return [column for column, role in self.columns.items() if role in roles]

    def single(self, role: str) -> str | None:
        """Return the one column with a role of which there is at most one, or None."""
        return next(iter(self.having(role)), None)

    @property
    def label(self) -> str | None:
        """The label column, or None."""
        return self.single("label")

    @property
    def content(self) -> list[str]:
        """What a model may look at: text, features, embeddings and images, in order of name.

        The record fingerprint is a hash of these, so it stays the same when a source adds a
        timestamp, reorders its columns, or gives the same message another key.
        """
        return sorted(self.having(*CONTENT))

    def with_roles(self, changes: Mapping[str, Role]) -> Roles:
        """Return these roles with some columns changed.

        A role that only one column may have is taken from the column that had it.

        Raises:
            UnknownNameError: a column that is not in the data.
            UsageError: two columns for a role that only one may have.
        """
        unknown = next((column for column in changes if column not in self.columns), None)
        if unknown is not None:
            raise UnknownNameError("column", unknown, self.columns)
        columns = dict(self.columns)
        for role in SINGLE & set(changes.values()):
            wanted = [column for column, new in changes.items() if new == role]
            if len(wanted) > 1:
                raise UsageError(f"Only one column can be the {role}; got {_quoted(wanted)}.")
            before = self.single(role)
            if before is not None:
                columns[before] = "ignore"
        return Roles(columns={**columns, **changes}, sensitive=self.sensitive)

    def with_named(self, named: Mapping[str, Role]) -> Roles:
        """Return detected roles with those that a person named.

        Who names the key means these columns and no others, so a detected key gives way.

        Raises:
            UnknownNameError, UsageError: see `with_roles`.
        """
        changed = self.with_roles(named)
        if "key" not in named.values():
            return changed
        others = [column for column in self.having("key") if column not in named]
        return changed.with_roles(dict.fromkeys(others, "ignore"))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class ColumnProfile(BaseModel):
    """What one scan says of a column; enough to guess its role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    """DuckDB type, for example ``VARCHAR``."""
    rows: int
    nulls: int
    distinct: int
    mean_length: float = 0.0
    """Mean number of characters, for text; mean number of elements, for lists."""
    mean_words: float = 0.0


def detect_roles(profiles: Sequence[ColumnProfile]) -> Roles:
    """Guess a role for every column from its name, type and values.

    The guess is shown and can be corrected; it never decides anything silently.
    """
    columns: dict[str, Role] = {}
    for profile in profiles:
        columns[profile.name] = _likely_role(profile)
    for role in SINGLE | {"key"}:
        rivals = [p for p in profiles if columns[p.name] == role]
        for loser in sorted(rivals, key=lambda p: _preference(p, role))[1:]:
            columns[loser.name] = "ignore" if role in ("key", "timestamp") else _content(loser)
    return Roles(columns=columns)


_LABEL_NAMES = ("label", "given_label", "intent", "category", "class", "target", "y")
_SPLIT_NAMES = ("split", "fold", "subset", "partition")
_WRITTEN_BY_STEPS = ("made", "parents", "drawn_because", "inclusion_probability")
"""Columns that a run adds to say where its rows come from: nothing for a model to look at."""
_KEY_NAMES = ("id", "key", "uuid", "guid", "record_id")
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL")


def is_numeric(type_name: str) -> bool:
    """Say whether a DuckDB type holds numbers."""
    return type_name.upper().removeprefix("U").startswith(_NUMERIC)


def _likely_role(profile: ColumnProfile) -> Role:  # noqa: PLR0911 - a line for each kind
    name, kind = profile.name.lower(), profile.type.upper()
    filled = profile.rows - profile.nulls
    if kind.endswith("]"):
        return "embedding" if any(t in kind for t in ("FLOAT", "DOUBLE")) else "ignore"
    if kind == "BLOB":
        return "image"
    if kind.startswith(("TIMESTAMP", "DATE", "TIME")):
        return "timestamp"
    unique = profile.nulls == 0 and profile.distinct == profile.rows and profile.rows > 1
    named_key = name in _KEY_NAMES or name.endswith(("_id", "_key", "_uuid"))
    if named_key:
        return "key" if unique else "group"
    if name in _LABEL_NAMES and 1 < profile.distinct <= max(2, filled // 2):
        return "label"
    if name in _SPLIT_NAMES or name in _WRITTEN_BY_STEPS:
        return "ignore"
    return _content(profile)


def _content(profile: ColumnProfile) -> Role:
    kind = profile.type.upper()
    if kind == "VARCHAR":
        if profile.mean_words >= 2.5 and profile.distinct > 0.3 * profile.rows:
            return "text"
        if profile.distinct > 0.9 * profile.rows and profile.rows > 20:
            return "ignore"
        return "feature"
    if is_numeric(kind) or kind == "BOOLEAN":
        return "feature"
    return "ignore"


def _preference(profile: ColumnProfile, role: str) -> tuple[int, str]:
    order = {"label": _LABEL_NAMES, "key": _KEY_NAMES}.get(role, ())
    name = profile.name.lower()
    return (order.index(name) if name in order else len(order), profile.name)

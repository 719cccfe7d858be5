"""The classes of a label column, in versions, and the operations that lead from one to the next.

Nothing here knows of a workspace. `lake.translation` reads a label of one version under another,
`lake.taxonomies` keeps versions with their dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from curation.errors import UnknownNameError, UsageError

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class Add(BaseModel):
    """A class that was not there."""

    model_config = _FROZEN
    operation: Literal["add"] = "add"
    name: str
    description: str | None = None

    def __str__(self) -> str:
        return f"add '{self.name}'"


class Rename(BaseModel):
    """Another name for the same class."""

    model_config = _FROZEN
    operation: Literal["rename"] = "rename"
    old: str
    new: str

    def __str__(self) -> str:
        return f"rename '{self.old}' to '{self.new}'"


class Merge(BaseModel):
    """Several classes become one; ``into`` is one of them or a new name."""

    model_config = _FROZEN
    operation: Literal["merge"] = "merge"
    classes: tuple[str, ...]
    into: str

    def __str__(self) -> str:
        return f"merge {_listed(self.classes)} into '{self.into}'"


class Split(BaseModel):
    """One class becomes several; one of them may keep its name."""

    model_config = _FROZEN
    operation: Literal["split"] = "split"
    name: str
    into: tuple[str, ...]

    def __str__(self) -> str:
        return f"split '{self.name}' into {_listed(self.into)}"


class Retire(BaseModel):
    """A class that is no more; its records wait for another label, or are left out."""

    model_config = _FROZEN
    operation: Literal["retire"] = "retire"
    name: str
    then: Literal["queue", "exclude"]

    def __str__(self) -> str:
        return f"retire '{self.name}' and {self.then} its records"


Operation = Annotated[Add | Rename | Merge | Split | Retire, Field(discriminator="operation")]
OPERATIONS: tuple[type[Add | Rename | Merge | Split | Retire], ...] = (
    Add, Rename, Merge, Split, Retire,
)  # fmt: skip


class Taxonomy(BaseModel):
    """One version of a label column's classes; to change it is to make the next.

    Make one with `first` or `changed`, which check what they are given.
    """

    model_config = _FROZEN
    version: int = Field(ge=1)
    parent: int | None = None
    """The version that the operations were applied to; None for one that lists its classes."""
    operations: tuple[Operation, ...] = ()
    classes: tuple[str, ...] = ()
    """In the order in which they are shown."""
    descriptions: dict[str, str] = Field(default_factory=dict)
    """What belongs in a class, for those that have a description."""

    @classmethod
    def first(
        cls,
        classes: Iterable[str],
        descriptions: Mapping[str, str | None] | None = None,
        *,
        version: int = 1,
    ) -> Taxonomy:
        """Return a version that lists its classes.

        Raises:
            UsageError: a name that is empty or there twice.
            UnknownNameError: a description of a class that is not there.
        """
        names: list[str] = []
        for name in classes:
            # A label in the data may be a tab; only spaces are a missing label.
            _check_new(name, names, "The list of classes: ", blank=" ")
            names.append(name)
        described = {name: text for name, text in (descriptions or {}).items() if text}
        for name in described:
            _check_known(name, names, "The descriptions: ")
        return cls(version=version, classes=tuple(names), descriptions=described)

    def changed(self, operations: Sequence[Operation], *, version: int | None = None) -> Taxonomy:
        """Return the version that operations lead to.

        Args:
            operations: applied in their order, each to the classes that the ones before it left.
            version: its number; without one, the next.

        Raises:
            UnknownNameError: an operation on a class that is not there at that point.
            UsageError: no operation, a name that is blank or taken, a merge or a split of fewer
                than two.
        """
        if not operations:
            raise UsageError("A new version needs at least one operation, such as a rename.")
        names, described = list(self.classes), dict(self.descriptions)
        for number, operation in enumerate(operations, start=1):
            _apply(operation, names, described, f"Operation {number} ({operation.operation}): ")
        return Taxonomy(
            version=version or self.version + 1,
            parent=self.version,
            operations=tuple(operations),
            classes=tuple(names),
            descriptions=described,
        )


def difference(taxonomy: Taxonomy, wanted: Taxonomy) -> tuple[Operation, ...]:
    """Return the operations that lead to a list of classes: what is new is added, what lacks goes.

    A class with another name looks like one that went and one that came: a rename, merge or split
    cannot be seen in a list and has to be said. Retired classes wait in the queue. Descriptions
    and places of classes that stay are left as they are.
    """
    retired = [Retire(name=n, then="queue") for n in taxonomy.classes if n not in wanted.classes]
    added = [
        Add(name=name, description=wanted.descriptions.get(name))
        for name in wanted.classes
        if name not in taxonomy.classes
    ]
    return (*added, *retired)


def _apply(operation: Operation, names: list[str], described: dict[str, str], where: str) -> None:
    """Change names and descriptions in place, or say why it cannot be done."""
    before = list(names)
    match operation:
        case Add(name=name, description=description):
            _check_new(name, before, where)
            names.append(name)
            if description:
                described[name] = description
        case Rename(old=old, new=new):
            _check_known(old, before, where)
            _check_new(new, before, where)
            names[before.index(old)] = new
            if old in described:
                described[new] = described[old]
        case Merge(classes=merged, into=into):
            _check_merge(merged, into, before, where)
            names[:] = [name for name in before if name not in merged]
            names.insert(min(before.index(name) for name in merged), into)
        case Split(name=name, into=parts):
            _check_split(name, parts, before, where)
            at = before.index(name)
            names[at : at + 1] = parts
        case Retire(name=name):
            _check_known(name, before, where)
            names.remove(name)
    for gone in described.keys() - set(names):
        del described[gone]


def _check_merge(merged: tuple[str, ...], into: str, names: list[str], where: str) -> None:
    if len(merged) < 2:
        raise UsageError(
            f"{where}a merge takes two classes or more, got {len(merged)}. "
            "To give one class another name, rename it."
        )
    for number, name in enumerate(merged):
        _check_known(name, names, where)
        _check_not_twice(name, merged[:number], where)
    _check_new(into, [name for name in names if name not in merged], where)


def _check_split(name: str, parts: tuple[str, ...], names: list[str], where: str) -> None:
    _check_known(name, names, where)
    if len(parts) < 2:
        raise UsageError(
            f"{where}a split makes two classes or more, got {len(parts)}. "
            "To give one class another name, rename it."
        )
    for number, part in enumerate(parts):
        _check_not_twice(part, parts[:number], where)
        _check_new(part, [other for other in names if other != name], where)


def _check_known(name: str, names: list[str], where: str) -> None:
    if name not in names:
        raise UnknownNameError("class", name, names, where)


def _check_not_twice(name: str, before: tuple[str, ...], where: str) -> None:
    if name in before:
        raise UsageError(f"{where}the class '{name}' is named twice. Name it once.")


def _check_new(name: str, names: list[str], where: str, blank: str | None = None) -> None:
    if not name.strip(blank):
        raise UsageError(f"{where}a class needs a name, got {name!r}. Give it one.")
    if name in names:
        raise UsageError(
            f"{where}there is a class '{name}' already. Choose another name; to put records of "
            "another class into it, merge the two."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)

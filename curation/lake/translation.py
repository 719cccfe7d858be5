"""What a label of one taxonomy version means under another.

An operation relates the classes before it to the classes after it. Those relations compose along
the path between two versions in the tree of versions: up by their inverses, then down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, PrivateAttr, field_serializer, model_validator

from curation.errors import UnknownNameError, UsageError
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split, Taxonomy

Status = Literal["read", "queue", "excluded"]
Reason = Literal["choose", "gone", "unknown"]

READING_SCHEMA = pa.schema(
    [
        ("from_version", pa.int32()),
        ("label", pa.string()),
        ("reading", pa.string()),
        ("status", pa.string()),
        ("candidates", pa.list_(pa.string())),
    ]
)
"""``reading`` is null unless the status is ``read``."""


@dataclass(frozen=True)
class Reading:
    """All that a label may mean under a version."""

    classes: tuple[str, ...] = ()
    """The classes that it may be; a person chooses where it is not one for certain."""
    excluded: bool = False
    """It may be a class that was retired and whose records are left out."""
    gone: bool = False
    """It may be a class that the version does not have."""
    unknown: bool = False
    """It is no class of the version that it was said under."""

    @property
    def status(self) -> Status:
        """``read``: one class for certain; ``excluded``: left out; ``queue``: a person decides."""
        if len(self.classes) == 1 and not (self.excluded or self.gone or self.unknown):
            return "read"
        if self.excluded and not (self.classes or self.gone or self.unknown):
            return "excluded"
        return "queue"

    @property
    def reason(self) -> Reason | None:
        """Why a person has to decide, or None where nobody has to.

        ``choose`` among the candidate classes, or leave it as what the version does not have;
        ``gone``: no class is left of it; ``unknown``: it never was a class.
        """
        if self.status != "queue":
            return None
        if self.unknown:
            return "unknown"
        return "choose" if self.classes else "gone"

    @property
    def label(self) -> str | None:
        """The one class that it is for certain, or None."""
        return self.classes[0] if self.status == "read" else None

    def then(self, onward: Mapping[str, Reading], otherwise: Reading | None = None) -> Reading:
        """Return what it means after a further change.

        Args:
            onward: what becomes of each class.
            otherwise: what becomes of the others; without it they stay as they are.
        """
        outcomes = [onward.get(name, otherwise or Reading((name,))) for name in self.classes]
        return Reading(
            tuple(dict.fromkeys(name for outcome in outcomes for name in outcome.classes)),
            self.excluded or any(outcome.excluded for outcome in outcomes),
            self.gone or any(outcome.gone for outcome in outcomes),
            self.unknown or any(outcome.unknown for outcome in outcomes),
        )


UNKNOWN = Reading(unknown=True)
_GONE = Reading(gone=True)


def forward(operation: Operation) -> dict[str, Reading]:
    """Return what becomes of the classes that an operation touches."""
    match operation:
        case Rename(old=old, new=new):
            return {old: Reading((new,))}
        case Merge(classes=merged, into=into):
            return {name: Reading((into,)) for name in merged}
        case Split(name=name, into=parts):
            return {name: Reading(parts)}
        case Retire(name=name, then="exclude"):
            return {name: Reading(excluded=True)}
        case Retire(name=name):
            return {name: _GONE}
    return {}


def backward(operation: Operation) -> dict[str, Reading]:
    """Return what the classes that an operation made were before it."""
    match operation:
        case Add(name=name):
            return {name: _GONE}
        case Rename(old=old, new=new):
            return {new: Reading((old,))}
        case Merge(classes=merged, into=into):
            return {into: Reading(merged)}
        case Split(name=name, into=parts):
            return {part: Reading((name,)) for part in parts}
    return {}


class TaxonomyHistory(BaseModel):
    """All versions of a label column's taxonomy: a tree, since a version may be taken back.

    Raises:
        UsageError: versions that are not numbered 1, 2, 3, … or have no parent before them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    versions: tuple[Taxonomy, ...]
    """The oldest first; version n is the n-th."""
    taken_back: frozenset[int] = frozenset()
    """Versions that somebody undid. What was said under them stays readable."""

    _read: dict[int, dict[int, dict[str, Reading]]] = PrivateAttr(default_factory=dict)

    @field_serializer("taken_back")
    def _in_order(self, taken_back: frozenset[int]) -> list[int]:
        # The same history is the same text.
        return sorted(taken_back)

    @model_validator(mode="after")
    def _is_a_tree(self) -> TaxonomyHistory:
        for number, taxonomy in enumerate(self.versions, start=1):
            if taxonomy.version != number:
                raise UsageError(
                    f"The versions of a taxonomy are numbered 1, 2, 3, … in their order; number "
                    f"{number} of them is called {taxonomy.version}."
                )
            if taxonomy.parent is not None and not 1 <= taxonomy.parent < number:
                raise UsageError(
                    f"Version {number} has the parent {taxonomy.parent}. "
                    "A parent is an earlier version."
                )
        if not self.versions or self.versions[0].parent is not None:
            raise UsageError("A taxonomy begins with version 1, which lists its classes.")
        return self

    @property
    def current(self) -> Taxonomy:
        """The version in force: the newest change that was not taken back, else version 1."""
        changes = [
            taxonomy
            for taxonomy in self.versions
            # Without a parent it is the list that another first change made at the same moment.
            if taxonomy.parent is not None and taxonomy.version not in self.taken_back
        ]
        return changes[-1] if changes else self.versions[0]

    @property
    def newest(self) -> int:
        """The highest version number, also if that version was taken back."""
        return len(self.versions)

    def get(self, version: int) -> Taxonomy:
        """Return one version.

        Raises:
            UnknownNameError: there is none of that number.
        """
        if not 1 <= version <= len(self.versions):
            known = [str(number) for number in range(1, len(self.versions) + 1)]
            raise UnknownNameError("taxonomy version", str(version), known)
        return self.versions[version - 1]

    def reading(self, label: str, from_version: int, to_version: int) -> Reading:
        """Return what a label of one version means under another; any text has a reading.

        Under its own version a class is itself. A label that is no class of ``from_version``, and
        any label of a version that is not there, is unknown.

        Raises:
            UnknownNameError: there is no ``to_version``.
        """
        return self.table(to_version).get(from_version, {}).get(label, UNKNOWN)

    def closest(self, labels: Collection[str], preferred: int | None = None) -> int:
        """Return the version that labels are most likely classes of.

        It is the one that has the most of them; of several, the preferred one, else the one with
        the fewest classes beside them, else the version in force, else the newest. A version that
        was taken back is none, unless it is preferred.

        Args:
            labels: each once.
            preferred: the version that the labels came under before.
        """
        wanted, in_force = set(labels), self.current.version

        def likeness(taxonomy: Taxonomy) -> tuple[int, bool, int, bool, int]:
            version, classes = taxonomy.version, set(taxonomy.classes)
            beside = len(classes - wanted)
            return (
                len(classes & wanted), version == preferred, -beside, version == in_force, version
            )  # fmt: skip

        standing = [
            taxonomy
            for taxonomy in self.versions
            if taxonomy.version not in self.taken_back - {preferred}
        ]
        return max(standing or self.versions[:1], key=likeness).version

    def table(self, to_version: int) -> dict[int, dict[str, Reading]]:
        """Return version to class to what that class means under ``to_version``.

        Raises:
            UnknownNameError: there is no ``to_version``.
        """
        target = self.get(to_version)
        if to_version not in self._read:
            self._read[to_version] = self._relations(target)
        return self._read[to_version]

    def _relations(self, target: Taxonomy) -> dict[int, dict[str, Reading]]:
        """Walk the tree from the target outward, with one composition for each version."""
        found = {target.version: {name: Reading((name,)) for name in target.classes}}
        waiting = [target]
        while waiting:
            near = waiting.pop()
            for far, changes in self._neighbours(near):
                if far.version not in found:
                    found[far.version] = {
                        name: _through(name, changes).then(found[near.version], otherwise=_GONE)
                        for name in far.classes
                    }
                    waiting.append(far)
        return found

    def _neighbours(self, near: Taxonomy) -> list[tuple[Taxonomy, list[dict[str, Reading]]]]:
        """Return the versions next to one in the tree, and the changes from each to it."""
        around = [
            (child, [backward(operation) for operation in reversed(child.operations)])
            for child in self.versions
            if child.parent == near.version
        ]
        if near.parent is not None:
            around.append((self.get(near.parent), [forward(o) for o in near.operations]))
        return around


def reading_table(history: TaxonomyHistory, to_version: int) -> pa.Table:
    """Return every class of every version and what it means under one, to join in SQL.

    Returns:
        A table with `READING_SCHEMA`, one row for each version and class. A label without a row is
        unknown.

    Raises:
        UnknownNameError: there is no ``to_version``.
    """
    rows = [
        (version, label, reading.label, reading.status, list(reading.classes))
        for version, readings in sorted(history.table(to_version).items())
        for label, reading in readings.items()
    ]
    columns = zip(*rows, strict=True) if rows else [[] for _ in READING_SCHEMA]
    return pa.table(
        [pa.array(list(c), f.type) for c, f in zip(columns, READING_SCHEMA, strict=True)],
        schema=READING_SCHEMA,
    )


def _through(name: str, changes: Iterable[Mapping[str, Reading]]) -> Reading:
    reading = Reading((name,))
    for change in changes:
        reading = reading.then(change)
    return reading

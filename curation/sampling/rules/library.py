"""Named sampling rules with versions, which recipes and other rules use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from curation.errors import UnknownNameError, UsageError
from curation.lake import documents
from curation.lake.documents import Document
from curation.lake.workspace import Workspace
from curation.sampling.rules.references import MOST_DEEP, MOST_PARTS, split_reference
from curation.sampling.rules.rule import Rule

_NOT_SET = "not set"


@dataclass(frozen=True)
class RuleVersion:
    """One version of a rule."""

    name: str
    version: int
    rule: Rule
    author: str
    message: str
    created_at: datetime
    """UTC, without a zone."""
    is_taken_back: bool
    """Whether its author undid it; it stays readable and keeps its number."""


def save_rule(
    workspace: Workspace,
    name: str,
    rule: Rule,
    *,
    author: str,
    message: str,
    after: int | None = None,
) -> int:
    """Keep a new version of a rule; return its number.

    Args:
        workspace: where.
        name: what to call it.
        rule: what it says; rules that it names must be there.
        author: who says so.
        message: why, one line.
        after: the newest version that the author has seen; without it any will do.

    Raises:
        UnknownNameError: a rule that it is made of is not there.
        UsageError: a name that cannot be one; a version that is not there; a rule that would be
            made of itself; somebody else made a newer version meanwhile.
    """
    check_rule_name(name)
    _Writer(workspace, new=(name, rule)).written(rule, (name,))
    saved = documents.save(
        workspace,
        "rule",
        None,
        name,
        rule.model_copy(update={"name": None}).model_dump_json(exclude_defaults=True),
        author=author,
        message=message,
        after=after,
    )
    return saved.version


def check_rule_name(name: str) -> str:
    """Return the name of a new rule, or say why it cannot be one.

    Raises:
        UsageError: it is empty, too long, or holds an @ or a line break.
    """
    if not name.strip() or len(name) > 100 or any(c in "@\n\r" for c in name):
        raise UsageError(
            f"{name[:120]!r} cannot be a rule's name: 1 to 100 characters without @ and line "
            "breaks. Choose another."
        )
    return name


def get_rule(workspace: Workspace, name: str, version: int | None = None) -> tuple[Rule, int]:
    """Return a rule and its version: the one in force, or the one asked for.

    Raises:
        UnknownNameError: there is no such rule, or all its versions were taken back.
        UsageError: it has no such version.
    """
    if version is not None and documents.versions(workspace, "rule", None, name):
        found = documents.get_version(workspace, "rule", None, name, version)
    else:
        newest = documents.in_force(workspace, "rule", None, name)
        if newest is None:
            raise _unknown(workspace, name)
        found = newest
    return _rule_in(found), found.version


def resolve_rule(
    workspace: Workspace, reference: str, versions: Mapping[str, int] | None = None
) -> Rule:
    """Return the rule that NAME or NAME@VERSION stands for, written out, with its NAME@VERSION.

    Args:
        workspace: where the rules are.
        reference: which rule.
        versions: see `written_out`.

    Raises:
        UnknownNameError, UsageError: see `get_rule` and `written_out`; also what is no reference.
    """
    return _Writer(workspace, versions).resolved(reference, ())


def list_rules(workspace: Workspace) -> dict[str, int]:
    """Return the rules and the version of each that is in force."""
    standing = [v for v in documents.versions(workspace, "rule") if not v.is_taken_back]
    return {version.name: version.version for version in standing}


def rule_versions(workspace: Workspace, name: str) -> list[RuleVersion]:
    """Return all versions of a rule, the oldest first.

    Raises:
        UnknownNameError: there is no such rule.
    """
    found = documents.versions(workspace, "rule", None, name)
    if not found:
        raise _unknown(workspace, name)
    return [
        RuleVersion(
            v.name, v.version, _rule_in(v), v.author, v.message, v.created_at, v.is_taken_back
        )
        for v in found
    ]


def duplicate_rule(
    workspace: Workspace,
    name: str,
    new_name: str,
    *,
    author: str,
    version: int | None = None,
    message: str | None = None,
) -> int:
    """Keep what a rule says under another name; return the version, which is 1 for a fresh name.

    Raises:
        UnknownNameError: there is no such rule.
        UsageError: the new name is taken, or cannot be one.
    """
    rule, version = get_rule(workspace, name, version)
    if new_name in list_rules(workspace):
        raise UsageError(f"There is a rule '{new_name}' already. Choose another name.")
    return save_rule(
        workspace, new_name, rule, author=author, message=message or f"Copy of {name}@{version}"
    )


def written_out(
    workspace: Workspace, rule: Rule, versions: Mapping[str, int] | None = None
) -> Rule:
    """Return a rule in which every rule that it names stands written out, with its NAME@VERSION.

    Args:
        workspace: where the rules are.
        rule: what to write out; one without rules in it comes back as it is.
        versions: rule to version, for names without a version that do not mean the one in force.

    Raises:
        UnknownNameError: a rule that is not there, or was taken back.
        UsageError: a version that is not there; rules made of each other in a circle, or so deep
            or so many that nobody could read them.
    """
    return _Writer(workspace, versions).written(rule, ())


def rules_within(
    workspace: Workspace, rules: Iterable[Rule | str], versions: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the rules that some rules are made of, directly or not, and the version of each.

    Where one is used in several versions, the one that its name alone stands for is told: the
    others are pinned wherever they are named.

    Args:
        workspace: where the rules are.
        rules: rules, and NAME or NAME@VERSION of some; what has a name is told as well.
        versions: see `written_out`.
    """
    writer = _Writer(workspace, versions)
    for rule in rules:
        if isinstance(rule, str):
            writer.resolved(rule, ())
        else:
            writer.written(rule, ())
    return {**writer.pinned, **writer.by_name}


def difference(before: Rule, after: Rule) -> list[str]:
    """Say how two rules differ: one line for each field, ``field: before -> after``."""
    lines = []
    for field in Rule.model_fields:
        old, new = getattr(before, field), getattr(after, field)
        if field != "name" and old != new:
            lines.append(f"{field}: {_shown(old)} -> {_shown(new)}")
    return lines


class _Writer:
    """Writes out one rule: remembers what was read, and how much was written.

    Args:
        workspace: where the rules are.
        versions: versions of names that are not pinned.
        new: a rule that is about to be saved, which its name then stands for.
    """

    def __init__(
        self,
        workspace: Workspace,
        versions: Mapping[str, int] | None = None,
        new: tuple[str, Rule] | None = None,
    ) -> None:
        self._workspace, self._versions, self._new = workspace, versions or {}, new
        self.by_name: dict[str, int] = {}
        """Rules that were named without a version."""
        self.pinned: dict[str, int] = {}
        self._count = 0

    def written(self, rule: Rule, path: tuple[str, ...]) -> Rule:
        """Return a rule with its parts written out; ``path`` names the rules that it is within."""
        if rule.name:
            name, version = split_reference(rule.name)
            self.pinned |= {name: version} if version else {}
        if not rule.parts:
            return rule
        if len(path) > MOST_DEEP:
            raise UsageError(
                f"The rules are made of each other more than {MOST_DEEP} deep: "
                f"{' -> '.join(path)}. Make them of fewer."
            )
        parts = tuple(
            self.resolved(part, path) if isinstance(part, str) else self.written(part, (*path, "…"))
            for part in rule.parts
        )
        self._count += len(parts)
        if self._count > MOST_PARTS:
            raise UsageError(
                f"The rule is made of more than {MOST_PARTS:,} others when all are written out. "
                "Make it of fewer."
            )
        return rule.model_copy(update={"parts": parts})

    def resolved(self, reference: str, path: tuple[str, ...]) -> Rule:
        """Return the rule that a reference stands for, written out and with its name."""
        name, pinned = split_reference(reference)
        if pinned is None and self._new is not None and name == self._new[0]:
            raise _circle(path, name)
        wanted = pinned or self._versions.get(name)
        try:
            rule, version = get_rule(self._workspace, name, wanted)
        except UsageError as error:
            if not path:
                raise
            raise UsageError(f"The rule '{path[-1]}' uses '{reference}'. {error}") from error
        full = f"{name}@{version}"
        if full in path:
            raise _circle(path, full)
        (self.pinned if pinned else self.by_name)[name] = version
        return self.written(rule, (*path, full)).model_copy(update={"name": full})


def _rule_in(document: Document) -> Rule:
    return Rule.model_validate_json(document.text)


def _unknown(workspace: Workspace, name: str) -> UsageError:
    if documents.versions(workspace, "rule", None, name):
        return UsageError(
            f"The rule '{name}' was taken back, so it is not in force. Bring it back (redo), save "
            f"it again, or name one of its versions, for example {name}@1."
        )
    return UnknownNameError("rule", name, list_rules(workspace))


def _circle(path: tuple[str, ...], again: str) -> UsageError:
    names = [*path, again]
    return UsageError(
        f"The rule would be made of itself: {' -> '.join(_bare(n) for n in names)}. "
        "Name other rules, or a version that does not lead back."
    )


def _bare(full: str) -> str:
    return full.partition("@")[0]


def _shown(value: object) -> str:
    if value is None or value in ((), {}):
        return _NOT_SET
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {amount:,}" for name, amount in value.items())
    if isinstance(value, tuple):
        return ", ".join(
            part.name or part.describe() if isinstance(part, Rule) else str(part) for part in value
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


__all__ = [
    "RuleVersion", "check_rule_name", "difference", "duplicate_rule", "get_rule", "list_rules",
    "resolve_rule", "rule_versions", "rules_within", "save_rule", "written_out",
]  # fmt: skip

"""Named sampling rules with versions, which any recipe may use."""

from __future__ import annotations

from curation.errors import UnknownNameError
from curation.lake import documents
from curation.lake.workspace import Workspace
from curation.sampling.rule import Rule


def save_rule(workspace: Workspace, name: str, rule: Rule, *, author: str, message: str) -> int:
    """Keep a new version of a rule; return its number."""
    saved = documents.save(
        workspace,
        "rule",
        None,
        name,
        rule.model_dump_json(exclude_defaults=True),
        author=author,
        message=message,
    )
    return saved.version


def get_rule(workspace: Workspace, name: str, version: int | None = None) -> tuple[Rule, int]:
    """Return a rule and its version: the one in force, or the one asked for.

    Raises:
        UnknownNameError: there is no such rule.
        UsageError: it has no such version.
    """
    if version is not None:
        found = documents.get_version(workspace, "rule", None, name, version)
    else:
        newest = documents.in_force(workspace, "rule", None, name)
        if newest is None:
            raise UnknownNameError("rule", name, list_rules(workspace))
        found = newest
    return Rule.model_validate_json(found.text), found.version


def list_rules(workspace: Workspace) -> dict[str, int]:
    """Return the rules and the version of each that is in force."""
    standing = [v for v in documents.versions(workspace, "rule") if not v.is_taken_back]
    return {version.name: version.version for version in standing}

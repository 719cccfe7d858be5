"""Named sampling rules with versions, which any recipe may use."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.errors import UnknownNameError
from curation.lake import documents
from curation.lake.workspace import Workspace


class Rule(BaseModel):
    """What is drawn: a number of rows from each stratum, or a fraction of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int | None = Field(default=None, ge=1, le=10**10, title="Rows")
    fraction: float | None = Field(default=None, gt=0, le=1, title="Fraction")
    per: tuple[str, ...] = Field(default=(), title="Per")

    @model_validator(mode="after")
    def _one_amount(self) -> Rule:
        if (self.n is None) == (self.fraction is None):
            raise ValueError("give either n or fraction, and not both")
        return self


def save_rule(workspace: Workspace, name: str, rule: Rule, *, author: str, message: str) -> int:
    """Keep a new version of a rule; return its number."""
    saved = documents.save(
        workspace, "rule", None, name, rule.model_dump_json(), author=author, message=message
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

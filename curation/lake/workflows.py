"""How a team labels: whose word counts, and what annotators are told. Kept in versions."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from curation.lake import documents
from curation.lake.fold import Policy
from curation.lake.workspace import Workspace


class Workflow(BaseModel):
    """The rules of a labelling job. Another version changes which annotations count, not them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Policy = Field(
        default="latest",
        title="Policy",
        description="How several decisions about one record become one.",
    )
    reviewers: tuple[str, ...] = Field(
        default=(),
        title="Reviewers",
        description="Whose newest decision stands above all others, for reviewer_over_annotator.",
    )
    counts: tuple[int, ...] | None = Field(
        default=None,
        title="Versions that count",
        description="Workflow versions whose annotations count; all of them without it.",
    )
    guideline: str = Field(
        default="", title="Guideline", description="What annotators are told about the classes."
    )


def current_workflow(workspace: Workspace, dataset: str, label: str) -> Workflow:
    """Return the workflow in force for a label column; the newest decision counts without one."""
    found = documents.in_force(workspace, "workflow", dataset, label)
    return Workflow.model_validate_json(found.text) if found else Workflow()


def save_workflow(
    workspace: Workspace,
    dataset: str,
    label: str,
    workflow: Workflow,
    *,
    author: str,
    message: str = "Workflow changed",
) -> int:
    """Keep a new version of a workflow; return its number.

    The first change also keeps what was in force without saying: version 1.
    """
    texts = [workflow.model_dump_json()]
    if not documents.versions(workspace, "workflow", dataset, label):
        texts.insert(0, Workflow().model_dump_json())
    saved = documents.save(
        workspace, "workflow", dataset, label, *texts, author=author, message=message
    )
    return saved.version

"""Where a dataset stands in the loop: its figures, what waits for a person, the next action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from curation.finders.waiting import Queue, count_waiting
from curation.lake.datasets import Dataset, class_counts
from curation.lake.decisions import decisions
from curation.lake.findings import FindingSummary, latest_finding
from curation.lake.workspace import Workspace
from curation.privacy import gate
from curation.recipe.drafts import load_draft
from curation.ui.numbers import count, ratio
from curation.ui.other_issues_kinds import Kind, kinds, ranked
from curation.ui.parts import Figure
from curation.ui.recipe_run import position_of

UNEVEN: Final = 10
"""Classes that differ by more than this many times wait for a person's judgement."""

ISSUES: Final = "pages/label_issues.py"
OTHER: Final = "pages/other_issues.py"
BALANCE: Final = "pages/balance.py"


@dataclass(frozen=True)
class Action:
    """Something for a person to do: what to press, on which page it is done, and why."""

    label: str
    page: str
    why: str
    queue: Queue | None = None
    """The queue that the page opens, for label issues."""


@dataclass(frozen=True)
class Overview:
    """What Home says of one dataset."""

    dataset: Dataset
    finding: FindingSummary | None
    decided: int
    to_review: int
    classes: dict[str, int]
    steps: int
    capped: bool
    waiting_in: Mapping[Queue, int] = field(default_factory=dict)
    """Records that wait for another reason than a likely label error."""
    other: Sequence[Kind] = ()
    """The other kinds of issues, as they were looked for last."""

    @property
    def uneven(self) -> bool:
        """Whether classes differ much and no step of the recipe caps them."""
        sizes = self.classes.values()
        return bool(sizes) and max(sizes) > UNEVEN * min(sizes) and not self.capped

    @property
    def outdated(self) -> bool:
        """Whether the issues were found on an older snapshot."""
        return self.finding is not None and self.finding.snapshot != self.dataset.snapshot

    def figures(self) -> list[Figure]:
        """Return the loop, one figure a part."""
        found, sizes = self.finding, self.classes.values()
        return [
            Figure("Data", f"{self.dataset.rows:,}", "rows"),
            Figure("Issues", f"{found.flagged:,}" if found else "–", self._issues()),
            Figure(
                "Decisions",
                f"{self.decided:,}",
                f"{self.to_review:,} flagged to go" if found else "about labels",
            ),
            Figure(
                "Balance",
                ratio(max(sizes), min(sizes)) if sizes else "–",
                "largest to smallest class" if not self.capped else "before the cap",
            ),
            Figure("Recipe", f"{self.steps:,}", "step" if self.steps == 1 else "steps"),
        ]

    def waiting(self) -> list[Action]:
        """Return what waits for a person, the most urgent first."""
        found, actions = self.finding, []
        if self.dataset.roles.label is None:
            why = "No column has the role *label* yet."
            choose = Action("Choose the label column", "pages/datasets.py", why)
            return [choose, *self._other_actions()]
        if found is None:
            why = "Nobody has looked for wrong labels yet."
            actions.append(Action("Find label issues", ISSUES, why))
        elif self.outdated:
            why = (
                f"Issues were found on snapshot {found.snapshot}; "
                f"the dataset is at {self.dataset.snapshot} now."
            )
            actions.append(Action("Find label issues again", ISSUES, why))
        if self.to_review:
            why = f"{count(self.to_review, 'flagged label')} without a decision."
            actions.append(Action("Review the flagged labels", ISSUES, why))
        if split := self.waiting_in.get("reclassify"):
            why = f"{count(split, 'record')} of a class that was split or retired."
            actions.append(Action("Choose their new class", ISSUES, why, "reclassify"))
        if disputed := self.waiting_in.get("disputed"):
            why = f"Annotators disagree about {count(disputed, 'record')}."
            actions.append(Action("Settle the disputes", ISSUES, why, "disputed"))
        actions += self._other_actions()
        if self.uneven:
            why = f"The largest class is over {UNEVEN} times the smallest, and no step caps it."
            actions.append(Action("Balance the classes", BALANCE, why))
        return actions

    def _issues(self) -> str:
        """Say in a few words what the figure counts, and how many other kinds were found."""
        if not any(kind.finding for kind in self.other):
            return "labels flagged" if self.finding else "not looked for yet"
        labels = "labels flagged" if self.finding else "labels not looked at"
        return f"{labels}, {count(len(ranked(self.other)), 'other kind')}"

    def _other_actions(self) -> list[Action]:
        """Return whether somebody has to look for other issues, for the first time or again."""
        looked = [kind.finding for kind in self.other if kind.finding is not None]
        if not looked:
            why = "Nobody has looked for copies, outliers, gaps and leaks yet."
            return [Action("Look for other issues", OTHER, why)]
        newest = max(finding.snapshot for finding in looked)
        if newest != self.dataset.snapshot:
            why = (
                f"Other issues were looked for on snapshot {newest}; "
                f"the dataset is at {self.dataset.snapshot} now."
            )
            return [Action("Look for other issues again", OTHER, why)]
        return []

    def next_action(self) -> Action:
        """Return the one thing to do next; where nothing waits, it is to export the recipe."""
        why = "Nothing waits for a person. The recipe repeats what you did on new data."
        return next(iter(self.waiting()), Action("Export the recipe", "pages/recipe.py", why))


def overview(workspace: Workspace, viewer: gate.Viewer, dataset: Dataset) -> Overview:
    """Read where a dataset stands."""
    finding = latest_finding(workspace, dataset.name)
    counts = gate.review_counts(workspace, viewer, finding.finding_id) if finding else None
    recipe = load_draft(workspace, dataset.name)
    return Overview(
        dataset=dataset,
        finding=finding,
        decided=len(decisions(workspace, dataset.name, policy="latest")),
        to_review=counts.to_review if counts else 0,
        classes=class_counts(workspace, dataset.name) if dataset.roles.label else {},
        steps=len(recipe.steps),
        capped=position_of(recipe, "rebalance") is not None,
        waiting_in=count_waiting(workspace, dataset.name),
        other=kinds(workspace, dataset.name),
    )

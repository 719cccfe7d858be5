"""Sampling rules: what do we take, each time?"""

from curation.errors import UsageError
from curation.lake.datasets import Dataset
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error
from curation.ui.rule_draft import RuleDraft, opened
from curation.ui.rule_list import rule_list
from curation.ui.rule_view import rule_view

TITLE = "Sampling rules"


def draw() -> None:
    """Draw all rules, or the one that is open."""
    dataset = state.current()
    if dataset is None:
        parts.needs_dataset(TITLE)
        return
    draft, error = _opened()
    if draft is None:
        parts.heading(TITLE, "What is taken, each time: the same rows again, whatever comes.")
        if error is not None:
            show_error(error)
        rule_list(dataset)
        return
    parts.heading(_title(dataset, draft), _about(draft))
    rule_view(dataset, draft)


def _opened() -> tuple[RuleDraft | None, UsageError | None]:
    """Return the rule that is open; where the link names none that is there, say so."""
    try:
        return opened(state.workspace()), None
    except UsageError as error:
        return None, error


def _title(dataset: Dataset, draft: RuleDraft) -> str:
    return f"{as_text(draft.name or 'New rule')} · {as_text(dataset.name)}"


def _about(draft: RuleDraft) -> str:
    if draft.saved is None:
        return "Not saved yet."
    return as_text(f"Version {draft.version}: {draft.saved.describe()}")


draw()

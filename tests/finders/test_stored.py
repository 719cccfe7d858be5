"""What is found in a dataset is kept with its snapshot, and a search that is stopped leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import UsageError
from curation.finders.label import LabelIssues
from curation.finders.outlier import Outlier
from curation.finders.search import find_issues
from curation.finders.split_leakage import SplitLeakage
from curation.finders.stored import DatasetSearch, find_in_dataset
from curation.lake.datasets import get_dataset
from curation.lake.findings import finding_subjects, finding_table, latest_finding
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
from curation.learn import shared
from curation.learn.shared import Settings
from curation.progress import Cancelled

WORDS = ["card", "money", "login", "transfer", "cash", "lost", "help", "please"]
RANDOM = np.random.default_rng(0)
TABLE = pa.table(
    {
        "id": [f"k{n}" for n in range(80)],
        "text": [" ".join(RANDOM.choice(WORDS, 5)) for _ in range(79)] + ["xylophone concert"],
        "label": ["a", "b"] * 40,
        "split": ["train"] * 60 + ["test"] * 20,
    }
)
ROLES: dict[str, Any] = {"id": "key", "text": "text", "label": "label", "split": "ignore"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "workspace") as opened:
        import_table(opened, TABLE, "d", roles=ROLES, author="ann")
        yield opened


def counts(workspace: Workspace) -> list[int]:
    tables = ["findings", "finding_rows", "finding_subjects", "computed", "computed_parts"]
    with workspace.cursor() as cursor:
        return [
            cursor.execute(f"SELECT count(*) FROM lake.curation.{table}").fetchall()[0][0]
            for table in tables
        ]


def test_what_is_kept_is_what_was_found(workspace: Workspace) -> None:
    finder = LabelIssues(filter_by="low_self_confidence")
    kept = find_in_dataset(workspace, "d", finder)
    roles = get_dataset(workspace, "d").roles
    found = find_issues(TABLE, finder, roles=roles)
    assert finding_table(workspace, kept).equals(found.rows)
    assert finding_subjects(workspace, kept.finding_id).equals(found.subjects)
    assert (kept.flagged, kept.classes) == (found.summary.flagged, ["a", "b"])
    assert latest_finding(workspace, "d") == kept


def test_the_same_question_is_answered_once_and_another_one_anew(workspace: Workspace) -> None:
    first = find_in_dataset(workspace, "d", Outlier())
    before = counts(workspace)
    assert find_in_dataset(workspace, "d", Outlier()) == first
    assert counts(workspace) == before
    assert find_in_dataset(workspace, "d", Outlier(spread=3.0)) != first
    assert find_in_dataset(workspace, "d", Outlier(), Settings(neighbours=5)) != first


def test_finders_share_what_is_computed_with_each_other_and_with_the_next_search(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for name in ("nearest_neighbours", "out_of_sample_probabilities"):
        real = getattr(shared, name)

        def counted(*given: Any, _name: str = name, _real: Any = real, **named: Any) -> Any:
            made.append(_name)
            return _real(*given, **named)

        monkeypatch.setattr(shared, name, counted)
    search = DatasetSearch(workspace, "d")
    search.find(Outlier())
    search.find(LabelIssues())
    assert sorted(made) == ["nearest_neighbours", "out_of_sample_probabilities"]
    find_in_dataset(workspace, "d", Outlier(spread=2.0))
    find_in_dataset(workspace, "d", LabelIssues(filter_by="both"))
    assert len(made) == 2, "the lake has both"


@pytest.mark.parametrize("until", [0.0, 0.3, 0.7, 0.94])
def test_a_search_that_is_stopped_leaves_no_finding(workspace: Workspace, until: float) -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction >= until:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_in_dataset(workspace, "d", progress=stop)
    findings, rows, subjects, computed, parts = counts(workspace)
    assert (findings, rows, subjects) == (0, 0, 0)
    assert (computed == 0) == (parts == 0), "an array is kept whole or not at all"
    assert find_in_dataset(workspace, "d").rows == 80


def test_the_side_of_a_split_is_read_though_no_model_may_look_at_it(workspace: Workspace) -> None:
    found = find_in_dataset(workspace, "d", SplitLeakage())
    assert found.rows == 80
    assert not any("No column names the sides" in note for note in found.notes)


def test_what_a_dataset_lacks_is_said_and_nothing_is_kept(workspace: Workspace) -> None:
    import_table(
        workspace,
        TABLE.select(["id", "text"]),
        "e",
        roles={"id": "key", "text": "text"},
        author="ann",
    )
    with pytest.raises(UsageError, match="Which column is the label"):
        find_in_dataset(workspace, "e")
    assert counts(workspace)[0] == 0

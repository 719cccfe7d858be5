"""Rows leave the core page by page and in the queue, and only what was asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import ExpressionError, UnknownNameError, UsageError
from curation.lake.actions import undo
from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.findings import (
    ROW_SCHEMA,
    FindingSummary,
    find_stored,
    get_finding,
    latest_finding,
    store_finding,
)
from curation.lake.imports import import_table
from curation.lake.records import fingerprint_sql, key_sql
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace
from curation.privacy.gate import (
    OTHERS,
    Viewer,
    preview,
    random_draws,
    review_counts,
    review_queue,
    rows,
)

VIEWER = Viewer("ann")
SIZE = 25
TABLE = pa.table(
    {
        "id": [f"k{n:02d}" for n in range(SIZE)],
        "record": [f"text number {n}" for n in range(SIZE)],
        "select": [[float(n), 1.0] for n in range(SIZE)],
        "label": [f"c{n % 7}" for n in range(SIZE)],
    }
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("gate") / "workspace") as workspace:
        yield workspace


@pytest.fixture
def dataset(opened: Workspace) -> str:
    name = uuid.uuid4().hex
    import_table(opened, TABLE, name, author="me")
    return name


@pytest.fixture
def finding(opened: Workspace, dataset: str) -> str:
    """Every third row is flagged, and the quality goes up row by row."""
    found = get_dataset(opened, dataset)
    with opened.cursor() as cursor:
        known = cursor.execute(
            f"SELECT rowid AS row_number, {key_sql(found.roles)} AS record_key, "
            f"{fingerprint_sql(found.roles)} AS fingerprint, label AS given_label "
            f"FROM {table_sql(dataset)} ORDER BY rowid"
        ).to_arrow_table()
    scored = [
        {
            **row, "score": number / SIZE, "is_issue": number % 3 == 0,
            "suggestion": "c0", "given_label_probability": 0.02,
            "probabilities": [0.4, 0.3, 0.1, 0.08, 0.06, 0.04, 0.02],
        }
        for number, row in enumerate(known.to_pylist())
    ]  # fmt: skip
    summary = FindingSummary(
        finding_id=uuid.uuid4().hex, dataset=dataset, snapshot=found.snapshot, finder="label",
        parameters={"seed": 0}, created_at=log(opened, dataset)[0].time, rows=SIZE,
        classes=[f"c{n}" for n in range(7)], flagged=9, estimated_errors=8, seconds=0.5,
        learner="none", notes=["a note"],
    )  # fmt: skip
    store_finding(opened, summary, pa.Table.from_pylist(scored, schema=ROW_SCHEMA))
    assert get_finding(opened, summary.finding_id) == summary
    return summary.finding_id


@pytest.mark.parametrize("limit", [1, 5, 7, 24, 25, 26])
def test_pages_hold_every_row_once_in_order(opened: Workspace, dataset: str, limit: int) -> None:
    seen: list[dict[str, Any]] = []
    after, pages = None, 0
    while True:
        page = rows(opened, VIEWER, dataset, after=after, limit=limit)
        assert 0 < len(page.table) <= limit
        seen += page.table.to_pylist()
        after, pages = page.next, pages + 1
        if after is None:
            break
    assert seen == TABLE.to_pylist()
    assert pages == -(-SIZE // limit)


def test_a_page_holds_the_rows_for_which_a_condition_is_true(
    opened: Workspace, dataset: str
) -> None:
    page = rows(opened, VIEWER, dataset, where="label = 'c1' OR LABEL = 'c2'", limit=5)
    assert page.table["id"].to_pylist() == ["k01", "k02", "k08", "k09", "k15"]
    assert page.table.column_names == TABLE.column_names
    assert rows(opened, VIEWER, dataset, where="label = 'none'").table.num_rows == 0


@pytest.mark.parametrize("where", ["label > 3", "cast(record AS INT) = 1", "read_csv('x') = 1"])
def test_a_condition_that_cannot_be_computed_is_an_error_in_words(
    opened: Workspace, dataset: str, where: str
) -> None:
    with pytest.raises(ExpressionError):
        rows(opened, VIEWER, dataset, where=where)


def test_a_page_of_an_older_snapshot(opened: Workspace, dataset: str) -> None:
    old = get_dataset(opened, dataset).snapshot
    import_table(opened, TABLE.slice(20), dataset, author="me")
    assert len(rows(opened, VIEWER, dataset).table) == 5
    assert len(rows(opened, VIEWER, dataset, snapshot=old).table) == SIZE
    with pytest.raises(UsageError, match="no snapshot 1"):
        rows(opened, VIEWER, dataset, snapshot=1)


def test_the_queue_begins_with_the_least_likely_label(opened: Workspace, finding: str) -> None:
    queue = review_queue(opened, VIEWER, finding, limit=4)
    assert [item.record_key for item in queue] == ["k00", "k03", "k06", "k09"]
    first = queue[1]
    assert (first.given_label, first.suggested_label, first.is_label_issue) == ("c3", "c0", True)
    assert first.values == TABLE.to_pylist()[3]
    everything = review_queue(opened, VIEWER, finding, show="all", limit=100)
    assert [item.record_key for item in everything] == TABLE["id"].to_pylist()


def test_the_given_class_is_among_the_likely_ones(opened: Workspace, finding: str) -> None:
    items = review_queue(opened, VIEWER, finding, show="all", limit=7)
    for item in items:
        assert item.given_label in item.probabilities
        assert len(item.probabilities) == 6
        assert sum(item.probabilities.values()) == pytest.approx(1.0)
        shares = [share for name, share in item.probabilities.items() if name != OTHERS]
        assert shares == sorted(shares, reverse=True)


def test_the_queue_is_filtered_by_class_quality_and_what_was_skipped(
    opened: Workspace, finding: str
) -> None:
    def keys(**options: Any) -> list[str]:
        return [item.record_key for item in review_queue(opened, VIEWER, finding, **options)]

    assert keys(show="all", given_label="c1") == ["k01", "k08", "k15", "k22"]
    assert keys(max_quality=0.2) == ["k00", "k03"]
    assert keys(skip=["k00", "k06"], limit=2) == ["k03", "k09"]
    assert keys(given_label="it's none") == []


def test_what_was_decided_leaves_the_queue_and_comes_back_by_undo(
    opened: Workspace, dataset: str, finding: str
) -> None:
    assert review_counts(opened, VIEWER, finding).to_review == 9
    for key, decision, value in (
        ("k00", "relabel", "c1"), ("k03", "confirm", None), ("k06", "exclude", None),
        ("k09", "unsure", None), ("k01", "relabel", "c0"),
    ):  # fmt: skip
        annotate(
            opened, dataset, key, decision, value=value, annotator="ann"  # type: ignore[arg-type]
        )  # fmt: skip
    counts = review_counts(opened, VIEWER, finding)
    assert (counts.to_review, counts.decided) == (5, 5)
    assert (counts.flagged_decided, counts.right_flags) == (3, 2)
    assert review_queue(opened, VIEWER, finding)[0].record_key == "k12"
    assert review_counts(opened, VIEWER, finding, show="all").to_review == 20
    undo(opened, dataset, "ann")
    assert review_counts(opened, VIEWER, finding).decided == 4
    assert review_counts(opened, VIEWER, finding, show="all", max_quality=0.04).to_review == 1


def test_random_draws_are_of_all_records_in_a_fixed_order_that_new_decisions_leave_alone(
    opened: Workspace, dataset: str, finding: str
) -> None:
    def drawn(**options: Any) -> list[str]:
        return [item.record_key for item in random_draws(opened, VIEWER, finding, **options)]

    everything = drawn(of_each=SIZE)
    assert sorted(everything) == TABLE["id"].to_pylist()
    flagged = [int(key[1:]) % 3 == 0 for key in everything]
    assert flagged == [False, True] * 9 + [False] * 7
    assert drawn(of_each=2) == everything[:4]
    assert drawn(skip=everything[:2], of_each=2) == everything[2:6]
    annotate(opened, dataset, everything[0], "confirm", annotator="ann")
    annotate(opened, dataset, everything[3], "unsure", annotator="ann")
    assert drawn(of_each=SIZE - 1)[::2][:4] == [everything[n] for n in (2, 4, 6, 8)]
    assert everything[3] not in drawn(of_each=SIZE)
    item = random_draws(opened, VIEWER, finding)[0]
    assert item.is_drawn
    assert not review_queue(opened, VIEWER, finding)[0].is_drawn


def test_the_queue_shows_the_snapshot_that_was_looked_at(
    opened: Workspace, dataset: str, finding: str
) -> None:
    import_table(opened, TABLE.slice(20), dataset, author="me")
    assert review_queue(opened, VIEWER, finding, limit=1)[0].values["record"] == "text number 0"


def test_the_same_question_about_the_same_snapshot_is_found_again(
    opened: Workspace, dataset: str, finding: str
) -> None:
    snapshot = get_dataset(opened, dataset).snapshot
    found = find_stored(opened, dataset, snapshot, "label", {"seed": 0})
    assert found is not None
    assert found.finding_id == finding
    assert find_stored(opened, dataset, snapshot, "label", {"seed": 1}) is None
    assert find_stored(opened, dataset, snapshot + 1, "label", {"seed": 0}) is None
    assert latest_finding(opened, dataset) == found == latest_finding(opened, dataset, snapshot)
    assert latest_finding(opened, "another") is None
    with pytest.raises(UnknownNameError):
        get_finding(opened, "nope")


def test_a_preview_is_the_first_rows() -> None:
    assert preview(VIEWER, TABLE, 3).to_pylist() == TABLE.to_pylist()[:3]

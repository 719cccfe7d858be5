"""Records that wait for a person: split classes, disputes, and what to label next."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.finders.consensus import annotators, decided
from curation.finders.stored import find_in_dataset
from curation.finders.waiting import count_waiting, find_waiting
from curation.lake.annotations import Verdict, annotate, annotate_many
from curation.lake.datasets import get_dataset
from curation.lake.findings import FindingSummary, finding_rows
from curation.lake.imports import import_table
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Rename, Retire, Split
from curation.lake.workspace import Workspace
from curation.privacy import gate

CREDIT = ["the credit card bill", "my credit limit", "credit card interest", "raise the credit"]
DEBIT = [
    "the debit card was eaten",
    "debit withdrawal at night",
    "debit pin forgotten",
    "new debit",
]
CASH = ["cash was short", "no cash in the machine", "cash deposit", "cash counted wrong"]
TEXTS = [text for row in zip(CREDIT, DEBIT, CASH, strict=True) for text in row] * 2
TABLE = pa.table(
    {
        "id": [f"k{n:02}" for n in range(len(TEXTS))],
        "text": [f"{text} {n}" for n, text in enumerate(TEXTS)],
        "label": ["cash" if n % 3 == 2 else "card" for n in range(len(TEXTS))],
    }
)
ME = gate.Viewer("ann")


@pytest.fixture
def shared(workspace: Workspace) -> Workspace:
    roles = {"id": "key", "text": "text", "label": "label"}
    import_table(workspace, TABLE, "d", roles=roles, author="me")  # type: ignore[arg-type]
    return workspace


def split(workspace: Workspace) -> None:
    operations = [Split(name="card", into=("credit", "debit")), Rename(old="cash", new="money")]
    apply(workspace, "d", operations, author="ann", message="two kinds of card")


def keys(workspace: Workspace, finding: FindingSummary) -> list[str]:
    found: list[str] = finding_rows(workspace, finding.finding_id, ["record_key"])[
        "record_key"
    ].to_pylist()
    return found


def test_only_records_of_the_split_class_wait_and_a_model_ranks_them(shared: Workspace) -> None:
    assert count_waiting(shared, "d") == {"reclassify": 0, "disputed": 0}
    annotate(shared, "d", "k02", "relabel", value="card", annotator="ann")
    annotate(shared, "d", "k00", "relabel", value="cash", annotator="ann")
    split(shared)
    card = {row["id"] for row in TABLE.to_pylist() if row["label"] == "card"}
    assert set(keys(shared, find_waiting(shared, "d", "reclassify"))) == (card | {"k02"}) - {"k00"}
    first = gate.review_queue(shared, ME, find_waiting(shared, "d", "reclassify").finding_id)[0]
    assert (first.suggested_label, first.can_keep) == (None, False)
    assert first.probabilities == {"credit": 0.5, "debit": 0.5}
    verdicts = [
        Verdict(f"k{n:02}", "relabel", "credit" if n % 3 == 0 else "debit")
        for n in (1, 3, 4, 6, 7, 9)
    ]
    annotate_many(shared, "d", verdicts, annotator="ann")
    ranked = find_waiting(shared, "d", "reclassify")
    assert ranked.rows == count_waiting(shared, "d")["reclassify"] == len(card) - 6
    items = gate.review_queue(shared, ME, ranked.finding_id, limit=100)
    right = [
        item.suggested_label == ("credit" if int(item.record_key[1:]) % 3 == 0 else "debit")
        for item in items
        if item.record_key != "k02"
    ]
    assert sum(right) >= len(right) - 1
    assert [item.label_quality for item in items] == sorted(item.label_quality for item in items)
    annotate(shared, "d", items[0].record_key, "relabel", value="credit", annotator="ann")
    left = gate.review_queue(shared, ME, ranked.finding_id, limit=100)
    assert [item.record_key for item in left] == [item.record_key for item in items[1:]]


def test_a_retired_class_waits_without_a_suggestion(shared: Workspace) -> None:
    apply(shared, "d", [Retire(name="cash", then="queue")], author="ann", message="m")
    finding = find_waiting(shared, "d", "reclassify")
    assert finding.rows == 8
    item = gate.review_queue(shared, ME, finding.finding_id)[0]
    assert (item.suggested_label, item.can_keep, item.probabilities) == (None, False, {})
    assert gate.classes(shared, ME, finding.finding_id) == ["card"]


def test_a_finding_of_before_is_read_under_the_new_classes(shared: Workspace) -> None:
    finding = find_in_dataset(shared, "d")
    split(shared)
    for item in gate.review_queue(shared, ME, finding.finding_id, show="all", limit=100):
        assert item.can_keep == (item.given_label == "cash")
        assert item.suggested_label in (None, "money")
        assert set(item.probabilities) == {"credit", "debit", "money"}
        assert item.probabilities["credit"] == pytest.approx(item.probabilities["debit"])


def test_disputes_come_most_divided_first_and_leave_when_somebody_decides(
    shared: Workspace,
) -> None:
    said = {
        "k00": {"ann": "card", "bob": "cash"},
        "k01": {"ann": "card", "bob": "cash", "eve": "cash"},
        "k02": {"ann": "cash", "bob": "cash"},
    }
    for key, votes in said.items():
        for who, value in votes.items():
            annotate(shared, "d", key, "relabel", value=value, annotator=who)
    finding = find_waiting(shared, "d", "disputed")
    items = gate.review_queue(shared, ME, finding.finding_id)
    assert [item.record_key for item in items] == ["k00", "k01"]
    assert items[0].probabilities == {"card": 0.5, "cash": 0.5}
    assert count_waiting(shared, "d")["disputed"] == 2
    annotate(shared, "d", "k00", "relabel", value="cash", annotator="ann")
    items = gate.review_queue(shared, ME, finding.finding_id)
    assert [item.record_key for item in items] == ["k01"]
    assert count_waiting(shared, "d")["disputed"] == 1


def test_what_to_label_next_needs_probabilities_and_leaves_out_what_i_labelled(
    shared: Workspace,
) -> None:
    with pytest.raises(UsageError, match="find label issues on snapshot"):
        find_waiting(shared, "d", "label_next")
    find_in_dataset(shared, "d")
    for number in range(6):
        annotate(shared, "d", f"k{number:02}", "confirm", annotator="ann")
        annotate(shared, "d", f"k{number:02}", "confirm", annotator="bob")
    finding = find_waiting(shared, "d", "label_next")
    assert finding.rows == len(TEXTS)
    mine = gate.review_queue(shared, ME, finding.finding_id, limit=100)
    assert len(mine) == len(TEXTS) - 6
    assert len(gate.review_queue(shared, gate.Viewer("eve"), finding.finding_id, limit=100)) == 24


def test_models_of_the_annotators_decide_where_the_policy_says_so(shared: Workspace) -> None:
    found = find_in_dataset(shared, "d")
    for number in range(12):
        key, truth = f"k{number:02}", "cash" if number % 3 == 2 else "card"
        for who in ("ann", "bob", "good"):
            annotate(shared, "d", key, "relabel", value=truth, annotator=who)
        wrong = "card" if truth == "cash" else "cash"
        annotate(shared, "d", key, "relabel", value=wrong, annotator="bad")
    annotate(shared, "d", "k13", "exclude", annotator="ann")
    dataset = get_dataset(shared, "d", found.snapshot)
    for policy in ("dawid_skene", "crowdlab"):
        standing = {d.record_key: d for d in decided(shared, dataset, policy=policy)}  # type: ignore[arg-type]
        assert [standing[f"k{n:02}"].value_read for n in range(3)] == ["card", "card", "cash"]
        assert standing["k13"].decision == "exclude"
        assert standing["k00"].standing == "in_force"
    known = annotators(shared, dataset, "dawid_skene")
    quality = {r["annotator"]: r["quality"] for r in known.consensus.annotators.to_pylist()}
    assert quality["bad"] < 0.3 < 0.8 < quality["good"]
    assert known.agreement.alpha is not None
    assert known.shared == 12


def test_a_queue_that_is_none_is_said(shared: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'disputed'"):
        find_waiting(shared, "d", "dispute")  # type: ignore[arg-type]

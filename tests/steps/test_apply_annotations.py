"""Every decision ends in exactly one outcome, and each outcome means what the step says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import md5
from typing import Any

import pyarrow as pa
import pytest
from applied import Given
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import ContractError, UsageError
from curation.lake.roles import Role
from curation.steps import ApplyAnnotations
from curation.steps.apply_annotations import OUTCOMES

Apply = Callable[..., Any]
KEYED: dict[str, Role] = {"id": "key", "text": "text", "label": "label"}
KEYLESS: dict[str, Role] = {"text": "text", "label": "label"}
Row = tuple[str, str, str | None]


def table(rows: list[Row]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([row[at] for row in rows], pa.string())
            for at, name in enumerate(("id", "text", "label"))
        }
    )


def seen(text: str) -> str:
    return md5(text.encode()).hexdigest()


def said(key: str, text: str, label: str | None, decision: str, value: str | None = None) -> Given:
    return Given(key, seen(text), label, decision, value)


ROWS: list[Row] = [("k1", "one", "x"), ("k2", "two", "y"), ("k3", "three", None)]
CASES: dict[str, tuple[Given, str, list[Row]]] = {
    "relabelled": (said("k1", "one", "x", "relabel", "z"), "applied", [("k1", "one", "z"), *ROWS[1:]]),
    "confirmed": (said("k1", "one", "x", "confirm", "x"), "applied", ROWS),
    "excluded": (said("k1", "one", "x", "exclude"), "applied", ROWS[1:]),
    "the source had it right meanwhile": (said("k1", "one", "z", "relabel", "x"), "applied", ROWS),
    "a missing label is given": (
        said("k3", "three", None, "relabel", "z"), "applied", [*ROWS[:2], ("k3", "three", "z")],
    ),
    "under another key": (
        said("old", "two", "y", "relabel", "z"), "moved", [ROWS[0], ("k2", "two", "z"), ROWS[2]],
    ),
    "under another key, left out": (said("old", "two", "y", "exclude"), "moved", [ROWS[0], ROWS[2]]),
    "the source changed its label": (said("k1", "one", "w", "relabel", "z"), "contradiction", ROWS),
    "the source changed what was confirmed": (said("k1", "one", "w", "confirm", "w"), "contradiction", ROWS),
    "the source changed what was excluded": (said("k1", "one", "w", "exclude"), "contradiction", ROWS),
    "another key and another label": (said("old", "one", "w", "exclude"), "contradiction", ROWS),
    "other content": (said("k1", "uno", "x", "relabel", "z"), "content_changed", ROWS),
    "other content and label": (said("k1", "uno", "w", "exclude"), "content_changed", ROWS),
    "not there": (said("k9", "nine", "x", "relabel", "z"), "gone", ROWS),
    "unsure": (said("k1", "one", "x", "unsure"), "unsure", ROWS),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_decision_meets_the_data(apply: Apply, case: str) -> None:
    decision, outcome, expected = CASES[case]
    done = apply(ApplyAnnotations(), table(ROWS), KEYED, decisions=[decision])
    assert {name: done.counts[name] for name in OUTCOMES if done.counts[name]} == {outcome: 1}
    assert done.table.to_pylist() == table(expected).to_pylist()
    assert done.touched == done.counts["relabelled"] + done.counts["dropped"]
    assert done.touched == int(expected != ROWS)
    waits = outcome in ("contradiction", "content_changed")
    assert bool(done.queue) == waits
    if waits:
        assert set(done.queue[0]) == {"record_key", "given_label", "suggested_label", "reason"}


def test_keys_that_were_shifted_reach_their_content(apply: Apply) -> None:
    rows: list[Row] = [("k2", "one", "x"), ("k3", "two", "y")]
    decisions = [said("k1", "one", "x", "relabel", "z"), said("k2", "two", "y", "relabel", "w")]
    done = apply(ApplyAnnotations(), table(rows), KEYED, decisions=decisions)
    assert done.counts["moved"] == 1
    assert done.counts["content_changed"] == 1
    assert done.rows[0]["label"] == "z"


def test_of_two_decisions_about_one_record_the_newer_wins(apply: Apply) -> None:
    decisions = [said("k1", "one", "x", "relabel", "z"), said("k1", "one", "x", "relabel", "w")]
    done = apply(ApplyAnnotations(), table(ROWS), KEYED, decisions=decisions)
    assert done.rows[0]["label"] == "w"
    assert (done.counts["applied"], done.counts["relabelled"]) == (2, 1)


def test_rows_of_the_same_content_without_a_key_are_decided_together(apply: Apply) -> None:
    rows: list[Row] = [("", "one", "x"), ("", "one", "x"), ("", "one", "y"), ("", "two", "x")]
    done = apply(
        ApplyAnnotations(), table(rows), KEYLESS,
        decisions=[said(seen("one"), "one", "x", "relabel", "y")],
    )  # fmt: skip
    assert [row["label"] for row in done.rows] == ["y", "y", "y", "x"]
    assert (done.counts["applied"], done.counts["relabelled"]) == (1, 2)


@pytest.mark.parametrize(
    ("labels", "decision", "expected"),
    [
        ([0, 1, None], Given("k1", seen("one"), "0", "relabel", "1"), [1, 1, None]),
        (
            [True, False, None],
            Given("k1", seen("one"), "true", "relabel", "false"),
            [False, False, None],
        ),
        ([1.5, 2.0, None], Given("k1", seen("one"), "1.5", "relabel", "2.0"), [2.0, 2.0, None]),
        ([2**62, 1, None], Given("k1", seen("one"), str(2**62), "relabel", "7"), [7, 1, None]),
    ],
)
def test_labels_of_other_types_keep_theirs(
    apply: Apply, labels: list[Any], decision: Given, expected: list[Any]
) -> None:
    data = table(ROWS).set_column(2, "label", [labels])
    done = apply(ApplyAnnotations(), data, KEYED, decisions=[decision])
    assert done.table["label"].to_pylist() == expected
    assert done.table.schema.field("label").type == data.schema.field("label").type


def test_a_label_that_is_not_a_number_is_a_missing_one(apply: Apply) -> None:
    data = table(ROWS[:1]).set_column(2, "label", [[float("nan")]])
    decision = Given("k1", seen("one"), None, "relabel", "2.0")
    assert apply(ApplyAnnotations(), data, KEYED, decisions=[decision]).rows[0]["label"] == 2.0


def test_a_label_that_does_not_fit_the_column_is_an_error_in_words(apply: Apply) -> None:
    data = table(ROWS).set_column(2, "label", [[1, 2, 3]])
    with pytest.raises(
        ContractError, match=r"do not fit the label column 'label' .BIGINT.: 'spam'"
    ):
        apply(
            ApplyAnnotations(), data, KEYED, decisions=[said("k1", "one", "1", "relabel", "spam")]
        )


def test_data_without_a_label_column_cannot_be_decided_about(apply: Apply) -> None:
    with pytest.raises(UsageError, match="needs a label column"):
        apply(ApplyAnnotations(), table(ROWS), {"id": "key", "text": "text", "label": "feature"})


KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])
TEXTS = st.sampled_from(["one", "two", "three"])
LABELS = st.sampled_from(["x", "y", None])
DECISIONS = st.lists(
    st.tuples(
        KEYS, TEXTS, LABELS, st.sampled_from(["relabel", "confirm", "exclude", "unsure"]),
        st.sampled_from(["x", "y", "z"]),
    ).map(lambda t: said(*t[:4], t[4] if t[3] == "relabel" else t[2] if t[3] == "confirm" else None)),
    max_size=6,
)  # fmt: skip
BATCH = st.lists(st.tuples(KEYS, TEXTS, LABELS), max_size=4, unique_by=lambda row: row[0])


def outcome_of(decision: Given, rows: list[Row], decided: list[Given]) -> str:
    """What the step's docstring says of one decision, row by row."""
    if decision.decision == "unsure":
        return "unsure"

    def agrees(row: Row) -> bool:
        already = decision.decision == "relabel" and row[2] == decision.value
        return row[2] == decision.given or already

    own = [row for row in rows if row[0] == decision.record_key]
    if own:
        same = [row for row in own if seen(row[1]) == decision.fingerprint]
        if not same:
            return "content_changed"
        return "applied" if any(map(agrees, same)) else "contradiction"
    claimed = {
        row
        for row in rows
        for other in decided
        if other.decision != "unsure"
        and (row[0], seen(row[1])) == (other.record_key, other.fingerprint)
    }
    free = [row for row in rows if seen(row[1]) == decision.fingerprint and row not in claimed]
    if not free:
        return "gone"
    return "moved" if any(map(agrees, free)) else "contradiction"


@settings(max_examples=60)
@given(BATCH, DECISIONS)
def test_counts_add_up_and_mean_what_they_say(
    apply: Apply, rows: list[Row], decisions: list[Given]
) -> None:
    done = apply(ApplyAnnotations(), table(rows), KEYED, decisions=decisions)
    expected = Counter(outcome_of(decision, rows, decisions) for decision in decisions)
    assert {name: done.counts[name] for name in OUTCOMES} == {
        name: expected[name] for name in OUTCOMES
    }
    assert sum(done.counts[name] for name in OUTCOMES) == len(decisions)
    before = {row[0]: row for row in rows}
    after = {row["id"]: (row["id"], row["text"], row["label"]) for row in done.rows}
    assert done.counts["dropped"] == len(before) - len(after)
    relabelled = [key for key, row in after.items() if row[2] != before[key][2]]
    assert len(relabelled) <= done.counts["relabelled"]
    for key in relabelled:  # nothing changes but by a decision that was applied or moved
        assert any(
            d.decision == "relabel"
            and d.value == after[key][2]
            and d.fingerprint == seen(before[key][1])
            for d in decisions
        )
    again = apply(ApplyAnnotations(), done.table, KEYED, decisions=decisions)
    assert again.counts["relabelled"] == 0 or len(decisions) > 1

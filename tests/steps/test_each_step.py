"""What filter, drop_duplicates, fix_labels, rebalance and sample do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import CurationError, ExpressionError, UnknownNameError, UsageError
from curation.lake.roles import Role
from curation.steps import DropDuplicates, Filter, FixLabels, Rebalance, Sample

Apply = Callable[..., Any]
ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label", "n": "ignore"}
TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d", "e", "f"],
        "text": ["one", "one", "two", "two", None, None],
        "label": ["x", "y", "x", "x", None, "x"],
        "n": [1, 2, 3, 3, None, 6],
    }
)


def ids(done: Any) -> str:
    return "".join(row["id"] for row in done.rows)


@pytest.mark.parametrize(
    ("where", "kept"),
    [("n > 1", "bcdf"), ("label = 'x'", "acdf"), ("N IS NULL", "e"), ("n = NULL", ""), ("true", "abcdef"),
     ("NOT label = 'x'", "b"), ("\"label\" IS NULL OR n < 2", "ae")],
)  # fmt: skip
def test_filter_keeps_the_rows_for_which_it_is_true(apply: Apply, where: str, kept: str) -> None:
    done = apply(Filter(where=where), TABLE, ROLES)
    assert ids(done) == kept
    assert done.touched == done.counts["dropped"] == 6 - len(kept)


@pytest.mark.parametrize(
    "where", ["text > 3", "cast(text AS INT) = 1", "_curation_key = 'a'", "rowid = 1"]
)
@pytest.mark.parametrize(
    "make", [lambda w: Filter(where=w), lambda w: Rebalance(rows_per_class=1, where=w)]
)
def test_a_condition_that_cannot_be_computed_is_an_error_in_words(
    apply: Apply, where: str, make: Any
) -> None:
    with pytest.raises(CurationError):
        apply(make(where), TABLE, ROLES)


def test_a_condition_is_read_when_the_step_is_made() -> None:
    with pytest.raises(ExpressionError):
        Filter(where="read_csv('x')")
    with pytest.raises(ExpressionError):
        Rebalance(rows_per_class=1, where="n >")


def test_of_equal_rows_the_smallest_key_stays(apply: Apply) -> None:
    assert ids(apply(DropDuplicates(), TABLE, ROLES)) == "ace"
    assert ids(apply(DropDuplicates(columns=["text", "label"]), TABLE, ROLES)) == "abcef"
    assert ids(apply(DropDuplicates(columns=["LABEL"]), TABLE, ROLES)) == "abe"


def test_a_row_that_a_person_decided_stays_before_others(apply: Apply) -> None:
    assert ids(apply(DropDuplicates(), TABLE, ROLES, person=[1, 5])) == "bcf"


def test_duplicates_need_columns_to_compare(apply: Apply) -> None:
    with pytest.raises(UsageError, match="no content columns to compare"):
        apply(DropDuplicates(), TABLE, {"id": "key"})
    with pytest.raises(UnknownNameError, match="Did you mean 'text'"):
        apply(DropDuplicates(columns=["texte"]), TABLE, ROLES)


def test_a_cap_holds_for_each_class_and_missing_labels_are_one(apply: Apply) -> None:
    labels = ["x"] * 5 + ["y"] * 2 + [None, "", " "]
    data = pa.table({"id": [f"k{n}" for n in range(10)], "label": labels})
    done = apply(Rebalance(rows_per_class=2), data, {"id": "key", "label": "label"})
    kept = Counter(row["label"] if (row["label"] or "").strip() else None for row in done.rows)
    assert kept == {"x": 2, "y": 2, None: 2}
    numbers = pa.table({"id": ["a", "b", "c"], "label": [float("nan"), None, 1.0]})
    assert (
        len(apply(Rebalance(rows_per_class=1), numbers, {"id": "key", "label": "label"}).rows) == 2
    )


def test_a_cap_only_where_a_condition_on_the_label_holds(apply: Apply) -> None:
    done = apply(Rebalance(rows_per_class=1, where="label = 'x'"), TABLE, ROLES)
    assert Counter(row["label"] for row in done.rows) == {"x": 1, "y": 1, None: 1}


def test_rows_with_the_same_key_are_drawn_whatever_their_order(apply: Apply) -> None:
    data = pa.table({"text": ["same"] * 6, "n": list(range(6)), "label": ["x", "y"] * 3})
    roles: dict[str, Role] = {"text": "text", "label": "label", "n": "ignore"}
    for step in (
        Sample(n=2),
        Sample(n=1, per=["label"]),
        Rebalance(rows_per_class=1),
        DropDuplicates(),
    ):
        first = apply(step, data, roles).rows
        turned = apply(step, data.take([5, 3, 1, 0, 2, 4]), roles).rows
        assert sorted(map(repr, first)) == sorted(map(repr, turned))


@pytest.fixture(scope="module")
def blobs() -> pa.Table:
    """Two classes that lie apart, one row in twenty with the other's label."""
    chance = random.Random(0)
    side = [n % 2 for n in range(200)]
    return pa.table(
        {
            "id": [f"k{n}" for n in range(200)],
            "u": [chance.gauss(6 * s, 1) for s in side],
            "v": [chance.gauss(-6 * s, 1) for s in side],
            "label": [s if n % 20 else 1 - s for n, s in enumerate(side)],
        }
    )


BLOBS: dict[str, Role] = {"id": "key", "u": "feature", "v": "feature", "label": "label"}
WRONG = {f"k{n}" for n in range(0, 200, 20)}


def test_likely_errors_are_relabelled_and_the_type_stays(apply: Apply, blobs: pa.Table) -> None:
    done = apply(FixLabels(min_confidence=0.7), blobs, BLOBS)
    changed = {a["id"] for a, b in zip(done.rows, blobs.to_pylist(), strict=True) if a != b}
    assert len(changed & WRONG) >= 8
    assert len(changed - WRONG) <= 2
    assert done.counts["relabelled"] == done.touched == len(changed)
    assert done.table.schema.field("label").type == pa.int64()
    assert done.counts["flagged"] == sum(
        done.counts[name] for name in ("relabelled", "dropped", "queued", "decided_by_a_person")
    )


def test_likely_errors_are_dropped(apply: Apply, blobs: pa.Table) -> None:
    done = apply(FixLabels(action="drop", min_confidence=0.7), blobs, BLOBS)
    assert done.counts["dropped"] == done.touched == 200 - len(done.rows)
    assert len(WRONG - {row["id"] for row in done.rows}) >= 8


def test_a_queue_changes_nothing(apply: Apply, blobs: pa.Table) -> None:
    done = apply(FixLabels(action="queue", min_confidence=0), blobs, BLOBS)
    assert done.table.to_pylist() == blobs.to_pylist()
    assert (done.touched, len(done.queue)) == (0, done.counts["queued"])
    assert len({row["record_key"] for row in done.queue} & WRONG) >= 8
    assert set(done.queue[0]) == {"record_key", "given_label", "suggested_label", "reason"}


def test_what_a_person_decided_is_not_changed(apply: Apply, blobs: pa.Table) -> None:
    done = apply(FixLabels(min_confidence=0), blobs, BLOBS, person=range(0, 200, 20))
    assert done.counts["decided_by_a_person"] >= 8
    for before, after in zip(blobs.to_pylist(), done.rows, strict=True):
        assert before["id"] not in WRONG or before == after


def test_nobody_is_asked_about_rows_that_were_made(apply: Apply, blobs: pa.Table) -> None:
    wrong = sorted(WRONG, key=lambda key: int(key[1:]))
    copies = set(wrong[:5])
    made = ["copy" if key in copies else None for key in blobs["id"].to_pylist()]
    done = apply(
        FixLabels(action="queue", min_confidence=0), blobs.append_column("made", [made]), BLOBS
    )
    queued = {row["record_key"] for row in done.queue}
    assert not queued & copies
    assert queued & WRONG
    assert done.counts["queued"] == len(queued)

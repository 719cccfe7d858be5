"""Whatever the data, a finder gives a finding that is one, or a clear error; and can be stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import CurationError
from curation.finders.base import KINDS, ROWS, SUBJECTS, Finder, Finding
from curation.finders.registry import FINDERS
from curation.finders.search import search
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared
from curation.progress import Cancelled

SIZE = 60
RANDOM = np.random.default_rng(0)
WORDS = ["card", "money", "login", "transfer", "cash", "lost", "help", "please", "today"]
TEXTS = [" ".join(RANDOM.choice(WORDS, 5)) for _ in range(SIZE)]
LABELS = ["a", "b", "c"] * (SIZE // 3)
NUMBERS = RANDOM.normal(size=SIZE)


def texts(**columns: object) -> tuple[dict[str, object], dict[str, Role]]:
    return {"text": TEXTS, "label": LABELS, **columns}, {"text": "text", "label": "label"}


def features(**columns: object) -> tuple[dict[str, object], dict[str, Role]]:
    data: dict[str, object] = {"x": NUMBERS, "y": RANDOM.normal(size=SIZE), "label": LABELS}
    return {**data, **columns}, {"x": "feature", "y": "feature", "label": "label"}


DATA: dict[str, Callable[[], tuple[dict[str, object], dict[str, Role]]]] = {
    "texts": texts,
    "features": features,
    "constant features": lambda: features(x=[1.0] * SIZE, y=[2] * SIZE),
    "one constant feature": lambda: features(x=[1.0] * SIZE),
    "null features": lambda: features(x=pa.nulls(SIZE, pa.float64()), y=pa.nulls(SIZE)),
    "infinite values": lambda: features(x=[np.inf, -np.inf, np.nan] * (SIZE // 3)),
    "a class with one row": lambda: features(label=["z", *LABELS[1:]]),
    "one class": lambda: features(label=["a"] * SIZE),
    "no label at all": lambda: features(label=pa.nulls(SIZE, pa.string())),
    "30% missing labels": lambda: texts(
        label=[None if n % 10 < 3 else name for n, name in enumerate(LABELS)]
    ),
    "labels as floats": lambda: features(label=[float(n % 3) for n in range(SIZE)]),
    "labels as booleans": lambda: features(label=[n % 2 == 0 for n in range(SIZE)]),
    "labels as dates": lambda: features(
        label=[dt.date(2026, 1, 1 + n % 3) for n in range(SIZE)]
    ),
    "labels as numbers": lambda: features(label=NUMBERS * 3),
    "labels as lists": lambda: features(label=[["a"], ["a", "b"], []] * (SIZE // 3)),
    "every row its class": lambda: features(label=[f"c{n}" for n in range(SIZE)]),
    "empty texts": lambda: texts(text=[""] * SIZE),
    "null texts": lambda: texts(text=pa.nulls(SIZE, pa.string())),
    "some empty texts": lambda: texts(text=["", "  ", *TEXTS[2:]]),
    "a text of 1 MB": lambda: texts(text=["card " * 200_000, *TEXTS[1:]]),
    "the same text everywhere": lambda: texts(text=["help me"] * SIZE),
    "vectors of unequal length": lambda: (
        {"v": [[1.0] * (2 + n % 2) for n in range(SIZE)], "label": LABELS},
        {"v": "embedding", "label": "label"},
    ),
    "three rows": lambda: ({"text": TEXTS[:3], "label": LABELS[:3]}, texts()[1]),
    "one row": lambda: ({"text": TEXTS[:1], "label": LABELS[:1]}, texts()[1]),
    "no rows": lambda: (
        {"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}, texts()[1],
    ),
    "no content": lambda: ({"id": list(range(SIZE)), "label": LABELS}, {"id": "key", "label": "label"}),
    "no label column": lambda: ({"text": TEXTS}, {"text": "text"}),
    "nothing but a key": lambda: ({"id": list(range(SIZE))}, {"id": "key"}),
}  # fmt: skip


def given(name: str) -> Shared:
    data, roles = DATA[name]()
    return Shared(pa.table(data), Roles(columns=roles))


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("kind", FINDERS, ids=lambda kind: kind.name)
def test_odd_data_give_a_finding_or_a_clear_error(kind: type[Finder], name: str) -> None:
    shared = given(name)
    finding, said = None, ""
    try:
        finding = search(shared, kind())
    except CurationError as error:
        said = str(error)
    if finding is not None:
        assert_is_one(finding, shared)
    else:
        assert len(said) > 20
        assert "\n\n" not in said


def assert_is_one(finding: Finding, shared: Shared) -> None:
    rows, subjects, summary = finding.rows, finding.subjects, finding.summary
    assert rows.schema == ROWS
    assert subjects.schema == SUBJECTS
    for table in (rows, subjects):
        assert not table["score"].null_count
        assert not table["is_issue"].null_count
        explained = table.filter(table["is_issue"])["explanation"].to_pylist()
        assert all(line and "\n" not in line and "nan" not in line.split() for line in explained)
    assert set(subjects["kind"].to_pylist()) <= set(KINDS)
    assert summary.rows == rows.num_rows
    assert summary.flagged == sum(rows["is_issue"].to_pylist())
    assert summary.subjects_flagged == sum(subjects["is_issue"].to_pylist())
    assert summary.seconds > 0
    places = rows["row"].to_pylist()
    assert places == sorted(set(places))
    keys = shared.record_keys.to_pylist()
    assert rows["record_key"].to_pylist() == [keys[place] for place in places]


ANY_ORDER = [kind for kind in FINDERS if kind.name not in ("order", "split_leakage")]
"""The others look at the order of the rows."""


@pytest.mark.parametrize("kind", ANY_ORDER, ids=lambda kind: kind.name)
def test_the_order_of_the_rows_changes_nothing(kind: type[Finder]) -> None:
    data, roles = texts(id=[f"k{n}" for n in range(SIZE)])
    table, wanted = pa.table(data), Roles(columns={"id": "key", **roles})
    if reason := kind().lacks(Shared(table, wanted)):
        assert reason.endswith((".", "?"))
        return
    order = np.random.default_rng(1).permutation(SIZE)
    first = search(Shared(table, wanted), kind()).rows.sort_by("record_key").to_pylist()
    second = (
        search(Shared(table.take(order), wanted), kind()).rows.sort_by("record_key").to_pylist()
    )
    assert [row["record_key"] for row in first] == [row["record_key"] for row in second]
    assert [row["score"] for row in first] == pytest.approx(
        [row["score"] for row in second], abs=1e-5
    )
    assert [row["is_issue"] for row in first] == [row["is_issue"] for row in second]


@pytest.mark.parametrize("kind", FINDERS, ids=lambda kind: kind.name)
def test_a_search_can_be_stopped(kind: type[Finder]) -> None:
    shared = given("texts")
    if kind().lacks(shared):
        return

    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        search(shared, kind(), stop)

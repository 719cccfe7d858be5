"""Any column type and any odd value gives a finding; shares and lists read well."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.finders.base import Finder
from curation.finders.class_imbalance import ClassImbalance
from curation.finders.columns import class_mix, coded, joined_lines, percent, quoted, short
from curation.finders.constant import Constant
from curation.finders.identifier_leakage import IdentifierLeakage
from curation.finders.label_leakage import LabelLeakage
from curation.finders.missing_values import MissingValues
from curation.finders.mixed_types import MixedTypes
from curation.finders.search import search
from curation.finders.split_leakage import SplitLeakage
from curation.finders.spurious_correlation import SpuriousCorrelation
from curation.finders.string_mismatch import StringMismatch
from curation.lake.roles import Roles
from curation.learn.shared import Shared

FINDERS: list[type[Finder]] = [
    ClassImbalance, Constant, IdentifierLeakage, LabelLeakage, MissingValues, MixedTypes,
    SplitLeakage, SpuriousCorrelation, StringMismatch,
]  # fmt: skip
SIZE = 120
ROLES = Roles(
    columns={
        "key": "key", "text": "text", "num": "feature", "cat": "feature", "at": "timestamp",
        "who": "group", "split": "ignore", "label": "label",
    },
    sensitive=("cat",),
)  # fmt: skip


def table(**changed: Any) -> pa.Table:
    random = np.random.default_rng(0)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    columns: dict[str, Any] = {
        "key": [f"k{i}" for i in range(SIZE)],
        "text": [f"text {i % 17} word{i}" for i in range(SIZE)],
        "num": random.normal(size=SIZE),
        "cat": [f"c{i % 5}" for i in range(SIZE)],
        "at": [start + dt.timedelta(hours=int(i)) for i in random.permutation(SIZE)],
        "who": [f"w{i % 30}" for i in range(SIZE)],
        "split": ["train" if i % 4 else "test" for i in range(SIZE)],
        "label": ["a", "b"] * (SIZE // 2),
    }
    return pa.table(columns | changed)


ODD: dict[str, Callable[[], pa.Table]] = {
    "columns of nulls": lambda: table(
        cat=pa.nulls(SIZE), num=pa.nulls(SIZE), who=pa.nulls(SIZE), at=pa.nulls(SIZE)
    ),
    "dictionaries": lambda: table(
        cat=pa.array(["x", "y"] * 60).dictionary_encode(),
        text=pa.array([f"text {i}" for i in range(SIZE)]).dictionary_encode(),
        label=pa.array(["a", "b"] * 60).dictionary_encode(),
        split=pa.array(["a", "b"] * 60).dictionary_encode(),
        who=pa.array(list(range(SIZE))).dictionary_encode(),
    ),
    "other numbers": lambda: table(
        num=pa.array([2**64 - 1 - i for i in range(SIZE)], pa.uint64()),
        cat=pa.array([decimal.Decimal("1.5")] * SIZE),
        who=pa.array([i % 3 for i in range(SIZE)], pa.int8()),
    ),
    "other times": lambda: table(
        at=[dt.date(2024, 1, 1 + i % 9) for i in range(SIZE)],
        num=[dt.time(i % 24) for i in range(SIZE)],
        cat=[dt.timedelta(i) for i in range(SIZE)],
    ),
    "time zones": lambda: table(at=[dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * SIZE),
    "nested": lambda: table(
        cat=[{"a": 1}] * SIZE, num=[["x"]] * SIZE, who=[[1]] * SIZE, split=[[1]] * SIZE
    ),
    "bytes": lambda: table(num=[b"a"] * SIZE),
    "odd signs": lambda: table(
        text=["\x00\ufeff 💥 %s {} \\n"] * SIZE,
        cat=["💥{}'\"", "\x00", "{0}", " \n"] * 30,
        split=["{}", "{0} x"] * 60,
    ),
    "a megabyte": lambda: table(
        text=["x " * 500_000, *["y"] * (SIZE - 1)], cat=["z" * 10**6, *["y"] * (SIZE - 1)]
    ),
    "in pieces": lambda: pa.concat_tables([table(), table()]),
    "ten thousand classes": lambda: pa.table(
        {
            "text": [f"text {i}" for i in range(30_000)],
            "label": [f"class {i % 10_000}" for i in range(30_000)],
        }
    ),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", FINDERS, ids=lambda kind: kind.name)
def test_odd_columns_give_a_finding(kind: type[Finder], odd: str) -> None:
    data = ODD[odd]()
    roles = Roles(
        columns={name: role for name, role in ROLES.columns.items() if name in data.column_names},
        sensitive=ROLES.sensitive if "cat" in data.column_names else (),
    )
    shared = Shared(data, roles)
    if not kind().lacks(shared):
        found = search(shared, kind())
        assert found.summary.rows == found.rows.num_rows


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0%"), (1, "100%"), (0.5, "50%"), (0.031, "3.1%"), (0.9994, ">99.9%"),
        (0.99999, ">99.9%"), (0.0001, "<0.1%"), (0.995, "99.5%"),
    ],
)  # fmt: skip
def test_a_share_reads_well_and_never_rounds_to_all_or_none(share: float, words: str) -> None:
    assert percent(share) == words


def test_values_are_shortened_and_counted() -> None:
    assert quoted(["a", "b", "c"], 2) == "'a', 'b' and 1 more"
    assert short("x" * 99) == "x" * 39 + "…"
    assert short("a\r\nb") == "a b"


def test_lines_of_a_row_are_joined_where_they_are() -> None:
    lines = [pa.array(["a", None, "c", None]), pa.array(["x", "y", None, None])]
    assert joined_lines(lines, 4).to_pylist() == ["a; x", "y", "c", None]
    assert joined_lines([], 2).to_pylist() == [None, None]


@given(st.lists(st.one_of(st.none(), st.text(max_size=3))))
def test_a_column_comes_back_from_its_codes(values: list[str | None]) -> None:
    found = coded(pa.chunked_array([pa.array(values, pa.string())]))
    assert found.take(found.words).to_pylist() == values
    assert found.counts().sum() == len(values) - values.count(None)


def test_the_class_mix_of_some_rows_is_compared() -> None:
    codes = np.array([0] * 50 + [1] * 50)
    distance, chance, name, inside, outside = class_mix(codes, codes == 1, ["a", "b"])
    assert (distance, name, inside, outside) == (1.0, "b", 1.0, 0.0)
    assert chance < 1e-6
    assert class_mix(codes, np.zeros(100, dtype=np.bool_), ["a", "b"])[:2] == (0.0, 1.0)

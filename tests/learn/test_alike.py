"""Which rows are left out together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.lake.roles import Role, Roles
from curation.learn import alike
from curation.learn.alike import folded_hashes, leave_out_groups
from curation.learn.content import read_content


def together(data: dict[str, Any], near: Any = None, **roles: Role) -> list[list[int]]:
    """Return the groups of more than one row."""
    groups = numbers(pa.table(data), near, **roles)
    found = [np.flatnonzero(groups == group).tolist() for group in np.unique(groups)]
    return sorted(group for group in found if len(group) > 1)


def numbers(table: pa.Table, near: Any = None, codes: Any = None, **roles: Role) -> np.ndarray:
    chosen = Roles(columns=roles)
    codes = np.zeros(table.num_rows, dtype=np.int64) if codes is None else codes
    near = None if near is None else np.array(near)
    return leave_out_groups(table, codes, chosen, read_content(table, chosen), near).groups


def test_copies_are_alike_whatever_their_case_spaces_and_punctuation() -> None:
    texts = [
        "Refund, please!",
        "refund  please",
        "a refund",
        "refund\nplease…",
        "ÉCOLE",
        "école.",
        "ref und, please",
    ]
    assert together({"text": texts}, text="text") == [[0, 1, 3], [4, 5]]


def test_texts_of_marks_alone_are_compared_as_they_are() -> None:
    assert together({"text": ["!!!", "???", "!!!", "😀", "😢", "a", "b"]}, text="text") == [[0, 2]]


def test_copies_must_agree_in_every_column() -> None:
    data = {"text": ["a b", "A b", "a B"], "vector": [[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]]}
    assert together(data, text="text", vector="embedding") == [[0, 1]]
    data = {"text": ["a b", "A b", "a B"], "amount": [1, 2, 2]}
    assert together(data, text="text", amount="feature") == [[1, 2]]


def test_features_alone_are_copies_only_where_nearly_all_rows_differ() -> None:
    assert together({"amount": [*range(19), 3]}, amount="feature") == [[3, 19]]
    assert together({"amount": [1, 2, 3, 4] * 5}, amount="feature") == []


def test_rows_of_one_group_are_alike_and_a_missing_group_is_none() -> None:
    data = {"text": list("abcdef"), "user": ["x", None, "y", "x", None, "y"]}
    assert together(data, text="text", user="group") == [[0, 3], [2, 5]]


def test_what_hangs_together_is_one_group() -> None:
    data = {
        "text": ["a", "b", "A", "c", "d", "e", "f"],
        "user": ["x", "y", "z", "y", None, None, None],
        "thread": [1, 2, 3, 4, 5, 6, 6],
    }
    assert together(data, [[2, 3], [2, 3], [3, 2]], text="text", user="group", thread="group") == [
        [0, 1, 2, 3], [5, 6]
    ]  # fmt: skip


def test_a_group_column_with_one_value_is_said_and_keeps_nothing_apart() -> None:
    table = pa.table({"text": list("abc"), "user": ["x"] * 3})
    roles = Roles(columns={"text": "text", "user": "group"})
    codes = np.zeros(3, dtype=np.int64)
    found = leave_out_groups(table, codes, roles, read_content(table, roles))
    assert len(np.unique(found.groups)) == 3
    assert found.notes == ["Column 'user' holds one group only, so it keeps no rows apart."]


@pytest.mark.parametrize(
    "column",
    [pa.array([1.5, 2.5, 1.5]), pa.array(["x", "y", "x"]).dictionary_encode(),
     pa.array([True, False, True])],
)  # fmt: skip
def test_groups_may_have_any_type(column: pa.Array) -> None:
    assert together({"text": list("abc"), "user": column}, text="text", user="group") == [[0, 2]]


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "A", "b", "c d", "C  D!", "e"]),
                  st.sampled_from([None, "x", "y", "z"]), st.integers(-1, 1)),
        min_size=2, max_size=20,
    ),
    random=st.randoms(),
)  # fmt: skip
def test_the_numbers_follow_from_what_the_rows_hold(rows: list[Any], random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    texts, users, codes = map(list, zip(*rows, strict=True))
    table, given_codes = (
        pa.table({"text": texts, "user": pa.array(users, pa.string())}),
        np.array(codes),
    )
    roles: dict[str, Role] = {"text": "text", "user": "group"}
    straight = numbers(table, codes=given_codes, **roles)
    shuffled = numbers(table.take(order), codes=given_codes[order], **roles)
    np.testing.assert_array_equal(straight[order], shuffled)
    assert set(straight) == set(range(len(set(straight))))


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=12))
def test_a_text_has_the_same_hash_among_any_others(texts: list[str]) -> None:
    together_ = folded_hashes(pa.array(texts, pa.large_string()))
    alone = [folded_hashes(pa.array([text], pa.large_string()))[0] for text in texts]
    assert together_.tolist() == alone


def test_texts_are_hashed_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([f"text {i % 50}" * (i % 7) for i in range(500)], pa.large_string())
    whole = folded_hashes(texts)
    monkeypatch.setattr(alike, "_BATCH_BYTES", 64)
    np.testing.assert_array_equal(folded_hashes(texts), whole)
    assert len(folded_hashes(texts[:0])) == 0

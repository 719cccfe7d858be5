"""The feature space: texts, vectors and features as points that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.lake.roles import Role, Roles
from curation.learn.arrays import Matrix
from curation.learn.content import read_content
from curation.learn.features import feature_space

RANDOM = np.random.default_rng(0)


def space(columns: dict[str, Any], **roles: Role) -> Matrix:
    return feature_space(read_content(pa.table(columns), Roles(columns=roles)))


def squared(matrix: Matrix) -> np.ndarray:
    return np.square(matrix).sum(axis=1)


def test_texts_are_rows_of_length_one_and_no_text_is_at_a_right_angle() -> None:
    found = space({"t": ["I lost my card", "", "my card is lost", None, "hello"]}, t="text")
    assert squared(found) == pytest.approx(1, abs=1e-5)
    assert found[1] @ found[3] == pytest.approx(1)
    assert found[1] @ found[0] == pytest.approx(0)
    assert found[0] @ found[2] > found[0] @ found[4]


def test_vectors_keep_their_angle_and_missing_ones_have_a_direction_of_their_own() -> None:
    found = space({"v": [[3.0, 4, 0, 0], [6, 8, 0, 0], None, [0, 0, 1, 0]]}, v="embedding")
    assert squared(found) == pytest.approx(1, abs=1e-5)
    assert found[0] @ found[1] == pytest.approx(1)
    assert found[2] @ found.T == pytest.approx([0, 0, 1, 0])


def test_huge_and_infinite_numbers_give_finite_points() -> None:
    inf = float("inf")
    vectors = [[1e30, 1e30, 0, 0], [inf, 1, 0, 0], [0, 1, 0, float("nan")], [1, 0, 0, 0]]
    found = space({"v": vectors, "x": [1.0, inf, -inf, 2]}, v="embedding", x="feature")
    assert np.isfinite(found).all()
    assert found[0, :2] == pytest.approx([0.5, 0.5])


def test_an_outlier_or_a_unit_leaves_the_other_rows_their_place() -> None:
    numbers = RANDOM.normal(size=1_000)
    plain = space({"x": numbers}, x="feature")
    odd = space({"x": [float("inf"), *(numbers[1:] * 1_000)]}, x="feature")
    assert odd[1:] == pytest.approx(plain[1:], abs=0.05)
    assert odd[0] == 20
    assert plain.std() == pytest.approx(1, abs=0.1)


def test_a_far_value_is_farther_than_a_near_one_and_not_by_its_full_length() -> None:
    numbers = [*RANDOM.normal(size=1_000), 8.0, 80.0]
    found = space({"x": numbers}, x="feature")[:, 0]
    assert 5 < found[-2] < found[-1] < 20


def test_missing_values_lie_in_the_middle_with_an_indicator_if_they_are_many() -> None:
    numbers: list[float | None] = [float(n) for n in range(100)]
    numbers[3] = None
    few = space({"x": numbers}, x="feature")
    assert few.shape == (100, 1)
    assert few[3, 0] == 0
    many = space({"x": [None] * 20 + numbers[20:]}, x="feature")
    assert many.shape == (100, 2)
    assert not many[:20, 0].any()
    assert len(set(many[:20, 1])) == len(set(many[20:, 1])) == 1
    assert many[0, 1] != many[20, 1]


def test_several_kinds_have_equal_weight() -> None:
    size = 300
    columns = {
        "t": [f"word{n % 7} other{n % 11}" for n in range(size)],
        "v": RANDOM.normal(size=(size, 5)).tolist(),
        **{f"x{n}": RANDOM.normal(size=size) * 10**n for n in range(6)},
    }
    found = space(columns, t="text", v="embedding", **{f"x{n}": "feature" for n in range(6)})
    texts, vectors, features = found[:, :-11], found[:, -11:-6], found[:, -6:]
    for block in (texts, vectors, features):
        assert squared(block).mean() == pytest.approx(1 / 3, rel=1e-3)


def test_short_vectors_are_places_whose_length_counts() -> None:
    found = space({"v": [[1.0, 1], [2, 2], [9, 9], [3, 1]]}, v="embedding")
    assert abs(found[2] - found[0]).sum() > abs(found[1] - found[0]).sum() > 0


@pytest.mark.parametrize("texts", [["same"] * 9, [""] * 9])
def test_content_that_is_the_same_everywhere_is_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="All 9 rows have the same content"):
        space({"t": texts}, t="text")


def test_one_row_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="one row"):
        space({"t": ["alone"]}, t="text")


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="2 to 3 numbers"):
        space({"v": [[1.0, 2], [1.0, 2, 3]]}, v="embedding")


def test_the_order_of_the_rows_changes_nothing() -> None:
    columns = {
        "t": [f"word{n % 7} other{n % 11}" for n in range(80)],
        "x": RANDOM.normal(size=80),
        "c": [f"c{n % 5}" for n in range(80)],
    }
    roles: dict[str, Role] = {"t": "text", "x": "feature", "c": "feature"}
    order = RANDOM.permutation(80)
    moved = {name: [values[i] for i in order] for name, values in columns.items()}
    assert space(moved, **roles) == pytest.approx(space(columns, **roles)[order], abs=1e-5)

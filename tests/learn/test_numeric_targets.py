"""Predictions of numbers by models that did not see the row, nor its group."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.lake.roles import Roles
from curation.learn.numeric_targets import (
    groups_of,
    neighbours_left_out,
    predict_left_out,
    trees_left_out,
)
from curation.learn.shared import Shared

ROLES = {"a": "feature", "b": "feature", "y": "label"}


def shared(roles: dict[str, str] | None = None, rows: int = 200, **more: object) -> Shared:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, rows))
    table = pa.table({"a": a, "b": b, "y": 2 * a + np.sin(3 * b), **more})
    return Shared(table, Roles.model_validate({"columns": {**ROLES, **(roles or {})}}))


def targets_of(data: Shared) -> np.ndarray:
    return data.table["y"].to_numpy().astype(np.float32)[:, None]


def test_ridge_and_trees_together_are_no_worse_than_the_mean_and_are_named() -> None:
    data = shared()
    rows = np.arange(200)
    found = predict_left_out(data, rows, targets_of(data), groups=groups_of(data, rows)[0])
    error = np.square(found.values - targets_of(data)).mean()
    assert error < 0.3 * targets_of(data).var()
    assert "ridge" in found.learner or "ExtraTrees" in found.learner


def test_vectors_are_predicted_from_the_nearest_rows_too() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(300, 2)).astype(np.float32)
    y = np.sign(points[:, 0] * points[:, 1])
    table = pa.table({"v": list(points), "y": y})
    data = Shared(table, Roles(columns={"v": "embedding", "y": "label"}))
    rows = np.arange(300)
    found = predict_left_out(
        data, rows, y.astype(np.float32)[:, None], groups=groups_of(data, rows)[0]
    )
    assert "nearest rows" in found.learner
    assert np.square(found.values[:, 0] - y).mean() < 0.5


def test_rows_of_a_group_and_copies_are_left_out_together() -> None:
    owners = [f"u{i // 4}" for i in range(200)]
    data = shared({"owner": "group"}, owner=owners)
    groups, notes = groups_of(data, np.arange(200))
    assert notes == []
    assert len(np.unique(groups)) == 50
    assert all(len(set(groups[i : i + 4])) == 1 for i in range(0, 200, 4))


def test_one_group_for_all_rows_of_the_label_is_an_error_that_says_so() -> None:
    owners = ["only"] * 150 + ["other"] * 50
    data = shared({"owner": "group"}, owner=owners)
    with pytest.raises(DataError, match="All 150 rows are of one group"):
        groups_of(data, np.arange(150))


def test_trees_do_not_see_the_group_of_a_row() -> None:
    random = np.random.default_rng(2)
    matrix = random.normal(size=(60, 3)).astype(np.float32)
    matrix[1::2] = matrix[::2]
    targets = np.repeat(random.normal(size=30) * 10, 2).astype(np.float32)[:, None]
    pairs = trees_left_out(matrix, targets, groups=np.arange(60) // 2, trees=60)
    alone = trees_left_out(matrix, targets, groups=np.arange(60), trees=60)
    # What a row has is drawn at random, so only its twin can tell it.
    assert np.corrcoef(alone[:, 0], targets[:, 0])[0, 1] > 0.1
    assert np.corrcoef(pairs[:, 0], targets[:, 0])[0, 1] < -0.1


def test_trees_give_the_same_for_rows_in_another_order() -> None:
    random = np.random.default_rng(3)
    matrix, targets = random.normal(size=(2, 80, 4)).astype(np.float32)
    order = random.permutation(80)
    straight = trees_left_out(matrix, targets, groups=np.arange(80), trees=20)
    shuffled = trees_left_out(matrix[order], targets[order], groups=order, trees=20)
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-5)


def test_neighbours_without_a_target_or_of_the_same_group_do_not_count() -> None:
    indices = np.array([[1, 2], [0, 2], [1, 0], [0, 1]], dtype=np.int32)
    rows = np.array([0, 1, 3])
    targets = np.array([[0.0], [6.0], [9.0]], dtype=np.float32)
    found = neighbours_left_out(indices, rows, targets, groups=np.array([0, 1, 0]))
    # Row 0 sees row 1; row 1 sees row 0; row 3 is in the group of row 0 and sees row 1 only.
    np.testing.assert_allclose(found[:, 0], [6.0, 0.0, 6.0])
    none = neighbours_left_out(indices, rows, targets, groups=np.zeros(3, dtype=np.int64))
    np.testing.assert_allclose(none[:, 0], 5.0)

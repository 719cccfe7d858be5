"""Votes of the nearest neighbours."""

from __future__ import annotations

import numpy as np

from curation.learn.nearest_votes import nearest_votes
from curation.learn.neighbours import nearest_neighbours


def test_votes_are_those_counted_by_hand() -> None:
    matrix = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    codes = np.array([0, 0, 1, -1])
    found = nearest_votes(nearest_neighbours(matrix, 2), codes, 2)
    near, far = np.exp(-1 / 9), np.exp(-1)  # of the first row, at the distances 1 and 3
    expected = np.array([near + 2 / 3, far + 1 / 3])
    np.testing.assert_allclose(found[0], expected / expected.sum(), atol=1e-6)
    near, far = np.exp(-16 / 36), np.exp(-1)  # of the row without a label, at 4 and 6
    expected = np.array([far + 2 / 3, near + 1 / 3])
    np.testing.assert_allclose(found[3], expected / expected.sum(), atol=1e-6)


def test_rows_of_a_group_do_not_vote_for_each_other() -> None:
    random = np.random.default_rng(0)
    matrix = np.repeat(random.normal(size=(80, 2)), 3, axis=0).astype(np.float32)
    codes, groups = np.repeat(random.integers(0, 2, 80), 3), np.repeat(np.arange(80), 3)
    near = nearest_neighbours(matrix, 12)
    together = nearest_votes(near, codes, 2).argmax(axis=1) == codes
    apart = nearest_votes(near, codes, 2, groups=groups).argmax(axis=1) == codes
    assert together.mean() > apart.mean() + 0.1
    assert apart.mean() < 0.65


def test_without_a_neighbour_that_votes_the_classes_shares_are_left() -> None:
    matrix = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    codes, groups = np.array([0, 0, 0, 1, -1, -1]), np.zeros(6, dtype=np.int64)
    found = nearest_votes(nearest_neighbours(matrix, 3), codes, 3, groups=groups)
    np.testing.assert_allclose(found, [[0.75, 0.25, 0.0]] * 6, atol=1e-6)

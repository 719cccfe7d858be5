"""Random Fourier features and ranks."""

from __future__ import annotations

import numpy as np

from curation.learn import ridge
from curation.learn.random_features import RandomFourier, ranked


def test_inner_products_are_near_the_gaussian_kernel() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(60, 5)).astype(np.float32)
    features = RandomFourier(matrix, width=20_000).transform(matrix)
    squares = ((matrix[:, None] - matrix[None]) ** 2).sum(axis=-1)
    usual = np.median(squares[np.triu_indices(60, 1)])
    np.testing.assert_allclose(features @ features.T, np.exp(-squares / usual), atol=0.05)


def test_a_curved_border_is_learned() -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(600, 2)).astype(np.float32)
    codes = (np.linalg.norm(matrix, axis=1) > 1.2).astype(np.int64)
    features = RandomFourier(matrix).transform(matrix)
    straight = ridge.leave_one_out(matrix, codes, 2).scores
    curved = ridge.leave_one_out(features, codes, 2).scores
    assert (straight.argmax(axis=1) == codes).mean() < 0.7
    assert (curved.argmax(axis=1) == codes).mean() > 0.95


def test_features_of_a_row_do_not_depend_on_the_order_of_rows() -> None:
    random = np.random.default_rng(2)
    matrix = random.normal(size=(1_200, 3)).astype(np.float32)
    order = random.permutation(1_200)
    first = RandomFourier(matrix, width=16).transform(matrix)
    other = RandomFourier(matrix[order], width=16).transform(matrix[order])
    np.testing.assert_allclose(other, first[order], atol=1e-5)


def test_rows_that_are_all_the_same_have_finite_features() -> None:
    matrix = np.ones((10, 3), dtype=np.float32)
    assert np.isfinite(RandomFourier(matrix).transform(matrix)).all()


def test_ranks_know_neither_units_nor_outliers() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(100, 3)).astype(np.float32)
    stretched = np.exp(3 * matrix) * np.float32([1, 1e6, 1e-6])
    np.testing.assert_allclose(ranked(stretched), ranked(matrix), atol=1e-6)
    assert abs((ranked(matrix) ** 2).sum(axis=1).mean() - 1) < 1e-4


def test_missing_values_are_in_the_middle_and_marked() -> None:
    matrix = np.array([[1, np.nan], [2, np.nan], [np.nan, np.nan], [3, np.nan]], dtype=np.float32)
    found = ranked(matrix)
    assert found.shape == (4, 3)  # a column, its indicator, and a column without any value
    assert found[2, 0] == 0
    assert len(np.unique(found[:, 1])) == 2
    assert (found[:, 2] == 0).all()

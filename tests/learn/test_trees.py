"""Out-of-bag probabilities of extremely randomised trees."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from curation.learn import trees


def noise(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, 4)).astype(np.float32), random.integers(0, 2, rows)


def test_a_row_is_not_predicted_by_trees_that_saw_it() -> None:
    matrix, codes = noise(600)
    probabilities = trees.out_of_bag(matrix, codes, 2)
    right = (probabilities.argmax(axis=1) == codes).mean()
    assert (
        right < 0.58
    )  # labels are coin flips: trees that saw the row would be right far more often


def test_the_same_seed_gives_the_same_probabilities() -> None:
    matrix, codes = noise(100)
    first, again, other = (trees.out_of_bag(matrix, codes, 2, trees=40, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rows_that_every_tree_saw_get_the_classes_shares() -> None:
    matrix, codes = noise(50)
    codes[:40] = 0
    codes[40:] = 1
    probabilities = trees.out_of_bag(matrix, codes, 2, trees=1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (np.isclose(probabilities, [0.8, 0.2], atol=1e-6).all(axis=1)).sum() >= 20


def test_missing_values_and_absent_classes_are_no_trouble() -> None:
    matrix, codes = noise(100)
    matrix[::3, 0] = np.nan
    probabilities = trees.out_of_bag(matrix, codes, 4, trees=20)
    assert probabilities.shape == (100, 4)
    assert probabilities[:, 2:].max() == 0


def test_rows_of_a_group_do_not_teach_each_other() -> None:
    """Labels go by group and content tells the group, so a tree that saw one row knows the rest."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    matrix = (random.normal(size=(60, 4))[groups] + 0.01 * random.normal(size=(600, 4))).astype(
        np.float32
    )
    codes = random.integers(0, 2, 60)[groups]
    told = trees.out_of_bag(matrix, codes, 2)
    left_out = trees.out_of_bag(matrix, codes, 2, groups=groups)
    assert (told.argmax(axis=1) == codes).mean() > 0.95
    assert (left_out.argmax(axis=1) == codes).mean() < 0.65


def test_each_row_its_own_group_is_the_same_as_no_groups() -> None:
    matrix, codes = noise(100)
    np.testing.assert_array_equal(
        trees.out_of_bag(matrix, codes, 2, trees=20),
        trees.out_of_bag(matrix, codes, 2, trees=20, groups=np.arange(100)),
    )


def test_rows_without_a_label_teach_nothing_and_are_predicted() -> None:
    matrix, _ = noise(300)
    truth = (matrix[:, 0] > 0).astype(np.int64)
    codes = np.where(np.arange(300) % 3 == 0, -1, truth)
    probabilities = trees.out_of_bag(matrix, codes, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == truth)[codes < 0].mean() > 0.85


def test_one_group_gets_the_classes_shares() -> None:
    matrix, codes = noise(50)
    probabilities = trees.out_of_bag(matrix, codes, 2, groups=np.zeros(50, dtype=np.int64), trees=9)
    np.testing.assert_allclose(probabilities, np.tile(np.bincount(codes) / 50, (50, 1)), atol=1e-6)


def test_trees_in_several_threads_leave_the_process_s_warning_filters_alone() -> None:
    """Sessions are threads; scikit-learn's own threads can empty the filters of the process."""
    random = np.random.RandomState(0)
    matrix = random.normal(size=(60, 4)).astype(np.float32)
    codes = (matrix[:, 0] > 0).astype(np.int64)
    trees.out_of_bag(matrix, codes, 2, trees=2)  # libraries set filters when first imported
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trees.out_of_bag(matrix, codes, 2, trees=400), range(8)))
    assert list(warnings.filters) == before
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])

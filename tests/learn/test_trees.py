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


def test_trees_in_several_threads_leave_the_process_s_warning_filters_alone() -> None:
    """Sessions are threads; scikit-learn's own threads can empty the filters of the process."""
    random = np.random.RandomState(0)
    matrix = random.normal(size=(60, 4)).astype(np.float32)
    codes = (matrix[:, 0] > 0).astype(np.int64)
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trees.out_of_bag(matrix, codes, 2, trees=400), range(8)))
    assert list(warnings.filters) == before
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])

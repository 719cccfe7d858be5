"""The neighbour graph: what is near, among copies and at scale."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import DataError
from curation.learn import nearest
from curation.learn.arrays import Matrix
from curation.learn.neighbours import Neighbours, nearest_neighbours
from curation.progress import Cancelled


def brute_force(matrix: Matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others by (distance, position), and their Euclidean distances."""
    wide = matrix.astype(np.float64)
    apart = np.sqrt(np.square(wide[:, None] - wide[None]).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    places = np.broadcast_to(np.arange(len(matrix)), apart.shape)
    order = np.lexsort((places, apart), axis=1)[:, :k]
    return order, np.take_along_axis(apart, order, 1)


def themes(rows: int, width: int = 32, count: int = 60, seed: int = 0) -> Matrix:
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(count, width)) * 2
    points = centres[draw.integers(count, size=rows)] + draw.normal(size=(rows, width))
    return points.astype(np.float32)


def unit(matrix: Matrix) -> Matrix:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@given(
    rows=st.integers(2, 60),
    values=st.integers(1, 4),
    width=st.integers(1, 3),
    k=st.integers(1, 12),
    seed=st.integers(0, 1_000),
)
def test_neighbours_are_those_of_brute_force_among_many_copies(
    rows: int, values: int, width: int, k: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    matrix = draw.integers(0, values, size=(rows, width)).astype(np.float32)
    found = nearest_neighbours(matrix, k)
    expected, apart = brute_force(matrix, min(k, rows - 1))
    scale = np.square(apart) / 2 if found.metric == "cosine" else apart
    assert found.distances == pytest.approx(scale, abs=1e-6)
    assert found.indices.dtype == np.int32
    assert found.distances.dtype == np.float32
    assert not (found.indices == np.arange(rows)[:, None]).any()
    assert all(len(set(row)) == len(row) for row in found.indices.tolist())
    # Ties by position: copies come in order, and so do equally far rows that were found.
    copies = apart == 0
    assert (found.indices[copies] == expected[copies]).all()


def test_identical_rows_have_the_first_others_as_neighbours() -> None:
    found = nearest_neighbours(np.ones((50, 4), np.float32), 3)
    assert found.indices[0].tolist() == [1, 2, 3]
    assert found.indices[1].tolist() == [0, 2, 3]
    assert found.indices[40].tolist() == [0, 1, 2]
    assert not found.distances.any()
    assert found.exact


def test_fewer_rows_than_neighbours_give_all_others() -> None:
    found = nearest_neighbours(themes(3), 10)
    assert found.indices.shape == (3, 2)
    assert {frozenset([i, *row]) for i, row in enumerate(found.indices.tolist())} == {
        frozenset([0, 1, 2])
    }


def test_rows_of_length_one_are_compared_by_angle() -> None:
    matrix = unit(themes(200))
    found = nearest_neighbours(matrix, 5)
    assert found.metric == "cosine"
    cosine = np.einsum("ij,ikj->ik", matrix, matrix[found.indices])
    assert found.distances == pytest.approx(1 - cosine, abs=1e-5)
    assert nearest_neighbours(themes(200), 5).metric == "euclidean"


def test_tiny_distances_are_not_lost_to_cancellation() -> None:
    matrix = unit(themes(400, width=64))
    matrix[1] = matrix[0]
    matrix[1, 0] += 1e-4
    found = nearest_neighbours(matrix, 2)
    assert found.indices[0, 0] == 1
    assert found.distances[0, 0] == pytest.approx(0.5e-8, rel=0.01)


def test_lists_find_what_they_say_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = themes(6_000, width=33)
    matrix = np.concatenate([points, points[:500]])
    exact = nearest_neighbours(matrix, 10)
    monkeypatch.setattr(nearest, "EXACT_WORK", 0)
    found = nearest_neighbours(matrix, 10)
    assert not found.exact
    true = found.distances <= exact.distances[:, -1:] * np.float32(1 + 1e-5)
    assert true.mean() == pytest.approx(found.recall, abs=0.02)
    assert found.recall >= 0.95
    assert "lists" in found.how
    # The last 500 rows are copies of the first.
    assert (found.indices[6_000:, 0] == np.arange(500)).all()
    assert not found.distances[6_000:, 0].any()
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    alone = nearest_neighbours(matrix, 10)
    assert (alone.indices == found.indices).all()
    assert (alone.distances == found.distances).all()


def test_a_kept_graph_comes_back() -> None:
    found = nearest_neighbours(themes(40), 4)
    again = Neighbours.from_arrays(found.arrays())
    assert (again.indices == found.indices).all()
    assert (again.distances == found.distances).all()
    assert (again.metric, again.exact, again.recall, again.how) == (
        found.metric, found.exact, found.recall, found.how,
    )  # fmt: skip


@pytest.mark.parametrize("rows", [0, 1])
def test_one_row_has_no_neighbours(rows: int) -> None:
    with pytest.raises(DataError, match="two or more"):
        nearest_neighbours(np.zeros((rows, 3), np.float32), 10)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        nearest_neighbours(np.array([[np.inf], [1.0]], np.float32), 1)


def test_a_search_stops_between_batches() -> None:
    said: list[str] = []

    def stop(fraction: float, message: str) -> None:
        said.append(message)
        if "nearest rows:" in message:
            raise Cancelled

    with pytest.raises(Cancelled):
        nearest_neighbours(themes(9_000, width=4), 3, progress=stop)
    assert sum("nearest rows:" in message for message in said) == 1


def test_a_far_row_whose_lists_hold_too_few_has_its_neighbours_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curation.learn.nearest.EXACT_WORK", 0)
    monkeypatch.setattr("curation.learn.nearest.FEW_ROWS", 0)
    monkeypatch.setattr("curation.learn.nearest._LADDER", ((1, 1),))
    random = np.random.default_rng(0)
    matrix = random.normal(size=(3_000, 8)).astype(np.float32)
    matrix[:3] += 1_000 * np.arange(1, 4)[:, None]
    found = nearest_neighbours(matrix, 10)
    assert not found.exact
    assert (found.indices >= 0).all()
    assert np.isfinite(found.distances).all()
    assert (found.indices != np.arange(3_000)[:, None]).all()

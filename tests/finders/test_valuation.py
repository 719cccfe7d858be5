"""The value of rows to a nearest-neighbour classifier, with cleanlab's beside it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from cleanlab.data_valuation import data_shapley_knn

from curation.finders.search import search
from curation.finders.valuation import Valuation, knn_shapley
from curation.lake.roles import Roles
from curation.learn.neighbours import nearest_neighbours
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)


def vectors(rows: int) -> np.ndarray:
    """Return points around a direction."""
    return (np.eye(8)[0] * 5 + RANDOM.normal(size=(rows, 8))).astype(np.float32)


def shared(points: np.ndarray, labels: list[str | None]) -> Shared:
    table = pa.table({"v": points.tolist(), "label": pa.array(labels, pa.string())})
    return Shared(table, Roles(columns={"v": "embedding", "label": "label"}))


def test_knn_shapley_is_cleanlabs() -> None:
    points, codes = vectors(300), RANDOM.integers(0, 3, 300)
    graph = nearest_neighbours(points, 10)
    theirs = data_shapley_knn(codes, features=points, metric="euclidean", k=10)
    value, asked, _ = knn_shapley(graph, codes)
    assert 0.5 * (value / 300 + 1) == pytest.approx(theirs, abs=1e-9)
    assert asked.sum() == 3_000
    assert asked.tolist() == np.bincount(graph.indices.ravel(), minlength=300).tolist()


def test_wrong_labels_have_low_value_and_the_explanation_says_why() -> None:
    points = np.concatenate([vectors(200), vectors(200) * -1])
    labels: list[str | None] = ["a"] * 200 + ["b"] * 200
    labels[3] = "b"
    rows = search(shared(points, labels), Valuation()).rows
    assert int(np.argmin(rows["score"].to_numpy())) == 3
    assert rows["is_issue"][3].as_py()
    assert rows["explanation"][3].as_py().endswith("has the label of 0 of them.")
    assert rows["is_issue"].to_pylist().count(True) < 10


def test_rows_without_a_label_are_not_valued_and_value_nothing() -> None:
    points = vectors(100)
    labels: list[str | None] = [None if n % 5 == 0 else "ab"[n % 2] for n in range(100)]
    rows = search(shared(points, labels), Valuation()).rows
    assert rows["row"].to_pylist() == [n for n in range(100) if n % 5]
    codes = np.full(100, -1)
    value, asked, agreed = knn_shapley(nearest_neighbours(points, 5), codes)
    assert not value.any()
    assert not asked.any()
    assert not agreed.any()


def test_a_finder_of_values_needs_labels() -> None:
    data = Shared(pa.table({"v": vectors(5).tolist()}), Roles(columns={"v": "embedding"}))
    assert "no label column" in Valuation().lacks(data)

"""Whether the order of the rows has to do with their content."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.finders.base import Finding
from curation.finders.order import Order, _place_shares
from curation.finders.search import search
from curation.lake.roles import Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)


def find(points: np.ndarray) -> Finding:
    data = Shared(pa.table({"v": points.tolist()}), Roles(columns={"v": "embedding"}))
    return search(data, Order())


def themes(place: np.ndarray) -> np.ndarray:
    centres = RANDOM.normal(size=(10, 8)) * 4
    return (centres[place] + RANDOM.normal(size=(len(place), 8))).astype(np.float32)


def test_rows_sorted_by_theme_are_in_an_order() -> None:
    finding = find(themes(np.arange(600) // 60))
    (subject,) = finding.subjects.to_pylist()
    assert subject["kind"] == "dataset"
    assert subject["is_issue"]
    assert subject["rows"] == 600
    assert subject["explanation"].startswith("The order of the rows has to do with their content.")
    assert finding.info["p_value"] == pytest.approx(0.01)
    assert finding.info["median_places"] < 60 < finding.info["expected"]
    assert finding.rows["score"].to_numpy().mean() < 0.2
    assert finding.summary.flagged == 0


def test_a_slow_drift_is_seen() -> None:
    points = RANDOM.normal(size=(800, 8)) + np.linspace(0, 4, 800)[:, None] * np.eye(8)[0] + 3
    assert find(points).subjects["is_issue"].to_pylist() == [True]


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_rows_are_in_none(seed: int) -> None:
    place = np.random.default_rng(seed).permutation(np.arange(600) // 60)
    finding = find(themes(place))
    assert finding.subjects["is_issue"].to_pylist() == [False]
    assert finding.rows["score"].to_numpy().mean() > 0.8


def test_the_shares_of_random_places_are_even() -> None:
    size = 200
    places = np.repeat(np.arange(size), size).reshape(-1, 1)
    others = np.tile(np.arange(size), size).reshape(-1, 1)
    apart = places[:, 0] != others[:, 0]
    shares = _place_shares(places[apart], others[apart], size)
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    counts = np.histogram(shares, bins=10, range=(0, 1))[0]
    assert counts.max() < 1.1 * counts.min()


def test_the_smallest_data_are_judged_without_an_issue() -> None:
    finding = find(RANDOM.normal(size=(2, 8)))
    assert finding.subjects["is_issue"].to_pylist() == [False]

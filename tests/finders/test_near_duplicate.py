"""The near-duplicate finder, with cleanlab's Datalab rule beside it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.finders.near_duplicate import NearDuplicate
from curation.finders.search import search
from curation.lake.roles import Roles
from curation.learn.neighbours import near_pairs, nearest_neighbours
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)


def vectors() -> np.ndarray:
    """Return 300 points; 290 to 299 are nearly 0, 0, 0, 3, 4, 5 … 9."""
    points = RANDOM.normal(size=(300, 16))
    points[290:] = points[[0, 0, 0, *range(3, 10)]] * (1 + RANDOM.normal(size=(10, 16)) * 1e-3)
    return points.astype(np.float32)


def shared(points: np.ndarray) -> Shared:
    table = pa.table({"id": [f"r{n}" for n in range(len(points))], "v": points.tolist()})
    return Shared(table, Roles(columns={"id": "key", "v": "embedding"}))


def test_near_copies_are_numbered_groups_that_one_row_can_stand_for() -> None:
    finding = search(shared(vectors()), NearDuplicate())
    rows = finding.rows.filter(finding.rows["is_issue"])
    assert set(rows["row"].to_pylist()) == {0, *range(3, 10), *range(290, 300)}
    members: dict[int, list[int]] = {}
    for row, group in zip(rows["row"].to_pylist(), rows["group"].to_pylist(), strict=True):
        members.setdefault(group, []).append(row)
    assert list(members) == list(range(8))
    assert members[0] == [0, 290, 291, 292]
    assert finding.info["groups"] == 8
    assert finding.info["representatives"][0] == 0
    lines = dict(zip(rows["row"].to_pylist(), rows["explanation"].to_pylist(), strict=True))
    assert lines[0] == "3 rows nearly the same as this one; it can stand for them."
    assert lines[291].startswith("One of 4 nearly equal rows, for which 'r0' can stand")
    assert finding.rows.filter(pa.compute.invert(finding.rows["is_issue"]))["group"].null_count


def test_the_pairs_are_those_of_the_datalab_rule() -> None:
    from sklearn.neighbors import NearestNeighbors

    points = vectors()
    draw = np.random.default_rng(1)
    nudges = draw.normal(size=(100, 16)) * np.linspace(0.01, 0.4, 100)[:, None]
    points = np.concatenate([points, (points[100:200] + nudges).astype(np.float32)])
    away, near = NearestNeighbors(n_neighbors=11, metric="cosine").fit(points).kneighbors(points)
    limit = 0.13 * np.median(away[:, 1])
    theirs = {
        tuple(sorted((i, int(j))))
        for i in range(len(points))
        for j in near[i, 1:][away[i, 1:] < limit]
    }
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    found = near_pairs(nearest_neighbours(points, 10))
    assert {tuple(pair) for pair in found.tolist()} == theirs
    assert 20 < len(theirs) < 90
    assert (found[:, 0] < found[:, 1]).all()
    rows = search(shared(points), NearDuplicate()).rows
    expected = 1 - np.exp(-away[:, 1] / np.median(away[:, 1]))
    assert rows["score"].to_numpy() == pytest.approx(expected, abs=1e-3)


def test_a_wider_limit_finds_more() -> None:
    data = shared(vectors())
    counts = [search(data, NearDuplicate(within=w)).summary.flagged for w in (0.0, 0.13, 1.0)]
    assert counts[0] == 0
    assert counts[0] < counts[1] < counts[2]


def test_where_most_rows_have_copies_what_is_near_is_still_told_from_what_is_not() -> None:
    points = np.concatenate([np.repeat(RANDOM.normal(size=(50, 16)), 3, axis=0), vectors()[1:3]])
    rows = search(shared(points.astype(np.float32)), NearDuplicate()).rows
    assert rows["is_issue"].to_pylist() == [True] * 150 + [False] * 2
    assert rows["score"].to_pylist()[:150] == [0.0] * 150
    assert len(set(rows["group"].to_pylist()[:150])) == 50


def test_all_rows_of_more_copies_than_neighbours_are_one_group() -> None:
    points = np.concatenate([np.tile(RANDOM.normal(size=16), (40, 1)), vectors()[:200]])
    rows = search(shared(points.astype(np.float32)), NearDuplicate()).rows
    assert set(rows["group"].to_pylist()[:40]) == {0}

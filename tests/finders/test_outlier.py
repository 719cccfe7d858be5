"""The outlier finder, with cleanlab's Datalab rule beside it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from cleanlab.internal.outlier import transform_distances_to_scores
from scipy.stats import spearmanr

from curation.finders.outlier import Outlier
from curation.finders.search import search
from curation.lake.roles import Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)


def vectors(rows: int = 400, odd: int = 4, width: int = 8) -> np.ndarray:
    """Return points around a direction; the last few have one of their own each."""
    points = np.eye(width)[0] * 5 + RANDOM.normal(size=(rows, width))
    points[-odd:] = -10 * np.eye(width)[1 : odd + 1] + RANDOM.normal(size=(odd, width))
    return points.astype(np.float32)


def shared(points: np.ndarray) -> Shared:
    return Shared(pa.table({"v": points.tolist()}), Roles(columns={"v": "embedding"}))


def test_rows_far_from_all_others_are_flagged_first_and_say_how_far_they_are() -> None:
    rows = search(shared(vectors()), Outlier()).rows
    flagged = rows.filter(rows["is_issue"])
    assert set(range(396, 400)) <= set(flagged["row"].to_pylist())
    assert flagged.num_rows < 25
    assert set(np.argsort(rows["score"].to_numpy())[:4]) == set(range(396, 400))
    assert "times as far as is typical" in flagged["explanation"][0].as_py()
    assert rows.filter(pa.compute.invert(rows["is_issue"]))["explanation"].null_count == (
        rows.num_rows - flagged.num_rows
    )


def test_scores_and_flags_are_those_of_the_datalab_rule() -> None:
    from sklearn.neighbors import NearestNeighbors

    points = vectors(600)
    knn = NearestNeighbors(n_neighbors=11, metric="cosine").fit(points)
    away = knn.kneighbors(points)[0][:, 1:].mean(axis=1)
    first, third = np.percentile(away, [25, 75])
    limit = third + (1 / 0.37037 - 1) * (third - first)
    theirs = transform_distances_to_scores(away, t=1, scaling_factor=float(np.median(away)))
    rows = search(shared(points), Outlier()).rows
    assert rows["score"].to_numpy() == pytest.approx(theirs, abs=1e-4)
    assert spearmanr(rows["score"].to_numpy(), theirs)[0] > 0.999
    assert (rows["is_issue"].to_numpy(zero_copy_only=False) == (away > limit)).all()


def test_a_wider_spread_flags_fewer() -> None:
    data = shared(vectors())
    counts = [search(data, Outlier(spread=spread)).summary.flagged for spread in (0.5, 1.7, 50)]
    assert counts[0] > counts[1] > counts[2]


def test_a_row_among_copies_is_clean_and_many_copies_leave_the_others_unflagged() -> None:
    points = np.repeat(vectors(40, odd=1), 20, axis=0)[:780]
    points = np.concatenate([points, vectors(30, odd=1)])
    rows = search(shared(points), Outlier()).rows
    assert (rows["score"].to_numpy()[:700] == 1).all()
    flagged = rows.filter(rows["is_issue"])["row"].to_pylist()
    assert 809 in flagged
    assert len(flagged) < 10


def test_nothing_but_copies_has_no_outlier() -> None:
    points = np.repeat(np.eye(5, dtype=np.float32), 12, axis=0)
    finding = search(shared(points), Outlier())
    assert finding.summary.flagged == 0
    assert finding.rows["score"].to_pylist() == [1.0] * 60

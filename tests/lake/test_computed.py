"""Computed arrays are kept with the snapshot that they were computed from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from curation.lake import computed
from curation.lake.computed import KeptArrays
from curation.lake.workspace import Workspace

ARRAYS = {
    "indices": np.arange(60, dtype=np.int32).reshape(20, 3),
    "distances": np.linspace(0, 1, 60, dtype=np.float32).reshape(20, 3),
    "flags": np.array([True, False, True]),
    "nothing": np.zeros((0, 5), dtype=np.float32),
    "said": np.frombuffer(b'{"exact": true}', dtype=np.uint8),
}


def assert_same(found: dict[str, npt.NDArray[np.generic]] | None) -> None:
    assert found is not None
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_come_back_as_they_were_and_in_another_process(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        kept = KeptArrays(workspace, "d", 7)
        assert kept.load("neighbours", {"k": 3}) is None
        kept.save("neighbours", {"k": 3, "a": 1}, ARRAYS)
        assert_same(kept.load("neighbours", {"a": 1, "k": 3}))
    with Workspace.open(tmp_path / "workspace", create=False) as workspace:
        assert_same(KeptArrays(workspace, "d", 7).load("neighbours", {"a": 1, "k": 3}))


@pytest.mark.parametrize(
    ("dataset", "snapshot", "kind", "parameters"),
    [("e", 7, "n", {"k": 3}), ("d", 8, "n", {"k": 3}), ("d", 7, "m", {"k": 3}), ("d", 7, "n", {})],
)
def test_what_differs_in_anything_is_not_found(
    tmp_path: Path, dataset: str, snapshot: int, kind: str, parameters: dict[str, int]
) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        KeptArrays(workspace, "d", 7).save("n", {"k": 3}, ARRAYS)
        assert KeptArrays(workspace, dataset, snapshot).load(kind, parameters) is None


def test_large_arrays_lie_in_parts_and_larger_ones_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        kept = KeptArrays(workspace, "d", 7)
        monkeypatch.setattr(computed, "_PART", 100)
        kept.save("n", {}, ARRAYS)
        with workspace.cursor() as cursor:
            parts = cursor.execute("SELECT count(*) FROM lake.curation.computed_parts").fetchone()
        assert parts == (3 + 3 + 1 + 1 + 1,)
        assert_same(kept.load("n", {}))
        monkeypatch.setattr(computed, "MOST_BYTES", 100)
        kept.save("larger", {}, ARRAYS)
        assert kept.load("larger", {}) is None

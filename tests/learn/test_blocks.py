"""Matrices that are read block by block."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from curation.errors import WorkspaceError
from curation.learn import blocks
from curation.learn.blocks import Blocks, Gathered, InMemory, Joined, Spilled, Standardised
from curation.learn.vectors import scaled

MATRIX = np.random.default_rng(0).normal(size=(1_000, 7)).astype(np.float32)
PLACES = np.random.default_rng(1).integers(0, 1_000, 600)


def spilled(matrix: np.ndarray) -> Spilled:
    found = Spilled(matrix.shape[1])
    for start in range(0, len(matrix), 333):
        found.append(matrix[start : start + 333])
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (InMemory(MATRIX), MATRIX),
        (Gathered(MATRIX, PLACES), MATRIX[PLACES]),
        (Joined([InMemory(MATRIX), Gathered(MATRIX, np.arange(1_000))]), np.hstack([MATRIX] * 2)),
        (spilled(MATRIX), MATRIX.astype(np.float16).astype(np.float32)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_blocks_are_the_matrix_in_order_as_often_as_wanted(
    source: Blocks, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    assert (source.rows, source.width) == expected.shape
    for _ in range(2):
        read = list(source)
        assert len(read) > 1
        assert [rows.start for rows, _ in read] == [
            0, *[rows.stop for rows, _ in read][:-1]
        ]  # fmt: skip
        np.testing.assert_array_equal(np.concatenate([block for _, block in read]), expected)
    some = np.array([5, 6, 7, 3, 3, 599])
    np.testing.assert_array_equal(source.take(some), expected[some])
    assert source.take(some[:0]).shape == (0, source.width)


def test_standardised_rows_are_those_of_a_scaled_matrix() -> None:
    matrix = MATRIX.copy()
    matrix[3] = np.nan
    matrix[4, 2] = np.inf
    expected = scaled(matrix[PLACES])
    source = Standardised(matrix, PLACES)
    np.testing.assert_allclose(source.read(0, 600), expected, atol=1e-5)
    np.testing.assert_allclose(source.take(np.array([7, 2])), expected[[7, 2]], atol=1e-5)
    assert (
        not Standardised(np.full((5, 2), np.nan, dtype=np.float32), np.arange(5)).read(0, 5).any()
    )


def test_the_file_is_gone_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(AssertionError), Spilled(3) as source:
        source.append(np.ones((10, 4), dtype=np.float32))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="closed file"):
        source.read(0, 1)


def test_a_full_disk_is_said_with_what_to_do() -> None:
    class Full:
        def seek(self, *_: int) -> None: ...

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None: ...

    with Spilled(1_000) as source:
        source._file.close()
        source._file = Full()
        with pytest.raises(WorkspaceError, match="No space left on device") as caught:
            source.append(np.ones((10_000, 1_000), dtype=np.float32))
    assert "set TMPDIR to a folder with room" in str(caught.value)

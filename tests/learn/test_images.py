"""Columns of images as pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curation.errors import DataError
from curation.learn.images import Unreadable, from_bytes, holds_images, read_images

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


def read(values: Any, kind: pa.DataType | None = None) -> list[Any]:
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    column = pa.chunked_array([array.slice(0, 1), array.slice(1)])
    reader, _ = read_images(column, "im")
    return [image for batch in reader.batches(2) for image in batch]


def notes(values: Any) -> list[str]:
    return read_images(pa.chunked_array([pa.array(values)]), "im")[1]


def test_bytes_are_read_in_mode_l_or_rgb() -> None:
    data = [
        encoded(Image.fromarray(GREY)),
        encoded(Image.fromarray(COLOUR)),
        encoded(Image.fromarray(COLOUR).convert("P")),
        encoded(Image.fromarray(COLOUR).convert("RGBA")),
        encoded(Image.fromarray(GREY).convert("1")),
        encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
        encoded(Image.fromarray(GREY.astype(np.uint16) * 257)),
        None,
    ]
    found = read(data, pa.binary())
    assert [image and image.mode for image in found] == [
        "L", "RGB", "RGB", "RGB", "L", "RGB", "L", None
    ]  # fmt: skip
    np.testing.assert_array_equal(np.asarray(found[0]), GREY)
    np.testing.assert_array_equal(np.asarray(found[1]), COLOUR)
    np.testing.assert_array_equal(np.asarray(found[6]), GREY)


def test_structs_with_bytes_are_read() -> None:
    data = [{"bytes": encoded(Image.fromarray(GREY)), "path": "a.png"}, {"bytes": None}] * 2
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert [image is not None for image in read(data, kind)] == [True, False] * 2


@pytest.mark.parametrize("data", [b"", b"no image", encoded(Image.fromarray(GREY))[:40]])
def test_broken_bytes_say_why(data: bytes) -> None:
    found = from_bytes(data)
    assert isinstance(found, Unreadable)
    assert found.reason
    assert "BytesIO" not in found.reason


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.list_(pa.uint8())),
        pa.large_list(pa.list_(pa.float32(), 4)),
        pa.list_(pa.list_(pa.int64(), 4), 6),
    ],
)
def test_lines_of_pixels_are_read_with_nulls_between(kind: pa.DataType) -> None:
    found = read([GREY.tolist(), None, GREY[:, ::-1].tolist()], kind)
    np.testing.assert_array_equal(np.asarray(found[0]), GREY)
    assert found[1] is None
    np.testing.assert_array_equal(np.asarray(found[2]), GREY[:, ::-1])


def test_pixels_of_three_numbers_and_three_planes_are_colour() -> None:
    lines, planes = COLOUR.tolist(), COLOUR.transpose(2, 0, 1).tolist()
    found = read([lines, planes])
    np.testing.assert_array_equal(np.asarray(found[0]), COLOUR)
    np.testing.assert_array_equal(np.asarray(found[1]), COLOUR)


def test_a_flat_list_is_a_square() -> None:
    square = RANDOM.integers(0, 256, (5, 5), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(read([square.ravel().tolist()])[0]), square)


@pytest.mark.parametrize(
    ("high", "low", "white"),
    [(1.0, 0.0, "1 is white"), (15.0, 0.0, "16 is white"), (255.0, 0.0, "255 is white"),
     (4000.0, 0.0, "65535 is white"), (1.0, -1.0, "the lowest is taken as black")],
)  # fmt: skip
def test_what_is_white_follows_from_the_pixels_and_is_said(
    high: float, low: float, white: str
) -> None:
    values = [[[low, high], [high, high]]]
    assert white in notes(values)[0]
    pixels = np.asarray(read(values)[0])
    assert pixels[0, 0] == 0
    assert pixels[1, 1] >= 15


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ([], "no pixels"),
        ([[]], "no pixels"),
        ([[1.0, 2.0], [3.0]], "1 to 2 pixels"),
        ([[1.0, None]], "without a value"),
        ([[1.0, float("inf")]], "without a value"),
        ([[1.0], None], "0 to 1 pixels"),
    ],
)
def test_broken_pixels_say_why(image: Any, reason: str) -> None:
    kind = pa.list_(pa.list_(pa.float64()))
    [found, whole] = read([image, [[1.0, 2.0]]], kind)
    assert isinstance(found, Unreadable)
    assert reason in found.reason
    assert not isinstance(whole, Unreadable)


def test_flat_lists_that_are_no_squares_are_an_error() -> None:
    with pytest.raises(DataError, match="some of 3 numbers, which is no square"):
        read([[1, 2, 3], [1, 2, 3, 4]])


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.list_(pa.string())])
def test_other_columns_hold_no_images(kind: pa.DataType) -> None:
    assert not holds_images(kind)
    with pytest.raises(DataError, match="not images"):
        read_images(pa.chunked_array([pa.nulls(2, kind)]), "im")


def test_a_column_without_a_single_image_is_read() -> None:
    assert read([None, None], pa.list_(pa.list_(pa.uint8()))) == [None, None]
    assert read([None, None], pa.binary()) == [None, None]

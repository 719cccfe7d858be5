"""A column of images as pictures: files' bytes, or lists of pixels."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import DataError
from curation.learn.vectors import is_vector

if TYPE_CHECKING:
    from PIL.Image import Image

_WHITES = (1.0, 16.0, 255.0, 65535.0)
"""What the brightest pixel is in columns that hold shares, 4, 8 or 16 bits."""
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and why."""

    reason: str


def holds_images(kind: pa.DataType) -> bool:
    """Say whether a column's type can hold images: bytes, `{bytes, …}`, or lists of numbers."""
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_bytes(kind.field(place).type)
    return _is_bytes(kind) or is_vector(kind)


def read_images(values: pa.ChunkedArray, column: str) -> tuple[ImageReader, list[str]]:
    """Return a reader of a column's images, and notes on how pixels are understood.

    Args:
        values: bytes of image files; structs with a field `bytes` of such; or lists of pixels:
            lines of numbers, lines of pixels of 1, 3 or 4 numbers, three such planes, or all
            numbers of a square image in one list.
        column: its name, for messages.

    Raises:
        DataError: the column holds no images, or flat lists that are no squares.
    """
    if not holds_images(values.type):
        raise DataError(
            f"Column '{column}' holds {values.type}, not images. Give bytes of image files "
            "(PNG, JPEG), or lists of lines of pixels."
        )
    if pa.types.is_struct(values.type):
        place = values.type.get_field_index("bytes")
        values = pa.chunked_array([chunk.field(place) for chunk in values.chunks], pa.binary())
    if not is_vector(values.type):
        return ImageReader(values, 0.0, 255.0), []
    low, high = _range(values)
    if not is_vector(values.type.value_type):
        _check_squares(values, column)
    if low < 0:
        note = f"Pixels run from {low:.4g} to {high:.4g}: the lowest is taken as black."
        return ImageReader(values, low, high), [note]
    white = next((white for white in _WHITES if high <= white), high)
    return ImageReader(values, 0.0, white), [f"Pixels up to {high:.4g}: {white:g} is white."]


@dataclass(frozen=True)
class ImageReader:
    """The images of a column.

    Attributes:
        values: what the column holds.
        black: the number of a black pixel.
        white: the number of a white one.
    """

    values: pa.ChunkedArray
    black: float
    white: float

    def batches(self, size: int) -> Iterator[list[Image | Unreadable | None]]:
        """Yield so many images at a time, in order: in mode L or RGB, or None where null."""
        for start in range(0, len(self.values), size):
            chunk = self.values.slice(start, size).combine_chunks()
            if is_vector(chunk.type):
                yield _from_pixels(chunk, self.black, self.white)
            else:
                yield [None if data is None else from_bytes(data) for data in chunk.to_pylist()]


def from_bytes(data: bytes) -> Image | Unreadable:
    """Return the image of a file's bytes, in mode L or RGB."""
    from PIL import Image

    # A large image is no attack here, and beyond twice the limit Pillow refuses it. No
    # catch_warnings: it is not safe among threads.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return _plain(opened)
    except Image.DecompressionBombError:
        return Unreadable("it has more pixels than can be opened safely")
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        shown = "no image format that is known" if "BytesIO" in str(error) else str(error)
        return Unreadable(shown or "it ends too early")


def _plain(image: Image) -> Image:
    """Return an image in mode L or RGB: what is measured must mean brightness."""
    if image.mode in ("L", "RGB"):
        return image.copy()
    if image.mode.startswith("I;16"):
        from PIL import Image as Images

        return Images.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("L" if image.mode in ("1", "LA", "La", "I", "F") else "RGB")


def _from_pixels(lists: pa.Array, black: float, white: float) -> list[Image | Unreadable | None]:
    offsets, flat = _levels(lists)
    present = pc.is_valid(lists).to_numpy(zero_copy_only=False)
    scale = 255.0 / (white - black) if white > black else 0.0
    return [
        _picture(offsets, flat, place, black, scale) if present[place] else None
        for place in range(len(lists))
    ]


def _picture(
    offsets: list[npt.NDArray[np.int64]], flat: npt.NDArray[Any], place: int, black: float,
    scale: float,
) -> Image | Unreadable:  # fmt: skip
    """Return one image of lists of pixels."""
    from PIL import Image

    shape: list[int] = []
    start, end = place, place + 1
    for level in offsets:
        lengths = np.diff(level[start : end + 1])
        if not len(lengths) or not lengths[0]:
            return Unreadable("it has no pixels")
        if (lengths != lengths[0]).any():
            return Unreadable(
                f"its lines have {lengths.min():,} to {lengths.max():,} pixels or channels"
            )
        shape.append(int(lengths[0]))
        start, end = int(level[start]), int(level[end])
    if len(shape) == 1:
        side = round(shape[0] ** 0.5)
        shape = [side, side]
    pixels = flat[start:end].reshape(shape)
    if not np.isfinite(pixels).all():
        return Unreadable("it has pixels without a value")
    if pixels.ndim == 3 and pixels.shape[2] not in _CHANNELS and pixels.shape[0] in _CHANNELS:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim > 3 or (pixels.ndim == 3 and pixels.shape[2] not in _CHANNELS):
        return Unreadable(f"its shape {pixels.shape} is not lines, columns and 1, 3 or 4 channels")
    if pixels.ndim == 3:
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, :3]
    grey = np.clip(np.rint((pixels - black) * scale), 0, 255).astype(np.uint8)
    return Image.fromarray(grey)


def _levels(lists: pa.Array) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[Any]]:
    """Return where each list begins and ends, level by level, and all numbers; null is NaN."""
    offsets = []
    while not (pa.types.is_integer(lists.type) or pa.types.is_floating(lists.type)):
        plain = lists.cast(pa.large_list(lists.type.value_type))
        offsets.append(plain.offsets.to_numpy().astype(np.int64))
        lists = plain.values
    numbers = pc.fill_null(lists.cast(pa.float64(), safe=False), float("nan"))
    return offsets, numbers.to_numpy(zero_copy_only=False)


def _range(values: pa.ChunkedArray) -> tuple[float, float]:
    """Return the lowest and the highest finite number of all images."""
    low, high = np.inf, -np.inf
    for chunk in values.chunks:
        _, flat = _levels(chunk.drop_null())
        finite = flat[np.isfinite(flat)]
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if high >= low else (0.0, 0.0)


def _check_squares(values: pa.ChunkedArray, column: str) -> None:
    lengths = pc.list_value_length(values.combine_chunks().drop_null()).to_numpy()
    lengths = np.unique(lengths[lengths > 0])
    sides = np.rint(np.sqrt(lengths))
    if (sides * sides != lengths).any():
        wrong = int(lengths[sides * sides != lengths][0])
        raise DataError(
            f"Column '{column}' holds flat lists, some of {wrong:,} numbers, which is no square, "
            "so nobody knows where a line of pixels ends. Give lists of lines."
        )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

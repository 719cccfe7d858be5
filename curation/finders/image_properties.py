"""What CleanVision measures of images: brightness, sharpness, size, information, and hashes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from curation.errors import UsageError
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.images import ImageReader, Unreadable
from curation.progress import Progress, no_progress

if TYPE_CHECKING:
    from PIL.Image import Image

Property = Literal[
    "dark", "light", "odd_aspect_ratio", "low_information", "blurry", "grayscale", "odd_size"
]
PROPERTIES: tuple[Property, ...] = get_args(Property)
MEASURES = ("brightness", "entropy", "blurriness", "aspect_ratio", "size", "grayscale")
"""The measures that a label should not follow from."""
INSTALL = "Images are looked at with CleanVision: pip install 'curation[image]'."

_BATCH = 256


@dataclass(frozen=True)
class Measured:
    """The measures of m images that can be read.

    Attributes:
        rows: shape (m,), the place of each in the data; rising.
        unreadable: place in the data to why that image cannot be read.
        missing: how many rows have no image.
        values: name of a measure to its values, shape (m,).
        scores: kind of issue to scores, shape (m,): 0 to 1, below 0.5 = an issue.
        exact: shape (m,): images with one number have the same pixels.
        near: shape (m,): images with one number have the same perceptual hash.
    """

    rows: Codes
    unreadable: dict[int, str]
    missing: int
    values: dict[str, Vector]
    scores: dict[Property, Vector]
    exact: Codes
    near: Codes


def is_installed() -> bool:
    """Say whether CleanVision is there."""
    return find_spec("cleanvision") is not None


def measure_images(reader: ImageReader, *, progress: Progress = no_progress) -> Measured:
    """Return what CleanVision measures of each image, with its own thresholds.

    Args:
        reader: n images.
        progress: told the fraction done; may raise between batches.

    Raises:
        UsageError: CleanVision is not installed.
    """
    if not is_installed():
        raise UsageError(INSTALL)
    from cleanvision.issue_managers.duplicate_issue_manager import DuplicateIssueManager
    from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager

    manager, hashes = ImagePropertyIssueManager(), DuplicateIssueManager().params
    count = len(reader.values)
    rows: list[int] = []
    unreadable: dict[int, str] = {}
    found: list[dict[str, Any]] = []
    measure = partial(_measured, manager.image_properties, hashes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        start = 0
        for batch in reader.batches(_BATCH):
            progress(start / count, f"looking at images: {start:,} of {count:,}")
            places = [i for i, image in enumerate(batch) if _is_image(image)]
            found += pool.map(measure, [batch[i] for i in places])
            rows += [start + i for i in places]
            for i, image in enumerate(batch):
                if isinstance(image, Unreadable):
                    unreadable[start + i] = image.reason
            start += len(batch)
    progress(1.0, f"looked at {len(rows):,} images")
    return Measured(
        rows=np.array(rows, dtype=np.int64),
        unreadable=unreadable,
        missing=count - len(rows) - len(unreadable),
        values=_values(found),
        scores=_scores(manager, found),
        exact=_numbered([one["exact"] for one in found]),
        near=_numbered([one["near"] for one in found]),
    )


def _is_image(image: Image | Unreadable | None) -> bool:
    return image is not None and not isinstance(image, Unreadable)


def _measured(properties: dict[str, Any], hashes: dict[str, Any], image: Image) -> dict[str, Any]:
    """Return the measures and hashes of one image."""
    from cleanvision.issue_managers.duplicate_issue_manager import get_hash

    found: dict[str, Any] = {}
    for name, measure in properties.items():
        if name != "light":  # of the same measure as "dark"
            found |= measure.calculate(image)
    # The hash is of the pixels alone, and a turned image may have the same ones.
    pixels = get_hash(image, hashes["exact_duplicates"])
    found["exact"] = f"{pixels} {image.mode} {image.size}"
    found["near"] = get_hash(image, hashes["near_duplicates"])
    return found


def _values(found: list[dict[str, Any]]) -> dict[str, Vector]:
    names = (*MEASURES[:-1], "brightness_perc_99", "brightness_perc_5")
    values = {name: np.array([one[name] for one in found], dtype=np.float64) for name in names}
    values["grayscale"] = np.array([one["color_space"] == "L" for one in found], dtype=np.float64)
    return values


def _scores(manager: Any, found: list[dict[str, Any]]) -> dict[Property, Vector]:
    """Return CleanVision's scores, put on one scale: its threshold of each becomes one half."""
    import pandas as pd

    frame = pd.DataFrame(found)
    scores: dict[Property, Vector] = {}
    for kind in PROPERTIES:
        if not found:
            scores[kind] = np.zeros(0)
            continue
        measure, parameters = manager.image_properties[kind], manager.params[kind]
        raw = measure.get_scores(
            raw_scores=frame[measure.score_columns], issue_type=kind, **parameters
        )
        marked = measure.mark_issue(raw, kind, parameters.get("threshold"))
        scores[kind] = _halved(
            raw[f"{kind}_score"].to_numpy(dtype=np.float64),
            marked[f"is_{kind}_issue"].to_numpy(dtype=np.bool_),
        )
    return scores


def _halved(scores: Vector, is_issue: Flags) -> Vector:
    """Stretch scores so that issues lie below one half, and all else at or above it."""
    scores = np.clip(scores, 0.0, 1.0)
    lowest = float(scores[~is_issue].min(initial=1.0))
    cut = (float(scores[is_issue].max(initial=0.0)) + lowest) / 2
    below = 0.499 * scores / max(cut, 1e-12)
    above = 0.5 + 0.5 * (scores - cut) / max(1 - cut, 1e-12)
    halved: Vector = np.clip(np.where(is_issue, below, above), 0.0, 1.0)
    return halved


def _numbered(texts: list[str]) -> Codes:
    numbers: Codes = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)[1]
    return numbers.astype(np.int64)

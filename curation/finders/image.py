"""Images that are dark, light, blurry, empty, of an odd shape, copies, or not readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from curation.errors import UnknownNameError
from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.column_power import binned, code_power, labelled_sample
from curation.finders.columns import counted, percent, subject
from curation.finders.image_properties import (
    INSTALL,
    MEASURES,
    PROPERTIES,
    Measured,
    is_installed,
    measure_images,
)
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.images import holds_images, read_images
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part

_SAYS = {
    "dark": "too dark: 99% of its pixels have at most {brightness_perc_99:.0%} of full brightness",
    "light": "too light: 95% of its pixels have at least {brightness_perc_5:.0%} of full "
    "brightness",
    "odd_aspect_ratio": "of an odd shape: its short side is {aspect_ratio:.0%} of its long one",
    "low_information": "nearly empty: its colours have {entropy:.2f} bits of entropy",
    "blurry": "blurry: its edges vary by {blurriness:.1f}",
    "grayscale": "without colour, where most have some",
    "odd_size": "of an odd size: {size:,.0f} pixels a side in the geometric mean",
}
_NAMES = {
    "dark": "too dark", "light": "too light", "odd_aspect_ratio": "odd shape",
    "low_information": "nearly empty", "blurry": "blurry", "grayscale": "without colour",
    "odd_size": "odd size", "exact_duplicates": "exact copies", "near_duplicates": "near copies",
    "unreadable": "not readable",
}  # fmt: skip
_SURE = 4.0
"""A measure tells the label when its gain is so many standard errors above none."""


@dataclass(frozen=True)
class _Kind:
    """One kind of issue among m readable images.

    Attributes:
        name: as CleanVision calls it.
        score: shape (m,), 0 to 1, below 0.5 = an issue.
        marked: shape (m,), which images have it.
        is_usual: so many have it that it is how these images are.
    """

    name: str
    score: Vector
    marked: Flags
    is_usual: bool


class ImageIssues(Finder):
    """Find images that teach a model nothing, or the wrong thing.

    CleanVision measures each image: too dark, too light, blurry, nearly empty, of an odd size or
    shape, without colour among coloured ones; exact copies (the same pixels) and near copies (the
    same perceptual hash); with its own thresholds. Files that cannot be read are flagged too. Where
    there is a label, a measure that tells it is reported: a model would learn the camera instead of
    what is in the picture.
    """

    name: ClassVar[str] = "image"
    title: ClassVar[str] = "Image issues"
    scores: ClassVar[str] = (
        "The worst of the image's scores, a kind of issue each: below 0.5 is an issue, 1 is clean."
    )
    advice: ClassVar[str] = "Exclude what is not readable or copied; look at the rest by kind."

    column: str | None = Field(
        default=None,
        title="Column",
        description="Which column of images is looked at; by default the first.",
    )
    most_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        title="Usual from",
        description="What more than this share of the images have is how they are, and no issue.",
    )
    label_gain: float = Field(
        default=0.3,
        gt=0,
        le=1,
        title="Tells the label from",
        description="The share of the label's uncertainty that a measure alone takes away, out of "
        "sample, from which it is reported.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say whether there are images, and CleanVision."""
        names = shared.roles.having("image")
        if not names:
            listed = ", ".join(shared.table.column_names)
            return f"No column has the role 'image'. Columns: {listed}."
        kind = shared.table.schema.field(names[0]).type
        if not holds_images(kind):
            return (
                f"Column '{names[0]}' holds {kind}; images are bytes of image files, or lists of "
                "lines of pixels."
            )
        return "" if is_installed() else INSTALL

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Score every image."""
        names = shared.roles.having("image")
        if self.column is not None and self.column not in names:
            raise UnknownNameError("image column", self.column, names)
        column = self.column or names[0]
        reader, notes = read_images(shared.table.column(column), column)
        measured = measure_images(reader, progress=part(progress, 0.0, 0.9))
        progress(0.9, "comparing images")
        kinds = self._kinds(measured)
        rows, score, is_issue = _together(measured, kinds)
        near = _sets(measured.near, kinds, "near_duplicates", "exact_duplicates")
        group = np.full(len(rows), -1, dtype=np.int64)
        group[np.searchsorted(rows, measured.rows)] = near
        keys = shared.record_keys.to_numpy(zero_copy_only=False)
        lines = _explained(measured, kinds, keys)
        found = finding_rows(
            shared, score, is_issue, rows=rows, group=group,
            explanation={int(np.searchsorted(rows, row)): line for row, line in lines.items()},
        )  # fmt: skip
        told, gains, more = self._tells_label(shared, measured, column)
        subjects = finding_subjects([*_subjects(measured, kinds), *told])
        if len(names) > 1:
            notes.append(f"Of {len(names)} columns of images, '{column}' was looked at.")
        if measured.missing:
            notes.append(f"{counted(measured.missing)} without an image left out.")
        progress(1.0, f"{int(is_issue.sum()):,} of {len(rows):,} images have an issue")
        return Finding(
            self.name, found, summarise(found, subjects), subjects,
            learner="CleanVision's measures and thresholds", notes=[*notes, *more],
            info={"label_gain": gains},
        )  # fmt: skip

    def _kinds(self, measured: Measured) -> list[_Kind]:
        """Return each kind of issue; what most images have is usual."""
        scores: dict[str, Vector] = {name: measured.scores[name] for name in PROPERTIES}
        exact, near = _set_sizes(measured.exact), _set_sizes(measured.near)
        # As CleanVision scores copies, by the size of the set; a pair has not quite one half.
        scores["exact_duplicates"] = np.where(exact > 1, 0.98 / exact, 1.0)
        scores["near_duplicates"] = np.where(near > exact, 0.98 / near, 1.0)
        most = self.most_share * len(measured.rows)
        return [
            _Kind(name, score, score < 0.5, is_usual=int((score < 0.5).sum()) > most)
            for name, score in scores.items()
        ]

    def _tells_label(
        self, shared: Shared, measured: Measured, column: str
    ) -> tuple[list[dict[str, Any]], dict[str, float], list[str]]:
        """Return the measures that tell the label, as subjects; the gain of each; and notes."""
        if shared.roles.label is None or not len(measured.rows):
            return [], {}, []
        sample = labelled_sample(shared)
        if isinstance(sample, str):
            return [], {}, [sample]
        subjects, gains = [], {}
        for name in MEASURES:
            values = np.full(shared.table.num_rows, np.nan)
            values[measured.rows] = measured.values[name]
            power = code_power(sample, binned(values[sample.rows]))
            gains[name] = round(power.gain, 4)
            if power.gain < self.label_gain or power.deviations < _SURE:
                continue
            what = name.replace("_", " ")
            line = (
                f"The {what} of the images alone tells the label of {percent(power.right)} of the "
                f"rows, where {percent(power.usual)} are right without it."
            )
            subjects.append(
                subject("column", f"{column}: {what}", 1 - power.gain, True, len(sample.rows), line)
            )
        return subjects, gains, sample.notes


def _set_sizes(codes: Codes) -> Codes:
    """Return how many images are in each one's set, itself included: shape (m,), 1 or more."""
    return np.bincount(codes)[codes] if len(codes) else codes


def _together(measured: Measured, kinds: list[_Kind]) -> tuple[Codes, Vector, Flags]:
    """Return the rows with an image, their worst scores, and which have an issue."""
    score, is_issue = np.ones(len(measured.rows)), np.zeros(len(measured.rows), dtype=np.bool_)
    for kind in kinds:
        if not kind.is_usual:
            score = np.minimum(score, kind.score)
            is_issue |= kind.marked
    broken = np.array(sorted(measured.unreadable), dtype=np.int64)
    rows = np.concatenate([measured.rows, broken])
    order = np.argsort(rows)
    score = np.concatenate([score, np.zeros(len(broken))])
    is_issue = np.concatenate([is_issue, np.ones(len(broken), dtype=np.bool_)])
    return rows[order], score[order], is_issue[order]


def _sets(codes: Codes, kinds: list[_Kind], *names: str) -> Codes:
    """Return the number of each image's set of copies, -1 for one that has none."""
    marked = np.zeros(len(codes), dtype=np.bool_)
    for kind in kinds:
        if kind.name in names and not kind.is_usual:
            marked |= kind.marked
    return np.where(marked, codes, -1)


def _explained(measured: Measured, kinds: list[_Kind], keys: Any) -> dict[int, str]:
    """Return a line for each row of the data that is an issue."""
    parts = {row: [f"not readable: {reason}"] for row, reason in measured.unreadable.items()}
    sets = {"exact_duplicates": measured.exact, "near_duplicates": measured.near}
    for kind in kinds:
        if kind.is_usual:
            continue
        first: dict[int, int] = {}
        for place in np.flatnonzero(kind.marked).tolist():
            row = int(measured.rows[place])
            if kind.name in sets:
                original = first.setdefault(int(sets[kind.name][place]), row)
                line = _copy_line(kind.name == "exact_duplicates", original, row, keys)
            else:
                values = {name: column[place] for name, column in measured.values.items()}
                line = _SAYS[kind.name].format(**values)
            parts.setdefault(row, []).append(line)
    lines = {row: "; ".join(said) for row, said in parts.items()}
    return {row: f"{line[0].upper()}{line[1:]}." for row, line in lines.items()}


def _copy_line(is_exact: bool, first: int, row: int, keys: Any) -> str:
    what = "exact" if is_exact else "near"
    if first == row:
        return f"the first of its {what} copies"
    return f"{what} copy of record {keys[first]}"


def _subjects(measured: Measured, kinds: list[_Kind]) -> list[dict[str, Any]]:
    """Return how many images have each kind of issue."""
    count = len(measured.rows) + len(measured.unreadable)
    found = [(kind.name, int(kind.marked.sum()), kind.is_usual) for kind in kinds]
    found.append(("unreadable", len(measured.unreadable), False))
    subjects = []
    for name, marked, is_usual in found:
        line = f"{counted(marked, 'image')} of {count:,} ({percent(marked, count)})"
        if is_usual:
            line += ": how most of these are, so it is no issue"
        is_issue = marked > 0 and not is_usual
        score = 1.0 if is_usual or not count else 1 - marked / count
        subjects.append(subject("slice", _NAMES[name], score, is_issue, marked, f"{line}."))
    return subjects

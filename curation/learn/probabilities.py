"""Out-of-sample probabilities: each row's class probabilities from a model that did not see it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.errors import LabelError
from curation.lake.roles import Roles
from curation.learn.alike import leave_out_groups
from curation.learn.arrays import Codes, Flags, Matrix
from curation.learn.averaging import averaged
from curation.learn.content import Content, read_content
from curation.learn.learners import Task
from curation.learn.presets import Learner, Preset, kinds_of, learners_for
from curation.learn.tables import as_table
from curation.progress import Progress, no_progress, part

MOST_NUMBERS = 2**31
"""Rows times classes may be so many: 8 GB of probabilities."""


@dataclass(frozen=True)
class OutOfSample:
    """Class probabilities of every row, from a model that did not see that row, nor its like.

    Attributes:
        probabilities: shape (n, k), float32, every row sums to 1.
        codes: shape (n,), int64, the class that each row was given, or -1. A row without a label
            taught nothing and has probabilities all the same.
        classes: the k classes.
        learner: what learned them, in words for a person.
        notes: what was left out or mended.
    """

    probabilities: Matrix
    codes: Codes
    classes: list[str]
    learner: str
    notes: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> Flags:
        """Which rows have a label: shape (n,)."""
        flags: Flags = self.codes >= 0
        return flags

    @property
    def rows(self) -> Codes:
        """The places of the rows that have a label; rising."""
        return np.flatnonzero(self.codes >= 0).astype(np.int64, copy=False)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all of it as arrays, to be kept; see `from_arrays`."""
        about = {"classes": self.classes, "learner": self.learner, "notes": self.notes}
        told = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        return {"probabilities": self.probabilities, "codes": self.codes, "about": told}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> OutOfSample:
        """Return what `arrays` was made of."""
        about = json.loads(arrays["about"].tobytes())
        return cls(arrays["probabilities"], arrays["codes"], **about)


def out_of_sample_probabilities(
    table: pa.Table,
    codes: Codes,
    classes: list[str],
    roles: Roles,
    *,
    preset: Preset = "fast",
    seed: int = 0,
    learners: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    near: Codes | None = None,
    content: Content | None = None,
    progress: Progress = no_progress,
) -> OutOfSample:
    """Return each row's class probabilities from models that saw neither it nor its like.

    The preset says which models learn from which kind of content (`presets`). Models of one kind
    count the same; where a dataset has dense content and features, the two means are averaged with
    the weights that have the smallest log loss on the given labels. Rows of one group
    (`leave_out_groups`) never teach each other. The order of the rows changes nothing.

    Args:
        table: n rows.
        codes: shape (n,): position in `classes`, or -1 for a row without a label, which teaches
            nothing.
        classes: the k classes; a class may be without rows.
        roles: which columns are content, and which say what belongs together.
        preset: which models; ``"custom"`` takes `learners`.
        seed: for what is drawn at random.
        learners: names of models, see `presets.learners_for`.
        parameters: of the estimators among them.
        near: shape (m, 2), places of rows that are near copies.
        content: what `read_content` gives, where it has been called already.
        progress: told the fraction done; may raise `Cancelled` between stages.

    Raises:
        UsageError: no column can be learned from, a role names a column that is not there, or
            models that are not known or do not fit.
        LabelError: no row has a label, or rows times classes are too many to hold.
        DataError: a column of vectors of different lengths.
        WorkspaceError: no room for temporary files.
    """
    _check(codes, len(classes))
    table = as_table(table)
    progress(0.0, "reading columns")
    content = content or read_content(table, roles)
    progress(0.02, "looking for copies")
    alike = leave_out_groups(table, codes, roles, content, near)
    task = Task(content, codes, len(classes), alike.groups, seed)
    models, left_out = learners_for(
        kinds_of(content, roles), len(codes), preset, learners, parameters
    )
    found = [
        _mean(task, models[number], share)
        for number, share in enumerate(_shares(models, part(progress, 0.05, 0.99)))
    ]
    probabilities, learned, notes = averaged(found, codes)
    notes = [*left_out, *notes]
    notes = [*content.notes, *alike.notes, *_one_group(task), *notes]
    progress(1.0, "learned")
    return OutOfSample(probabilities, codes, classes, learned, notes)


def _shares(models: list[list[Learner]], progress: Progress) -> Iterator[Progress]:
    """Yield each kind of content's part of the progress, by the effort of its models."""
    efforts = [sum(one.effort for one in some) for some in models]
    for number, effort in enumerate(efforts):
        before = sum(efforts[:number])
        yield part(progress, before / sum(efforts), (before + effort) / sum(efforts))


def _mean(task: Task, models: list[Learner], progress: Progress) -> tuple[Matrix, str]:
    """Return the plain mean of what several models say, and all of them in words."""
    total: Matrix | None = None
    names = []
    for model, share in zip(models, _shares([[one] for one in models], progress), strict=True):
        probabilities, name = model.learn(task, share)
        names.append(name)
        total = probabilities if total is None else np.add(total, probabilities, out=total)
    assert total is not None, "there is a model for each kind"
    if len(models) > 1:
        total /= np.float32(len(models))
    return total, " + ".join(names)


def _check(codes: Codes, classes: int) -> None:
    if not (codes >= 0).any():
        raise LabelError("No row has a label, so there is nothing to learn from. Label some rows.")
    if len(codes) * classes > MOST_NUMBERS:
        most = MOST_NUMBERS // classes
        raise LabelError(
            f"{len(codes):,} rows times {classes:,} classes would take "
            f"{len(codes) * classes * 4 / 2**30:,.0f} GB of probabilities; at most "
            f"{MOST_NUMBERS * 4 / 2**30:.0f} GB are held. Take a sample of at most {most:,} rows, "
            "or merge classes."
        )


def _one_group(task: Task) -> list[str]:
    own = task.groups[task.codes >= 0]
    if (own != own[0]).any():
        return []
    return [
        "All rows with a label belong together (one group, or copies), so none can be learned from "
        "the others: every row has the classes' shares. Take the role 'group' from a column, or "
        "add rows."
    ]

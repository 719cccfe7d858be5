"""What a finder is, and what every finder returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

ROWS = pa.schema(
    [
        ("record_key", pa.string()),
        ("row", pa.int64()),
        ("given_label", pa.string()),
        ("score", pa.float64()),
        ("is_issue", pa.bool_()),
        ("suggestion", pa.string()),
        ("given_label_probability", pa.float64()),
        ("group", pa.int64()),
        ("explanation", pa.string()),
    ]
)
"""The columns of every finding's rows; what a finder has nothing to say about is null.

- `row`: the 0-based place in the data; rising.
- `score`: 0 to 1, 1 = clean. What it measures is the finder's own, said in `Finder.scores`.
- `suggestion`: what could stand in the place of what is there, for example another label.
- `group`: rows with one number belong together, for example copies of one text.
- `explanation`: one line for a person; null in rows that are no issue.
"""

SUBJECTS = pa.schema(
    [
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("score", pa.float64()),
        ("is_issue", pa.bool_()),
        ("rows", pa.int64()),
        ("explanation", pa.string()),
    ]
)
"""What a finder says of things that are no rows: a column, a class, a slice, the whole dataset.

`kind` is one of `KINDS`, `subject` its name, `rows` how many rows it touches. `score` as in `ROWS`.
"""

KINDS = ("column", "class", "classes", "slice", "group", "dataset")


@dataclass(frozen=True)
class Summary:
    """The figures of a finding.

    Attributes:
        rows: rows that were scored.
        flagged: rows that look like an issue.
        subjects_flagged: columns, classes, slices that look like an issue.
        classes: number of classes; 0 for a finder that does not look at labels.
        estimated_errors: how many rows have an issue by a model's estimate, flagged or not; None
            from a finder that estimates none.
        seconds: wall time.
    """

    rows: int
    flagged: int
    subjects_flagged: int = 0
    classes: int = 0
    estimated_errors: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Finding:
    """One kind of issue, looked for in a table.

    Attributes:
        finder: the finder's name.
        rows: `ROWS`, a row for each row of the data that was scored, in their order.
        summary: the figures.
        subjects: `SUBJECTS`, the worst first; empty from most finders.
        probabilities: shape (rows, k), float32, the out-of-sample probabilities behind it, or None.
        classes: the k classes, in the order of the probabilities' columns.
        learner: what made the probabilities, or how neighbours were found, for a person.
        roles: what each column was taken for.
        parameters: what the finder was asked, beside the data.
        notes: what was left out, mended or looks odd, and what bounds an approximation has.
        info: what else a page may draw, as JSON has it.
    """

    finder: str
    rows: pa.Table
    summary: Summary
    subjects: pa.Table = field(default_factory=SUBJECTS.empty_table)
    probabilities: Matrix | None = None
    classes: list[str] = field(default_factory=list)
    learner: str = ""
    roles: Roles = field(default_factory=Roles)
    parameters: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)


class Finder(BaseModel, ABC):
    """Looks for one kind of issue.

    A finder is this one class: its docstring is its help, its fields are its parameters, and the
    form in the browser, the command line and the reference all come from it. Another package's
    finder is such a class in the entry-point group `curation.finders`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    """Lower-case words joined by underscores."""
    title: ClassVar[str]
    """What is found, as a heading: "Outliers"."""
    scores: ClassVar[str]
    """What a score of 0 and of 1 means, in one sentence."""
    advice: ClassVar[str]
    """What to do about a flagged row, in one sentence."""

    version: ClassVar[int] = 1
    """Goes up when the same data would be judged otherwise; what was found before is not reused."""

    def lacks(self, shared: Shared) -> str:  # noqa: ARG002 - others look at it
        """Say in one sentence what the data lack for this finder; empty where it can work.

        It is asked before each search, so it must be quick: roles, types, the first few values.
        """
        return ""

    @abstractmethod
    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for the issue.

        Args:
            shared: the data, and what is computed of them once for all finders.
            progress: told the fraction done and what is done now; it may raise `Cancelled`.

        Raises:
            CurationError: the data are not fit for it.
        """


def listed(value: Any) -> Any:
    """Return a text with commas as the texts between them: how a command line gives several."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def finding_rows(
    shared: Shared,
    score: Vector,
    is_issue: Flags,
    *,
    rows: Codes | None = None,
    suggestion: Sequence[str | None] | pa.Array | None = None,
    group: Codes | None = None,
    explanation: Mapping[int, str] | pa.Array | None = None,
    given_label_probability: Vector | None = None,
) -> pa.Table:
    """Return a finding's rows (`ROWS`) of m scored rows.

    Args:
        shared: the data.
        score: shape (m,), 0 to 1, 1 = clean.
        is_issue: shape (m,).
        rows: shape (m,), the place of each scored row in the data, rising; by default all rows.
        suggestion: m texts, or None.
        group: shape (m,); -1 for a row that is in none.
        explanation: position among the m rows to one line, or m texts.
        given_label_probability: shape (m,), NaN where there is none.
    """
    places = np.arange(shared.table.num_rows, dtype=np.int64) if rows is None else rows
    size = len(places)
    assert len(score) == len(is_issue) == size
    assert np.isfinite(score).all(), "a score is a number"
    if isinstance(explanation, Mapping):
        explanation = pa.array([explanation.get(i) for i in range(size)], pa.string())
    nothing = pa.nulls(size, pa.string())
    taken = pa.array(places)
    columns = {
        "record_key": shared.record_keys.take(taken),
        "row": taken,
        "given_label": shared.given_labels.take(taken),
        "score": np.clip(score, 0.0, 1.0),
        "is_issue": is_issue,
        "suggestion": nothing if suggestion is None else pa.array(suggestion, pa.string()),
        "given_label_probability": pa.nulls(size, pa.float64())
        if given_label_probability is None
        else pa.array(given_label_probability, from_pandas=True),
        "group": pa.nulls(size, pa.int64()) if group is None else pa.array(group, mask=group < 0),
        "explanation": nothing if explanation is None else explanation,
    }
    return pa.table(columns).cast(ROWS)


def finding_subjects(subjects: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a finding's subjects (`SUBJECTS`), the worst first."""
    assert all(one["kind"] in KINDS for one in subjects)
    ranked = sorted(subjects, key=lambda one: (one["score"], one["kind"], one["subject"]))
    return pa.Table.from_pylist([dict(one) for one in ranked], SUBJECTS)


def summarise(rows: pa.Table, subjects: pa.Table | None = None, **more: Any) -> Summary:
    """Return the figures of a finding's rows and subjects; the time is filled in by who ran it."""
    flagged = int(np.asarray(rows["is_issue"]).sum()) if rows.num_rows else 0
    about = (
        int(np.asarray(subjects["is_issue"]).sum()) if subjects is not None and len(subjects) else 0
    )
    return Summary(rows=rows.num_rows, flagged=flagged, subjects_flagged=about, **more)

"""What every finder returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from curation.lake.roles import Roles
from curation.learn.arrays import Matrix


@dataclass(frozen=True)
class Summary:
    """The figures of a finding.

    Attributes:
        rows: rows that were ranked.
        classes: number of classes.
        flagged: rows that look like an issue.
        estimated_errors: how many rows have an issue by the model's estimate, flagged or not.
        estimated_error_rate: the same as a share of the rows, 0 to 1.
        seconds: wall time.
    """

    rows: int
    classes: int
    flagged: int
    estimated_errors: int
    estimated_error_rate: float
    seconds: float


@dataclass(frozen=True)
class Finding:
    """One kind of issue, found in every row of a table.

    Attributes:
        finder: the finder's name.
        rows: one row for every row that was ranked, in the order of the input.
        summary: the figures.
        probabilities: shape (rows, k), float32: the out-of-sample probabilities behind it.
        classes: the k classes, in the order of the probabilities' columns.
        learner: what made the probabilities, in words for a person.
        roles: what each column was taken for.
        parameters: what the finder was called with, beside the data.
        notes: what was left out, mended or looks odd.
    """

    finder: str
    rows: pa.Table
    summary: Summary
    probabilities: Matrix
    classes: list[str]
    learner: str
    roles: Roles
    parameters: dict[str, str | int | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

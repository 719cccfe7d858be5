"""Find rows whose given label is likely wrong."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import UnknownNameError, UsageError
from curation.finders.base import Finding, Summary
from curation.finders.confident import Judgement, judge_labels
from curation.lake.profile import profile_table
from curation.lake.records import record_keys
from curation.lake.roles import Roles, detect_roles
from curation.learn.arrays import Codes
from curation.learn.given import given_probabilities
from curation.learn.labels import Labels, encode_labels
from curation.learn.probabilities import OutOfSample, Preset, out_of_sample_probabilities
from curation.learn.tables import as_table
from curation.progress import Progress, no_progress, part

FINDER = "label"
ROWS = pa.schema(
    [
        ("record_key", pa.string()),
        ("row", pa.int64()),
        ("given_label", pa.string()),
        ("label_quality", pa.float64()),
        ("is_label_issue", pa.bool_()),
        ("suggested_label", pa.string()),
        ("given_label_probability", pa.float64()),
    ]
)
"""The columns of the finding's rows."""


def find_label_issues(
    data: Any,
    *,
    label: str | None = None,
    roles: Roles | None = None,
    preset: Preset = "fast",
    seed: int = 0,
    pred_probs_prefix: str | None = None,
    progress: Progress = no_progress,
) -> Finding:
    """Return every labelled row with how likely its label is right, the likely errors flagged.

    Args:
        data: a pyarrow Table, or a pandas or polars data frame.
        label: the label column; by default the one that `roles` names or that is detected.
        roles: what each column is for; detected by default.
        preset: ``"fast"``, or ``"accurate"``, which takes about ten times as long on texts.
        seed: for what is drawn at random.
        pred_probs_prefix: take out-of-sample probabilities from the columns `<prefix><class>`, or
            `<prefix>0` to `<prefix>k-1` in the order of the classes, instead of learning them.
        progress: told the fraction done and what is done now; it may raise `Cancelled`.

    Returns:
        A finding whose rows, in the order of the data, have the columns of `ROWS`: `label_quality`
        is 0 to 1, 1 = clean; `row` is the 0-based place in the data; `suggested_label` is the most
        likely class, and differs from `given_label` in every flagged row.

    Raises:
        UnknownNameError: a column that is not in the data.
        UsageError: no label column, or none to learn from, or `data` is no table.
        LabelError: a label column from which nothing can be learned.
        DataError: given probabilities that are none.
    """
    start = time.perf_counter()
    progress(0.0, "reading columns")
    table = as_table(data)
    roles = _roles(table, label, roles)
    column = roles.label
    if column is None:
        raise UsageError(f"Which column is the label? Columns: {', '.join(table.column_names)}.")
    labels = encode_labels(table, column)
    learned = _probabilities(
        table, labels, roles, preset=preset, seed=seed, prefix=pred_probs_prefix,
        progress=part(progress, 0.02, 0.85),
    )  # fmt: skip
    progress(0.85, "ranking rows")
    codes = labels.codes[learned.rows]
    judged = judge_labels(codes, learned.probabilities, progress=part(progress, 0.85, 0.98))
    keys = record_keys(table, roles).take(pa.array(learned.rows))
    rows = _rows(keys, codes, learned, judged)
    flagged = int(judged.is_issue.sum())
    summary = Summary(
        rows=len(codes),
        classes=len(labels.classes),
        flagged=flagged,
        estimated_errors=round(judged.error_rate * len(codes)),
        estimated_error_rate=judged.error_rate,
        seconds=time.perf_counter() - start,
    )
    progress(1.0, f"{flagged:,} likely label errors in {len(codes):,} rows")
    return Finding(
        FINDER, rows, summary, learned.probabilities, labels.classes, learned.learner, roles,
        {"preset": preset, "seed": seed, "pred_probs_prefix": pred_probs_prefix},
        [*labels.notes, *learned.notes],
    )  # fmt: skip


def _roles(table: pa.Table, label: str | None, roles: Roles | None) -> Roles:
    roles = roles or detect_roles(profile_table(table))
    for column in roles.columns:
        if column not in table.column_names:
            raise UnknownNameError("column", column, table.column_names)
    return (
        roles.with_roles({label: "label"}) if label is not None and roles.label != label else roles
    )


def _probabilities(
    table: pa.Table,
    labels: Labels,
    roles: Roles,
    *,
    preset: Preset,
    seed: int,
    prefix: str | None,
    progress: Progress,
) -> OutOfSample:
    if prefix is None:
        return out_of_sample_probabilities(
            table, labels.codes, labels.classes, roles, preset=preset, seed=seed, progress=progress
        )
    labelled = np.flatnonzero(labels.codes >= 0)
    probabilities, notes = given_probabilities(table.take(labelled), prefix, labels.classes)
    return OutOfSample(
        probabilities, labelled, labels.classes, f"given in the columns '{prefix}…'", notes
    )


def _rows(keys: pa.ChunkedArray, codes: Codes, learned: OutOfSample, judged: Judgement) -> pa.Table:
    names = pa.array(learned.classes, pa.string())
    columns = {
        "record_key": keys,
        "row": learned.rows,
        "given_label": names.take(pa.array(codes)),
        "label_quality": judged.quality,
        "is_label_issue": judged.is_issue,
        "suggested_label": names.take(pa.array(judged.suggestion)),
        "given_label_probability": learned.probabilities[np.arange(len(codes)), codes].astype(
            np.float64
        ),
    }
    return pa.table(columns).cast(ROWS)

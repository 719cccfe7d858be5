"""Rows whose given label is likely wrong."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.confident import Filter, Judgement, Score, judge_labels
from curation.finders.search import find_issues
from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Flags
from curation.learn.presets import Preset
from curation.learn.probabilities import OutOfSample
from curation.learn.shared import Settings, Shared
from curation.progress import Progress, no_progress, part

_PAIRS = 100
"""Pairs of classes that a finding lists, at most."""


class LabelIssues(Finder):
    """Find rows whose given label is likely wrong, by a model that did not see them.

    Confident learning (Northcutt, Jiang and Chuang 2021) compares each row's out-of-sample
    probabilities with what is usual for its class. A row without a label is no issue; it gets the
    most likely class as a suggestion.
    """

    name: ClassVar[str] = "label"
    title: ClassVar[str] = "Label errors"
    scores: ClassVar[str] = (
        "How likely the given label is: 0 is surely wrong, 1 is clean, or without a label."
    )
    advice: ClassVar[str] = "Review them, the lowest scores first."

    filter_by: Filter = Field(
        default="prune_by_noise_rate",
        title="Which rows are flagged",
        description="A filter of confident learning, as cleanlab calls them.",
    )
    score: Score = Field(
        default="self_confidence",
        title="Score",
        description="self_confidence is the given label's probability; normalized_margin sets it "
        "against the next likely class; confidence_weighted_entropy against the whole spread.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say whether there are labels and something to learn them from."""
        if shared.roles.label is None:
            listed = ", ".join(shared.table.column_names)
            return f"Which column is the label? Columns: {listed}."
        return ""

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Score every row, and flag the likely errors."""
        learned = shared.probabilities(part(progress, 0.0, 0.8))
        labelled = np.flatnonzero(learned.codes >= 0)
        codes = learned.codes[labelled]
        of_labelled = (
            learned.probabilities
            if len(labelled) == len(learned.codes)
            else learned.probabilities[labelled]
        )
        judged = judge_labels(
            codes, of_labelled, filter_by=self.filter_by, score=self.score,
            progress=part(progress, 0.8, 0.95),
        )  # fmt: skip
        progress(0.95, "explaining")
        rows = _rows(shared, learned, labelled, judged)
        pairs = _pairs(judged, learned.classes)
        estimated = round(judged.error_rate * len(codes))
        summary = summarise(rows, pairs, classes=len(learned.classes), estimated_errors=estimated)
        progress(1.0, f"{summary.flagged:,} likely label errors in {len(codes):,} rows")
        return Finding(
            self.name, rows, summary, pairs, learned.probabilities, learned.classes,
            learned.learner, notes=[*shared.labels.notes, *learned.notes],
            info={"labelled": len(codes)},
        )  # fmt: skip


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
    """Return every row with how likely its label is right, the likely errors flagged.

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
        A finding whose rows (`finders.base.ROWS`) are in the order of the data: `score` is 0 to 1,
        1 = clean; `suggestion` is the most likely class, and differs from `given_label` in every
        flagged row.

    Raises:
        UnknownNameError: a column that is not in the data.
        UsageError: no label column, or none to learn from, or `data` is no table.
        LabelError: a label column from which nothing can be learned.
        DataError: given probabilities that are none.
    """
    settings = Settings(preset=preset, seed=seed, pred_probs_prefix=pred_probs_prefix)
    return find_issues(
        data, LabelIssues(), label=label, roles=roles, settings=settings, progress=progress
    )


def _rows(shared: Shared, learned: OutOfSample, labelled: Codes, judged: Judgement) -> pa.Table:
    """Return a row for every row of the data; those without a label have score 1."""
    size = len(learned.codes)
    score, given = np.ones(size), np.full(size, np.nan)
    is_issue = np.zeros(size, dtype=np.bool_)
    suggestion = learned.probabilities.argmax(axis=1)
    score[labelled], is_issue[labelled] = judged.quality, judged.is_issue
    suggestion[labelled] = judged.suggestion
    given[labelled] = learned.probabilities[labelled, learned.codes[labelled]]
    names = pa.array(learned.classes, pa.string())
    return finding_rows(
        shared, score, is_issue,
        suggestion=names.take(pa.array(suggestion)),
        given_label_probability=given,
        explanation=_explained(shared, learned, is_issue, suggestion, names),
    )  # fmt: skip


def _explained(
    shared: Shared, learned: OutOfSample, is_issue: Flags, suggestion: Codes, names: pa.Array
) -> pa.Array:
    """Return one line for each flagged row, null for the others.

    Neighbours are counted where the graph is there already or is quick to make.
    """
    rows = np.flatnonzero(is_issue)
    if not len(rows):
        return pa.nulls(len(is_issue), pa.string())
    wanted = names.take(pa.array(suggestion[rows]))
    sure = _two_places(learned.probabilities[rows, suggestion[rows]])
    given = _two_places(learned.probabilities[rows, learned.codes[rows]])
    mine = names.take(pa.array(learned.codes[rows]))
    text = _joined(
        "out-of-sample probability of '", wanted, "' ", sure, ", of '", mine, "' ", given
    )
    near = shared.neighbours_if_quick()
    if near is not None:
        of_neighbours = learned.codes[near.indices[rows]]
        agree = (of_neighbours == suggestion[rows][:, None]).sum(axis=1)
        told = _joined(
            pc.cast(pa.array(agree), pa.string()),
            f" of {near.indices.shape[1]} nearest rows are '", wanted, "'; ", text,
        )  # fmt: skip
        text = pc.if_else(pa.array(agree > 0), told, text)
    lines = np.full(len(is_issue), -1, dtype=np.int64)
    lines[rows] = np.arange(len(rows))
    return text.take(pa.array(lines, mask=lines < 0))


def _two_places(values: Any) -> pa.Array:
    """Return probabilities as texts with two places, none of them 1.00 that is less."""
    hundredths = np.minimum(np.round(np.asarray(values, np.float64) * 100), 99 + (values >= 0.9999))
    padded = pc.utf8_lpad(pc.cast(pa.array(hundredths.astype(np.int64)), pa.string()), 3, "0")
    return pc.replace_substring_regex(padded, r"^(\d)(\d\d)$", r"\1.\2")


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(
        *(pa.scalar(part) if isinstance(part, str) else part for part in parts), ""
    )


def _pairs(judged: Judgement, classes: list[str]) -> pa.Table:
    """Return the pairs of classes between which errors are expected, the most frequent first."""
    pairs = [pair for pair in judged.pairs if pair.expected >= 0.5 or pair.flagged][:_PAIRS]
    return finding_subjects(
        [
            {
                "kind": "classes",
                "subject": f"{classes[pair.given]} → {classes[pair.true]}",
                "score": 1 - min(1.0, pair.expected / max(1, pair.rows)),
                "is_issue": pair.flagged > 0,
                "rows": pair.flagged,
                "explanation": f"about {pair.expected:,} of the rows of '{classes[pair.given]}' "
                f"should be '{classes[pair.true]}'; flagged: {pair.flagged:,}",
            }
            for pair in pairs
        ]
    )

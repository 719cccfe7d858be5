"""Consensus and the next records to label, by annotators and a model together: cleanlab's.

CROWDLAB: Goh, Tkachenko and Mueller 2022, "CROWDLAB: Supervised learning to infer consensus labels
and quality scores for data with multiple annotators". ActiveLab: Goh and Mueller 2023, "ActiveLab:
Active learning with re-labeling by multiple annotators".
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.errors import DataError, LabelError
from curation.finders.annotators import Consensus, consensus_of, mean_by
from curation.finders.votes import COLUMNS, Votes, read_votes
from curation.learn.arrays import Codes, Vector
from curation.learn.given import MOST_OFF

Dense = npt.NDArray[np.float64]

NEXT = pa.schema([("record_key", pa.string()), ("score", pa.float64()), ("votes", pa.int64())])
"""The columns of the records to label next."""
_NO_AGREEMENT = "Annotators do not agree on any example"
_APART = 1e-12
"""How far the probabilities of two classes are put apart, at most."""


def crowdlab(
    votes: pa.Table,
    pred_probs: npt.NDArray[Any],
    records: Sequence[str],
    classes: Sequence[str],
    *,
    sure: float = 0.6,
) -> Consensus:
    """Return each record's best class, of those voted for, by CROWDLAB.

    Quality is cleanlab's: a mean of the model's probability and the annotators' votes, weighted by
    how far each is trusted. An annotator's quality is cleanlab's too; null where none of their
    records has another vote. Where that holds for everyone, for example because there is one
    annotator only, nothing tells whom to trust: the vote is the label, and its quality the model's
    probability of it; a note says so.

    Memory goes with records times annotators, 16 bytes each.

    Args:
        votes: columns `record_key`, `annotator`, `label`; see `read_votes`.
        pred_probs: shape (n, k), out-of-sample, rows sum to 1.
        records: the n record keys of its rows, each once; those without votes are not used.
        classes: the k classes of its columns, two or more; a class may be without votes.
        sure: a record with several classes is disputed unless one has more than this share of
            their quality together; quality alone would only tell how sure the model is.

    Raises:
        UnknownNameError: a column is not there, or a vote is for a class that is not in `classes`.
        LabelError: no votes, empty ones, two by one annotator on one record, or one class only.
        DataError: probabilities that are none, that a record with votes does not have, or a record
            or class that is named twice.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    probabilities = _probabilities(pred_probs, records, classes)
    read = read_votes(votes, classes)
    exact = probabilities[_rows_of(read, records)]
    found = read.candidates()
    if (read.per_record == 1).all():
        nobody = np.full(len(read.annotators), np.nan)
        note = (
            "No record has the votes of two annotators, so nothing tells how good they are. Each "
            "vote is the label; its quality is the model's probability of it."
        )
        return consensus_of(
            "crowdlab", read, exact[found.record, found.label], nobody, sure=sure, notes=[note]
        )
    _keep_quiet()
    given = _wide(read)
    told = get_label_quality_multiannotator(given, exact, verbose=False)
    by_annotator = told["detailed_label_quality"].to_numpy()
    # The annotators who gave a record the same class have the same quality there.
    scores = mean_by(found.of_vote, by_annotator[read.record, read.annotator], len(found.record))
    quality = told["annotator_stats"]["annotator_quality"].sort_index().to_numpy()
    shares = scores / np.bincount(found.record, weights=scores)[found.record]
    return consensus_of("crowdlab", read, scores, quality, sure=sure, certainty=shares)


def label_next(
    votes: pa.Table,
    pred_probs: npt.NDArray[Any],
    records: Sequence[str],
    classes: Sequence[str],
) -> pa.Table:
    """Return all records, first those whose next vote teaches most, by ActiveLab.

    Args:
        votes: columns `record_key`, `annotator`, `label`; see `read_votes`. It may have no rows.
        pred_probs: shape (n, k), out-of-sample where a record has votes, rows sum to 1.
        records: the n record keys of its rows, each once.
        classes: the k classes of its columns, two or more.

    Returns:
        The columns of `NEXT`, lowest score first and equal ones by record key: `score` is 0 to 1,
        1 = another vote would teach nothing; `votes` is how many the record has, 0 or more.

    Raises:
        UnknownNameError: a column is not there, or a vote is for a class that is not in `classes`.
        LabelError: empty votes, two by one annotator on one record, or one class only.
        DataError: probabilities that are none, that a record with votes does not have, or a record
            or class that is named twice.
    """
    from cleanlab.internal.multiannotator_utils import temp_scale_pred_probs

    probabilities = _probabilities(pred_probs, records, classes)
    n, k = probabilities.shape
    voted, counts = np.empty(0, dtype=np.int64), np.zeros(n, dtype=np.int64)
    quality, trust = probabilities.max(axis=1), np.ones(n)
    another, temperature = 1.0, 1.0
    if votes.num_rows or not set(COLUMNS) <= set(votes.column_names):
        read = read_votes(votes, classes)
        voted = _rows_of(read, records)
        counts[voted] = read.per_record
        known, in_votes, model, another, temperature = _trust(read, probabilities[voted])
        if temperature != 1.0:
            quality = temp_scale_pred_probs(probabilities, temperature).max(axis=1)
        quality[voted] = known
        trust[:] = model
        trust[voted] += in_votes
    # The mean of what is known and of ignorance, which weighs as one more vote.
    scores = (quality * trust + another / k) / (trust + another)
    keys = pa.array(list(records), pa.string())
    found = pa.table({"record_key": keys, "score": np.clip(scores, 0.0, 1.0), "votes": counts})
    return found.cast(NEXT).sort_by([("score", "ascending"), ("record_key", "ascending")])


def _trust(votes: Votes, probabilities: Dense) -> tuple[Vector, Vector, float, float, float]:
    """Return what ActiveLab weighs for n records with votes.

    Returns:
        The quality of their consensus, shape (n,); the summed weights of their annotators, shape
        (n,); the model's weight; an annotator's mean weight; the model's temperature.
    """
    from cleanlab.internal.multiannotator_utils import find_best_temp_scaler, temp_scale_pred_probs
    from cleanlab.multiannotator import get_label_quality_multiannotator

    if (votes.per_record == 1).all():
        given = probabilities[votes.record, votes.label]
        return given, np.ones(len(given)), 1.0, 1.0, 1.0
    # get_active_learning_scores does the same, but prints to stdout and can't be told not to.
    _keep_quiet()
    given = _wide(votes)
    temperature = float(find_best_temp_scaler(given, probabilities))
    told = get_label_quality_multiannotator(
        given,
        _apart(temp_scale_pred_probs(probabilities, temperature)),
        return_annotator_stats=False,
        return_detailed_quality=False,
        return_weights=True,
        verbose=False,
    )
    weights = told["annotator_weight"]
    return (
        told["label_quality"]["consensus_quality_score"].to_numpy(),
        np.bincount(votes.record, weights=weights[votes.annotator]).astype(np.float64),
        float(told["model_weight"]),
        float(weights.mean()),
        temperature,
    )


def _wide(votes: Votes) -> Dense:
    """Return the votes as cleanlab takes them: shape (n, m), the class's position or NaN."""
    given = np.full((len(votes.records), len(votes.annotators)), np.nan)
    given[votes.record, votes.annotator] = votes.label
    return given


def _keep_quiet() -> None:
    # It is no news to who sees the consensus. No catch_warnings: it is not safe among threads.
    warnings.filterwarnings("ignore", message=_NO_AGREEMENT, category=UserWarning)


def _probabilities(
    pred_probs: npt.NDArray[Any], records: Sequence[str], classes: Sequence[str]
) -> Dense:
    """Return checked probabilities: shape (n, k), rows sum to 1, no two of a row equal."""
    shape = (len(records), len(classes))
    if len(classes) < 2:
        raise LabelError(f"Got {len(classes)} class. A model tells at least two classes apart.")
    if pred_probs.shape != shape:
        raise DataError(
            f"pred_probs has shape {pred_probs.shape}, but there are {shape[0]:,} records and "
            f"{shape[1]:,} classes. Give one row for each record, one column for each class."
        )
    if len(set(records)) < len(records) or len(set(classes)) < len(classes):
        raise DataError("A record or a class of pred_probs is named twice. Name each once.")
    exact: Dense = np.asarray(pred_probs, dtype=np.float64)
    sums = exact.sum(axis=1)
    wrong = ~(np.isfinite(exact) & (exact >= 0)).all(axis=1) | ~(np.abs(sums - 1) <= MOST_OFF)
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum()):,} of {len(exact):,} rows of pred_probs are no probabilities, the "
            f"first of them row {int(wrong.argmax())}. A row is numbers from 0 to 1 that sum to 1."
        )
    return _apart(exact)


def _apart(probabilities: Dense) -> Dense:
    """Put equal probabilities of a row apart, since cleanlab draws among equal ones at random."""
    k = probabilities.shape[1]
    apart = np.maximum(probabilities, 0) + _APART * np.arange(k, 0, -1) / k
    shares: Dense = apart / apart.sum(axis=1, keepdims=True)
    return shares


def _rows_of(votes: Votes, records: Sequence[str]) -> Codes:
    """Return the row of pred_probs of each record with votes."""
    place = {name: position for position, name in enumerate(records)}
    missing = sum(name not in place for name in votes.records)
    if missing:
        raise DataError(
            f"{missing:,} of {len(votes.records):,} records with votes have no row of pred_probs. "
            "Give probabilities for every record that was voted on."
        )
    return np.array([place[name] for name in votes.records], dtype=np.int64)

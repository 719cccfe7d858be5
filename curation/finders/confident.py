"""Confident learning: which given labels are likely wrong, from out-of-sample probabilities.

Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence Research 70, sections 3 and 4.
The answers are those of cleanlab 2.9 on the same numbers as float64, but the probabilities are read
in blocks of rows and never copied as a whole, so they may lie in a memory-mapped file. Beside them
it takes about 40 bytes a row, and some hundred for each pair of classes that occurs.

Where cleanlab's unstable sorts leave the order of equal values open, here it is fixed: of rows that
tie at a cut the earlier ones are flagged; of pairs of classes that tie when expected counts are
rounded, the later class gets a row more and the earlier class a row less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from curation.errors import DataError, UnknownNameError, UsageError
from curation.finders.joint import Joint, confident_joint
from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.learn.probability_blocks import ProbabilityBlocks
from curation.progress import Progress, no_progress, part

Filter = Literal[
    "prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given",
    "low_normalized_margin", "low_self_confidence",
]  # fmt: skip
Score = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]

_NEAR = 1e-6
"""A class that is less likely than the most likely one by no more than this is as likely."""
_NO_ROWS = 2.0
"""The threshold of a class without rows: no probability reaches it."""


class Pair(NamedTuple):
    """Labels of one class that should be of another.

    Attributes:
        given: the class that they have.
        true: the class that they should have.
        expected: how many there are, by the calibrated joint.
        flagged: how many rows are flagged with this given class and this suggestion.
        rows: how many rows have the given class.
    """

    given: int
    true: int
    expected: int
    flagged: int
    rows: int


@dataclass(frozen=True)
class Judgement:
    """What confident learning says of n rows.

    Attributes:
        quality: shape (n,), 0 to 1, 1 = clean: the score that was asked for.
        is_issue: shape (n,), the label is likely wrong.
        suggestion: shape (n,), the most likely class; in an issue, the most likely other class.
        error_rate: the estimated share of wrong labels, 0 to 1, from the joint of given and true.
        pairs: the pairs of classes with errors, expected or flagged; the most expected first.
        joint: how many rows of each given class belong to which true class.
    """

    quality: Vector
    is_issue: Flags
    suggestion: Codes
    error_rate: float
    pairs: list[Pair]
    joint: Joint


def judge_labels(
    codes: Codes,
    probabilities: Matrix,
    *,
    filter_by: Filter = "prune_by_noise_rate",
    score: Score = "self_confidence",
    adjust_pred_probs: bool = False,
    progress: Progress = no_progress,
) -> Judgement:
    """Return how likely each label is right, which ones are likely wrong, and how many are.

    The row of a class that has only one is never an issue: no other row tells whether it is one.
    Filters and scores bear cleanlab's names. `confidence_weighted_entropy` differs where a row is
    certain: cleanlab's drops to 0, the worst, also where the certain class is the given one; here
    it goes on to its limits, 1 for the given class, and for another class what 1e-6 would score.

    Args:
        codes: shape (n,), the given classes, 0 to k-1; a class may have no rows.
        probabilities: shape (n, k), float32, out-of-sample; may be memory-mapped. Rows sum to 1;
            those that are off by up to 0.001 are scaled.
        filter_by: how the likely errors are chosen.
        score: what the quality of a label is.
        adjust_pred_probs: score after each class's usual self-confidence is taken off, so that
            rare classes are not ranked last; not for the entropy.
        progress: told the fraction done; may raise `Cancelled` between blocks.

    Raises:
        UsageError: a filter or score that there is none of, or one that cannot be adjusted.
        DataError: what is given as probabilities is none, or does not fit the labels.
    """
    _check_choice(filter_by, score, adjust_pred_probs)
    source = ProbabilityBlocks(probabilities)
    _check_codes(codes, source)
    rows = _read_rows(codes, source, part(progress, 0.0, 0.4))
    thresholds = _thresholds(codes, rows.given, source.width)
    ranks_by = filter_by.removeprefix("low_") if filter_by.startswith("low_") else None
    quality, ranking = np.zeros(len(codes)), np.zeros(len(codes) if ranks_by else 0)
    confident = np.full(len(codes), -1, dtype=np.int32)
    cuts = _at_least(thresholds - _NEAR)
    for place, block in source.blocks(part(progress, 0.4, 0.7), "estimating wrong labels"):
        own = codes[place]
        confident[place] = _confident_class(block, rows.likely[place], cuts)
        quality[place] = _score(block, own, score, thresholds if adjust_pred_probs else None)
        if ranks_by is not None:
            ranking[place] = _score(block, own, ranks_by, None)
    joint = confident_joint(codes, confident, source.width)
    if filter_by in ("prune_by_noise_rate", "prune_by_class", "both"):
        is_issue = _pruned(codes, source, rows, joint, filter_by, part(progress, 0.7, 1.0))
    else:
        is_issue = _filtered(codes, rows, confident, filter_by, ranking)
    is_issue &= (np.bincount(codes, minlength=source.width) > 1)[codes]
    suggestion = _suggestion(codes, source, rows.likely, is_issue)
    right = joint.given == joint.true
    return Judgement(
        quality=quality,
        is_issue=is_issue,
        suggestion=suggestion,
        error_rate=1 - float(joint.calibrated[right].sum() / len(codes)) if len(codes) else 0.0,
        pairs=_pairs(codes, joint, suggestion, is_issue),
        joint=joint,
    )


def _check_choice(filter_by: str, score: str, adjust_pred_probs: bool) -> None:
    if filter_by not in get_args(Filter):
        raise UnknownNameError("filter", filter_by, get_args(Filter))
    if score not in get_args(Score):
        raise UnknownNameError("score", score, get_args(Score))
    if adjust_pred_probs and score == "confidence_weighted_entropy":
        raise UsageError(
            "The score 'confidence_weighted_entropy' cannot be adjusted for rare classes. "
            "Take 'self_confidence' or 'normalized_margin', or leave it as it is."
        )


def _check_codes(codes: Codes, source: ProbabilityBlocks) -> None:
    source.check_rows(len(codes))
    lowest, highest = (int(codes.min()), int(codes.max())) if len(codes) else (0, -1)
    if lowest < 0 or highest >= source.width:
        wrong = lowest if lowest < 0 else highest
        raise DataError(
            f"Row {int((codes == wrong).argmax())} is of class {wrong}, but the probabilities have "
            f"columns for the classes 0 to {source.width - 1} only. Leave out rows without a "
            "label, and give one column for each class."
        )


@dataclass(frozen=True)
class _Rows:
    """What one pass finds out about n rows.

    Attributes:
        given: shape (n,), float32, the given class's probability.
        likely: shape (n,), the most likely class, the first of equal ones.
        is_near: shape (n,), the given class is as likely as the most likely one.
    """

    given: npt.NDArray[np.float32]
    likely: Codes
    is_near: Flags


def _read_rows(codes: Codes, source: ProbabilityBlocks, progress: Progress) -> _Rows:
    rows = _Rows(
        np.zeros(len(codes), dtype=np.float32),
        np.zeros(len(codes), dtype=np.int64),
        np.zeros(len(codes), dtype=np.bool_),
    )
    for place, block in source.blocks(progress, "reading probabilities", check=True):
        own, each = codes[place], np.arange(len(block))
        given, likely = block[each, own], block.argmax(axis=1)
        is_near = given.astype(np.float64) + _NEAR > block[each, likely]
        rows.given[place], rows.likely[place] = given, likely
        rows.is_near[place] = is_near | (likely == own)
    return rows


def _thresholds(codes: Codes, given: npt.NDArray[np.float32], width: int) -> Vector:
    """Return each class's mean self-confidence (section 3.1, equation 2): shape (k,)."""
    counts = np.bincount(codes, minlength=width)
    means = np.bincount(codes, given, minlength=width) / np.maximum(counts, 1)
    return np.where(counts > 0, np.maximum(means, 2 * _NEAR), _NO_ROWS)


def _at_least(bounds: Vector) -> npt.NDArray[np.float32]:
    """Return the least float32 that is not below each bound: comparing with it is exact."""
    rounded = bounds.astype(np.float32)
    below = rounded < bounds
    rounded[below] = np.nextafter(rounded[below], np.float32(np.inf))
    return rounded


def _confident_class(
    block: Matrix, likely: Codes, cuts: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:
    """Return the class that each row surely belongs to, or -1.

    It is the one class whose threshold the row reaches, or the most likely one where it reaches
    several. So most rows are settled by their most likely class alone.
    """
    settled = block[np.arange(len(block)), likely] >= cuts[likely]
    confident = np.where(settled, likely, -1)
    open_rows = np.flatnonzero(~settled)
    reached = block[open_rows] >= cuts
    first = reached.argmax(axis=1)
    some = np.flatnonzero(reached[np.arange(len(reached)), first])
    several = np.count_nonzero(reached[some], axis=1) > 1
    confident[open_rows[some]] = np.where(several, likely[open_rows[some]], first[some])
    return confident


def _score(block: Matrix, own: Codes, score: str, thresholds: Vector | None) -> Vector:
    """Return the quality of each label of a block, in float64."""
    each = np.arange(len(block))
    if score == "self_confidence" and thresholds is None:
        return np.asarray(block[each, own], dtype=np.float64)
    exact = block.astype(np.float64)
    if thresholds is not None:
        exact += thresholds.max() - thresholds
        exact /= exact.sum(axis=1, keepdims=True)
    given: Vector = exact[each, own]
    if score == "self_confidence":
        return given
    if score == "normalized_margin":
        exact[each, own] = 0.0
        margin: Vector = (given - exact.max(axis=1) + 1) / 2
        return margin
    return _confidence_weighted_entropy(exact, given)


def _confidence_weighted_entropy(exact: Vector, given: Vector) -> Vector:
    """Return log(1 + x) / x, where x is the entropy, 0 to 1, over the given class's probability.

    A given class counts as at least 1e-6, in the entropy too: a row that is certain of another
    class has no entropy of its own to say so.
    """
    from scipy.special import xlogy

    floor = np.maximum(given, _NEAR)
    entropy = xlogy(given, given) - xlogy(floor, floor) - xlogy(exact, exact).sum(axis=1)
    weighted = np.maximum(entropy, 0.0) / np.log(max(2, exact.shape[1])) / floor
    scores = np.ones(len(exact))  # the limit at no entropy
    np.divide(np.log1p(weighted), weighted, out=scores, where=weighted > 0)
    return scores


def _filtered(
    codes: Codes,
    rows: _Rows,
    confident: npt.NDArray[np.int32],
    filter_by: str,
    ranking: Vector,
) -> Flags:
    """Flag rows by a filter that needs no counts of pairs."""
    if filter_by == "predicted_neq_given":
        return np.asarray(rows.likely != codes) & ~rows.is_near
    elsewhere: Flags = (confident >= 0) & (confident != codes) & ~rows.is_near
    if filter_by == "confident_learning":
        return elsewhere
    return _largest(-ranking, int(elsewhere.sum()))


def _pruned(
    codes: Codes,
    source: ProbabilityBlocks,
    rows: _Rows,
    joint: Joint,
    filter_by: str,
    progress: Progress,
) -> Flags:
    """Flag as many rows of each class as the calibrated joint expects to be wrong (section 4)."""
    small = np.uint16 if source.width < 2**16 else np.int64  # few bytes sort faster
    order = np.argsort(codes.astype(small), kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(source.width + 1))
    pair_bounds = np.searchsorted(joint.given, np.arange(source.width + 1))
    is_issue = np.zeros(len(codes), dtype=np.bool_)
    for code in range(source.width):
        progress(bounds[code] / max(1, len(codes)), "choosing likely label errors")
        members = order[bounds[code] : bounds[code + 1]]
        pairs = slice(pair_bounds[code], pair_bounds[code + 1])
        true, expected = joint.true[pairs], joint.calibrated[pairs].copy()
        own = true == code
        if expected[own] == 0:
            # One row is kept in its class, and each other pair gives one up for it.
            expected = np.where(own, 1, np.maximum(expected - 1, 0))
        given = rows.given[members]
        flags = np.ones(len(members), dtype=np.bool_)
        if filter_by != "prune_by_noise_rate":
            flags &= _largest(-given, len(members) - int(expected[own][0]))
        if filter_by != "prune_by_class":
            flags &= _by_margin(source, members, given, true[~own], expected[~own])
        is_issue[members] = flags
    return is_issue & ~rows.is_near


def _by_margin(
    source: ProbabilityBlocks,
    members: Codes,
    given: npt.NDArray[np.float32],
    true: Codes,
    expected: Codes,
) -> Flags:
    """Flag, for each other class, the expected number of rows that lean most towards it."""
    flags = np.zeros(len(members), dtype=np.bool_)
    exact = given.astype(np.float64)
    counts = dict(zip(true.tolist(), expected.tolist(), strict=True))
    for code, column in source.columns(members, true[expected > 0]):
        count = counts[code]
        # Mostly there are enough rows on the other class's side, and few of all.
        beyond = np.flatnonzero(column > given)
        if len(beyond) >= count:
            flags[beyond[_largest(column[beyond] - exact[beyond], count)]] = True
        else:
            flags |= _largest(column - exact, count)
    return flags


def _largest(values: npt.NDArray[Any], count: int) -> Flags:
    """Flag the largest values, the earlier ones among those that tie at the end."""
    if count <= 0 or count >= len(values):
        return np.full(len(values), count > 0)
    cut = np.partition(values, len(values) - count)[len(values) - count]
    flags: Flags = values > cut
    flags[np.flatnonzero(values == cut)[: count - int(flags.sum())]] = True
    return flags


def _suggestion(codes: Codes, source: ProbabilityBlocks, likely: Codes, is_issue: Flags) -> Codes:
    """Return the most likely class, or the next one where a flagged row's given class is that."""
    suggestion = likely.copy()
    for rows, block in source.take(np.flatnonzero(is_issue & (likely == codes))):
        others = block.copy()
        others[np.arange(len(rows)), codes[rows]] = -1
        suggestion[rows] = others.argmax(axis=1)
    return suggestion


def _pairs(codes: Codes, joint: Joint, suggestion: Codes, is_issue: Flags) -> list[Pair]:
    wrong = (joint.given != joint.true) & (joint.calibrated > 0)
    expected_cells = joint.given[wrong] * joint.classes + joint.true[wrong]
    flagged_cells, flagged_counts = np.unique(
        codes[is_issue] * joint.classes + suggestion[is_issue], return_counts=True
    )
    cells = np.union1d(expected_cells, flagged_cells)
    expected, flagged = np.zeros((2, len(cells)), dtype=np.int64)
    expected[np.searchsorted(cells, expected_cells)] = joint.calibrated[wrong]
    flagged[np.searchsorted(cells, flagged_cells)] = flagged_counts
    order = np.lexsort((cells, -flagged, -expected))
    given, true = np.divmod(cells[order], joint.classes)
    rows = np.bincount(codes, minlength=joint.classes)[given]
    columns = (given, true, expected[order], flagged[order], rows)
    return [Pair(*pair) for pair in zip(*(each.tolist() for each in columns), strict=True)]

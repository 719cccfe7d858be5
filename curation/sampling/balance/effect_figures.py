"""How well probabilities rank, how far they can be believed, and which classes are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.learn.arrays import Codes, Flags, Matrix, Vector

BINS: Final = 15
"""Bins of the calibration error, as in Guo et al. 2017; fewer where they would hold few rows."""
_ROWS_A_BIN = 20
_LEAST = 1e-6


@dataclass(frozen=True)
class Metric:
    """A figure of a model: what it is called, and which direction is better."""

    title: str
    help: str
    higher_is_better: bool = True


METRICS: Final[dict[str, Metric]] = {
    "auroc": Metric(
        "AUROC",
        "Area under the ROC curve, mean of each class against the rest: the chance that a row of "
        "the class is ranked above one of the others.",
    ),
    "average_precision": Metric(
        "Average precision",
        "Mean over the classes of the precision at each row of the class, in order of probability.",
    ),
    "log_loss": Metric(
        "Log loss", "Minus the mean log probability of the given class.", higher_is_better=False
    ),
    "calibration_error": Metric(
        "Calibration error",
        "Expected calibration error: how far the probability of the predicted class is from the "
        "share of rows where it is right, mean over bins of equally many rows.",
        higher_is_better=False,
    ),
    "balanced_accuracy": Metric("Balanced accuracy", "Mean of the recall of all classes."),
    "small_recall": Metric(
        "Recall, smaller classes", "Mean recall of the classes with fewer rows than the average."
    ),
    "large_recall": Metric("Recall, larger classes", "Mean recall of the other classes."),
}
"""In the order of the first columns of what `figures` returns; a recall a class follows."""


def figures(probabilities: Matrix, decided: Codes, codes: Codes, small: Flags) -> Vector:
    """Return the `METRICS` and then the recall of each class: shape (7 + k,); NaN where undefined.

    A class without a row among these, or with all of them, counts in no mean.

    Args:
        probabilities: shape (n, k), rows sum to 1.
        decided: shape (n,), the class that each row is taken for.
        codes: shape (n,), the given classes.
        small: shape (k,), which classes count as the smaller ones.
    """
    k = probabilities.shape[1]
    rows = np.bincount(codes, minlength=k)
    right = np.bincount(codes[decided == codes], minlength=k)
    recall = np.divide(right, rows, out=np.full(k, np.nan), where=rows > 0)
    ranked = [
        _ranking(probabilities[:, code], codes == code)
        for code in np.flatnonzero((rows > 0) & (rows < len(codes)))
    ]
    auroc, precision = np.mean(ranked, axis=0) if ranked else (np.nan, np.nan)
    given = probabilities[np.arange(len(codes)), codes].astype(np.float64)
    log_loss = -np.log(np.maximum(given, _LEAST)).mean()
    error = calibration_error(probabilities, codes)
    means = [_mean(recall), _mean(recall[small]), _mean(recall[~small])]
    return np.array([auroc, precision, log_loss, error, *means, *recall])


def calibration_error(probabilities: Matrix, codes: Codes) -> float:
    """Return the expected calibration error of the most probable class, 0 to 1.

    Rows are binned by that probability, as many in each bin: Nixon et al. 2019, "Measuring
    Calibration in Deep Learning", section 4. Of no row it is NaN.
    """
    if not len(codes):
        return float("nan")
    top = probabilities.argmax(axis=1)
    surely = probabilities[np.arange(len(codes)), top].astype(np.float64)
    over = (surely - (top == codes))[np.argsort(surely, kind="stable")]
    bins = max(1, min(BINS, len(codes) // _ROWS_A_BIN))
    return float(sum(abs(part.sum()) for part in np.array_split(over, bins)) / len(codes))


def _ranking(scores: Matrix, members: Flags) -> tuple[float, float]:
    """Return the area under the ROC curve, ties counting half, and the average precision."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], members[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    found = np.cumsum(hits)[last].astype(np.float64)
    seen = last + 1.0
    missed = seen - found
    new_found = np.diff(found, prepend=0.0)
    new_missed = np.diff(missed, prepend=0.0)
    area = (new_missed * (found - new_found / 2)).sum() / (found[-1] * missed[-1])
    precision = (new_found * found / seen).sum() / found[-1]
    return float(area), float(precision)


def _mean(values: Vector) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")

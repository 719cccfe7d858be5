"""Confident learning on out-of-sample probabilities: the only module that calls cleanlab.

Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence Research 70, sections 3 and 4.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass

import numpy as np

from curation.learn.arrays import Codes, Flags, Matrix, Vector
from curation.progress import Progress, no_progress

# cleanlab.filter keeps labels and probabilities in module variables, and sessions are threads.
_one_at_a_time = threading.Lock()
_FEW_ROWS = "May not flag all label issues in class"


@dataclass(frozen=True)
class Judgement:
    """What confident learning says of every row.

    Attributes:
        quality: shape (n,), 0 to 1, 1 = clean: the given label's probability (self-confidence).
        is_issue: shape (n,), bool: the label is likely wrong.
        suggestion: shape (n,), the most likely class; differs from the given one in every issue.
        error_rate: the estimated share of wrong labels, 0 to 1, from the joint of given and true.
    """

    quality: Vector
    is_issue: Flags
    suggestion: Codes
    error_rate: float


def judge_labels(
    codes: Codes, probabilities: Matrix, *, progress: Progress = no_progress
) -> Judgement:
    """Return how likely each label is right, which ones are likely wrong, and how many are.

    The row of a class that has only one is never an issue: no other row tells whether it is one.

    Args:
        codes: shape (n,), the given classes; every class but those without rows has its column.
        probabilities: shape (n, k), out-of-sample, rows sum to 1.
        progress: told the fraction done; may raise between the stages.
    """
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # Such classes are in the finding's notes. No catch_warnings: it is not safe among threads.
    warnings.filterwarnings("ignore", message=_FEW_ROWS, category=UserWarning)
    exact = np.clip(probabilities.astype(np.float64), 0.0, 1.0)
    exact /= exact.sum(axis=1, keepdims=True)
    with _one_at_a_time:
        progress(0.1, "estimating how many labels are wrong")
        joint = compute_confident_joint(codes, exact, calibrate=True)
        shares = estimate_joint(codes, exact, confident_joint=joint)
        progress(0.3, "choosing likely label errors")
        is_issue = find_label_issues(codes, exact, confident_joint=joint, n_jobs=1)
        progress(0.8, "ranking rows")
        quality = get_label_quality_scores(codes, exact, method="self_confidence")
    suggestion = exact.argmax(axis=1).astype(np.int64)
    return Judgement(
        quality=np.asarray(quality, dtype=np.float64),
        is_issue=np.asarray(is_issue, dtype=np.bool_) & (suggestion != codes),
        suggestion=suggestion,
        error_rate=float(np.clip(1 - np.trace(shares), 0.0, 1.0)),
    )

"""Left-out scores of any unit as probabilities."""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes, Matrix
from curation.learn.ridge import softmax, temperature

MOST_LABELS = 50_000
"""The temperature is chosen on at most so many labels, evenly spaced."""


def probabilities_of_scores(scores: Matrix, codes: Codes) -> Matrix:
    """Return probabilities by one softmax temperature: shape (n, k), float32, rows sum to 1.

    The temperature has the smallest log loss on the given labels, as in `ridge.temperature`.

    Args:
        scores: shape (n, k), from models that did not see the row; the higher, the likelier. A
            class of which a model knows nothing is -inf, and gets probability 0; a row without any
            known class gets the same for all.
        codes: shape (n,), the given classes, or -1.
    """
    known = np.isfinite(scores)
    nothing = ~known.any(axis=1)
    highest = np.where(nothing, 0.0, scores.max(axis=1, initial=-np.inf))
    spread = highest - np.where(known, scores, np.inf).min(axis=1, initial=np.inf)
    usual = float(np.median(spread[~nothing])) if not nothing.all() else 0.0
    # In units of the usual spread, so that the search for a temperature knows where to look.
    even = ((scores - highest[:, None]) / (usual or 1.0)).astype(np.float32)
    even[nothing] = 0
    judged = np.flatnonzero((codes >= 0) & known[np.arange(len(codes)), codes])
    judged = judged[:: max(1, -(-len(judged) // MOST_LABELS))]
    # Without a row whose class was known there is nothing to calibrate by.
    heat = temperature(even[judged], codes[judged]) if len(judged) else 1.0
    return softmax(even, heat)

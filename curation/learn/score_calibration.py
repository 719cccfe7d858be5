"""Left-out scores of any unit as probabilities."""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector
from curation.learn.ridge import softmax_in_place, temperature

MOST_LABELS = 50_000
"""The temperature is chosen on at most so many labels, evenly spaced."""
_BLOCK = 65_536


def probabilities_of_scores(scores: Matrix, codes: Codes) -> Matrix:
    """Return probabilities by one softmax temperature: shape (n, k), float32, rows sum to 1.

    The temperature has the smallest log loss on the given labels, as in `ridge.temperature`.

    Args:
        scores: shape (n, k), float32, from models that did not see the row; the higher, the
            likelier. They are written over. A class of which a model knows nothing is -inf, and
            gets probability 0; a row without any known class gets the same for all.
        codes: shape (n,), the given classes, or -1.
    """
    # In blocks and in place, since n by k may be most of the memory there is.
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(scores), _BLOCK)]
    spreads = np.concatenate([_spread(scores[rows]) for rows in blocks] or [np.zeros(0)])
    some = spreads[np.isfinite(spreads)]
    # In units of the usual spread, so that the search for a temperature knows where to look.
    usual = float(np.median(some)) if len(some) else 0.0
    given = scores[np.arange(len(codes)), codes]
    judged = np.flatnonzero((codes >= 0) & np.isfinite(given))
    judged = judged[:: max(1, -(-len(judged) // MOST_LABELS))]
    for rows in blocks:
        _scale(scores[rows], usual or 1.0)
    # Without a row whose class was known there is nothing to calibrate by.
    heat = temperature(scores[judged], codes[judged]) if len(judged) else 1.0
    softmax_in_place(scores, heat)
    return scores


def _spread(scores: Matrix) -> Vector:
    """Return how far the known classes' scores lie apart: shape (n,), NaN where none is known."""
    known = np.isfinite(scores)
    highest = scores.max(axis=1, initial=-np.inf)
    lowest = np.where(known, scores, np.float32(np.inf)).min(axis=1, initial=np.inf)
    spread: Vector = np.where(known.any(axis=1), highest - lowest, np.nan).astype(np.float64)
    return spread


def _scale(scores: Matrix, usual: float) -> None:
    """Make the highest score of each row 0, in units of the usual spread, in place."""
    highest = scores.max(axis=1, initial=-np.inf)
    nothing = ~np.isfinite(highest)
    highest[nothing] = 0
    scores -= highest[:, None]
    scores /= np.float32(usual)
    scores[nothing] = 0

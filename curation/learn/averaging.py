"""The average of several models' probabilities, with weights chosen on the given labels."""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes, Matrix, Vector

_STEPS = 300
_LEAST = 0.05
"""A model with a smaller weight is left out."""


def averaged(found: list[tuple[Matrix, str]], codes: Codes) -> tuple[Matrix, str, list[str]]:
    """Return models' mean probabilities, with the weights that have the smallest log loss.

    Args:
        found: for each model its out-of-sample probabilities, shape (n, k), and its name. The first
            matrix may be written over.
        codes: shape (n,), the given classes, or -1.

    Returns:
        The mean, shape (n, k), the models in words, and a note for each that was left out.
    """
    if len(found) == 1:
        return *found[0], []
    labelled = np.flatnonzero(codes >= 0)
    given = np.stack([matrix[labelled, codes[labelled]] for matrix, _ in found], axis=1)
    weights = mixture_weights(given.astype(np.float64))
    kept = [(*one, weight) for one, weight in zip(found, weights, strict=True) if weight]
    notes = [
        f"{name}, adds nothing and was left out."
        for (_, name), weight in zip(found, weights, strict=True)
        if not weight
    ]
    mean, name, weight = kept[0]
    if len(kept) == 1:
        return mean, name, notes
    mean *= np.float32(weight)
    for matrix, _, weight in kept[1:]:
        mean += np.float32(weight) * matrix
    learner = "; ".join(f"{weight:.0%} {name}" for _, name, weight in kept)
    return mean, learner, notes


def mixture_weights(given: Vector) -> Vector:
    """Return weights, summing to 1, whose mixture has the smallest log loss; whole twentieths.

    Expectation maximisation for the weights of a mixture (Dempster, Laird and Rubin 1977, section
    4.3).

    Args:
        given: shape (n, models), each model's probability of the given class.
    """
    given = np.maximum(given, 1e-6)
    weights: Vector = np.full(given.shape[1], 1 / given.shape[1])
    for _ in range(_STEPS):
        mixed = given * weights
        weights = (mixed / mixed.sum(axis=1, keepdims=True)).mean(axis=0)
    weights = np.where(weights < _LEAST, 0.0, np.round(weights * 20) / 20)
    weights /= weights.sum()
    return weights

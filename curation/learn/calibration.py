"""Scores of classes that a row may have as probabilities, each class on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.arrays import Matrix, Vector

_CELLS = 2**22
_STEPS = 60
_SETTLED = 1e-8
_LOWEST = np.float32(1e-6)


def calibrated(scores: Matrix, members: npt.NDArray[np.bool_]) -> Matrix:
    """Return each class's probability in each row: shape (n, k), float32, 0 to 1 exclusive.

    A logistic curve a class through its scores, fitted to who has it: Platt 1999, "Probabilistic
    Outputs for Support Vector Machines", with his targets, which are not quite 0 and 1. It never
    falls: left-out scores that know nothing are a little lower where a row has the class.

    Args:
        scores: shape (n, k), left-out predictions of 0 and 1, finite.
        members: shape (n, k), who has which class.
    """
    found = np.empty(scores.shape, dtype=np.float32)
    width = max(1, _CELLS // max(1, len(scores)))
    for start in range(0, scores.shape[1], width):
        block = slice(start, start + width)
        found[:, block] = _calibrated(scores[:, block], members[:, block])
    return np.clip(found, _LOWEST, 1 - _LOWEST)


def _calibrated(scores: Matrix, members: npt.NDArray[np.bool_]) -> Any:
    from scipy.special import expit

    many = members.sum(axis=0, dtype=np.float64)
    few = len(members) - many
    targets = np.where(members, (many + 1) / (many + 2), 1 / (few + 2))
    spread = scores.std(axis=0, dtype=np.float64)
    x = (scores - scores.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1.0)
    prior = np.log((many + 1) / (few + 1))
    slope, level = _fitted(x, targets, prior)
    knows = slope > 0
    return expit(np.where(knows, slope, 0.0) * x + np.where(knows, level, prior))


def _fitted(
    x: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], prior: Vector
) -> tuple[Vector, Vector]:
    """Return the slope and level of each class's curve: shape (k,) both, by Levenberg's method.

    A step that makes a class's loss worse is not taken, and the next one is shorter.
    """
    from scipy.special import expit

    slope, level = np.zeros(x.shape[1]), prior
    step, damping = np.zeros((2, x.shape[1])), np.full(x.shape[1], 1e-3)
    loss, done = np.full(x.shape[1], np.inf), np.zeros(x.shape[1], dtype=np.bool_)
    for _ in range(_STEPS):
        line = (slope + step[0]) * x + level + step[1]
        now = (np.logaddexp(0, line) - targets * line).mean(axis=0)
        better = now <= loss
        done |= np.abs(loss - now) < _SETTLED
        slope, level = slope + better * step[0], level + better * step[1]
        loss = np.where(better, now, loss)
        if done.all():
            break
        damping = np.where(better, damping / 10, damping * 10)
        p = expit(slope * x + level)
        off, weight = p - targets, p * (1 - p)
        gradient = np.stack([(off * x).sum(axis=0), off.sum(axis=0)])
        both = (weight * x).sum(axis=0)
        own = (weight * x * x).sum(axis=0) * (1 + damping) + 1e-9
        rest = weight.sum(axis=0) * (1 + damping) + 1e-9
        scale = own * rest - both * both
        step = -np.stack(
            [rest * gradient[0] - both * gradient[1], own * gradient[1] - both * gradient[0]]
        )
        step /= scale
    return slope, level

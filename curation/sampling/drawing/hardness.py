"""How hard a row is for a model, from its out-of-sample probabilities."""

from __future__ import annotations

import numpy as np

from curation import sql
from curation.learn.arrays import Matrix, Vector

LEAST_UNCERTAINTY = 0.01
"""A row about which the model is surer than this has the weight of one with it: none is left out,
so that totals can be estimated from the sample."""
LEAST_SHARE = 1e-6
"""A class that is rarer than this has the weight of one with this share of the rows."""

_BLOCK = 65_536
_DIGITS = 6
"""Sums may be rounded otherwise on another machine; that must not reorder rows that tie."""


def uncertainty(probabilities: Matrix) -> Vector:
    """Return the entropy of each row's class probabilities as a part of the highest possible.

    0 is certain, 1 cannot tell (Shannon 1948; Settles 2009, section 3.1).

    Args:
        probabilities: shape (n, k), k at least 2, each row sums to 1.
    """
    found = np.empty(len(probabilities))
    for start in range(0, len(found), _BLOCK):
        block = probabilities[start : start + _BLOCK].astype(np.float64)
        logarithms = np.log(np.maximum(block, np.finfo(np.float64).tiny))
        found[start : start + _BLOCK] = -(block * logarithms).sum(axis=1)
    return _bounded(found / np.log(probabilities.shape[1]))


def margin(probabilities: Matrix) -> Vector:
    """Return 1 minus the difference of each row's two highest probabilities.

    1 is a tie between two classes, 0 is certain (Scheffer, Decomain and Wrobel 2001).

    Args:
        probabilities: shape (n, k), k at least 2, each row sums to 1.
    """
    found = np.empty(len(probabilities))
    for start in range(0, len(found), _BLOCK):
        block = probabilities[start : start + _BLOCK].astype(np.float64)
        highest = np.partition(block, block.shape[1] - 2, axis=1)[:, -2:]
        found[start : start + _BLOCK] = 1 - (highest[:, 1] - highest[:, 0])
    return _bounded(found)


def hard_and_rare_weight_sql(uncertainty: str, class_share: str, hard: float) -> str:
    """Return the SQL of a weight that mixes hardness and rareness: u^hard · (1/share)^(1-hard).

    The weight is above 0 for every row. A row without a class (a null share) counts as not rare, so
    that its hardness alone decides.

    Args:
        uncertainty: SQL of the uncertainty, 0 to 1; below `LEAST_UNCERTAINTY` it counts as that.
        class_share: SQL of the share of the rows that have the row's class, above 0 up to 1, or
            null; below `LEAST_SHARE` it counts as that.
        hard: 0 looks at rareness alone, 1 at hardness alone.
    """
    hardness = f"greatest({uncertainty}, {sql.literal(LEAST_UNCERTAINTY)})"
    share = f"greatest(coalesce({class_share}, 1.0), {sql.literal(LEAST_SHARE)})"
    return (
        f"(power({hardness}, {sql.literal(float(hard))})"
        f" * power(1.0 / {share}, {sql.literal(float(1 - hard))}))"
    )


def _bounded(values: Vector) -> Vector:
    return np.clip(np.round(values, _DIGITS), 0.0, 1.0)

"""Class probabilities from the labels of a row's nearest neighbours."""

from __future__ import annotations

import numpy as np

from curation.learn.arrays import Codes, Flags, Matrix
from curation.learn.neighbours import Neighbours

PRIOR_VOTES = 1.0
"""Votes of the classes' shares, beside those of the neighbours: no class is ruled out."""

_CHUNK = 65_536


def nearest_votes(
    near: Neighbours, codes: Codes, classes: int, *, groups: Codes | None = None
) -> Matrix:
    """Return class probabilities by weighted votes: shape (n, k), float32, every row sums to 1.

    A neighbour at the distance d votes with exp(-d²/r²), r being the distance of the furthest one
    that is asked (for the cosine distance d in place of d², which is half the squared length).
    A neighbour of the row's group has no vote, nor has one without a label; so ask for as many
    neighbours as the largest groups are wide, and some more.

    Args:
        near: each row's neighbours; 20 to 50 serve most data.
        codes: shape (n,), 0 to `classes` - 1, or -1: does not vote, has a prediction.
        classes: k.
        groups: shape (n,): rows of one number do not vote for each other.
    """
    shares = np.bincount(codes[codes >= 0], minlength=classes) / max(int((codes >= 0).sum()), 1)
    probabilities = np.empty((len(codes), classes), dtype=np.float32)
    for start in range(0, len(codes), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(codes)))
        asked = near.indices[rows].astype(np.int64)
        votes = _weights(near.distances[rows], cosine=near.metric == "cosine")
        votes[codes[asked] < 0] = 0
        if groups is not None:
            votes[_of_own_group(groups, asked, rows)] = 0
        place = np.arange(len(asked))[:, None] * classes + np.maximum(codes[asked], 0)
        counts = np.bincount(place.ravel(), weights=votes.ravel(), minlength=len(asked) * classes)
        found = counts.reshape(len(asked), classes) + PRIOR_VOTES * shares
        probabilities[rows] = found / found.sum(axis=1, keepdims=True)
    return probabilities


def _weights(distances: Matrix, *, cosine: bool) -> Matrix:
    squares = distances if cosine else np.square(distances)
    furthest = squares[:, -1:] if squares.shape[1] else np.zeros((len(squares), 1))
    weights: Matrix = np.exp(-squares / np.maximum(furthest, 1e-12)).astype(np.float32)
    return weights


def _of_own_group(groups: Codes, asked: Codes, rows: slice) -> Flags:
    own: Flags = groups[asked] == groups[rows][:, None]
    return own

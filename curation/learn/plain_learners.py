"""What presets may add to ridge on embeddings and to trees: class sums, curved ridge, boosting.

Each takes a `Task` and returns probabilities of all rows, shape (n, k), and the learner in words.
All hold the rows' matrix in memory. The order of the rows makes no difference beyond rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from curation.learn import ridge
from curation.learn.arrays import Codes, Hashes, Matrix, mixed_bits
from curation.learn.boosting import STAGES, boosted
from curation.learn.class_sums import naive_bayes, nearest_centroid
from curation.learn.cross_validation import cross_validated
from curation.learn.learners import Task
from curation.learn.nearest_votes import nearest_votes
from curation.learn.neighbours import nearest_neighbours
from curation.learn.random_features import RandomFourier, ranked
from curation.learn.text import TfidfComponents, embed
from curation.learn.vectors import scaled
from curation.learn.words import word_weights
from curation.progress import Progress, part

Learned = tuple[Matrix, str]

_VOTERS: Final = 50


def centroid_on_dense(task: Task, progress: Progress) -> Learned:
    """Learn from texts and vectors by the cosine to each class's mean."""
    blocks = [scaled(vectors) for vectors in task.content.vectors]
    if task.content.texts is not None:
        words = embed(task.content.texts, progress=part(progress, 0.0, 0.7))[:, :-1]
        blocks.append(words[task.content.text_of])
    order = _order(task, task.content.dense_hashes)
    found = nearest_centroid(
        np.hstack(blocks)[order], task.codes[order], task.classes, groups=task.groups[order],
        progress=part(progress, 0.7, 1.0),
    )  # fmt: skip
    return _back(found, order), "nearest centroid"


def bayes_on_texts(task: Task, progress: Progress) -> Learned:
    """Learn from the words of texts by naive Bayes; without a word, from the classes' shares."""
    texts = task.content.texts
    assert texts is not None
    order = _order(task, task.content.dense_hashes)
    weights = word_weights(texts, task.content.text_of[order], progress=part(progress, 0.0, 0.7))
    found = naive_bayes(
        weights, task.codes[order], task.classes, groups=task.groups[order],
        progress=part(progress, 0.7, 1.0),
    )  # fmt: skip
    return _back(found, order), "naive Bayes on words"


def votes_on_dense(task: Task, progress: Progress) -> Learned:
    """Learn from texts, their words, and vectors by the votes of the 50 nearest rows."""
    content = task.content
    blocks = [scaled(vectors) for vectors in content.vectors]
    if content.texts is not None:
        words = embed(content.texts, progress=part(progress, 0.0, 0.3))
        rare = TfidfComponents(content.texts, seed=task.seed).transform(content.texts)
        blocks.append(np.hstack([words, rare])[content.text_of])
    matrix = np.hstack(blocks)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    order = _order(task, content.dense_hashes)
    near = nearest_neighbours(matrix[order], _VOTERS, progress=part(progress, 0.4, 0.95))
    progress(0.95, "counting votes")
    found = nearest_votes(near, task.codes[order], task.classes, groups=task.groups[order])
    return _back(found, order), f"votes of the {_VOTERS} nearest rows"


def cross_validated_on(
    task: Task, progress: Progress, *, estimator: str, parameters: Mapping[str, Any]
) -> Learned:
    """Learn from all content by an estimator of scikit-learn, in 5 folds that groups respect."""
    content = task.content
    blocks = [scaled(vectors) for vectors in content.vectors]
    if content.texts is not None:
        blocks.append(embed(content.texts, progress=part(progress, 0.0, 0.3))[content.text_of])
    hashes = content.dense_hashes
    if content.features is not None:
        blocks.append(content.features)
        hashes = mixed_bits(hashes ^ content.feature_hashes)
    order = _order(task, hashes)
    in_order = cross_validated(
        np.hstack(blocks)[order], task.codes[order], task.classes, estimator=estimator,
        parameters=parameters, groups=task.groups[order], seed=task.seed,
        progress=part(progress, 0.3, 1.0),
    )  # fmt: skip
    return _back(in_order, order), f"{estimator.rpartition('.')[2]}, 5-fold cross-validation"


def curved_on_vectors(task: Task, progress: Progress, *, width: int) -> Learned:
    """Learn from vectors by ridge on random Fourier features; texts are not looked at."""
    matrix = np.hstack([scaled(vectors) for vectors in task.content.vectors])
    found = _curved(task, matrix, task.content.dense_hashes, width, progress, beside=False)
    return found, f"{width} random Fourier features, leave-one-out ridge"


def curved_on_features(task: Task, progress: Progress, *, width: int) -> Learned:
    """Learn from features by ridge on their ranks and random Fourier features of these."""
    assert task.content.features is not None
    matrix = ranked(task.content.features)
    found = _curved(task, matrix, task.content.feature_hashes, width, progress, beside=True)
    return found, f"ranks and {width} random Fourier features, leave-one-out ridge"


def boosted_on_features(task: Task, progress: Progress) -> Learned:
    """Learn from features by boosting that averages its stages; in-sample, see `boosting`."""
    features = task.content.features
    assert features is not None
    order = _order(task, task.content.feature_hashes)
    groups = task.groups[order]
    in_order = boosted(
        features[order], task.codes[order], task.classes,
        groups=groups if (groups[1:] == groups[:-1]).any() else None,
        seed=task.seed, progress=progress,
    )  # fmt: skip
    return _back(in_order, order), f"boosting, mean of {STAGES} stages"


def _curved(
    task: Task, matrix: Matrix, hashes: Hashes, width: int, progress: Progress, *, beside: bool
) -> Matrix:
    order = _order(task, hashes)
    matrix, codes = matrix[order], task.codes[order]
    features = RandomFourier(matrix, width=width, seed=task.seed).transform(matrix)
    if beside:
        features = np.hstack([matrix, features])
    fit = ridge.leave_one_out(
        features, codes, task.classes, groups=task.groups[order], progress=part(progress, 0.1, 0.95)
    )
    progress(0.95, "calibrating")
    by = np.flatnonzero(codes >= 0)
    by = by[:: max(1, -(-len(by) // ridge.SAMPLE_LABELS))]
    heat = ridge.temperature(fit.scores[by], codes[by])
    progress(1.0, "calibrated")
    return _back(ridge.softmax(fit.scores, heat), order)


def _order(task: Task, hashes: Hashes) -> Codes:
    """Return an order of the rows that follows from what they hold, groups kept together."""
    return np.lexsort((task.codes, hashes, task.groups)).astype(np.int64, copy=False)


def _back(in_order: Matrix, order: Codes) -> Matrix:
    probabilities = np.empty_like(in_order)
    probabilities[order] = in_order
    return probabilities

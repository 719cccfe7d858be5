"""Which models learn from which content: the presets, and what a person may put together.

The presets were chosen by `benchmarks/label_learners.py` and `benchmarks/label_errors.py`, by mean
average precision of the known errors over texts, images and tables. Within one kind of content the
models count the same: weights by log loss reward what fits the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from curation.errors import UnknownNameError, UsageError
from curation.lake.roles import Roles
from curation.learn.arrays import Matrix
from curation.learn.content import Content
from curation.learn.cross_validation import ESTIMATORS, check_estimator
from curation.learn.learners import Task, ridge_on_dense, trees_on_features
from curation.learn.plain_learners import (
    bayes_on_texts,
    boosted_on_features,
    centroid_on_dense,
    cross_validated_on,
    curved_on_features,
    curved_on_vectors,
    votes_on_dense,
)
from curation.progress import Progress

Preset = Literal["fast", "accurate", "custom"]
Kind = Literal["texts", "embeddings", "images", "features"]
Learn = Callable[[Task, Progress], tuple[Matrix, str]]

IN_MEMORY: Final = 300_000
"""Rows up to which a model may hold all of them in memory."""


@dataclass(frozen=True)
class Learner:
    """One model.

    Attributes:
        learn: returns probabilities of all rows, shape (n, k), and the model in words.
        kinds: content that it can look at.
        effort: how long it takes, as a multiple of the others.
        most_rows: with more rows it is left out, unless it is all there is.
    """

    learn: Learn
    kinds: frozenset[Kind]
    effort: float = 1.0
    most_rows: int = 10**9


_DENSE: Final[frozenset[Kind]] = frozenset({"texts", "embeddings", "images"})
_TEXTS: Final[frozenset[Kind]] = frozenset({"texts"})
_VECTORS: Final[frozenset[Kind]] = frozenset({"embeddings", "images"})
_FEATURES: Final[frozenset[Kind]] = frozenset({"features"})


def _ridge(task: Task, progress: Progress) -> tuple[Matrix, str]:
    return ridge_on_dense(task, progress=progress)


def _ridge_and_words(task: Task, progress: Progress) -> tuple[Matrix, str]:
    return ridge_on_dense(task, with_words=True, progress=progress)


def _trees(count: int) -> Learner:
    return Learner(partial(trees_on_features, count=count), _FEATURES, count / 40)


def _curved_vectors(width: int) -> Learner:
    return Learner(partial(curved_on_vectors, width=width), _VECTORS, width / 256, IN_MEMORY)


def _curved_features(width: int) -> Learner:
    return Learner(partial(curved_on_features, width=width), _FEATURES, width / 256, IN_MEMORY)


_RIDGE: Final = Learner(_ridge, _DENSE)
_CENTROID: Final = Learner(centroid_on_dense, _DENSE, 0.5, IN_MEMORY)
_BAYES: Final = Learner(bayes_on_texts, _TEXTS, 0.5)
_WORDS: Final = Learner(_ridge_and_words, _TEXTS, 3.0, IN_MEMORY)
_VOTES: Final = Learner(votes_on_dense, _DENSE, 3.0, 100_000)

PRESETS: Final[Mapping[Preset, Mapping[Kind, tuple[Learner, ...]]]] = {
    "fast": {
        "texts": (_RIDGE, _CENTROID, _BAYES),
        "embeddings": (_RIDGE, _CENTROID, _curved_vectors(512)),
        "images": (_curved_vectors(512),),
        "features": (_trees(40), _curved_features(256)),
    },
    "accurate": {
        "texts": (_WORDS, _CENTROID, _BAYES, _VOTES),
        "embeddings": (_RIDGE, _CENTROID, _curved_vectors(1024)),
        "images": (_curved_vectors(1024),),
        "features": (_trees(200), _curved_features(1024)),
    },
}
"""Preset and kind of content to the models whose probabilities are averaged."""

LARGE: Final[Mapping[Kind, Learner]] = {
    "texts": _RIDGE, "embeddings": _RIDGE, "images": _RIDGE, "features": _trees(40),
}  # fmt: skip
"""What learns from more rows than any model of a preset may hold."""

LEARNERS: Final[Mapping[str, Learner]] = {
    "ridge": _RIDGE,
    "ridge_and_words": _WORDS,
    "centroid": _CENTROID,
    "naive_bayes": _BAYES,
    "nearest_votes": _VOTES,
    "random_features": _curved_vectors(1024),
    "trees": _trees(200),
    "ranks_and_random_features": _curved_features(1024),
    "boosting": Learner(boosted_on_features, _FEATURES, 4.0),
}
"""What the preset `custom` may be put together of, beside scikit-learn's estimators."""


def kinds_of(content: Content, roles: Roles) -> list[Kind]:
    """Return the kinds of content that models look at; texts stand for vectors beside them too."""
    kinds: list[Kind] = []
    if content.texts is not None:
        kinds.append("texts")
    elif content.vectors:
        kinds.append("embeddings" if roles.having("embedding") else "images")
    if content.features is not None:
        kinds.append("features")
    return kinds


def learners_for(
    kinds: Sequence[Kind],
    rows: int,
    preset: Preset,
    chosen: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> tuple[list[list[Learner]], list[str]]:
    """Return the models that learn from each kind of content, and notes where some are left out.

    Args:
        kinds: of content.
        rows: n.
        preset: which models.
        chosen: for the preset ``custom``, names of `LEARNERS` or import paths of estimators, which
            look at all content; a model that cannot look at a kind is left to the others.
        parameters: of the estimators among them.

    Raises:
        UnknownNameError: there is no such model or parameter.
        UsageError: ``custom`` without a model, models without ``custom``, or none that fits.
    """
    if (preset == "custom") != bool(chosen):
        raise UsageError(
            "The preset 'custom' needs models, and only it takes them. Models: "
            f"{', '.join(LEARNERS)}, or the import path of an estimator, such as "
            "sklearn.linear_model.LogisticRegression."
        )
    if preset == "custom":
        return [_chosen(kinds, chosen, parameters or {})], []
    found, notes = [], []
    for kind in kinds:
        wanted = PRESETS[preset][kind]
        fitting = [one for one in wanted if rows <= one.most_rows]
        if len(fitting) < len(wanted):
            notes.append(
                f"With {rows:,} rows, only models were used that need not hold all of them in "
                f"memory: {len(fitting) or 1} instead of {len(wanted)} of the preset '{preset}'."
            )
        found.append(fitting or [LARGE[kind]])
    return found, notes


def _chosen(
    kinds: Sequence[Kind], chosen: Sequence[str], parameters: Mapping[str, Any]
) -> list[Learner]:
    named = [_named(name, parameters) for name in dict.fromkeys(chosen)]
    fitting = [one for one in named if one.kinds.intersection(kinds)]
    if not fitting:
        raise UsageError(
            f"None of the models {', '.join(chosen)} can learn from {' and '.join(kinds)}. Those "
            f"that can: {', '.join(n for n, o in LEARNERS.items() if o.kinds.intersection(kinds))}."
        )
    return fitting


def _named(name: str, parameters: Mapping[str, Any]) -> Learner:
    if name in LEARNERS:
        return LEARNERS[name]
    if "." not in name:
        raise UnknownNameError("model", name, [*LEARNERS, *ESTIMATORS])
    check_estimator(name, parameters)
    learn = partial(cross_validated_on, estimator=name, parameters=parameters)
    return Learner(learn, _DENSE | _FEATURES, 10.0)

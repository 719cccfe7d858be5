"""Which learner ranks known label errors best, and which mean of learners: prints Markdown tables.

    python benchmarks/label_learners.py [--data ../shared/data] [--only texts|images|tables]

Average precision of the given label's probability against the known errors, for each kind of data,
learner and set, and seconds in all. Below, means of several learners: with equal weights, and with
the weights that have the smallest log loss on the given labels. Nothing here is chosen set by set;
which learners make a preset was chosen by looking at these tables.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from label_sets import Kind, LabelSet, label_sets
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score

from curation.learn import ridge, trees
from curation.learn.arrays import Matrix
from curation.learn.averaging import mixture_weights
from curation.learn.boosting import boosted
from curation.learn.class_sums import naive_bayes, nearest_centroid
from curation.learn.cross_validation import cross_validated
from curation.learn.nearest_votes import nearest_votes
from curation.learn.neighbours import nearest_neighbours
from curation.learn.random_features import RandomFourier, ranked
from curation.learn.text import embed, tfidf_components
from curation.learn.tokens import TokenCounter
from curation.learn.vectors import scaled

ROOT = Path(__file__).resolve().parents[1]
Learner = Callable[[LabelSet], Matrix]
UNIGRAMS = {"sublinear_tf": True, "use_idf": False, "min_df": 2, "dtype": np.float32}


def by_ridge(one: LabelSet, matrix: Matrix) -> Matrix:
    scores = ridge.leave_one_out(np.ascontiguousarray(matrix), one.codes, one.classes).scores
    return ridge.softmax(scores, ridge.temperature(scores, one.codes))


def curved(one: LabelSet, matrix: Matrix, width: int, *, beside: bool = False) -> Matrix:
    features = RandomFourier(matrix, width=width).transform(matrix)
    return by_ridge(one, np.hstack([matrix, features]) if beside else features)


def with_components(one: LabelSet) -> Matrix:
    texts = one.texts()
    return np.hstack([embed(texts), tfidf_components(texts)])


def tokens(one: LabelSet) -> Any:
    import pyarrow as pa
    from sklearn.preprocessing import normalize

    counts = TokenCounter().count(pa.array(one.texts(), pa.large_string()))
    counts.data = 1 + np.log(counts.data)
    return normalize(counts)


def votes(one: LabelSet, matrix: Matrix, count: int) -> Matrix:
    return nearest_votes(nearest_neighbours(matrix, count), one.codes, one.classes)


def forest(one: LabelSet, count: int) -> Matrix:
    return trees.out_of_bag(one.matrix(), one.codes, one.classes, trees=count)


def unit(matrix: Matrix) -> Matrix:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)


def weighed(one: LabelSet) -> Any:
    return TfidfVectorizer(**UNIGRAMS).fit_transform(one.texts())


LEARNERS: dict[Kind, dict[str, Learner]] = {
    "texts": {
        "ridge": lambda one: by_ridge(one, embed(one.texts())),
        "ridge+words": lambda one: by_ridge(one, with_components(one)),
        "centroid": lambda one: nearest_centroid(
            embed(one.texts())[:, :-1], one.codes, one.classes
        ),
        "bayes tokens": lambda one: naive_bayes(tokens(one), one.codes, one.classes),
        "bayes words": lambda one: naive_bayes(weighed(one), one.codes, one.classes),
        "votes 50": lambda one: votes(one, unit(with_components(one)), 50),
        "curved 1024": lambda one: curved(one, embed(one.texts()), 1024),
        "boosted": lambda one: boosted(embed(one.texts()), one.codes, one.classes),
    },
    "images": {
        "ridge": lambda one: by_ridge(one, scaled(one.matrix())),
        "curved 512": lambda one: curved(one, scaled(one.matrix()), 512),
        "curved 1024": lambda one: curved(one, scaled(one.matrix()), 1024),
        "centroid": lambda one: nearest_centroid(scaled(one.matrix()), one.codes, one.classes),
        "votes 20": lambda one: votes(one, unit(scaled(one.matrix())), 20),
        "trees 200": partial(forest, count=200),
        "boosted": lambda one: boosted(one.matrix(), one.codes, one.classes),
    },
    "tables": {
        "ridge on ranks": lambda one: by_ridge(one, ranked(one.matrix())),
        "curved 512": lambda one: curved(one, ranked(one.matrix()), 512, beside=True),
        "curved 1024": lambda one: curved(one, ranked(one.matrix()), 1024, beside=True),
        "trees 40": partial(forest, count=40),
        "trees 200": partial(forest, count=200),
        "boosted": lambda one: boosted(one.matrix(), one.codes, one.classes),
        "boosting, 5 folds": lambda one: cross_validated(
            one.matrix(), one.codes, one.classes,
            estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        ),
    },
}  # fmt: skip

MIXES: dict[Kind, list[tuple[str, ...]]] = {
    "texts": [
        ("ridge", "centroid"),
        ("ridge", "centroid", "bayes tokens"),
        ("ridge+words", "centroid", "bayes words"),
        ("ridge+words", "centroid", "bayes words", "votes 50"),
    ],
    "images": [
        ("curved 1024", "votes 20"),
        ("ridge", "curved 1024", "centroid"),
        ("curved 1024", "trees 200"),
    ],
    "tables": [
        ("trees 40", "curved 512"),
        ("trees 200", "curved 512"),
        ("trees 200", "curved 1024"),
        ("trees 200", "curved 1024", "boosted"),
        ("trees 200", "curved 1024", "ridge on ranks", "boosted"),
    ],
}


def ranking(one: LabelSet, probabilities: Matrix) -> float:
    quality = probabilities[np.arange(len(one.codes)), one.codes]
    return float(average_precision_score(one.is_error, -quality))


def mixed(one: LabelSet, found: list[Matrix], *, equal: bool) -> float:
    weights = np.full(len(found), 1 / len(found))
    if not equal:
        given = [matrix[np.arange(len(one.codes)), one.codes] for matrix in found]
        weights = mixture_weights(np.stack(given, axis=1).astype(np.float64))
    return ranking(one, sum(w * matrix for w, matrix in zip(weights, found, strict=True)))


def print_kind(kind: Kind, data: Path, made_up_rows: int) -> None:
    table: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    names = []
    for name, one in label_sets(data, kind, made_up_rows):
        names.append(name)
        found = {}
        for learner, learn in LEARNERS[kind].items():
            print(f"{name}: {learner} …", file=sys.stderr)
            start = time.perf_counter()
            found[learner] = learn(one)
            seconds[learner] = seconds.get(learner, 0.0) + time.perf_counter() - start
            table.setdefault(learner, []).append(ranking(one, found[learner]))
        for mix in MIXES[kind]:
            parts = [found[learner] for learner in mix]
            for equal, said in ((True, "equal"), (False, "log loss")):
                title = f"{' + '.join(mix)}: {said}"
                table.setdefault(title, []).append(mixed(one, parts, equal=equal))
                seconds[title] = sum(seconds[learner] for learner in mix)
    print(f"\n| {kind} | {' | '.join(names)} | mean | s |\n|---|{'---|' * (len(names) + 2)}")
    for title, figures in table.items():
        cells = [f"{figure:.3f}" for figure in [*figures, float(np.mean(figures))]]
        print(f"| {title} | {' | '.join(cells)} | {seconds[title]:.1f} |", flush=True)


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=["texts", "images", "tables"])
    parser.add_argument("--made-up-rows", type=int, default=20_000, help="0 leaves that set out")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}")
    warnings.simplefilter("ignore")
    embed(["the model's own loading time is not a set's"])
    for kind in LEARNERS:
        if options.only in (None, kind):
            print_kind(kind, options.data, options.made_up_rows)


if __name__ == "__main__":
    main()

"""How well label quality ranks known label errors, and how fast: prints Markdown tables.

    python benchmarks/label_errors.py [--data ../shared/data] [--only text|jira|synthetic]

AUROC of label quality (the given label's probability, as cleanlab computes it) against the known
errors: .5 is chance, 1 ranks every error below every clean row. "Within" is the mean over the given
classes of the AUROC within a class, which a ranking by class alone cannot gain from. Every method
of a set runs in the same process; one setting serves all sets. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from curation.finders.label import find_label_issues
from curation.lake.roles import Role, Roles
from curation.learn.labels import encode_labels
from curation.learn.probabilities import Preset
from curation.learn.tabular import encode_features
from curation.learn.text import embed

ROOT = Path(__file__).resolve().parents[1]
JIRA_PROJECTS = ("activemq", "lucene", "derby", "wicket")
NOT_METRICS = {
    "project", "release", "file", "HeuBugCount", "RealBugCount",
    "given_label", "true_label", "is_error",
}  # fmt: skip
Quality = npt.NDArray[np.float64]


class Result(NamedTuple):
    """A ranking of one set: AUROC, mean AUROC within a given class, seconds."""

    auroc: float
    within: float
    seconds: float


class Truth(NamedTuple):
    """The labelled rows of a set: the given class of each, and whether it is wrong."""

    codes: npt.NDArray[np.int64]
    is_error: npt.NDArray[np.bool_]


def measure(truth: Truth, rank: Callable[[], Quality]) -> Result:
    """Time a ranking and compare it with the known errors."""
    start = time.perf_counter()
    quality = rank()
    seconds = time.perf_counter() - start
    within = []
    for code in np.unique(truth.codes):
        of_class = truth.codes == code
        if 0 < truth.is_error[of_class].sum() < of_class.sum():
            within.append(roc_auc_score(~truth.is_error[of_class], quality[of_class]))
    return Result(float(roc_auc_score(~truth.is_error, quality)), float(np.mean(within)), seconds)


def ours(table: pa.Table, roles: Roles, preset: Preset = "fast") -> Callable[[], Quality]:
    """Return the label finder's ranking."""

    def rank() -> Quality:
        finding = find_label_issues(table, roles=roles, preset=preset)
        quality: Quality = finding.rows["label_quality"].to_numpy()
        return quality

    return rank


def folds(model: object, matrix: object, codes: npt.NDArray[np.int64]) -> Callable[[], Quality]:
    """Return the ranking by the given label's probability over five folds."""

    def rank() -> Quality:
        split = StratifiedKFold(5, shuffle=True, random_state=0)
        probabilities = cross_val_predict(
            model, matrix, codes, cv=split, method="predict_proba", n_jobs=1
        )
        quality: Quality = probabilities[np.arange(len(codes)), codes]
        return quality

    return rank


def labelled(table: pa.Table) -> tuple[pa.Table, Truth]:
    """Return the rows that have a given label, and the truth about them."""
    table = table.filter(table["given_label"].is_valid())
    codes = encode_labels(table, "given_label").codes
    return table, Truth(codes, table["is_error"].to_numpy().astype(bool))


def text_results(path: Path) -> list[Result]:
    """Rank a set of texts by three methods."""
    table, truth = labelled(pq.read_table(path))
    roles = Roles(columns={"text": "text", "given_label": "label"})
    texts = table["text"].to_pylist()
    words = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2),
        LogisticRegression(C=10, max_iter=300),
    )
    return [
        measure(truth, folds(words, texts, truth.codes)),
        measure(truth, ours(table, roles)),
        measure(truth, ours(table, roles, "accurate")),
    ]


def feature_results(table: pa.Table, features: list[str]) -> list[Result]:
    """Rank a set of features by the given class's share, by boosting, and by the finder."""
    table, truth = labelled(table)
    columns: dict[str, Role] = dict.fromkeys(features, "feature")
    roles = Roles(columns={**columns, "given_label": "label"})
    shares = np.bincount(truth.codes) / len(truth.codes)
    boosting = HistGradientBoostingClassifier(random_state=0)
    return [
        measure(truth, lambda: shares[truth.codes]),
        measure(truth, folds(boosting, encode_features(table, features), truth.codes)),
        measure(truth, ours(table, roles)),
    ]


def synthetic(rows: int, seed: int = 0) -> tuple[pa.Table, list[str]]:
    """Return a made-up set of 20 features and 7 classes with 8% of the labels drawn anew."""
    matrix, classes = make_classification(
        rows,
        20,
        n_informative=12,
        n_redundant=4,
        n_classes=7,
        class_sep=1.0,
        flip_y=0,
        random_state=seed,
    )
    random = np.random.default_rng(seed)
    wrong = random.random(rows) < 0.08
    given = np.where(wrong, (classes + random.integers(1, 7, rows)) % 7, classes)
    names = [f"feature_{place}" for place in range(20)]
    columns = dict(zip(names, matrix.T, strict=True))
    return pa.table({**columns, "given_label": given, "is_error": wrong}), names


def cell(result: Result, within: bool) -> str:
    """Write a result as a table cell, without leading zeros."""
    figures = [result.auroc, result.within] if within else [result.auroc]
    shown = [f"{figure:.3f}".replace("0.", ".", 1) for figure in figures]
    return " / ".join([*shown, f"{result.seconds:.1f}"])


def print_text(data: Path) -> None:
    """Print the table of the text sets."""
    print(
        "| set | TF-IDF + logistic regression, 5 folds | finder, fast | finder, accurate |\n"
        "|---|---|---|---|"
    )
    for name, file in [
        ("noisy AG News, 10,000 x 4", "noisy_agnews/val10k_med.parquet"),
        ("YouTube spam, 1,458 x 2", "youtube_spam/youtube.parquet"),
    ]:
        print(f"{name} …", file=sys.stderr)
        cells = [cell(result, within=False) for result in text_results(data / file)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def print_features(sets: list[tuple[str, Callable[[], tuple[pa.Table, list[str]]]]]) -> None:
    """Print the table of the sets of features."""
    print(
        '\n| set | "rare given class" | HistGradientBoosting, 5 folds | finder |\n|---|---|---|---|'
    )
    for name, load in sets:
        print(f"{name} …", file=sys.stderr)
        table, features = load()
        cells = [cell(result, within=True) for result in feature_results(table, features)]
        print(f"| {name}, {table.num_rows:,} | {' | '.join(cells)} |", flush=True)


def jira(data: Path, project: str) -> tuple[pa.Table, list[str]]:
    """Return a JIRA project and its 65 code metrics."""
    table = pq.read_table(data / "jira_defects" / f"{project}.parquet")
    metrics = [name for name in table.column_names if name not in NOT_METRICS]
    if len(metrics) != 65:
        raise SystemExit(f"{project} has {len(metrics)} code metrics; 65 were expected.")
    return table, metrics


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=["text", "jira", "synthetic"])
    parser.add_argument("--synthetic-rows", type=int, default=100_000)
    options = parser.parse_args()
    if options.only != "synthetic" and not options.data.is_dir():
        parser.error(f"there is no folder {options.data}")
    embed(["the model's own loading time is not a set's"])
    if options.only in (None, "text"):
        print("AUROC / seconds\n")
        print_text(options.data)
    sets: list[tuple[str, Callable[[], tuple[pa.Table, list[str]]]]] = []
    if options.only in (None, "jira"):
        sets += [(f"JIRA {name}", partial(jira, options.data, name)) for name in JIRA_PROJECTS]
    if options.only in (None, "synthetic"):
        sets.append(("synthetic, 7 classes, 8% noise", partial(synthetic, options.synthetic_rows)))
    if sets:
        print("\nAUROC / within class / seconds")
        print_features(sets)


if __name__ == "__main__":
    main()

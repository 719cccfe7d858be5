"""Planted errors in numbers and in sets of classes: ours beside cleanlab's, in one run.

Run: python benchmarks/other_labels.py [--rows 1000] [--data ../shared/data]

Numbers: 5% of the labels are replaced by another row's (swap), moved by 1 to 3 standard deviations
(shift), or misplace the decimal point (slip); AUROC of the ranking, flags that are errors, seconds.
Beside it CleanLearning for regression: with its default (linear regression) and with 100 extremely
randomised trees. Sets of classes: one class of a set is flipped in 5% of the rows; beside it
cleanlab's multi-label score and filter on 5-fold probabilities of one model for each class.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cleanlab.multilabel_classification.filter import find_label_issues
from cleanlab.multilabel_classification.rank import get_label_quality_scores
from cleanlab.regression.learn import CleanLearning
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_friedman1
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

from curation.finders.multi_label import MultiLabel
from curation.finders.regression_label import RegressionLabel
from curation.finders.search import find_issues
from curation.lake.roles import Roles

TRAITS = {
    "even": [0, 2, 4, 6, 8], "loop": [0, 6, 8, 9], "line": [1, 4, 7], "large": [5, 6, 7, 8, 9],
    "prime": [2, 3, 5, 7], "five": [5],
}  # fmt: skip
ROUND = "{:<18} {:<6} {:<26} {:>6.3f} {:>12} {:>7.2f} {:>7}"


def number_sets(rows: int, data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    yield "diabetes", *load_diabetes(return_X_y=True)
    yield "friedman1", *make_friedman1(rows, noise=1.0, random_state=0)
    cells = load_breast_cancer().data
    yield "cancer, texture", np.delete(cells, 1, axis=1), cells[:, 1]
    yield "cancer, smoothness", np.delete(cells, 4, axis=1), cells[:, 4]
    power = pq.read_table(data / "elec2" / "elec2.parquet").to_pandas().query("t > 17424")
    power = power.iloc[random.choice(len(power), rows, replace=False)]
    names = ["day", "period", "nswprice", "vicprice", "vicdemand", "transfer"]
    yield "elec2, demand", power[names].to_numpy(), power["nswdemand"].to_numpy()
    files = pq.read_table(data / "jira_defects" / "lucene.parquet").to_pandas()
    files = files.iloc[random.choice(len(files), rows, replace=False)].select_dtypes("number")
    files = files.drop(columns=[name for name in files if "Bug" in name or "error" in name])
    yield "lucene, AvgLine", files.drop(columns="AvgLine").to_numpy(), files["AvgLine"].to_numpy()


def spoilt(values: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    given = values.astype(np.float64).copy()
    rows = random.choice(len(values), len(values) // 20, replace=False)
    if kind == "swap":
        given[rows] = random.permutation(values)[: len(rows)]
    elif kind == "shift":
        far = random.uniform(1, 3, len(rows)) * random.choice([-1, 1], len(rows))
        given[rows] += far * values.std()
    else:
        given[rows] *= random.choice([0.1, 10], len(rows))
    return given, given != values


def print_row(
    name: str, kind: str, method: str, score: np.ndarray, flag: np.ndarray, wrong: np.ndarray,
    start: float, base: float,
) -> float:  # fmt: skip
    seconds = time.perf_counter() - start
    caught = f"{(flag & wrong).sum()} of {flag.sum()}"
    ratio = f"{seconds / base:.1f}x" if base else ""
    auroc = roc_auc_score(wrong, -score)
    print(ROUND.format(name, kind, method, auroc, caught, seconds, ratio), flush=True)
    return seconds


def numbers(rows: int, data: Path) -> None:
    means: dict[str, list[float]] = {}
    for name, matrix, values in number_sets(rows, data):
        for kind in ("swap", "shift", "slip"):
            given, wrong = spoilt(values, kind)
            columns = {f"x{i}": matrix[:, i] for i in range(matrix.shape[1])}
            roles = Roles.model_validate(
                {"columns": {**dict.fromkeys(columns, "feature"), "y": "label"}}
            )
            start = time.perf_counter()
            found = find_issues(pa.table({**columns, "y": given}), RegressionLabel(), roles=roles)
            score, flag = found.rows["score"].to_numpy(), found.rows["is_issue"].to_numpy()
            base = print_row(name, kind, "ours", score, flag, wrong, start, 0.0)
            means.setdefault("ours", []).append(roc_auc_score(wrong, -score))
            trees = ExtraTreesRegressor(100, min_samples_leaf=3, random_state=0)
            for peer, model in (("linear", LinearRegression()), ("trees", trees)):
                start = time.perf_counter()
                theirs = CleanLearning(model, seed=0).find_label_issues(matrix, given)
                score = theirs["label_quality"].to_numpy()
                flag = theirs["is_label_issue"].to_numpy()
                method = f"CleanLearning, {peer}"
                print_row(name, kind, method, score, flag, wrong, start, base)
                means.setdefault(method, []).append(roc_auc_score(wrong, -score))
    for method, aurocs in means.items():
        print(f"Mean AUROC of {len(aurocs)}: {method} {np.mean(aurocs):.4f}")


def label_sets() -> None:
    digits = load_digits()
    matrix = digits.data.astype(np.float32)
    true = np.stack([np.isin(digits.target, of) for of in TRAITS.values()], axis=1)
    random = np.random.default_rng(0)
    given, rows = true.copy(), random.choice(len(true), len(true) // 20, replace=False)
    given[rows, random.integers(len(TRAITS), size=len(rows))] ^= True
    wrong = (given != true).any(axis=1)
    names = list(TRAITS)
    sets = pa.array([[names[i] for i in np.flatnonzero(row)] for row in given])
    wide = {f"x{i}": matrix[:, i] for i in range(64)}
    kinds = {
        "ours, vectors": ({"x": pa.array(list(matrix))}, "embedding"),
        "ours, features": (wide, "feature"),
    }
    base = 0.0
    for method, (columns, role) in kinds.items():
        roles = Roles.model_validate({"columns": {**dict.fromkeys(columns, role), "y": "label"}})
        start = time.perf_counter()
        found = find_issues(pa.table({**columns, "y": sets}), MultiLabel(), roles=roles)
        score, flag = found.rows["score"].to_numpy(), found.rows["is_issue"].to_numpy()
        took = print_row("digits' traits", "flip", method, score, flag, wrong, start, base)
        base = base or took
    labels = [np.flatnonzero(row).tolist() for row in given]
    trees = ExtraTreesClassifier(100, min_samples_leaf=3, random_state=0)
    for peer, model in (("logistic", LogisticRegression(max_iter=300)), ("trees", trees)):
        start = time.perf_counter()
        probabilities = cross_val_predict(
            OneVsRestClassifier(model), matrix / 16, given.astype(int), cv=5, method="predict_proba"
        )
        score = get_label_quality_scores(labels, probabilities)
        flag = find_label_issues(labels, probabilities, n_jobs=1)
        method = f"cleanlab, {peer} 5-fold"
        print_row("digits' traits", "flip", method, score, flag, wrong, start, base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    head = "{:<18} {:<6} {:<26} {:>6} {:>12} {:>7} {:>7}"
    print(head.format("set", "errors", "method", "AUROC", "right flags", "seconds", "ratio"))
    label_sets()
    numbers(chosen.rows, chosen.data)


if __name__ == "__main__":
    main()

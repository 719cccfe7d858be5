"""How well label errors are found, and how fast, beside peers: prints Markdown tables.

    python benchmarks/label_errors.py [--data ../shared/data] [--only texts|images|tables]

For each set and method: average precision and AUROC of the ranking by label quality against the
known errors, precision and recall of the flagged rows, and seconds. A method that has no flags of
its own is given confident learning's. All methods of a set run in one process, one after another;
one setting of ours serves all sets. Gradient boosting learns from embeddings where the rows are
texts. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cleanlab import Datalab
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues as confident_learning
from label_sets import LabelSet, label_sets, reviewed_sets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from curation.finders.label import find_label_issues
from curation.lake.roles import Roles
from curation.learn.probabilities import Preset
from curation.learn.text import embed

ROOT = Path(__file__).resolve().parents[1]
Found = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]
Method = Callable[[LabelSet], Found]


class Result(NamedTuple):
    """What a method found in a set; `within` is the mean AUROC within a given class."""

    average_precision: float
    auroc: float
    within: float
    precision: float
    recall: float
    flagged: int
    seconds: float


def measured(one: LabelSet, method: Method) -> Result:
    """Time a method and compare what it found with the known errors."""
    start = time.perf_counter()
    quality, flags = method(one)
    seconds = time.perf_counter() - start
    within = []
    for code in range(one.classes):
        of_class = one.codes == code
        if 0 < one.is_error[of_class].sum() < of_class.sum():
            within.append(roc_auc_score(one.is_error[of_class], -quality[of_class]))
    hits = int((flags & one.is_error).sum())
    return Result(
        float(average_precision_score(one.is_error, -quality)),
        float(roc_auc_score(one.is_error, -quality)), float(np.mean(within)),
        hits / max(int(flags.sum()), 1), hits / int(one.is_error.sum()), int(flags.sum()), seconds,
    )  # fmt: skip


def ours(preset: Preset, one: LabelSet) -> Found:
    """Look by the label finder."""
    rows = find_label_issues(one.table, roles=one.roles, preset=preset).rows
    return rows["score"].to_numpy(), np.asarray(rows["is_issue"])


def folds(model: Any, matrix: Any, one: LabelSet) -> Found:
    """Look by confident learning on the probabilities of five folds."""
    split = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(model, matrix, one.codes, cv=split, method="predict_proba", n_jobs=1)
    flags = confident_learning(one.codes, found, n_jobs=1)
    return found[np.arange(len(one.codes)), one.codes], np.asarray(flags)


def words(one: LabelSet) -> Any:
    """The TF-IDF of words and pairs of words of texts; of all else standardised columns."""
    if one.kind != "texts":
        return one.standardised()
    weigher = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    return weigher.fit_transform(one.texts())


def logistic(one: LabelSet) -> Found:
    """Look by logistic regression over five folds."""
    return folds(LogisticRegression(C=10, max_iter=300), words(one), one)


def boosting(one: LabelSet) -> Found:
    """Look by gradient boosting over five folds."""
    return folds(HistGradientBoostingClassifier(random_state=0), one.matrix(), one)


def clean_learning(one: LabelSet) -> Found:
    """Look by cleanlab's CleanLearning with its own model and settings."""
    issues = CleanLearning(seed=0).find_label_issues(words(one), one.codes)
    return issues["label_quality"].to_numpy(), issues["is_label_issue"].to_numpy()


def datalab(one: LabelSet) -> Found:
    """Look by Datalab's label issues, from embeddings, pixels or standardised features."""
    features = one.standardised() if one.kind == "tables" else one.matrix()
    lab = Datalab({"label": one.codes}, label_name="label", verbosity=0)
    lab.find_issues(features=features, issue_types={"label": {}})
    issues = lab.get_issues("label")
    return issues["label_score"].to_numpy(), issues["is_label_issue"].to_numpy()


BOOSTING = "gradient boosting, 5 folds"
METHODS: dict[str, Method] = {
    "ours, fast": partial(ours, "fast"),
    "ours, accurate": partial(ours, "accurate"),
    "CleanLearning": clean_learning,
    "Datalab": datalab,
    "logistic regression, 5 folds": logistic,
    BOOSTING: boosting,
}


def share(figure: float) -> str:
    """Write a share without its leading zero."""
    return f"{figure:.3f}".replace("0.", ".", 1)


def print_set(name: str, one: LabelSet, results: dict[str, Result]) -> None:
    """Print what each method found in a set."""
    print(f"\n{name}: {len(one.codes):,} x {one.classes}, {one.is_error.mean():.1%} wrong\n")
    print(
        "| method | average precision | AUROC | within class | flagged | precision | recall | s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for method, found in results.items():
        cells = [share(found.average_precision), share(found.auroc), share(found.within)]
        cells += [f"{found.flagged:,}", share(found.precision), share(found.recall)]
        print(f"| {method} | {' | '.join(cells)} | {found.seconds:.2f} |", flush=True)


def print_means(every: dict[str, tuple[str, dict[str, Result]]]) -> None:
    """Print each method's mean average precision, by kind and in all, and its time."""
    kinds = sorted({kind for kind, _ in every.values()})
    print(f"\nMean average precision over {len(every)} sets; times beside {BOOSTING}\n")
    methods = next(iter(every.values()))[1]
    headings = [*kinds, "all"]
    if BOOSTING in methods:
        headings += ["times quicker: mean", "geometric mean", "least"]
    print(f"| method | {' | '.join(headings)} |\n|---|{'---|' * len(headings)}")
    for method in methods:
        groups = [[r for k, r in every.values() if k == kind] for kind in kinds]
        groups.append([results for _, results in every.values()])
        cells = [share(np.mean([r[method].average_precision for r in group])) for group in groups]
        if BOOSTING in methods:
            quicker = [r[BOOSTING].seconds / r[method].seconds for _, r in every.values()]
            mean, least = np.mean(quicker), np.min(quicker)
            cells += [f"{mean:.1f}", f"{np.exp(np.mean(np.log(quicker))):.1f}", f"{least:.1f}"]
        print(f"| {method} | {' | '.join(cells)} |")


def print_reviewed(data: Path) -> None:
    """Print how often people agreed with the flags on given probabilities."""
    print("\nGiven probabilities: flagged rows that people reviewed, and how many are errors\n")
    print("| set | ours | cleanlab |\n|---|---|---|")
    for name, table in reviewed_sets(data):
        looked = table["mturk_error"].is_valid().to_numpy()
        wrong = table["mturk_error"].fill_null(fill_value=False).to_numpy()
        roles = Roles(columns={"given_label": "label"})
        rows = find_label_issues(table, roles=roles, pred_probs_prefix="p").rows
        width = len(np.unique(table["given_label"]))
        given = np.stack([table[f"p{place}"].to_numpy() for place in range(width)], axis=1)
        labels = table["given_label"].to_numpy().astype(np.int64)
        theirs = confident_learning(labels, np.clip(given, 0, 1), n_jobs=1)
        cells = []
        for flags in (np.asarray(rows["is_issue"]), theirs):
            seen, errors = int((flags & looked).sum()), int((flags & wrong).sum())
            cells.append(f"{errors:,} of {seen:,} = {errors / max(seen, 1):.1%}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=["texts", "images", "tables"])
    parser.add_argument("--methods", help="beginnings of names, separated by commas; all")
    parser.add_argument("--made-up-rows", type=int, default=20_000, help="0 leaves that set out")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}")
    wanted = tuple((options.methods or "").split(","))
    methods = {name: method for name, method in METHODS.items() if name.startswith(wanted)}
    warnings.simplefilter("ignore")  # of peers: rounds of a solver, small classes
    embed(["the model's own loading time is not a set's"])
    every: dict[str, tuple[str, dict[str, Result]]] = {}
    for name, one in label_sets(options.data, options.only, options.made_up_rows):
        results = {}
        for method, find in methods.items():
            print(f"{name}: {method} …", file=sys.stderr)
            results[method] = measured(one, find)
        every[name] = (one.kind, results)
        print_set(name, one, results)
    print_means(every)
    if options.only is None:
        print_reviewed(options.data)


if __name__ == "__main__":
    main()

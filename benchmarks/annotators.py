"""How often the consensus of several annotators is right: prints Markdown tables.

    python benchmarks/annotators.py [--data ../shared/data] [--votes 100000]

Reads 2,945 answers by 44 people on the genre of 700 songs, with the true genres, and compares the
consensus of each policy with these. Models see 124 numeric features of the songs and are trained on
the majority's labels, ties settled by Dawid-Skene; their probabilities are out-of-sample. Then it
times the policies on made-up votes. If crowd-kit is installed, it is run beside.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from curation.finders.agreement import krippendorff_alpha
from curation.finders.annotators import Consensus, majority
from curation.finders.crowd import crowdlab
from curation.finders.dawid_skene import dawid_skene
from curation.finders.votes import read_votes
from curation.lake.roles import Roles
from curation.learn.probabilities import out_of_sample_probabilities

ROOT = Path(__file__).resolve().parents[1]
VOTE = ["record_key", "annotator", "label"]
Probabilities = npt.NDArray[np.floating[Any]]


class Songs(NamedTuple):
    """The answers, the songs in the order of their keys, and their true genres."""

    votes: pa.Table
    items: pa.Table
    truth: npt.NDArray[np.str_]

    @property
    def keys(self) -> list[str]:
        keys: list[str] = self.items["id"].to_pylist()
        return keys


def read_songs(folder: Path) -> Songs:
    votes = pq.read_table(folder / "answers.parquet").rename_columns(VOTE)
    items = pq.read_table(folder / "items.parquet").sort_by("id")
    return Songs(votes, items, np.array(items["true_label"].to_pylist()))


def right(songs: Songs, consensus: Consensus) -> tuple[float, float]:
    """Return the share of right labels with ties as wrong, and with ties drawn at random."""
    labels = consensus.rows["label"].to_pylist()
    strict = float((np.array(labels, dtype=object) == songs.truth).mean())
    read = read_votes(songs.votes)
    counts = np.zeros((len(read.records), len(read.classes)))
    np.add.at(counts, (read.record, read.label), 1)
    best = counts == counts.max(axis=1, keepdims=True)
    true = np.array([read.classes.index(name) for name in songs.truth])
    chance = best[np.arange(len(true)), true] / best.sum(axis=1)
    tied = np.array([label is None for label in labels])
    return strict, strict + float((chance * tied).mean())


def training_labels(votes: pa.Table) -> list[str]:
    by_count = majority(votes).rows["label"]
    labels: list[str] = pc.coalesce(by_count, dawid_skene(votes).rows["label"]).to_pylist()
    return labels


def by_trees(songs: Songs, classes: list[str]) -> Probabilities:
    """Return our own learner's out-of-bag probabilities: shape (n, k)."""
    features = songs.items.drop(["id", "true_label"])
    codes = np.array([classes.index(name) for name in training_labels(songs.votes)])
    roles = Roles(columns=dict.fromkeys(features.column_names, "feature"))
    return out_of_sample_probabilities(features, codes, classes, roles).probabilities


def by_regression(songs: Songs, classes: list[str]) -> Probabilities:
    """Return logistic regression's probabilities over five folds: shape (n, k)."""
    features = songs.items.drop(["id", "true_label"])
    matrix = np.column_stack([features[name].to_numpy() for name in features.column_names])
    codes = np.array([classes.index(name) for name in training_labels(songs.votes)])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    split = StratifiedKFold(5, shuffle=True, random_state=0)
    found: Probabilities = cross_val_predict(model, matrix, codes, cv=split, method="predict_proba")
    return found


def cleanlabs_own(
    songs: Songs, probabilities: Probabilities, classes: list[str]
) -> npt.NDArray[np.str_]:
    """Return cleanlab's choice, which may be a class that nobody voted for."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    read = read_votes(songs.votes, classes)
    wide = np.full((len(read.records), len(read.annotators)), np.nan)
    wide[read.record, read.annotator] = read.label
    told = get_label_quality_multiannotator(wide, probabilities.astype(float), verbose=False)
    return np.array(classes)[told["label_quality"]["consensus_label"].to_numpy()]


def disputed(songs: Songs, consensus: Consensus) -> str:
    """Say how many records are disputed, and how often the two kinds are right."""
    is_disputed = consensus.rows["is_disputed"].to_numpy(zero_copy_only=False)
    is_right = np.array(consensus.rows["label"].to_pylist(), dtype=object) == songs.truth
    shares = [f"{is_right[kind].mean():.1%}" for kind in (is_disputed, ~is_disputed)]
    return f"{is_disputed.sum():,}: {shares[0]}, others {shares[1]}"


def print_row(songs: Songs, name: str, call: Callable[[], Consensus]) -> None:
    start = time.perf_counter()
    consensus = call()
    seconds = time.perf_counter() - start
    strict, drawn = right(songs, consensus)
    ties = consensus.rows["label"].null_count
    quality = consensus.rows["quality"].to_numpy().mean()
    print(
        f"| {name} | {strict:.1%} | {drawn:.1%} | {ties} | {quality:.2f} "
        f"| {disputed(songs, consensus)} | {seconds:.2f} |",
        flush=True,
    )


def print_songs(songs: Songs) -> None:
    classes = read_votes(songs.votes).classes
    # Not the first answer of each song: the file's order is not by chance.
    answers = songs.votes.join(songs.items.select(["id", "true_label"]), "record_key", "id")
    single = pc.mean(pc.equal(answers["label"], answers["true_label"]).cast(pa.float64())).as_py()
    alpha = krippendorff_alpha(songs.votes)
    print(
        f"A single answer is right {single:.1%} of the time. Krippendorff's alpha is "
        f"{alpha.alpha:.3f}, 95% interval {alpha.low:.3f} to {alpha.high:.3f}.\n\n"
        "| policy | right, ties wrong | right, ties drawn | ties | mean quality "
        "| disputed: right | seconds |\n|---|---|---|---|---|---|---|"
    )
    trees, regression = by_trees(songs, classes), by_regression(songs, classes)
    print_row(songs, "majority", lambda: majority(songs.votes))
    print_row(songs, "Dawid-Skene", lambda: dawid_skene(songs.votes))
    for name, found in [("our trees", trees), ("logistic regression", regression)]:
        print_row(
            songs,
            f"CROWDLAB, {name}",
            lambda found=found: crowdlab(songs.votes, found, songs.keys, classes),  # type: ignore[misc]
        )
    print("\n| beside | right |\n|---|---|")
    for name, found in [("our trees", trees), ("logistic regression", regression)]:
        alone = np.array(classes)[found.argmax(axis=1)]
        own = cleanlabs_own(songs, found, classes)
        print(f"| {name} alone | {(alone == songs.truth).mean():.1%} |")
        print(f"| cleanlab's own choice, {name} | {(own == songs.truth).mean():.1%} |")
    if find_spec("crowdkit"):
        theirs = crowd_kit(songs.votes).loc[songs.keys].to_numpy()
        print(f"| crowd-kit's Dawid-Skene | {(theirs == songs.truth).mean():.1%} |")


def crowd_kit(votes: pa.Table) -> Any:
    """Return crowd-kit's Dawid-Skene labels, by record key."""
    from crowdkit.aggregation import DawidSkene

    frame = votes.select(VOTE).rename_columns(["task", "worker", "label"]).to_pandas()
    return DawidSkene(n_iter=500, tol=1e-7).fit_predict(frame)


def made_up(votes: int, classes: int = 20, annotators: int = 200, seed: int = 0) -> pa.Table:
    """Return about five votes a record, by annotators who are right 40 to 90% of the time."""
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=votes // 5)
    record = np.repeat(np.arange(len(truth)), 5)
    first = random.integers(annotators, size=len(truth))
    # Steps of 37 never meet again within five.
    annotator = (np.repeat(first, 5) + 37 * np.tile(np.arange(5), len(truth))) % annotators
    skill = random.uniform(0.4, 0.9, annotators)[annotator]
    is_right = random.random(len(record)) < skill
    label = np.where(is_right, truth[record], random.integers(classes, size=len(record)))
    columns = [[f"{kind}{place}" for place in values] for kind, values in
               [("r", record), ("a", annotator), ("c", label)]]  # fmt: skip
    return pa.table(dict(zip(VOTE, columns, strict=True)))


def print_speed(count: int) -> None:
    votes = made_up(count)
    read = read_votes(votes)
    flat = np.full((len(read.records), len(read.classes)), 1 / len(read.classes))
    calls: list[tuple[str, Callable[[], object]]] = [
        ("majority", lambda: majority(votes)),
        ("Dawid-Skene", lambda: dawid_skene(votes)),
        ("CROWDLAB", lambda: crowdlab(votes, flat, read.records, read.classes)),
        ("alpha with 1,000 resamples", lambda: krippendorff_alpha(votes)),
    ]
    if find_spec("crowdkit"):
        calls.append(("crowd-kit's Dawid-Skene", lambda: crowd_kit(votes)))
    print(
        f"\n{votes.num_rows:,} votes, {len(read.records):,} records, {len(read.classes)} classes, "
        f"{len(read.annotators)} annotators:\n\n| what | seconds | peak of Python's memory, MB |\n"
        "|---|---|---|"
    )
    for name, call in calls:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        tracemalloc.start()  # in a run of its own, since it slows the other
        call()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(f"| {name} | {seconds:.1f} | {peak:,.0f} |", flush=True)


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--votes", type=int, default=100_000)
    options = parser.parse_args()
    folder = options.data / "music_genre_crowd"
    if not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    print_songs(read_songs(folder))
    print_speed(options.votes)


if __name__ == "__main__":
    main()

"""What ways to draw are worth beside drawing by chance: prints Markdown tables.

    python benchmarks/sampling_ways.py [--data ../shared/data] [--seeds 8] [--million]

1. What to label next: of a pool some rows have a label; a rule draws others, whose true labels are
   then given. A logistic regression on the feature space learns from both and is scored on other
   rows. Each seed has another pool and other labelled rows; every way sees the same ones, and its
   gain over uniform is shown with a 95% interval (Student's t over the seeds).
2. What a sample of unlabelled rows covers: the classes in it, the clusters of the data (100 by
   k-means) in it, and how far a row of the data lies from the nearest drawn one (0 to 2, 1 minus
   the cosine): the mean and the farthest.
3. Hard and rare rows, in 77 classes of which each has 6% fewer rows than the one before.
4. Seconds; with --million of a million made-up texts too, with the peak memory.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from queue_at_scale import short_texts
from scipy import stats
from sklearn.linear_model import LogisticRegression

from curation.lake.roles import Roles
from curation.learn.clusters import clusters
from curation.learn.content import read_content
from curation.learn.features import feature_space
from curation.learn.threads import single_threaded_blas
from curation.sampling import Rule, draw_frame
from curation.sampling.drawing.diversity import farthest_first

ROOT = Path(__file__).resolve().parents[1]
UNLABELLED = "label is null"
NEXT: Mapping[str, Mapping[str, Any]] = {
    "uniform": {},
    "uncertainty": {"by": "uncertainty"},
    "margin": {"by": "margin"},
    "diversity": {"by": "diversity"},
    "diversity among the 1,000 closest by margin": {
        "by": "diversity", "candidates": 1_000, "candidates_by": "margin",
    },
    "uniform per cluster": {"per_cluster": True, "clusters": 50},
}  # fmt: skip
COVER = {name: NEXT[name] for name in ("uniform", "diversity", "uniform per cluster")}
HARD: Mapping[str, Mapping[str, Any]] = {
    "uniform": {},
    "as many of each class": {"per": ("label",)},
    "rare": {"by": "hard_and_rare", "hard": 0},
    "hard and rare": {"by": "hard_and_rare", "hard": 0.5},
    "hard": {"by": "hard_and_rare", "hard": 1},
}  # fmt: skip


class Case(NamedTuple):
    """Rows with their true classes, and how many are taken for what."""

    name: str
    table: pa.Table
    roles: Roles
    space: npt.NDArray[np.float32]
    truth: npt.NDArray[np.str_]
    pool: int
    labelled: int
    drawn: int


def case(name: str, table: pa.Table, label: str, kinds: Mapping[str, Any], *sizes: int) -> Case:
    """Return a case; the row's number is its key."""
    keys = pa.array([f"{place}" for place in range(len(table))])
    truth = np.array(table[label].to_pylist())
    data = table.select(list(kinds)).append_column("id", keys)
    space = feature_space(read_content(data, Roles(columns=dict(kinds))))
    roles = Roles(columns={**kinds, "id": "key", "label": "label"})
    return Case(name, data, roles, space, truth, *sizes)


def cases(folder: Path) -> list[Case]:
    news = pq.read_table(folder / "noisy_agnews/val10k_med.parquet")
    queries = pq.read_table(folder / "banking77/banking77.parquet")
    (people,) = (pq.read_table(one) for one in (folder / "adult").glob("*.parquet"))
    target = people.column_names[-1]
    return [
        case("AG News, 4 classes", news, "true_label", {"text": "text"}, 5_000, 100, 200),
        case("banking77, 77 classes", queries, "category", {"text": "text"}, 6_000, 400, 400),
        case(
            "adult, 2 classes", people, target,
            dict.fromkeys(people.column_names[:-1], "feature"), 6_000, 100, 200,
        ),
    ]  # fmt: skip


def drawn_places(one: Case, places: npt.NDArray[Any], labels: pa.Array, **rule: Any) -> Any:
    """Return which rows of a pool a rule draws."""
    pool = one.table.take(pa.array(places)).append_column("label", labels)
    found = draw_frame(pool, Rule(**rule), one.roles)
    return np.array([int(key) for key in found["id"].to_pylist()])


def accuracy(one: Case, learned: npt.NDArray[Any], test: npt.NDArray[Any]) -> float:
    model = LogisticRegression(C=10, max_iter=300)
    model.fit(one.space[learned], one.truth[learned])
    return float((model.predict(one.space[test]) == one.truth[test]).mean())


def label_next(one: Case, seeds: int) -> None:
    """Print how right a model is after the drawn rows are labelled."""
    scores: dict[str, list[float]] = {name: [] for name in ["before", *NEXT]}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(one.table))
        pool, test = order[: one.pool], order[one.pool : one.pool + 5_000]
        known = pool[: one.labelled]
        labels = [one.truth[p] if i < one.labelled else None for i, p in enumerate(pool)]
        scores["before"].append(accuracy(one, known, test))
        for name, way in NEXT.items():
            amount = {"rows": one.drawn} if "per_cluster" in way else {"n": one.drawn}
            new = drawn_places(
                one, pool, pa.array(labels), where=UNLABELLED, seed=seed, **amount, **way
            )
            scores[name].append(accuracy(one, np.concatenate([known, new]), test))
    base = np.array(scores["uniform"])
    print(f"\n**{one.name}**: {one.labelled} labelled of {one.pool:,}, {one.drawn} drawn\n")
    print("| way | accuracy | over uniform, points | 95% interval |\n|---|---|---|---|")
    for name, found in scores.items():
        print(f"| {name} | {np.mean(found):.3f} | {_gain(100 * (np.array(found) - base))} |")


def _gain(points: npt.NDArray[np.float64]) -> str:
    if not points.any():
        return "0 | "
    low, high = stats.t.interval(
        0.95, len(points) - 1, loc=points.mean(), scale=stats.sem(points) or 1e-9
    )
    return f"{points.mean():+.1f} | {low:+.1f} to {high:+.1f}"


def covers(one: Case, seeds: int, drawn: int) -> None:
    """Print what unlabelled samples cover."""
    print(f"\n**{one.name}**: {drawn} of {one.pool:,} drawn\n")
    print(
        "| way | classes | rows of the least frequent class | clusters of 100 | mean distance "
        "| farthest |\n|---|---|---|---|---|---|"
    )
    figures: dict[str, list[Sequence[float]]] = {name: [] for name in COVER}
    for seed in range(seeds):
        pool = np.random.default_rng(seed).permutation(len(one.table))[: one.pool]
        cluster = clusters(one.space[pool], 100).codes
        where = {place: i for i, place in enumerate(pool.tolist())}
        for name, way in COVER.items():
            amount = {"rows": drawn} if "per_cluster" in way else {"n": drawn}
            nothing = pa.nulls(one.pool, pa.string())
            chosen = drawn_places(one, pool, nothing, seed=seed, **amount, **way)
            near = 1 - (one.space[pool] @ one.space[chosen].T).max(axis=1)
            counts = [np.count_nonzero(one.truth[chosen] == c) for c in np.unique(one.truth)]
            reached = len(set(cluster[[where[place] for place in chosen.tolist()]]))
            figures[name].append(
                (np.count_nonzero(counts), min(counts), reached, near.mean(), near.max())
            )
    for name, found in figures.items():
        mean = np.mean(found, axis=0)
        print(
            f"| {name} | {mean[0]:.1f} | {mean[1]:.1f} | {mean[2]:.1f} | {mean[3]:.3f} "
            f"| {mean[4]:.3f} |"
        )


def hard_and_rare(one: Case, seeds: int, drawn: int) -> None:
    """Print what is drawn of rare classes, and what a model learns of it."""
    names = np.unique(one.truth)
    rows: dict[str, list[Sequence[float]]] = {name: [] for name in HARD}
    pool_size = 0
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        of_class = {name: random.permutation(np.flatnonzero(one.truth == name)) for name in names}
        kept = {name: max(3, round(120 * 0.94**i)) for i, name in enumerate(names)}
        pool = np.concatenate([of_class[name][: kept[name]] for name in names])
        test = np.concatenate([of_class[name][kept[name] :][:30] for name in names])
        rare, pool_size = names[-25:], len(pool)
        for name, way in HARD.items():
            # Some classes have fewer rows than their part, and others give more.
            amount = {"n": drawn // len(names), "fill": True} if "per" in way else {"n": drawn}
            labels = pa.array(one.truth[pool])
            chosen = drawn_places(one, pool, labels, seed=seed, **amount, **way)
            held = np.isin(one.truth[chosen], rare)
            rare_test = test[np.isin(one.truth[test], rare)]
            rows[name].append(
                (
                    len(np.unique(one.truth[chosen])), held.sum(),
                    accuracy(one, chosen, test), accuracy(one, chosen, rare_test),
                )
            )  # fmt: skip
    print(f"\n{drawn} of about {pool_size:,} drawn\n")
    print(
        "| way | classes | rows of the rarest 25 | accuracy, all classes alike | in the rarest 25 |"
        "\n|---|---|---|---|---|"
    )
    for name, found in rows.items():
        mean = np.mean(found, axis=0)
        print(f"| {name} | {mean[0]:.1f} | {mean[1]:.1f} | {mean[2]:.3f} | {mean[3]:.3f} |")


def seconds(million: bool) -> None:
    """Print how long it takes."""
    print("\n| what | seconds | peak memory, MB |\n|---|---|---|")
    points = np.random.default_rng(0).normal(size=(10_000, 256)).astype(np.float32)
    start = time.perf_counter()
    with single_threaded_blas():  # as a rule does
        farthest_first(points, 1_000)
    print(f"| 1,000 diverse of 10,000 points | {time.perf_counter() - start:.1f} | |")
    if not million:
        return
    table = short_texts(1_000_000)[0]
    keys = pa.array(np.arange(len(table)).astype(str))
    table = table.append_column("id", keys)
    roles = Roles(columns={"text": "text", "label": "label", "id": "key"})
    for name, way in (
        ("uniform", {}), ("diversity", {"by": "diversity"}), ("uncertainty", {"by": "uncertainty"}),
        ("uniform per cluster", {"per_cluster": True}),
    ):  # fmt: skip
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts from what is resident now
        start = time.perf_counter()
        draw_frame(table, Rule(n=1_000, **way), roles)
        took = time.perf_counter() - start
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        print(f"| {name}: 1,000 of a million texts | {took:.1f} | {int(peak) / 1024:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--million", action="store_true", help="time a million texts too")
    options = parser.parse_args()
    known = cases(options.data)
    print("### What to label next")
    for one in known:
        label_next(one, options.seeds)
    print("\n### What unlabelled samples cover")
    for one in known[:2]:
        covers(one, options.seeds, 150)
    print("\n### Hard and rare rows")
    hard_and_rare(known[1], options.seeds, 500)
    print("\n### Seconds")
    seconds(options.million)


if __name__ == "__main__":
    main()

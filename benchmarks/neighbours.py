"""All finders on the neighbour graph beside Datalab's: seconds, peak memory, and what is found.

    python benchmarks/neighbours.py [--rows 20000] [--full] [--million]

The peer is cleanlab's Datalab (`pip install 'cleanlab[datalab]'`) with its outliers, near
duplicates and non-iid test; ours are outliers, near and exact duplicates, conflicting labels, order
and valuation, from the table on. Both get the same 256 numbers a row, each in a process of its own.
`--full` takes 50,000 rows; `--million` runs ours alone on 1,000,000 rows of 64 numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = 10
THEMES = 200
DIRECTIONS = 20
Floats = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--full", action="store_true", help="50,000 rows")
    parser.add_argument("--million", action="store_true", help="ours alone, 1,000,000 x 64")
    parser.add_argument("--child", choices=["ours", "datalab"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        (ours if options.child == "ours" else datalab)(options.folder)
        return
    rows, width = (1_000_000, 64) if options.million else (options.rows, 256)
    rows = 50_000 if options.full else rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features, labels = made(rows, width)
        np.save(folder / "features.npy", features)
        np.save(folder / "labels.npy", labels)
        del features
        print(f"{rows:,} rows of {width} numbers\n")
        print("| what | seconds | of ours | peak memory, MB |\n|---|---|---|---|")
        mine = measured("ours", folder)
        print(f"| ours | {mine['seconds']:.1f} | 1.0 | {mine['megabytes']:,.0f} |", flush=True)
        for part, seconds in mine["parts"].items():
            print(f"| · {part} | {seconds:.1f} | {seconds / mine['seconds']:.2f} | |")
        if not options.million:
            peer = measured("datalab", folder)
            ratio = peer["seconds"] / mine["seconds"]
            print(f"| Datalab | {peer['seconds']:.1f} | {ratio:.1f} | {peer['megabytes']:,.0f} |")
            compare(folder)
        print(f"\nneighbours: {mine['how']}")


def made(rows: int, width: int, seed: int = 0) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return vectors like a text model's, in themes of few directions, with copies and oddities."""
    draw = np.random.default_rng(seed)
    theme = draw.integers(THEMES, size=rows)
    centres = draw.normal(size=(THEMES, width)).astype(np.float32)
    features = centres[theme]
    for one in range(THEMES):
        basis = draw.normal(size=(DIRECTIONS, width)).astype(np.float32) / np.sqrt(DIRECTIONS)
        mine = np.flatnonzero(theme == one)
        features[mine] += draw.normal(size=(len(mine), DIRECTIONS)).astype(np.float32) @ basis
    features += draw.normal(size=features.shape).astype(np.float32) * np.float32(0.3)
    odd = draw.choice(rows, rows // 100, replace=False)
    features[odd] = draw.normal(size=(len(odd), width)).astype(np.float32) * np.float32(1.5)
    copies, sources = draw.choice(rows, (2, rows // 25), replace=False)
    nudge = draw.normal(size=(len(copies), width)) * draw.uniform(0, 0.15, (len(copies), 1))
    features[copies] = features[sources] + nudge.astype(np.float32)
    features[copies[::4]] = features[sources[::4]]
    labels = theme % CLASSES
    wrong = draw.choice(rows, rows // 20, replace=False)
    labels[wrong] = draw.integers(CLASSES, size=len(wrong))
    return features, labels


def measured(child: str, folder: Path) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--child", child, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{child} ended with {done.returncode}: {done.stderr[-2_000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def peak() -> float:
    """Return the peak resident memory of this process in MB."""
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) / 1024


def ours(folder: Path) -> None:
    import pyarrow as pa

    from curation.finders.conflicting_labels import ConflictingLabels
    from curation.finders.exact_duplicate import ExactDuplicate
    from curation.finders.near_duplicate import NearDuplicate
    from curation.finders.order import Order
    from curation.finders.outlier import Outlier
    from curation.finders.search import search
    from curation.finders.valuation import Valuation
    from curation.lake.roles import Roles
    from curation.learn.shared import Shared

    features = np.load(folder / "features.npy")
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    labels = pa.array(np.load(folder / "labels.npy"))
    table = pa.table({"id": np.arange(len(features)), "vector": vectors, "label": labels})
    del features
    roles = Roles(columns={"id": "key", "vector": "embedding", "label": "label"})
    start = time.perf_counter()
    shared = Shared(table, roles)
    neighbours = shared.neighbours()
    parts = {"features and neighbours": time.perf_counter() - start}
    found = {}
    for kind in (Outlier, NearDuplicate, ExactDuplicate, ConflictingLabels, Order, Valuation):
        before = time.perf_counter()
        found[kind.name] = search(shared, kind())
        parts[kind.name] = time.perf_counter() - before
    seconds = time.perf_counter() - start
    for name in ("outlier", "near_duplicate"):
        np.save(folder / f"ours-{name}.npy", found[name].rows["score"].to_numpy())
    near = found["near_duplicate"].rows["group"].fill_null(-1).to_numpy()
    np.save(folder / "ours-groups.npy", near)
    said = {"seconds": seconds, "megabytes": peak(), "parts": parts, "how": neighbours.how}
    print(json.dumps(said))


def datalab(folder: Path) -> None:
    from cleanlab import Datalab

    features, labels = np.load(folder / "features.npy"), np.load(folder / "labels.npy")
    start = time.perf_counter()
    lab = Datalab({"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(
        features=features, issue_types={"outlier": {}, "near_duplicate": {}, "non_iid": {}}
    )
    seconds = time.perf_counter() - start
    issues = lab.get_issues()
    np.save(folder / "datalab-outlier.npy", issues["outlier_score"].to_numpy())
    sets = lab.get_info("near_duplicate")["near_duplicate_sets"]
    pairs = [(i, int(j)) for i, others in enumerate(sets) for j in others if i < j]
    np.save(folder / "datalab-pairs.npy", np.array(pairs, dtype=np.int64).reshape(-1, 2))
    print(json.dumps({"seconds": seconds, "megabytes": peak()}))


def compare(folder: Path) -> None:
    from scipy.stats import spearmanr

    mine, theirs = (np.load(folder / f"{who}-outlier.npy") for who in ("ours", "datalab"))
    groups, pairs = np.load(folder / "ours-groups.npy"), np.load(folder / "datalab-pairs.npy")
    both = (groups[pairs[:, 0]] >= 0) & (groups[pairs[:, 0]] == groups[pairs[:, 1]])
    print(f"\nSpearman's rank correlation of the outlier scores: {spearmanr(mine, theirs)[0]:.4f}")
    print(
        f"near-duplicate pairs of Datalab in one of our groups: {both.mean():.2%} of {len(both):,}"
    )


if __name__ == "__main__":
    main()

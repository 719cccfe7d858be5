"""What judging labels costs beside cleanlab: seconds and peak memory, each in a process of its own.

    python benchmarks/label_filters.py [--sizes 1000000x100 10000000x10] [--only NAME ...]

The input is made up: a fair model's float32 probabilities, and labels of which 8% are drawn anew.
It is written once to a file; every process reads it into memory but the one that maps it. "Beyond
the input" is the peak of resident memory in the call, less what was resident before it, so the
mapped file is in it; worker processes of cleanlab are not. Seconds are the call alone, without
imports. Prints a Markdown table for each size; the ratios are to the first row of cleanlab.
Where cleanlab's flags are unlike ours, its sorts left equal counts in another order.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SIZES = ("1000000x100", "10000000x10")
TIMEOUT = 1_200


class Measured(NamedTuple):
    """A call: seconds, MB at its peak beyond the input and in all, and rows that it flagged."""

    seconds: float
    beyond: float
    peak: float
    flagged: int


def ours(codes: Any, probabilities: Any) -> Any:
    from curation.finders.confident import judge_labels

    return judge_labels(codes, probabilities).is_issue


def ours_adjusted_margin(codes: Any, probabilities: Any) -> Any:
    from curation.finders.confident import judge_labels

    return judge_labels(
        codes, probabilities, filter_by="both", score="normalized_margin", adjust_pred_probs=True
    ).is_issue


def ours_as_batched(codes: Any, probabilities: Any) -> Any:
    from curation.finders.confident import judge_labels

    return judge_labels(codes, probabilities, filter_by="low_self_confidence").is_issue


def cleanlabs(codes: Any, probabilities: Any, n_jobs: int | None = None) -> Any:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    is_issue = find_label_issues(codes, probabilities, n_jobs=n_jobs)
    get_label_quality_scores(codes, probabilities)
    return is_issue


def cleanlabs_in_one_process(codes: Any, probabilities: Any) -> Any:
    return cleanlabs(codes, probabilities, n_jobs=1)


def cleanlabs_batched(codes: Any, probabilities: Any) -> Any:
    from cleanlab.experimental.label_issues_batched import find_label_issues_batched

    return find_label_issues_batched(
        codes, probabilities, batch_size=10_000, verbose=False, return_mask=True
    )


METHODS: dict[str, tuple[str, Callable[[Any, Any], Any], bool]] = {
    "cleanlab": ("cleanlab, its default n_jobs", cleanlabs, False),
    "cleanlab-1": ("cleanlab, n_jobs=1", cleanlabs_in_one_process, False),
    "cleanlab-batched": ("cleanlab batched, low_self_confidence", cleanlabs_batched, False),
    "ours": ("ours", ours, False),
    "ours-mapped": ("ours, memory-mapped", ours, True),
    "ours-batched": ("ours, low_self_confidence", ours_as_batched, False),
    "ours-both": ("ours, both filters, adjusted margin", ours_adjusted_margin, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.method:
        print(json.dumps(run(options.method, options.folder)))
        return
    for size in options.sizes:
        rows, classes = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as name:
            write_input(Path(name), rows, classes)
            print_table(Path(name), options.only, rows, classes)


def write_input(folder: Path, rows: int, classes: int) -> None:
    """Write probabilities, labels of which 8% are wrong, and nothing else."""
    random = np.random.default_rng(0)
    probabilities = np.lib.format.open_memmap(
        folder / "probabilities.npy", "w+", np.float32, (rows, classes)
    )
    codes = np.empty(rows, dtype=np.int64)
    for start in range(0, rows, 50_000):
        size = min(50_000, rows - start)
        true = random.integers(0, classes, size)
        logits = random.standard_normal((size, classes), dtype=np.float32)
        logits[np.arange(size), true] += 4 + random.standard_normal(size, dtype=np.float32)
        odds = np.exp(logits)
        probabilities[start : start + size] = odds / odds.sum(axis=1, keepdims=True)
        wrong = random.random(size) < 0.08
        codes[start : start + size] = np.where(wrong, random.integers(0, classes, size), true)
    np.save(folder / "codes.npy", codes)


def run(method: str, folder: Path) -> Measured:
    """Measure one method in this process."""
    _, judge, is_mapped = METHODS[method]
    tiny = np.array([0, 1, 0, 1]), np.full((4, 2), 0.5, dtype=np.float32)
    warnings.simplefilter("ignore")
    judge(*tiny)  # what is imported on use
    codes = np.load(folder / "codes.npy")
    path = folder / "probabilities.npy"
    probabilities = np.load(path, mmap_mode="r" if is_mapped else None)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    start = time.perf_counter()
    is_issue = judge(codes, probabilities)
    seconds = time.perf_counter() - start
    peak = resident("VmHWM")
    np.save(folder / f"{method}.npy", is_issue)
    return Measured(seconds, peak - before, peak, int(is_issue.sum()))


def resident(field: str) -> float:
    """Return a figure of this process's memory in MB."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", status)
    return int(kilobytes) / 1024


def print_table(folder: Path, methods: list[str], rows: int, classes: int) -> None:
    """Measure methods one after the other and print them."""
    megabytes = (folder / "probabilities.npy").stat().st_size / 2**20
    print(f"\n{rows:,} rows, {classes} classes, {megabytes:,.0f} MB of probabilities\n")
    print(
        "| what | seconds | of cleanlab | peak beyond the input, MB | of cleanlab | in all, MB "
        "| flagged | unlike ours |\n|---|---|---|---|---|---|---|---|"
    )
    found = {method: measured(method, folder) for method in methods}
    base = next((found[m] for m in methods if m.startswith("cleanlab") and found[m]), None)
    for method in methods:
        one = found[method]
        if one is None:
            print(f"| {METHODS[method][0]} | did not finish |  |  |  |  |  |  |")
            continue
        cells = [
            METHODS[method][0],
            f"{one.seconds:.1f}",
            f"{one.seconds / base.seconds:.2f}" if base else "",
            f"{one.beyond:,.0f}",
            f"{one.beyond / base.beyond:.2f}" if base else "",
            f"{one.peak:,.0f}",
            f"{one.flagged:,}",
            unlike(folder, method),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def measured(method: str, folder: Path) -> Measured | None:
    """Run a method in a new process; None where it did not end well."""
    print(f"{method} …", file=sys.stderr)
    command = [sys.executable, __file__, "--method", method, "--folder", str(folder)]
    try:
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        return None
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def unlike(folder: Path, method: str) -> str:
    """Return how many rows have another flag than ours by the same filter."""
    mine = folder / ("ours-batched.npy" if method == "cleanlab-batched" else "ours.npy")
    if method in ("ours", "ours-batched", "ours-both") or not mine.exists():
        return ""
    return f"{int((np.load(mine) != np.load(folder / f'{method}.npy')).sum()):,}"


if __name__ == "__main__":
    main()

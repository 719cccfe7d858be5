"""From raw short texts to a ranked review queue: seconds, rows a second and peak memory, by rows.

    python benchmarks/queue_at_scale.py [--rows 10000 100000 1000000] [--plot growth.svg]

Each size runs in a process of its own, on texts that are made up there: four to fifteen words, some
of which depend on the class, ten classes, 5% of the labels wrong. Nearly all texts are distinct.
Peak memory is the highest resident set from the call on (VmHWM), with the input in it. Prints a
Markdown table; the ratio is seconds a row beside the 100,000 rows (or the first size).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

CLASSES = 10
WRONG = 0.05
_WORDS = 40_000
_CHUNK = 500_000
_LETTERS = np.array(list("etaoinsrhldcumfpgwybvkxjqz"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--learn-only", action="store_true", help="only the probabilities")
    parser.add_argument("--plot", type=Path, help="draw the growth into this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(options.rows[0], options.learn_only)))
        return
    found = []
    for rows in options.rows:
        command = [sys.executable, __file__, "--child", "--rows", str(rows)]
        command += ["--learn-only"] * options.learn_only
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            sys.exit(told.stderr)
        found.append(json.loads(told.stdout.splitlines()[-1]))
    base = next((one for one in found if one["rows"] == 100_000), found[0])
    print(
        "| rows | distinct texts | seconds | processor seconds | rows a second | seconds a row, "
        "ratio | input, MB | peak memory, MB | ranking of wrong labels, AUROC |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for one in found:
        ratio = one["seconds"] / one["rows"] / (base["seconds"] / base["rows"])
        print(
            f"| {one['rows']:,} | {one['distinct']:,} | {one['seconds']:.1f} | {one['cpu']:.1f} | "
            f"{one['rows'] / one['seconds']:,.0f} | {ratio:.2f} | {one['input']:,.0f} | "
            f"{one['peak']:,.0f} | {one['auroc']:.3f} |"
        )
    if options.plot:
        draw(found, options.plot)


def draw(found: list[dict[str, float]], path: Path) -> None:
    """Draw seconds by rows on two logarithmic axes, beside what growth in proportion would be."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot as plt

    rows, seconds = [one["rows"] for one in found], [one["seconds"] for one in found]
    last = seconds[-1] / rows[-1]
    figure, axes = plt.subplots(figsize=(6, 3.6))
    axes.loglog(rows, [last * n for n in rows], "--", color="#9AA5B1", label="in proportion")
    axes.loglog(rows, seconds, "o-", color="#0F766E", label="from texts to a ranked queue")
    for n, s, one in zip(rows, seconds, found, strict=True):
        said = f"{s:,.0f} s, {one['peak'] / 1000:.1f} GB"
        axes.annotate(said, (n, s), textcoords="offset points", xytext=(-6, 8), ha="right")
    axes.set(xlabel="rows", ylabel="seconds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def find(table: pa.Table, learn_only: bool) -> npt.NDArray[np.float64]:
    """Return each row's label quality: what is measured."""
    from curation.lake.roles import Roles

    roles = Roles(columns={"text": "text", "label": "label"})
    if not learn_only:
        from curation.finders.label import find_label_issues

        quality: npt.NDArray[np.float64] = (
            find_label_issues(table, roles=roles).rows["score"].to_numpy()
        )
        return quality
    from curation.learn.labels import encode_labels
    from curation.learn.probabilities import out_of_sample_probabilities

    labels = encode_labels(table, "label")
    found = out_of_sample_probabilities(table, labels.codes, labels.classes, roles)
    return found.probabilities[np.arange(len(labels.codes)), labels.codes].astype(np.float64)


def measured(rows: int, learn_only: bool) -> dict[str, float]:
    """Make texts, rank them, and return the figures."""
    from sklearn.metrics import roc_auc_score

    table, wrong = short_texts(rows)
    distinct = pc.count_distinct(table["text"]).as_py()
    find(table.slice(0, 1_000), learn_only)  # imports and the model are not what is measured
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts from what is resident now
    start, cpu = time.perf_counter(), time.process_time()
    quality = find(table, learn_only)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {
        "rows": rows,
        "distinct": distinct,
        "seconds": seconds,
        "cpu": cpu,
        "input": table.nbytes / 2**20,
        "peak": int(kilobytes) / 1024,
        "auroc": float(roc_auc_score(~wrong, quality)),
    }


def short_texts(rows: int, seed: int = 0) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Return texts with labels, and which labels are wrong."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 10, _WORDS)
    letters = _LETTERS[np.minimum(random.geometric(0.12, lengths.sum()), len(_LETTERS)) - 1]
    spelled = np.split(letters, np.cumsum(lengths)[:-1])
    words = pa.array(["".join(word) for word in spelled])
    tables, wrong = [], []
    for start in range(0, rows, _CHUNK):
        table, is_wrong = _chunk(random, words, min(_CHUNK, rows - start))
        tables.append(table)
        wrong.append(is_wrong)
    return pa.concat_tables(tables), np.concatenate(wrong)


def _chunk(
    random: np.random.Generator, words: pa.StringArray, rows: int
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    true = random.integers(0, CLASSES, rows)
    lengths = random.integers(4, 16, rows)
    of_row = np.repeat(np.arange(rows), lengths)
    # Common words are far more common than rare ones; a sixth of the words go with the class.
    chosen = np.minimum(random.zipf(1.15, len(of_row)), _WORDS) - 1
    chosen[chosen == _WORDS - 1] = random.integers(0, _WORDS, (chosen == _WORDS - 1).sum())
    topical = random.random(len(of_row)) < 1 / 6
    chosen[topical] = true[of_row[topical]] * 40 + random.integers(0, 40, topical.sum()) + 1_000
    starts = np.concatenate([[0], np.cumsum(lengths)])
    lists = pa.ListArray.from_arrays(starts.astype(np.int32), words.take(pa.array(chosen)))
    texts = pc.binary_join(lists, " ")
    numbers = pa.array(random.integers(0, 1_000_000, rows)).cast(pa.string())
    numbered = pc.binary_join_element_wise(texts, numbers, " ")
    texts = pc.if_else(pa.array(random.random(rows) < 0.3), numbered, texts)
    is_wrong = random.random(rows) < WRONG
    given = np.where(is_wrong, (true + random.integers(1, CLASSES, rows)) % CLASSES, true)
    names = pa.array([f"class {code}" for code in range(CLASSES)])
    labels = names.take(pa.array(given))
    return pa.table({"text": texts, "label": labels}), is_wrong


if __name__ == "__main__":
    main()

"""Our SMOTE-NC beside imbalanced-learn's: seconds and peak memory as the rows grow, to 8,000,000.

    python benchmarks/smote.py [--rows 50000 100000 200000] [--share 0.005] [--full]

The rows have 6 numbers, 4 categories (62 values) and 2 classes; the small class is brought up to
the large one. Each side runs in a process of its own, one after the other. `--full` then runs
8,000,000 rows, both sides under the same limit of address space (`--limit`, 12 GB), the engine with
2 GB for its tables, and stops the peer after `--patience` minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

NUMBERS, CATEGORIES = 6, (42, 12, 5, 3)
LARGE = 8_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--share", type=float, default=0.005, help="of the small class")
    parser.add_argument("--full", action="store_true", help="8,000,000 rows too")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--limit", type=int, default=12, help="address space in GB, with --full")
    parser.add_argument("--memory", type=int, default=2, help="GB for the engine's tables")
    parser.add_argument("--patience", type=int, default=20, help="minutes for one run")
    parser.add_argument("--child", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    print(f"small class: {options.share:.1%} of the rows; engine's tables: {options.memory} GB\n")
    print("| rows | synthetic | ours, s | ours, MB | imbalanced-learn, s | MB |")
    print("|---|---|---|---|---|---|")
    for rows in [*options.rows, *([LARGE] if options.full else [])]:
        limit = options.limit if rows >= LARGE else 0
        found = {
            who: measured(who, rows, options, limit)
            for who in ("ours", "theirs")
            if who == "ours" or not options.ours_only
        }
        made = rows - 2 * round(rows * options.share)
        shown = " | ".join(told(one) for one in found.values())
        print(f"| {rows:,} | {made:,} | {shown} |", flush=True)


def told(one: dict[str, Any]) -> str:
    if "stopped" in one:
        return f"{one['stopped']} | "
    return f"{one['seconds']:.1f} | {one['megabytes']:,.0f}"


def measured(who: str, rows: int, options: argparse.Namespace, limit: int) -> dict[str, Any]:
    command = [
        sys.executable, __file__, "--child", who, "--rows", str(rows),
        "--share", str(options.share), "--memory", str(options.memory), "--limit", str(limit),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60 * options.patience
        )
    except subprocess.TimeoutExpired:
        return {"stopped": f"not done after {options.patience} minutes"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"killed by signal {-done.returncode}"]
        return {"stopped": f"{last[0][:90]}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def child(options: argparse.Namespace) -> None:
    if options.limit:
        resource.setrlimit(resource.RLIMIT_AS, (options.limit << 30, options.limit << 30))
    (ours if options.child == "ours" else theirs)(options.rows[0], options.share, options.memory)


def source_sql(rows: int, share: float) -> str:
    """Numbers that lean on the class and on one category, and categories that lean on the class."""
    small = round(rows * share)
    numbers = ", ".join(
        f"sqrt(-2 * ln(1 - u{i})) * cos(6.2831853 * v{i}) * {10**i} + label_code * {0.8 * 10**i} "
        f"AS x{i}"
        for i in range(NUMBERS)
    )
    uniform = ", ".join(
        f"hash(n, {2 * i}) / 18446744073709551616.0 AS u{i}, "
        f"hash(n, {2 * i + 1}) / 18446744073709551616.0 AS v{i}"
        for i in range(NUMBERS)
    )
    categories = ", ".join(
        f"'c' || CAST(floor({size} * pow(hash(n, {100 + i}) / 18446744073709551616.0, "
        f"1.5 + label_code)) AS INTEGER) AS c{i}"
        for i, size in enumerate(CATEGORIES)
    )
    return f"""
        SELECT n AS id, {numbers}, {categories},
            CASE WHEN label_code = 1 THEN 'small' ELSE 'large' END AS label
        FROM (SELECT n, CAST(n < {small} AS INTEGER) AS label_code, {uniform}
            FROM range({rows}) t(n))"""


def ours(rows: int, share: float, memory: int) -> None:
    from curation.engines.duckdb import DuckDBEngine
    from curation.lake.records import (
        FINGERPRINT_COLUMN,
        KEY_COLUMN,
        ROW_COLUMN,
        SOURCE_COLUMN,
        fingerprint_sql,
        key_sql,
    )
    from curation.lake.roles import Role, Roles
    from curation.steps import Rebalance, StepContext

    feature: Role = "feature"
    columns: dict[str, Role] = {f"x{i}": feature for i in range(NUMBERS)}
    columns |= {f"c{i}": feature for i in range(len(CATEGORIES))}
    roles = Roles(columns={"id": "key", **columns, "label": "label"})
    with DuckDBEngine(f"{memory}GB") as engine:
        relation = engine.select(
            f"SELECT *, {key_sql(roles)} AS {KEY_COLUMN}, {fingerprint_sql(roles)} AS "
            f"{FINGERPRINT_COLUMN}, id AS {ROW_COLUMN}, 'given' AS {SOURCE_COLUMN} "
            f"FROM ({source_sql(rows, share)})"
        )
        step = Rebalance(method="smote")
        began = time.monotonic()
        done = step.apply(relation, StepContext(engine, roles, 0, step.step_id))
        said(began)
        counts = engine.values(
            f"SELECT count(*) FILTER (WHERE label = 'small'), "
            f"count(*) FILTER (WHERE label = 'large') FROM {done.relation.name}"
        )
        assert counts[0] == counts[1] == rows - round(rows * share), counts


def theirs(rows: int, share: float, _: int) -> None:
    import duckdb
    from imblearn.over_sampling import SMOTENC

    frame = duckdb.sql(source_sql(rows, share)).df().drop(columns="id")
    labels = frame.pop("label")
    names = [f"c{i}" for i in range(len(CATEGORIES))]
    frame[names] = frame[names].astype("category")
    began = time.monotonic()
    made, _ = SMOTENC(categorical_features=names, random_state=0).fit_resample(frame, labels)
    said(began)
    assert len(made) == 2 * (rows - round(rows * share))


def said(began: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.monotonic() - began, "megabytes": peak}))


if __name__ == "__main__":
    main()

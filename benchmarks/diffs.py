"""What a new snapshot with 1,000 changed labels costs, and what it takes to see the change.

    python benchmarks/diffs.py [--rows N]

The peers, in the same run: the table replaced as a whole, and a comparison of all rows. Prints a
Markdown table; each line is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from curation.lake.datasets import columns_of, get_dataset, store_roles
from curation.lake.diffs import diff
from curation.lake.imports import import_file
from curation.lake.putting import in_order, put_rows
from curation.lake.record_life import record_life
from curation.lake.roles import Role
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace

CHANGED = 1_000
ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label", "size": "feature",
                          "channel": "feature", "at": "timestamp"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        with Workspace.open(options.folder / "workspace") as workspace:
            STEPS[options.step](workspace, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_sources(Path(folder), options.rows)
        print("| what | seconds | new data, MB | peak memory, MB |\n|---|---|---|---|")
        for step in STEPS:
            seconds, megabytes, peak = measured(step, Path(folder))
            print(f"| {step} | {seconds:.2f} | {megabytes:,.2f} | {peak:,.0f} |", flush=True)


def write_sources(folder: Path, rows: int) -> None:
    """Write two Parquet files of six columns, the second with other labels in a few rows."""
    label = "'class ' || hash(range) % 10"
    for name, said in (
        ("first", label),
        ("second", f"CASE WHEN range % {rows // CHANGED} = 3 THEN 'class X' ELSE {label} END"),
    ):
        duckdb.sql(
            f"""COPY (SELECT range AS id, 'some words about thing number ' || range AS text,
                {said} AS label, (hash(range + 7) % 1000)::DOUBLE AS size,
                'channel ' || range % 50 AS channel,
                TIMESTAMP '2024-01-01' + to_seconds(range) AS at
            FROM range({rows})) TO '{folder / f"{name}.parquet"}'"""
        )


def measured(step: str, folder: Path) -> tuple[float, float, float]:
    """Run a step; return its seconds, the MB of data that it wrote, and its peak memory in MB."""
    before = data_bytes(folder)
    child = subprocess.Popen(
        [sys.executable, __file__, "--step", step, "--folder", str(folder)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"'{step}' ended with {status}")
    return float(said), (data_bytes(folder) - before) / 1e6, usage.ru_maxrss / 1024


def data_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("workspace/data/**/*.parquet"))


def timed(call: Callable[[], object]) -> None:
    start = time.perf_counter()
    call()
    print(time.perf_counter() - start)


def first(workspace: Workspace, folder: Path) -> None:
    source = folder / "first.parquet"
    timed(lambda: import_file(workspace, source, "big", roles=ROLES, author="me"))


def write(workspace: Workspace, folder: Path, *, whole: bool) -> None:
    found = get_dataset(workspace, "big")
    source = f"read_parquet('{folder / 'second.parquet'}')"
    with workspace.cursor() as cursor:
        columns = columns_of(cursor, source)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        if whole:
            cursor.execute(f"CREATE OR REPLACE TABLE lake.data.big AS {in_order(source)}")
        else:
            put_rows(cursor, "big", source, columns, ["id"])
        store_roles(cursor, "big", found.roles)

    timed(
        lambda: workspace.write(
            change, author="me", message="Second", operation="import", dataset="big",
            rows=found.rows, classes=found.classes,
        )
    )  # fmt: skip


def compare(workspace: Workspace, *, compare_all: bool) -> None:
    newest, before = (snapshot.snapshot for snapshot in log(workspace, "big")[:2])

    def call() -> None:
        found = diff(workspace, "big", before, newest, compare_all=compare_all)
        assert found.labels_changed == found.changed == CHANGED

    timed(call)


def eighteen_more(workspace: Workspace) -> None:
    """Add snapshots in each of which 1,000 other rows get another label."""
    found = get_dataset(workspace, "big")
    step = found.rows // CHANGED

    def call() -> None:
        for number in range(18):
            workspace.write(
                lambda cursor, n=number: (
                    cursor.execute(
                        f"UPDATE lake.data.big SET label = 'class {n}' "
                        f"WHERE id % {step} = {n * 7 % step}"
                    ),
                    store_roles(cursor, "big", found.roles),
                ),
                author="me", message="More", operation="build", dataset="big",
                rows=found.rows, classes=found.classes,
            )  # fmt: skip

    timed(call)


def over_all(workspace: Workspace) -> None:
    snapshots = [snapshot.snapshot for snapshot in log(workspace, "big")]
    timed(lambda: diff(workspace, "big", snapshots[-1], snapshots[0]))


def life(workspace: Workspace) -> None:
    timed(lambda: record_life(workspace, "big", str(get_dataset(workspace, "big").rows // 2 + 3)))


STEPS: dict[str, Callable[[Workspace, Path], None]] = {
    "first import": first,
    "second snapshot, put as a change": lambda w, folder: write(w, folder, whole=False),
    "diff from the change feed": lambda w, _: compare(w, compare_all=False),
    "diff by comparing all rows": lambda w, _: compare(w, compare_all=True),
    "18 more snapshots of 1,000 labels": lambda w, _: eighteen_more(w),
    "diff over all 20 from the change feed": lambda w, _: over_all(w),
    "life of one record in 20 snapshots": lambda w, _: life(w),
    "the same snapshot, table replaced": lambda w, folder: write(w, folder, whole=True),
}


if __name__ == "__main__":
    main()

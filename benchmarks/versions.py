"""Decisions, builds and replays on ten million rows, beside the same edit as a file tracked by DVC.

python benchmarks/versions.py --rows 10000000 [--dvc PATH/TO/dvc]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow.parquet

from curation.lake.annotations import Seen, Verdict, annotate, annotate_many, events
from curation.lake.datasets import get_dataset
from curation.lake.decisions import decisions
from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.recipe.replay import replay

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--replayed", type=int, default=100_000)
    parser.add_argument("--replay-in", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dvc", help="the dvc command; its rows are left out without it")
    arguments = parser.parse_args()
    if arguments.replay_in:
        replay_alone(arguments.replay_in)
        return
    with tempfile.TemporaryDirectory(prefix="curation-benchmark-") as folder:
        run(Path(folder), arguments.rows, arguments.replayed, arguments.dvc)


def run(folder: Path, rows: int, replayed: int, dvc: str | None) -> None:
    source = folder / "rows.parquet"
    make(source, rows)
    print(f"{rows:,} rows, {size(source) / 1e6:,.0f} MB as Parquet\n")
    with Workspace.open(folder / "workspace") as workspace:
        took, _ = timed(lambda: import_file(workspace, source, "d", author="me"))
        print(f"import                                     {took:8.2f} s")
        found = get_dataset(workspace, "d")
        # As the page gives it: with what the annotator saw, nothing is looked up.
        record = Seen(found.snapshot, "f", "c1", taxonomy_version=1, workflow_version=1)
        annotate(workspace, "d", "1", "relabel", value="c2", annotator="me", seen=record)
        one_by_one("one decision, as a review makes it", workspace, record)
        one_by_one("one decision, record looked up", workspace, None)
        took, said = timed(lambda: decisions(workspace, "d"))
        print(f"all {len(said)} decisions in force read          {1000 * took:8.0f} ms")
        before = size(workspace.path)
        verdicts = [Verdict(str(n), "relabel", "c3") for n in range(0, rows, rows // 1_000)][:1_000]
        took, _ = timed(lambda: annotate_many(workspace, "d", verdicts, annotator="me"))
        ours = took, size(workspace.path) - before
        report("1,000 labels in one go", *ours)
        if dvc is not None:
            theirs = by_dvc(folder, source, dvc)
            report("the same as a file tracked by DVC", *theirs)
            longer, larger = theirs[0] / ours[0], theirs[1] / ours[1]
            print(f"    DVC takes {longer:,.0f} times as long and {larger:,.0f} times the space")
        step = max(1, rows // replayed)
        many = [Verdict(str(n), "relabel", "c4") for n in range(0, rows, step)][:replayed]
        took, _ = timed(lambda: annotate_many(workspace, "d", many, annotator="other"))
        print(f"{len(many):,} labels in one go                   {took:8.2f} s")
    subprocess.run([sys.executable, __file__, "--replay-in", str(folder / "workspace")], check=True)


def replay_alone(where: Path) -> None:
    """Replay in a process of its own, so that its memory is its own."""
    with Workspace.open(where, create=False) as workspace:
        took, result = timed(lambda: replay(workspace, "d"))
        assert sum(result.counts.values()) == len(events(workspace, "d"))
        said_counts = {name: count for name, count in result.counts.items() if count}
        title = f"replay of {len(result.rows):,} events"
        print(f"{title:42s} {took:8.2f} s  {peak():8.0f} MB peak  {said_counts}")


def report(title: str, seconds: float, written: int) -> None:
    print(f"{title:42s} {seconds:8.2f} s  {written / 1e6:9.2f} MB")


def one_by_one(title: str, workspace: Workspace, record: Seen | None) -> None:
    times = []
    for number in range(30):
        key = str(1_000 + number)
        took, _ = timed(
            lambda key=key: annotate(
                workspace, "d", key, "relabel", value="c2", annotator="me", seen=record
            )
        )
        times.append(1000 * took)
    print(f"{title:42s} {statistics.median(times):8.1f} ms (median of 30; most {max(times):.0f})")


def by_dvc(folder: Path, source: Path, dvc: str) -> tuple[float, int]:
    """Change 1,000 labels of a Parquet file that DVC tracks, and track it again."""
    repository = folder / "dvc"
    repository.mkdir()
    shutil.copy(source, repository / "rows.parquet")

    def call(*command: str) -> None:
        subprocess.run(command, cwd=repository, check=True, capture_output=True)

    call("git", "init")
    call(dvc, "init")
    call(dvc, "add", "rows.parquet")
    before = size(repository)

    def edit() -> None:
        changed = repository / "changed.parquet"
        step = pyarrow.parquet.read_metadata(repository / "rows.parquet").num_rows // 1_000
        duckdb.sql(
            f"COPY (SELECT * REPLACE (CASE WHEN id % {step} = 0 THEN 'c3' ELSE label END AS label) "
            f"FROM '{repository / 'rows.parquet'}') TO '{changed}' (FORMAT parquet)"
        )
        changed.replace(repository / "rows.parquet")
        call(dvc, "add", "rows.parquet")

    took, _ = timed(edit)
    return took, size(repository) - before


def make(path: Path, rows: int) -> None:
    duckdb.sql(
        f"""COPY (
            SELECT i AS id, 'message ' || md5(i::VARCHAR) || ' about ' || (i % 997) AS text,
                (hash(i) % 1000) / 10.0 AS amount, 'c' || (hash(i + 1) % 20) AS label
            FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)"""
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def peak() -> float:
    """Return the most memory of this process in MB; `ru_maxrss` has its parent's in it as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()

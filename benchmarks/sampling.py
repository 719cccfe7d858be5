"""What it takes to draw from ten million rows, beside a full sort and pandas.

    python benchmarks/sampling.py [--rows N]

Prints a Markdown table. Each line is a process of its own that reads the same Parquet file of six
columns first; its peak memory is told beyond that of a process that reads the file and no more.
Seconds of all processors tell more than those of the clock where others use the machine too.
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

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.hashing import stratum_unit_sql
from curation.sampling.rules.rule import Rule

Seconds = tuple[float, float]
"""Of the clock, and of all processors."""
STRATA = 20
PER_STRATUM = 1_000
SHARDS = 8
ROLES = Roles(columns={"intent": "label", "at": "timestamp"})
QUOTA = {f"intent {number}": 100 * (number + 1) for number in range(STRATA)}
RULES = {
    "n of each of 20 strata": Rule(n=PER_STRATUM, per=("intent",)),
    "half of each of 20 strata": Rule(fraction=0.5, per=("intent",)),
    "weighted, n of each of 20 strata": Rule(
        by="weighted", weight="size", n=PER_STRATUM, per=("intent",)
    ),
    "quota of 20 strata": Rule(quota=QUOTA, per=("intent",)),
    "rows in all, shared by 20 strata": Rule(rows=100_000, minimum=50, per=("intent",)),
    "newer rows likelier": Rule(by="recency", half_life=30, n=20_000),
    "minutes, each row with its cost": Rule(minutes=10_000, cost="size"),
    "one of each of a million strata": Rule(n=1, per=("customer",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(*STEPS[options.step](options.source))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.parquet"
        write_source(source, options.rows)
        inputs = {step: measured(step, source)[2] for step in (READ, READ_PANDAS)}
        print("| what | seconds | of all processors | memory beyond the input, MB |")
        print("|---|---|---|---|")
        for step in STEPS:
            if step not in inputs:
                seconds, busy, peak = measured(step, source)
                beyond = peak - inputs[READ_PANDAS if "pandas" in step else READ]
                print(
                    f"| {step} | {seconds:.2f} | {busy:.2f} | {max(beyond, 0):,.0f} |", flush=True
                )


def write_source(path: Path, rows: int) -> None:
    """Write rows of 20 classes and a million customers."""
    duckdb.sql(
        f"""COPY (SELECT range AS {sql.identifier(ROW_COLUMN)},
            'key ' || range AS {sql.identifier(KEY_COLUMN)},
            md5(range::VARCHAR) AS {sql.identifier(FINGERPRINT_COLUMN)},
            'intent ' || (hash(range) % {STRATA}) AS intent,
            'customer ' || (hash(range + 5) % {max(rows // 10, 1)}) AS customer,
            'some words about thing number ' || range AS text,
            ((hash(range + 7) % 1000) + 1)::DOUBLE AS size,
            TIMESTAMP '2024-01-01' + to_seconds(range) AS at
        FROM range({rows})) TO '{path}'"""
    )


def measured(step: str, source: Path) -> tuple[float, float, float]:
    """Run a step; return its seconds, those of all processors, and its peak memory in MB."""
    child = subprocess.Popen(
        [sys.executable, __file__, "--step", step, "--source", str(source)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"'{step}' ended with {status}")
    seconds, busy = map(float, said.split())
    return seconds, busy, usage.ru_maxrss / 1024


def timed(call: Callable[[], object]) -> Seconds:
    start, busy = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - busy


def read(engine: DuckDBEngine, source: Path) -> Relation:
    return engine.select(f"SELECT * FROM read_parquet('{source}')")


def ours(source: Path, rule: Rule) -> Seconds:
    with DuckDBEngine() as engine:
        rows = read(engine, source)
        return timed(lambda: draw(engine, rows, rule, ROLES))


def shards(source: Path) -> Seconds:
    """Draw from each shard, then from what they gave; check that it is what the whole gives."""
    rule = RULES["n of each of 20 strata"]
    with DuckDBEngine() as engine:
        rows = read(engine, source)
        parts = [
            engine.select(f"SELECT * FROM {rows.name} WHERE {ROW_COLUMN} % {SHARDS} = {shard}")
            for shard in range(SHARDS)
        ]
        found: list[Relation] = []

        def call() -> None:
            drawn = [draw(engine, part, rule, ROLES).rows.name for part in parts]
            every = engine.select(" UNION ALL ".join(f"SELECT * FROM {name}" for name in drawn))
            found.append(draw(engine, every, rule, ROLES).rows)

        seconds = timed(call)
        whole = draw(engine, rows, rule, ROLES).rows
        differing = engine.values(
            f"""SELECT count(*) FROM {whole.name} FULL JOIN {found[0].name} f USING ({ROW_COLUMN})
            WHERE f.intent IS NULL OR {whole.name}.intent IS NULL"""
        )
        assert differing == (0,)
        return seconds


def full_sort(source: Path) -> Seconds:
    """Number all rows of each stratum by their hash."""
    unit = stratum_unit_sql("0", "intent", sql.identifier(KEY_COLUMN))
    with DuckDBEngine() as engine:
        rows = read(engine, source)
        return timed(
            lambda: engine.select(
                f"""SELECT * FROM (SELECT *, row_number() OVER (
                    PARTITION BY intent ORDER BY {unit}, {KEY_COLUMN}) AS place FROM {rows.name})
                WHERE place <= {PER_STRATUM}"""
            )
        )


def in_pandas(source: Path, weights: str | None) -> Seconds:
    import pandas as pd

    frame = pd.read_parquet(source)
    return timed(
        lambda: frame.groupby("intent").sample(
            n=PER_STRATUM, random_state=0, weights=None if weights is None else frame[weights]
        )
    )


def nothing(source: Path) -> Seconds:
    with DuckDBEngine() as engine:
        return timed(lambda: read(engine, source))


def nothing_in_pandas(source: Path) -> Seconds:
    import pandas as pd

    return timed(lambda: pd.read_parquet(source))


READ, READ_PANDAS = "read the rows", "read the rows with pandas"
STEPS: dict[str, Callable[[Path], Seconds]] = {
    READ: nothing,
    READ_PANDAS: nothing_in_pandas,
    **{name: lambda source, rule=rule: ours(source, rule) for name, rule in RULES.items()},
    f"n of each of 20 strata from {SHARDS} shards, then from their rows": shards,
    "n of each of 20 strata, all rows sorted": full_sort,
    "n of each of 20 strata with pandas": lambda source: in_pandas(source, None),
    "weighted, n of each of 20 strata with pandas": lambda source: in_pandas(source, "size"),
}


if __name__ == "__main__":
    main()

"""How long a preview of a rule takes on a large dataset, beside the draw that it stands for.

    python benchmarks/rule_preview.py --rows 10000000

Both read the dataset from a workspace. What the preview tells and the draw gives stand side by
side.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import duckdb

from curation.lake.imports import import_file
from curation.lake.workspace import Workspace
from curation.privacy.gate import Viewer
from curation.sampling.drawing.frames import drawn_from_dataset
from curation.sampling.previews.preview import preview_rule
from curation.sampling.rules.rule import Rule

RULES = {
    "number per class": Rule(n=1_000, per=("label",)),
    "rows in all, per two columns": Rule(rows=100_000, per=("label", "channel"), minimum=100),
    "fraction": Rule(fraction=0.01),
    "weighted": Rule(n=1_000, per=("label",), by="weighted", weight="worth"),
    "recency": Rule(rows=50_000, by="recency", half_life=30, timestamp="at"),
    "where": Rule(n=1_000, per=("label",), where="worth > 500 AND channel = 'chat'"),
    "rare": Rule(n=500, where="worth < 1"),
    "union": Rule(combine="union", parts=(Rule(n=1_000, per=("label",)), Rule(fraction=0.001))),
}


def make(folder: Path, rows: int) -> None:
    """Import rows of 20 classes, the largest 100 times the smallest."""
    source = folder / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (
                SELECT 'r' || lpad(CAST(i AS VARCHAR), 9, '0') AS id,
                    'class ' || CAST(floor(20 * pow(u, 2)) AS INT) AS label,
                    ['chat', 'mail', 'phone', 'web'][1 + i % 4] AS channel,
                    (hash(i + 7) % 100000) / 100.0 AS worth,
                    TIMESTAMP '2025-01-01' + to_minutes(CAST(i % 500000 AS BIGINT)) AS at
                FROM (SELECT i, hash(i) / 18446744073709551616.0 AS u FROM range({rows}) t(i))
            ) TO '{source}'"""
        )
    with Workspace.open(folder / "workspace") as workspace:
        import_file(
            workspace, source, "rows", roles={"id": "key", "label": "label"}, author="benchmark"
        )
    source.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--draw", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="curation-preview-"))
    try:
        make(folder, arguments.rows)
        with Workspace.open(folder / "workspace", create=False) as workspace:
            # What a page has read before a person comes to a rule.
            preview_rule(workspace, Viewer("me"), "rows", Rule(n=1))
            for name, rule in RULES.items():
                found = preview_rule(workspace, Viewer("me"), "rows", rule)
                told = "about " if "drawn" in found.estimates else ""
                line = f"{name}: preview {found.seconds:.2f} s, {told}{found.drawn:,} rows"
                if arguments.draw:
                    began = time.perf_counter()
                    with drawn_from_dataset(workspace, "rows", rule) as (engine, drawn):
                        (rows,) = engine.values(f"SELECT count(*) FROM {drawn.rows.name}")
                    took = time.perf_counter() - began
                    line += f"; draw {took:.1f} s, {rows:,} rows; {took / found.seconds:.0f} times"
                print(line, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

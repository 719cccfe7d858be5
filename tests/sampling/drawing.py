"""Rows to draw from, and what was drawn of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from curation.engines.base import Engine, Relation
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN, Drawn
from curation.sampling.rules.rule import Rule

Row = tuple[str, str | None, int]
"""Record key, kind, and a number."""
ROLES = Roles(columns={"kind": "label", "day": "timestamp"})
START = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def relation(engine: Engine, rows: Sequence[Row], **more: pa.Array) -> Relation:
    """Return rows with a key, a kind, the number n and the day n days after the first."""
    columns: Mapping[str, Any] = {
        "kind": pa.array([row[1] for row in rows], pa.string()),
        "n": pa.array([row[2] for row in rows], pa.int64()),
        "day": pa.array([START + timedelta(days=row[2]) for row in rows], pa.timestamp("us")),
        KEY_COLUMN: pa.array([row[0] for row in rows], pa.string()),
        FINGERPRINT_COLUMN: pa.array([f"f{row[0]}" for row in rows], pa.string()),
        ROW_COLUMN: pa.array(range(len(rows)), pa.int64()),
    }
    return engine.put(pa.table({**columns, **more}))


def drawn(engine: Engine, rows: Sequence[Row], rule: Rule, **options: Any) -> Drawn:
    """Draw from rows."""
    return draw(engine, relation(engine, rows), rule, ROLES, **options)


def counted(engine: Engine, found: Drawn) -> Counter[Row]:
    """Return the rows that were drawn, those that are equal counted."""
    rows = engine.table(f"SELECT * FROM {found.rows.name}").to_pylist()
    return Counter((row[KEY_COLUMN], row["kind"], row["n"]) for row in rows)


def sample(engine: Engine, rows: Sequence[Row], rule: Rule, **options: Any) -> Counter[Row]:
    """Draw from rows; return those that were drawn, those that are equal counted."""
    return counted(engine, drawn(engine, rows, rule, **options))


def chances(engine: Engine, found: Drawn) -> dict[str, tuple[float | None, str]]:
    """Return the chance and the reason of each drawn record."""
    rows = engine.table(f"SELECT * FROM {found.rows.name}").to_pylist()
    return {row[KEY_COLUMN]: (row[PROBABILITY_COLUMN], row[REASON_COLUMN]) for row in rows}

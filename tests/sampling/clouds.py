"""Rows in clouds whose place, class and hardness are known, as a run hands them to a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.roles import Roles

ROLES = Roles(columns={"id": "key", "kind": "label", "place": "embedding"})
SIZES = {"a": 90, "b": 60, "c": 30, "between": 20}
"""Rows of each class, and unlabelled ones halfway between a and b."""
WIDTH = 8


def clouds(seed: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    axes = np.eye(WIDTH)
    centres = {"a": axes[0], "b": axes[1], "c": axes[2], "between": (axes[0] + axes[1]) / 2}
    return [
        {
            "id": f"{name}{i}",
            "kind": None if name == "between" else name,
            "place": (centres[name] + random.normal(0, 0.12, WIDTH)).astype(np.float32).tolist(),
        }
        for name, size in SIZES.items()
        for i in range(size)
    ]


def put(engine: DuckDBEngine, rows: list[dict[str, Any]], roles: Roles = ROLES) -> Relation:
    kinds = {"id": pa.string(), "kind": pa.string(), "place": pa.list_(pa.float32())}
    schema = pa.schema([(c, kinds.get(c)) for c in rows[0]]) if set(rows[0]) <= set(kinds) else None
    return put_table(engine, pa.Table.from_pylist(rows, schema), roles)


def put_table(engine: DuckDBEngine, table: pa.Table, roles: Roles = ROLES) -> Relation:
    name = engine.put(table).name
    return engine.select(
        f"SELECT *, {key_sql(roles)} AS {KEY_COLUMN}, {fingerprint_sql(roles)} AS "
        f"{FINGERPRINT_COLUMN}, rowid AS {ROW_COLUMN}, 'given' AS {SOURCE_COLUMN} FROM {name}"
    )


def by_key(engine: DuckDBEngine, relation: Relation, column: str) -> dict[str, Any]:
    found = engine.table(f"SELECT {KEY_COLUMN} AS key, {column} AS value FROM {relation.name}")
    return dict(zip(found["key"].to_pylist(), found["value"].to_pylist(), strict=True))

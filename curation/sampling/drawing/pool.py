"""The rows that a rule may draw, each with its hash, its stratum and what it is drawn by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.progress import Progress, part
from curation.sampling.drawing.allocation import Counts
from curation.sampling.drawing.columns import (
    COST_COLUMN,
    KEPT_COLUMN,
    LOG_WEIGHT_COLUMN,
    RANK_COLUMN,
    STRATUM_COLUMN,
    UNIT_COLUMN,
)
from curation.sampling.drawing.hashing import stratum_unit_sql
from curation.sampling.drawing.population import population
from curation.sampling.drawing.ranking import ranking
from curation.sampling.drawing.strata import stratum_name, stratum_sql
from curation.sampling.rules.rule import Rule

ROW, STRATUM, UNIT, RANK, KEPT, LOG_WEIGHT, COST = map(
    sql.identifier,
    (ROW_COLUMN, STRATUM_COLUMN, UNIT_COLUMN, RANK_COLUMN, KEPT_COLUMN, LOG_WEIGHT_COLUMN,
     COST_COLUMN),
)  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """The rows that may be drawn or are kept, and their strata in order of what tells them apart.

    The rows have ``ROW``, ``STRATUM``, ``UNIT``, ``KEPT``, ``RANK`` (null for one that is kept),
    and ``LOG_WEIGHT`` and ``COST`` where the rule has weights and costs.
    """

    rows: Relation
    strata: list[str]
    sizes: Counts
    available: Counts
    """Rows that have a rank."""
    lowest: float
    """The smallest rank; 0 without rows."""
    highest: float
    kept: int
    notes: list[str]

    @cached_property
    def names(self) -> list[str]:
        """What people call the strata."""
        return [stratum_name(stratum) for stratum in self.strata]

    @property
    def is_weighted(self) -> bool:
        """Whether some rows are more likely drawn than others."""
        return LOG_WEIGHT_COLUMN in self.rows.columns


def pooled(
    engine: Engine, relation: Relation, rule: Rule, roles: Roles, salt: str, progress: Progress
) -> Pool:
    """Return the rows that a rule may draw and those that it keeps.

    Raises:
        CurationError: see `population` and `ranking`.
        ExpressionError: an expression cannot be computed on these data.
    """
    with sql.evaluating("; ".join(rule.expressions())):
        people = population(engine, relation, rule, roles, part(progress, 0.0, 0.3))
        strata = stratum_sql(rule, people.rows, roles)
        by = ranking(engine, people, rule, roles, salt, strata, part(progress, 0.3, 0.6))
        progress(0.6, "Hashing rows")
        unit = stratum_unit_sql(salt, STRATUM if strata else None, sql.identifier(KEY_COLUMN))
        beside = {LOG_WEIGHT: by.log_weight, COST: by.cost}
        more = "".join(f", {value} AS {name}" for name, value in beside.items() if value)
        rows = engine.select(
            f"""SELECT {ROW}, {STRATUM}, {UNIT}, {KEPT},
                CASE WHEN NOT {KEPT} THEN {by.rank} END AS {RANK}{more}
            FROM (SELECT *, {unit} AS {UNIT}
                FROM (SELECT *, {strata or "''"} AS {STRATUM}, {people.kept} AS {KEPT}
                    FROM {by.source})
                WHERE {KEPT} OR ({people.scope} AND {by.usable}))"""
        )
    return _counted(engine, rows, strata is not None, [*people.notes, *by.notes])


def _counted(engine: Engine, rows: Relation, has_strata: bool, notes: list[str]) -> Pool:
    kept = int(engine.values(f"SELECT count(*) FROM {rows.name} WHERE {KEPT}")[0])
    found = engine.table(
        f"""SELECT {STRATUM} AS stratum, count(*) AS size, count({RANK}) AS available,
            min({RANK}) AS lowest, max({RANK}) AS highest
        FROM {rows.name} WHERE NOT {KEPT} GROUP BY {STRATUM} ORDER BY {STRATUM}"""
    )
    if not has_strata and not len(found):  # no rows are one stratum as well
        nothing = np.zeros(1, np.int64)
        return Pool(rows, [""], nothing, nothing, 0.0, 0.0, kept, notes)
    lowest = found["lowest"].drop_null().to_numpy()
    highest = found["highest"].drop_null().to_numpy()
    return Pool(
        rows,
        found["stratum"].to_pylist(),
        _whole(found["size"].to_numpy()),
        _whole(found["available"].to_numpy()),
        float(lowest.min()) if len(lowest) else 0.0,
        float(highest.max()) if len(highest) else 0.0,
        kept,
        notes,
    )


def _whole(values: NDArray[np.generic]) -> Counts:
    return values.astype(np.int64)

"""What a draw calls the columns that it carries beside the data."""

from __future__ import annotations

from curation.engines.base import Relation

DRAWN_COLUMN = "_curation_drawn"
"""BOOLEAN: whether the row is in the sample."""
CHANCE_COLUMN = "_curation_probability"
"""DOUBLE: the row's chance to be drawn, 0 to 1; null where rows are ranked without chance."""
UNIT_COLUMN = "_curation_unit"
"""DOUBLE in [0, 1): the row's hash; the smaller, the earlier it is drawn."""
STRATUM_COLUMN = "_curation_stratum"
"""VARCHAR, never null: what tells the row's stratum from others."""
BECAUSE_COLUMN = "_curation_reason"
"""VARCHAR: why the row was drawn, in words."""

RANK_COLUMN = "_curation_rank"
"""What rows are drawn by, the smallest first in each stratum; null for one that cannot be."""
LOG_WEIGHT_COLUMN = "_curation_log_weight"
"""DOUBLE: the logarithm of the row's weight, where rows are weighted."""
COST_COLUMN = "_curation_cost"
"""BIGINT: what the row costs, in microseconds, so that sums do not depend on the order."""
KEPT_COLUMN = "_curation_kept"
"""BOOLEAN: whether the row is always drawn."""

_INTERNAL_PREFIX = "_curation_"


def data_columns(relation: Relation) -> list[str]:
    """Return a relation's columns without those that a run or a draw carries beside the data."""
    return [column for column in relation.columns if not column.startswith(_INTERNAL_PREFIX)]

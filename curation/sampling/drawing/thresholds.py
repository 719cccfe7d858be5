"""The thresholds below which hashes draw, given the hashes of all other rows."""

from __future__ import annotations

from curation.engines.base import Relation
from curation.sampling.drawing.columns import (
    CHANCE_COLUMN,
    DRAWN_COLUMN,
    STRATUM_COLUMN,
    UNIT_COLUMN,
)
from curation.sampling.rules.rule import Rule

THRESHOLD_COLUMN = "_curation_threshold"
"""DOUBLE: the row's chance given the hashes of all other rows."""
SPREAD_COLUMN = "_curation_spread"
"""DOUBLE: about its standard deviation."""

_AMOUNTS = frozenset({
    "n", "fraction", "rows", "minutes", "seconds_per_row", "quota", "minimum", "fill", "name",
})  # fmt: skip


def with_thresholds_sql(rows: Relation, rule: Rule) -> str:
    """Return the SELECT of rows with their chances given the hashes of all other rows.

    Where chances are equal they are k/N on average, and vary with the other rows' hashes: a row
    that was drawn would be up to the first that was not, another one up to the last that was. The
    k-th smallest of many hashes varies by about 1/sqrt(k) of itself.
    """
    if is_bernoulli(rule):
        return with_chances_sql(rows)
    threshold = f"s.{CHANCE_COLUMN}"
    if has_equal_chances(rule):
        threshold = (
            f"CASE WHEN s.{DRAWN_COLUMN} THEN coalesce(ends.first_left, 1) "
            "ELSE coalesce(ends.last_drawn, 0) END"
        )
    by_chance = f"{DRAWN_COLUMN} AND {CHANCE_COLUMN} < 1"
    return f"""
        SELECT s.*, {threshold} AS {THRESHOLD_COLUMN},
            {threshold} / sqrt(greatest(1, ends.drawn)) AS {SPREAD_COLUMN}
        FROM {rows.name} AS s LEFT JOIN (
            SELECT {STRATUM_COLUMN},
                min(CASE WHEN NOT {DRAWN_COLUMN} THEN {UNIT_COLUMN} END) AS first_left,
                max(CASE WHEN {by_chance} THEN {UNIT_COLUMN} END) AS last_drawn,
                count(CASE WHEN {by_chance} THEN 1 END) AS drawn
            FROM {rows.name} GROUP BY {STRATUM_COLUMN}) AS ends
        ON ends.{STRATUM_COLUMN} = s.{STRATUM_COLUMN}"""


def with_chances_sql(rows: Relation) -> str:
    """Return the SELECT of rows whose chances do not depend on other rows, as they count."""
    return (
        f"SELECT *, {CHANCE_COLUMN} AS {THRESHOLD_COLUMN}, CAST(0 AS DOUBLE) AS {SPREAD_COLUMN} "
        f"FROM {rows.name}"
    )


def is_bernoulli(rule: Rule) -> bool:
    """Whether each row is drawn for itself, so that the number of rows varies."""
    return rule.by == "uniform" and rule.fraction is not None and not _has_strata(rule)


def _has_strata(rule: Rule) -> bool:
    return bool(rule.per) or rule.per_cluster


def has_fixed_size(rule: Rule) -> bool:
    """Whether it draws the same number of rows with every seed."""
    return rule.cost is None and not is_bernoulli(rule)


def has_equal_chances(rule: Rule) -> bool:
    """Whether it takes a set number of rows of each stratum, all with the same chance."""
    return rule.by == "uniform" and has_fixed_size(rule)


def same_rows(rule: Rule) -> str:
    """Return what is equal for rules that draw from the same rows, and the same strata of them."""
    return rule.model_dump_json(exclude=set(_AMOUNTS))

"""The figures of a preview of a large dataset: what counts of the whole tell, and some rows.

How many rows each stratum gives follows from the sizes of the strata, which the lake counts in a
moment. Of which classes the drawn rows are is estimated: where all rows of a stratum have the same
chance, from the counts; with weights, from what the rule draws of rows spread over the dataset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.datasets import Dataset
from curation.lake.records import label_sql
from curation.lake.workspace import Workspace
from curation.sampling.drawing.allocation import Allocation, Counts, allocate, rows_in_all, share
from curation.sampling.drawing.drawn import (
    MOST_STRATA,
    PROBABILITY_COLUMN,
    REASON_COLUMN,
    Drawn,
    Stratum,
)
from curation.sampling.drawing.inclusion import ALWAYS_KEPT
from curation.sampling.drawing.population import number_sql
from curation.sampling.drawing.strata import column_named, stratum_name, stratum_sql
from curation.sampling.previews.preview_counts import Figures
from curation.sampling.previews.preview_rows import asks_model, in_lake, kept_sql, scope_sql
from curation.sampling.rules.rule import Rule

MOST_GROUPS = 20_000
"""More strata times classes than this are not counted."""

Mix = dict[str, dict[str | None, int]]
"""Stratum to class to rows."""


@dataclass(frozen=True)
class Groups:
    """Rows of the whole dataset that a rule may draw, and that it keeps, counted."""

    drawable: Mix
    kept: dict[str | None, int]
    """Class to rows."""

    @property
    def rows(self) -> int:
        """All of these rows."""
        drawable = sum(sum(counts.values()) for counts in self.drawable.values())
        return drawable + sum(self.kept.values())


def is_countable(rule: Rule) -> bool:
    """Say whether the sizes of strata tell how many rows a rule draws."""
    return not (rule.is_combined or rule.cost is not None or asks_model(rule))


def count_groups(workspace: Workspace, dataset: Dataset, rule: Rule) -> Groups | None:
    """Count strata and classes of the rows that a rule may draw; None where they are too many."""
    with workspace.cursor() as cursor, sql.evaluating("; ".join(rule.expressions())):
        found = cursor.execute(_groups_sql(rule, dataset)).fetchall()
    if found and found[0][-1] > MOST_GROUPS:
        return None
    drawable: Mix = defaultdict(dict)
    kept: dict[str | None, int] = defaultdict(int)
    for name, of_class, rows, always, _ in found:
        kept[of_class] += always or 0
        if rows:
            drawable[name][of_class] = rows
    return Groups({name: drawable[name] for name in sorted(drawable)}, kept)


def count_sizes(workspace: Workspace, dataset: Dataset, rule: Rule) -> dict[int, int]:
    """Return how many strata there are of each size, where they are too many to tell apart."""
    table = in_lake(dataset)
    columns = sql.identifiers(dict.fromkeys(column_named(c, table) for c in rule.per))
    with workspace.cursor() as cursor, sql.evaluating("; ".join(rule.expressions())):
        found = cursor.execute(
            f"""SELECT size, count(*) FROM (
                SELECT count(*) AS size FROM {table.name}
                WHERE {scope_sql(rule, dataset)} AND {_usable_sql(rule, dataset)}
                    AND NOT {kept_sql(rule, dataset)}
                GROUP BY {columns})
            GROUP BY size"""
        ).fetchall()
    return dict(found)


def with_sizes(figures: Figures, rule: Rule, sizes: Mapping[int, int]) -> Figures:
    """Return estimated figures with what the sizes of all strata tell.

    Args:
        figures: estimates; single strata are told of no more, since too few of them are known.
        rule: what draws.
        sizes: size to the number of strata of it.
    """
    each = np.array(sorted(sizes), np.int64)
    many = np.array([sizes[size] for size in each.tolist()], np.int64)
    population = int((each * many).sum())
    in_all = rows_in_all(rule)
    if in_all is not None:
        take, asked = min(in_all, population), in_all
    else:
        shares = allocate(rule, [""] * len(each), each)
        take, asked = int((shares.take * many).sum()), int((shares.asked * many).sum())
    drawn = take + figures.kept
    before = max(1, sum(figures.classes_after.values()))
    return replace(
        figures,
        population=population, drawn=drawn, strata=[], strata_count=int(many.sum()),
        shortfall=max(0, asked - take),
        classes_after={c: round(n * drawn / before) for c, n in figures.classes_after.items()},
        estimates=("kept", "classes_before", "classes_after"),
    )  # fmt: skip


def _groups_sql(rule: Rule, dataset: Dataset) -> str:
    """Return the SELECT of stratum, class, rows to draw, rows kept, and how many groups."""
    table, label = in_lake(dataset), dataset.roles.label
    named = [column_named(column, table) for column in rule.per]
    # Grouped by the columns as they are, and told apart by what is made of them afterwards: what is
    # made of ten million texts takes ten times as long.
    columns = sql.identifiers(dict.fromkeys([*named, *([label] if label else [])]))
    klass = label_sql(label, dataset.columns[label]) if label else "NULL"
    return f"""
        SELECT {_stratum_sql(rule, table, dataset)} AS stratum, CAST({klass} AS VARCHAR) AS class,
            CAST(sum(rows_) FILTER (NOT _curation_kept) AS BIGINT),
            CAST(sum(rows_) FILTER (_curation_kept) AS BIGINT), sum(count(*)) OVER () AS groups
        FROM (
            SELECT {columns + "," if columns else ""} {kept_sql(rule, dataset)} AS _curation_kept,
                count(*) AS rows_
            FROM {table.name}
            WHERE {kept_sql(rule, dataset)}
                OR ({scope_sql(rule, dataset)} AND {_usable_sql(rule, dataset)})
            GROUP BY ALL LIMIT {MOST_GROUPS + 1})
        GROUP BY ALL"""


def from_groups(
    engine: Engine, groups: Groups, rule: Rule, dataset: Dataset, drawn: Drawn
) -> tuple[Figures, Relation]:
    """Return the figures that counts tell, and the rows drawn from some with chances of the whole.

    Args:
        engine: where the rows are.
        groups: the counts.
        rule: what draws.
        dataset: its columns and roles.
        drawn: what the rule draws from rows spread over the dataset.
    """
    strata = list(groups.drawable)
    sizes = np.array([sum(groups.drawable[s].values()) for s in strata], np.int64)
    names = [stratum_name(stratum) for stratum in strata]
    shares = allocate(rule, names, sizes)
    by_class = groups.drawable
    if rule.by != "uniform" and dataset.roles.label:
        by_class = _mix(engine, drawn.rows, rule, dataset)
    after: dict[str | None, int] = defaultdict(int, groups.kept)
    for stratum, take in zip(strata, shares.take.tolist(), strict=True):
        for of_class, count in _shared(take, by_class.get(stratum) or groups.drawable[stratum]):
            after[of_class] += count
    estimates = ["drawn"] if _is_by_chance(rule) else []
    if dataset.roles.label and not all(len(c) == 1 for c in groups.drawable.values()):
        estimates.append("classes_after")
    kept = sum(groups.kept.values())
    figures = Figures(
        population=int(sizes.sum()), drawn=int(shares.take.sum()) + kept, kept=kept,
        strata=_told(names, sizes, shares), strata_count=len(strata) + len(shares.absent),
        shortfall=shares.shortfall, notes=shares.notes, estimates=tuple(estimates),
        classes_before=_largest_first(_added(groups)), classes_after=_largest_first(after),
    )  # fmt: skip
    if _is_by_chance(rule):
        return figures, drawn.rows
    each = zip(names, sizes.tolist(), shares.asked.tolist(), shares.take.tolist(), strict=True)
    told = dict(zip(strata, (Stratum(*one) for one in each), strict=True))
    return figures, _of_the_whole(engine, rule, dataset, drawn, told)


def _usable_sql(rule: Rule, dataset: Dataset) -> str:
    """Return the SQL of which rows have what the rule weighs them by."""
    table = in_lake(dataset)
    if rule.by == "weighted" and rule.weight is not None:
        return f"{number_sql(rule.weight, table)} > 0"
    if rule.by == "recency":
        named = (rule.timestamp or dataset.roles.single("timestamp") or "").lower()
        for column in dataset.columns:
            if column.lower() == named:
                return f"TRY_CAST({sql.identifier(column)} AS TIMESTAMP) IS NOT NULL"
    return "TRUE"


def _stratum_sql(rule: Rule, relation: Relation, dataset: Dataset) -> str:
    return stratum_sql(rule, relation, dataset.roles) or "''"


def _is_by_chance(rule: Rule) -> bool:
    """Say whether each row is drawn or not by itself, so that chance decides how many are."""
    return rule.fraction is not None and rule.by == "uniform" and not rule.per


def _mix(engine: Engine, drawn: Relation, rule: Rule, dataset: Dataset) -> Mix:
    stratum = _stratum_sql(rule, drawn, dataset)
    label = label_sql(str(dataset.roles.label), drawn.columns[str(dataset.roles.label)])
    found: Mix = defaultdict(dict)
    table = engine.table(
        f"""SELECT {stratum} AS stratum, {label} AS class, count(*) AS rows_
        FROM {drawn.name} GROUP BY ALL ORDER BY ALL"""
    )
    for row in table.to_pylist():
        found[row["stratum"]][row["class"]] = row["rows_"]
    return found


def _shared(total: int, counts: Mapping[str | None, int]) -> list[tuple[str | None, int]]:
    """Share a number of rows among classes in proportion to their counts."""
    names = sorted(counts, key=str)
    weights = np.array([counts[name] for name in names], np.int64)
    return list(
        zip(names, share(total, weights, np.full_like(weights, total)).tolist(), strict=True)
    )


def _told(names: list[str], sizes: Counts, shares: Allocation) -> list[Stratum]:
    told = [
        Stratum(name, rows, asked, take)
        for name, rows, asked, take in zip(
            names, sizes.tolist(), shares.asked.tolist(), shares.take.tolist(), strict=True
        )
    ]
    told += [Stratum(name, 0, rows, 0) for name, rows in shares.absent.items()]
    return sorted(told, key=lambda s: (-s.shortfall, -s.rows, s.name))[:MOST_STRATA]


def _added(groups: Groups) -> dict[str | None, int]:
    found: dict[str | None, int] = defaultdict(int)
    for counts in groups.drawable.values():
        for of_class, rows in counts.items():
            found[of_class] += rows
    return found


def _largest_first(counts: Mapping[str | None, int]) -> dict[str, int]:
    named = [(name, rows) for name, rows in counts.items() if name is not None and rows]
    return dict(sorted(named, key=lambda each: (-each[1], each[0])))


def _of_the_whole(
    engine: Engine, rule: Rule, dataset: Dataset, drawn: Drawn, told: Mapping[str, Stratum]
) -> Relation:
    """Return drawn rows with chances and reasons as they are where all rows are there.

    Args:
        engine: where the rows are.
        rule: what drew them.
        dataset: its columns and roles.
        drawn: what was drawn from some of the rows, and how it went in each stratum.
        told: what tells a stratum from others to how it goes in it in the whole.
    """
    some = {stratum.name: stratum for stratum in drawn.strata if stratum.drawn}
    both = [(key, some[w.name], w) for key, w in told.items() if w.name in some]
    factors = [(w.drawn / w.rows) / (s.drawn / s.rows) for _, s, w in both]
    table = engine.put(
        pa.table(
            {
                "_curation_of": pa.array([key for key, _, _ in both], pa.string()),
                "_curation_factor": pa.array(factors, pa.float64()),
                "_curation_some": pa.array([_counts(s) for _, s, _ in both], pa.string()),
                "_curation_whole": pa.array([_counts(w) for _, _, w in both], pa.string()),
            }
        )
    )
    chance, reason = sql.identifier(PROBABILITY_COLUMN), sql.identifier(REASON_COLUMN)
    columns = sql.identifiers(
        c for c in drawn.rows.columns if c not in (PROBABILITY_COLUMN, REASON_COLUMN)
    )
    return engine.select(
        f"""SELECT {columns}, CASE WHEN {reason} = {sql.literal(ALWAYS_KEPT)} THEN {chance}
                ELSE least(1, {chance} * coalesce(_curation_factor, 1)) END AS {chance},
            coalesce(replace({reason}, _curation_some, _curation_whole), {reason}) AS {reason}
        FROM {drawn.rows.name} LEFT JOIN {table.name}
            ON _curation_of = {_stratum_sql(rule, drawn.rows, dataset)}"""
    )


def _counts(stratum: Stratum) -> str:
    return f"{stratum.drawn:,} of {stratum.rows:,}"

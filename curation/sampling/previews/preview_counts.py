"""The figures of a preview where all rows are there that a rule may draw."""

from __future__ import annotations

from dataclasses import dataclass

from curation.engines.base import Engine, Relation
from curation.lake.datasets import Dataset
from curation.lake.records import label_sql
from curation.lake.roles import Roles
from curation.sampling.drawing.drawn import Drawn, Stratum
from curation.sampling.previews.preview_rows import near_sql
from curation.sampling.rules.rule import Rule


@dataclass(frozen=True)
class Figures:
    """Counts of a preview; `preview.Preview` says what they are."""

    population: int
    drawn: int
    kept: int
    strata: list[Stratum]
    strata_count: int
    shortfall: int
    classes_before: dict[str, int]
    classes_after: dict[str, int]
    notes: list[str]
    estimates: tuple[str, ...] = ()


def figures_of(
    engine: Engine, relation: Relation, rule: Rule, dataset: Dataset, drawn: Drawn
) -> Figures:
    """Return the figures of a draw."""
    return Figures(
        population=drawn.population,
        drawn=int(engine.values(f"SELECT count(*) FROM {drawn.rows.name}")[0]),
        kept=drawn.kept, strata=drawn.strata, strata_count=drawn.strata_count,
        shortfall=drawn.shortfall, notes=drawn.notes,
        classes_before=class_mix(engine, relation, dataset.roles, near_sql([rule], dataset)),
        classes_after=class_mix(engine, drawn.rows, dataset.roles),
    )  # fmt: skip


def class_mix(
    engine: Engine, relation: Relation, roles: Roles, where: str = "TRUE"
) -> dict[str, int]:
    """Return rows per class, the largest first; empty where the rows have no label column."""
    label = roles.label
    if label is None or label not in relation.columns:
        return {}
    table = engine.table(
        f"""SELECT class, count(*) AS size FROM (
            SELECT {label_sql(label, relation.columns[label])} AS class
            FROM {relation.name} WHERE {where})
        WHERE class IS NOT NULL GROUP BY class ORDER BY size DESC, class"""
    )
    return dict(zip(*(table[c].to_pylist() for c in ("class", "size")), strict=True))

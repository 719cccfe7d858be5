"""Two rules on one snapshot: which rows both draw, and of which classes."""

from __future__ import annotations

from dataclasses import dataclass

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.lake.datasets import get_dataset
from curation.lake.records import ROW_COLUMN
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.staging import check_drawn_before, check_named_columns
from curation.sampling.previews.preview_counts import class_mix
from curation.sampling.previews.preview_rows import (
    check_classes,
    count_near,
    near_sql,
    rows_to_look_at,
)
from curation.sampling.rules.library import written_out
from curation.sampling.rules.rule import Rule


@dataclass(frozen=True)
class RuleComparison:
    """What two rules draw from the same rows."""

    looked_at: int
    """Rows that both drew from."""
    of: int
    """Rows that they may draw from, or all rows where a model is asked."""
    first: int
    """Rows that the first drew."""
    second: int
    in_common: int
    first_classes: dict[str, int]
    """Drawn rows of each class, the largest first; empty without a label column."""
    second_classes: dict[str, int]

    @property
    def only_first(self) -> int:
        """Rows that only the first drew."""
        return self.first - self.in_common

    @property
    def only_second(self) -> int:
        """Rows that only the second drew."""
        return self.second - self.in_common

    @property
    def is_estimate(self) -> bool:
        """Whether not all rows were looked at; the counts are of those that were."""
        return self.looked_at < self.of


def compare_rules(
    workspace: Workspace,
    dataset: str,
    first: Rule,
    second: Rule,
    *,
    snapshot: int | None = None,
    progress: Progress = no_progress,
) -> RuleComparison:
    """Draw by two rules from the same rows and say what they have in common.

    Of a large dataset only rows spread evenly over it are drawn from; `preview.preview_rule` does
    the same.

    Args:
        workspace: where the dataset and the rules within the rules are.
        dataset: its name.
        first: one rule.
        second: the other.
        snapshot: which version of the dataset; the newest without one.
        progress: told how far it is.

    Raises:
        UnknownNameError: no such dataset, rule or column.
        CurationError: a rule does not fit the data.
    """
    found = get_dataset(workspace, dataset, snapshot)
    rules = [written_out(workspace, rule) for rule in (first, second)]
    for rule in rules:
        check_named_columns(rule, found.columns)
        check_classes(workspace, found, rule)
    near = near_sql(rules, found)
    count = count_near(workspace, found, near)
    with DuckDBEngine() as engine:
        rows, _ = rows_to_look_at(engine, workspace, found, rules, near, count)
        check_drawn_before(engine, rows)
        looked_at = int(engine.values(f"SELECT count(*) FROM {rows.name}")[0])
        one, other = (
            draw(
                engine, rows, rule, found.roles,
                progress=part(progress, 0.1 + 0.4 * place, 0.5 + 0.4 * place),
            ).rows
            for place, rule in enumerate(rules)
        )  # fmt: skip
        progress(1.0, "Done")
        return RuleComparison(
            looked_at, count, _count(engine, one), _count(engine, other),
            _in_common(engine, one, other), class_mix(engine, one, found.roles),
            class_mix(engine, other, found.roles),
        )  # fmt: skip


def _count(engine: DuckDBEngine, rows: Relation) -> int:
    return int(engine.values(f"SELECT count(*) FROM {rows.name}")[0])


def _in_common(engine: DuckDBEngine, one: Relation, other: Relation) -> int:
    found = engine.values(
        f"SELECT count(*) FROM {one.name} WHERE {ROW_COLUMN} IN "
        f"(SELECT {ROW_COLUMN} FROM {other.name})"
    )
    return int(found[0])

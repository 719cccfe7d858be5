"""What a rule's sample of a dataset says of all rows that it draws from."""

from __future__ import annotations

from dataclasses import replace

from curation import sql
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UnknownNameError
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.roles import is_numeric
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.staging import check_drawn_before, with_internal_columns
from curation.sampling.previews.estimates import (
    Estimate,
    estimated_counts,
    estimated_mean,
    estimated_total,
)
from curation.sampling.rules.library import written_out
from curation.sampling.rules.rule import Rule


def column_estimates(
    workspace: Workspace,
    dataset: str,
    rule: Rule,
    column: str,
    *,
    snapshot: int | None = None,
    progress: Progress = no_progress,
) -> list[Estimate]:
    """Draw from a dataset and estimate a column of all rows that could be drawn or are kept.

    Args:
        workspace: where the dataset and the rules within the rule are.
        dataset: its name.
        rule: what draws.
        column: what is estimated.
        snapshot: which version of the dataset; the newest without one.
        progress: told how far it is.

    Returns:
        Rows of each value, the largest first; of a number, its mean and its total.

    Raises:
        UnknownNameError: no such dataset, rule or column.
        UsageError: the rule ranks rows, so that they stand for no others.
        CurationError: the rule does not fit the data.
    """
    found = get_dataset(workspace, dataset, snapshot)
    if column not in found.columns:
        raise UnknownNameError("column", column, found.columns)
    whole = written_out(workspace, rule)
    strata = () if whole.parts else whole.per
    with DuckDBEngine() as engine:
        source = with_internal_columns(table_sql(found.name, found.snapshot), found.roles)
        with workspace.cursor() as cursor:
            relation = engine.put(cursor.execute(source).to_arrow_reader())
        check_drawn_before(engine, relation)
        drawn = draw(engine, relation, whole, found.roles, progress=part(progress, 0.1, 0.9))
        if column == found.roles.label or not is_numeric(found.columns[column]):
            return estimated_counts(engine, drawn, column, strata=strata)
        name = sql.identifier(column)
        return [
            replace(estimated_mean(engine, drawn, name, strata=strata), name="mean"),
            replace(estimated_total(engine, drawn, name, strata=strata), name="total"),
        ]

"""Draw from a data frame without a workspace, or from all rows of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from curation.engines.duckdb import DuckDBEngine
from curation.lake import source_files
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.profile import profile_relation
from curation.lake.roles import Roles, detect_roles
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.drawn import Drawn
from curation.sampling.drawing.staging import (
    check_drawn_before,
    check_named_columns,
    drawn_query,
    with_internal_columns,
)
from curation.sampling.rules.library import written_out
from curation.sampling.rules.rule import Rule


def draw_frame(
    frame: Any, rule: Rule, roles: Roles | None = None, *, progress: Progress = no_progress
) -> Any:
    """Return the rows of a pandas, polars or Arrow table that a rule draws, as the same kind.

    Args:
        frame: the rows.
        rule: which of them; rules that it is made of stand in it, not their names.
        roles: what each column is for; detected without. The same key draws the same rows
            tomorrow, so name the key column where there is one.
        progress: told how far it is.

    Returns:
        The drawn rows in their order, with the columns ``inclusion_probability`` (above 0 up to 1;
        null where rows were ranked, not drawn) and ``drawn_because``.

    Raises:
        CurationError: a frame that cannot be read, or a rule that does not fit its columns.
    """
    from curation.sampling.drawing.draw import draw  # it may load what models need

    with DuckDBEngine() as engine:
        staged = source_files.stage_table(engine.connection, frame)
        known = roles or detect_roles(profile_relation(engine.connection, staged.table))
        relation = engine.select(with_internal_columns(staged.table, known))
        check_drawn_before(engine, relation)
        rows = draw(engine, relation, rule, known, progress=progress).rows
        table = engine.table(drawn_query(rows))
    module = type(frame).__module__.split(".")[0]
    if module == "pandas":
        return table.to_pandas()
    if module == "polars":
        import polars as pl

        return pl.from_arrow(table)
    return table


@contextmanager
def drawn_from_dataset(
    workspace: Workspace,
    dataset: str,
    rule: Rule,
    *,
    snapshot: int | None = None,
    progress: Progress = no_progress,
) -> Iterator[tuple[DuckDBEngine, Drawn]]:
    """Draw from all rows of a dataset; give the engine that holds the drawn rows, and them.

    Args:
        workspace: where the dataset and the rules within the rule are.
        dataset: its name.
        rule: what draws.
        snapshot: which version of the dataset; the newest without one.
        progress: told how far it is.

    Raises:
        UnknownNameError: no such dataset, rule or column.
        CurationError: the rule does not fit the data.
    """
    found = get_dataset(workspace, dataset, snapshot)
    whole = written_out(workspace, rule)
    check_named_columns(whole, found.columns)
    with DuckDBEngine() as engine:
        source = with_internal_columns(table_sql(found.name, found.snapshot), found.roles)
        with workspace.cursor() as cursor:
            relation = engine.put(cursor.execute(source).to_arrow_reader())
        check_drawn_before(engine, relation)
        inner = part(progress, 0.3, 1.0)
        yield engine, draw(engine, relation, whole, found.roles, progress=inner)

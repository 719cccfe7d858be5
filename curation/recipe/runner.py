"""Runs a recipe on a file, a data frame or a dataset, and says what each step did."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import CurationError
from curation.lake import source_files
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.fold import EVERYTHING, Cut, Policy
from curation.lake.imports import MAX_REFUSED
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
    label_sql,
)
from curation.lake.roles import Roles
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.recipe.contracted import Source, from_contract
from curation.recipe.held_out import HeldOut, put_aside
from curation.recipe.model import Recipe
from curation.recipe.rules import with_rules
from curation.recipe.said import of_dataset
from curation.steps import Split, Step, StepContext, StepResult
from curation.steps.base import data_columns, row_count
from curation.steps.split import frozen_form

TOUCHED = pa.schema([(n, pa.string()) for n in ("step", "record_key", "what", "before", "after")])
"""The columns of the records that steps touched."""


@dataclass(frozen=True)
class StepOutcome:
    """What one step did in one run."""

    id: str
    name: str
    rows_in: int
    rows_out: int
    touched: int
    """Rows that were changed, left out or made."""
    counts: dict[str, int]
    note: str
    queue: pa.Table | None
    """Records that wait for a person."""


class RunResult:
    """The rows after a run and what each step did. Close it, or use it with ``with``.

    The rows stay in the run's engine; nothing is in memory until `table` is called.
    """

    def __init__(self, engine: DuckDBEngine, roles: Roles, notes: list[str]) -> None:
        self.notes = notes
        self.roles = roles
        self.steps: list[StepOutcome] = []
        self._engine = engine
        self._relations: list[Relation] = []
        # A result that nobody closes must not leave its spill folder behind.
        self._close = weakref.finalize(self, engine.close)

    @property
    def rows_in(self) -> int:
        """How many rows went in."""
        return row_count(self._engine, self._relations[0])

    @property
    def rows(self) -> int:
        """How many rows came out."""
        return row_count(self._engine, self._relations[-1])

    def class_counts(self, after: int | None = None) -> dict[str, int]:
        """Return rows per label after a step, the largest class first.

        Args:
            after: 0 for the input, 1 for after the first step; None for after the last.
        """
        relation = self._relations[-1 if after is None else after]
        if self.roles.label is None:
            return {}
        label = label_sql(self.roles.label, relation.columns[self.roles.label])
        table = self._engine.table(
            f"SELECT class, count(*) AS size FROM (SELECT {label} AS class FROM {relation.name}) "
            "WHERE class IS NOT NULL GROUP BY class ORDER BY size DESC, class"
        )
        return {row["class"]: row["size"] for row in table.to_pylist()}

    def touched(self, most: int) -> pa.Table | None:
        """Return the records that steps changed, left out or made; None where they are too many.

        Returns:
            step, record_key, what (``changed``, ``left out`` or ``made``), and the label before
            and after.
        """
        found = [
            self._touched_by(step.id, before, after)
            for step, before, after in zip(
                self.steps, self._relations, self._relations[1:], strict=False
            )
        ]
        if not found:
            return TOUCHED.empty_table()
        every = self._engine.select(" UNION ALL ".join(found))
        if row_count(self._engine, every) > most:
            return None
        return self._engine.table(f"FROM {every.name}").cast(TOUCHED)

    def _touched_by(self, step: str, before: Relation, after: Relation) -> str:
        row, key = sql.identifier(ROW_COLUMN), sql.identifier(KEY_COLUMN)
        columns = [c for c in data_columns(before) if c in after.columns]
        differs = " OR ".join(
            f"b.{sql.identifier(c)} IS DISTINCT FROM a.{sql.identifier(c)}" for c in columns
        )
        label = self.roles.label
        was, is_now = "NULL", "NULL"
        if label is not None and label in columns:
            was = label_sql(label, before.columns[label], of="b")
            is_now = label_sql(label, after.columns[label], of="a")
        return f"""
            SELECT {sql.literal(step)} AS step, coalesce(b.{key}, a.{key}) AS record_key,
                CASE WHEN a.{row} IS NULL THEN 'left out' WHEN b.{row} IS NULL THEN 'made'
                    ELSE 'changed' END AS what,
                CASE WHEN b.{row} IS NOT NULL THEN {was} END AS before,
                CASE WHEN a.{row} IS NOT NULL THEN {is_now} END AS after
            FROM {before.name} b FULL JOIN {after.name} a ON a.{row} = b.{row}
            WHERE a.{row} IS NULL OR b.{row} IS NULL OR {differs or "FALSE"}"""

    def frozen(self, step: Split, seed: int) -> Split:
        """Return a split with the bounds that it fits to these rows; see `frozen_form`."""
        context = StepContext(self._engine, self.roles, seed, step.step_id)
        return frozen_form(step, self._relations[-1], context)

    def table(self) -> pa.Table:
        """Return the curated rows with the columns of the data, in the order of the input."""
        return self._engine.table(self._query())

    def write(self, path: str | Path) -> None:
        """Write the curated rows; the format is told by the file's name."""
        write_rows(self._engine.reader(self._query()), Path(path))

    def close(self) -> None:
        """Free the rows."""
        self._close()

    def __enter__(self) -> RunResult:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _query(self) -> str:
        relation = self._relations[-1]
        columns = sql.identifiers(data_columns(relation))
        return f"SELECT {columns} FROM {relation.name} ORDER BY {sql.identifier(ROW_COLUMN)}"


def run_on_file(
    recipe: Recipe,
    path: str | Path,
    *,
    name: str | None = None,
    encoding: str | None = None,
    max_refused: float = MAX_REFUSED,
    memory_limit: str | None = None,
    progress: Progress = no_progress,
) -> RunResult:
    """Run a recipe with the decisions in it on a file.

    Args:
        recipe: what to run.
        path: the file.
        name: what to call it in messages, where the path is a temporary one.
        encoding: of a text file that is not UTF-8.
        max_refused: how many rows may be refused; below 1 it is a fraction of the rows.
        memory_limit: see `DuckDBEngine`.
        progress: told how far it is.

    Raises:
        SourceFileError: the file cannot be read.
        ContractError: the data do not satisfy the recipe.
        CurationError: a step cannot be done on these data; the message names the step.
    """
    engine = DuckDBEngine(memory_limit)
    try:
        staged = source_files.stage_file(
            engine.connection, Path(path), name=name, encoding=encoding, max_refused=max_refused,
            progress=part(progress, 0.0, 0.2),
        )  # fmt: skip
        source = from_contract(engine, recipe, staged.table, [*_refused(staged), *staged.notes])
        return _run(engine, recipe, source, None, part(progress, 0.2, 1.0))
    except BaseException:
        engine.close()
        raise


def run_on_frame(recipe: Recipe, frame: Any, *, progress: Progress | None = None) -> Any:
    """Run a recipe on a pandas, polars or Arrow table; return the same kind of table."""
    engine = DuckDBEngine()
    try:
        staged = source_files.stage_table(engine.connection, frame)
        source = from_contract(engine, recipe, staged.table, staged.notes)
        with _run(engine, recipe, source, None, progress or no_progress) as result:
            return _like(frame, result.table())
    finally:
        engine.close()


def run_on_dataset(
    workspace: Workspace,
    dataset: str,
    recipe: Recipe,
    *,
    snapshot: int | None = None,
    until: int | None = None,
    policy: Policy | None = None,
    cut: Cut = EVERYTHING,
    taxonomy_version: int | None = None,
    progress: Progress = no_progress,
) -> RunResult:
    """Run a recipe on a dataset with the decisions that are in force in the workspace.

    Args:
        workspace: where the dataset is; it is not changed.
        dataset: its name.
        recipe: its contract and decisions are not used: those of the dataset are.
        snapshot: which version; the newest without one.
        until: run only so many steps.
        policy: how several decisions about a record become one; the workflow's without one.
        cut: which annotations count.
        taxonomy_version: what labels are read under; the version in force without one.
        progress: told how far it is.
    """
    found = get_dataset(workspace, dataset, snapshot)
    engine = DuckDBEngine()
    try:
        with workspace.cursor() as cursor:
            reader = cursor.execute(
                f"SELECT * FROM {table_sql(dataset, found.snapshot)} ORDER BY rowid"
            ).to_arrow_reader()
            relation = engine.put(reader)
        said = of_dataset(
            workspace, found, policy=policy, cut=cut, taxonomy_version=taxonomy_version
        )
        source = Source(relation, found.roles, said)
        return _run(engine, with_rules(workspace, recipe), source, until, progress)
    except BaseException:
        engine.close()
        raise


def _refused(staged: source_files.Staged) -> list[str]:
    if not staged.refused_count:
        return []
    first = staged.refused[0]
    return [
        f"{staged.refused_count:,} rows of the input cannot be read and were left out; the first "
        f"is line {first.line:,}: {first.reason}."
    ]


def _run(
    engine: DuckDBEngine,
    recipe: Recipe,
    source: Source,
    until: int | None,
    progress: Progress,
) -> RunResult:
    result = RunResult(engine, source.roles, source.notes)
    relation = engine.select(
        f"""SELECT *, {key_sql(source.roles)} AS {sql.identifier(KEY_COLUMN)},
            {fingerprint_sql(source.roles)} AS {sql.identifier(FINGERPRINT_COLUMN)},
            rowid AS {sql.identifier(ROW_COLUMN)}, 'given' AS {sql.identifier(SOURCE_COLUMN)}
        FROM {source.relation.name}"""
    )
    engine.lock()
    result._relations.append(relation)
    held: HeldOut | None = None
    steps = recipe.steps[:until]
    for number, step in enumerate(steps, start=1):
        share = part(progress, (number - 1) / len(steps), number / len(steps))
        share(0.0, f"Step {number} of {len(steps)}: {step.name}")
        context = StepContext(
            engine=engine, roles=source.roles, seed=recipe.seed, step_id=step.step_id,
            decisions=held.decisions if held else source.said.decisions,
            readings=source.said.readings, progress=share,
        )  # fmt: skip
        try:
            done = _done(step, relation, context, held)
        except CurationError as error:
            raise _at_step(number, step.name, error) from error
        relation = done.relation
        every = held.beside(relation) if held else relation
        result.steps.append(
            StepOutcome(
                id=step.step_id, name=step.name,
                rows_in=row_count(engine, result._relations[-1]), rows_out=row_count(engine, every),
                touched=done.touched, counts=done.counts, note=done.note, queue=done.queue,
            )
        )  # fmt: skip
        result._relations.append(every)
        if isinstance(step, Split) and step.frozen:
            held, relation = put_aside(engine, relation, step, context.decisions)
    progress(1.0, "Done")
    return result


def _done(step: Step, relation: Relation, context: StepContext, held: HeldOut | None) -> StepResult:
    if held is None:
        return step.apply(relation, context)
    held.check(step)
    return held.said(step, step.apply(relation, context))


def _at_step(number: int, name: str, error: CurationError) -> CurationError:
    """Return the same error with the step's place in front."""
    located = type(error).__new__(type(error))
    Exception.__init__(located, f"Step {number} ({name}): {error}")
    return located


def _like(frame: Any, table: pa.Table) -> Any:
    module = type(frame).__module__.split(".")[0]
    if module == "pandas":
        return table.to_pandas()
    if module == "polars":
        import polars as pl

        return pl.from_arrow(table)
    return table

"""Runs a recipe on a file, a data frame or a dataset, and says what each step did."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import ContractError, CurationError
from curation.lake import source_files
from curation.lake.datasets import get_dataset, table_sql
from curation.lake.fold import EVERYTHING, Cut, Policy
from curation.lake.imports import MAX_REFUSED
from curation.lake.profile import profile_relation
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
    label_sql,
)
from curation.lake.roles import Roles, detect_roles
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.recipe.contract import check_contract
from curation.recipe.model import ColumnSpec, Contract, Recipe
from curation.recipe.rules import with_rules
from curation.recipe.said import SaidAboutData, of_dataset, of_recipe
from curation.steps import StepContext
from curation.steps.base import data_columns, row_count

_NARROWER = {"VARCHAR": ("BIGINT", "BOOLEAN", "DATE"), "DOUBLE": ("BIGINT",)}
"""Types that a column may have where the contract has the first, which holds all their values."""


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
    """Rows that were changed or left out."""
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
        """Return the records that steps changed or left out, or None where they are too many.

        Returns:
            step, record_key, what (``changed`` or ``left out``), and the label before and after.
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
            SELECT {sql.literal(step)} AS step, b.{key} AS record_key,
                CASE WHEN a.{row} IS NULL THEN 'left out' ELSE 'changed' END AS what,
                {was} AS before, CASE WHEN a.{row} IS NOT NULL THEN {is_now} END AS after
            FROM {before.name} b LEFT JOIN {after.name} a ON a.{row} = b.{row}
            WHERE a.{row} IS NULL OR {differs or "FALSE"}"""

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


@dataclass(frozen=True)
class _Source:
    """Rows inside an engine, and what the recipe needs to know of them."""

    relation: Relation
    roles: Roles
    said: SaidAboutData
    notes: list[str] = field(default_factory=list)


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
        source = _from_contract(engine, recipe, staged.table, [*_refused(staged), *staged.notes])
        return _run(engine, recipe, source, None, part(progress, 0.2, 1.0))
    except BaseException:
        engine.close()
        raise


def run_on_frame(recipe: Recipe, frame: Any, *, progress: Progress | None = None) -> Any:
    """Run a recipe on a pandas, polars or Arrow table; return the same kind of table."""
    engine = DuckDBEngine()
    try:
        staged = source_files.stage_table(engine.connection, frame)
        source = _from_contract(engine, recipe, staged.table, staged.notes)
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
        source = _Source(relation, found.roles, said)
        return _run(engine, with_rules(workspace, recipe), source, until, progress)
    except BaseException:
        engine.close()
        raise


def _from_contract(engine: DuckDBEngine, recipe: Recipe, table: str, notes: list[str]) -> _Source:
    recipe, detected = _with_roles(engine, recipe, engine.relation(table))
    relation, changes = _as_contracted(engine, recipe, engine.relation(table))
    differences = check_contract(recipe, relation.columns)
    roles = recipe.contract.roles
    _check_key(engine, relation, roles)
    said = of_recipe(recipe, _labels(engine, relation, roles))
    return _Source(relation, roles, said, [*notes, *detected, *changes, *differences])


def _labels(engine: DuckDBEngine, relation: Relation, roles: Roles) -> set[str]:
    if roles.label is None:
        return set()
    label = label_sql(roles.label, relation.columns[roles.label])
    found = engine.table(f"SELECT DISTINCT {label} AS label FROM {relation.name}")
    return {name for name in found["label"].to_pylist() if name is not None}


def _with_roles(
    engine: DuckDBEngine, recipe: Recipe, relation: Relation
) -> tuple[Recipe, list[str]]:
    """Detect what a recipe written by hand does not say: which columns are key and content."""
    named = recipe.contract.roles
    if named.content or named.having("key"):
        return recipe, []
    by_lower = {column.lower(): role for column, role in named.columns.items()}
    said = {c: by_lower[c.lower()] for c in relation.columns if c.lower() in by_lower}
    roles = detect_roles(profile_relation(engine.connection, relation.name)).with_named(said)
    columns = {c: ColumnSpec(role=r) for c, r in roles.columns.items() if r != "ignore"}
    contract = Contract(columns={**columns, **recipe.contract.columns})
    listed = ", ".join(f"{column} is {role}" for column, role in contract.roles.columns.items())
    note = f"The recipe does not say what each column is for; detected: {listed}."
    return recipe.model_copy(update={"contract": contract}), [note]


def _refused(staged: source_files.Staged) -> list[str]:
    if not staged.refused_count:
        return []
    first = staged.refused[0]
    return [
        f"{staged.refused_count:,} rows of the input cannot be read and were left out; the first "
        f"is line {first.line:,}: {first.reason}."
    ]


def _as_contracted(
    engine: DuckDBEngine, recipe: Recipe, relation: Relation
) -> tuple[Relation, list[str]]:
    """Give columns the contract's spelling, and its type where nothing can be lost by it."""
    contract = {column.lower(): (column, spec) for column, spec in recipe.contract.columns.items()}
    selected, notes = [], []
    for column, kind in relation.columns.items():
        name = sql.identifier(column)
        wanted, spec = contract.get(column.lower(), (column, None))
        if wanted != column:
            notes.append(f"Column '{column}' is taken for '{wanted}'.")
        if spec is not None and spec.type and kind in _NARROWER.get(spec.type, ()):
            notes.append(f"Column '{wanted}' is {kind}; it is taken as {spec.type}.")
            name = f"CAST({name} AS {spec.type})"
        selected.append(f"{name} AS {sql.identifier(wanted)}")
    if not notes:
        return relation, []
    query = f"SELECT {', '.join(selected)} FROM {relation.name} ORDER BY rowid"
    return engine.select(query), notes


def _check_key(engine: DuckDBEngine, relation: Relation, roles: Roles) -> None:
    keys = roles.having("key")
    if not keys:
        return
    repeated = engine.table(
        f"SELECT key FROM (SELECT {key_sql(roles)} AS key FROM {relation.name}) "
        "GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT 3"
    )["key"].to_pylist()
    if repeated:
        raise ContractError(
            f"The key {', '.join(keys)} occurs more than once in the data, for example "
            f"{', '.join(map(repr, repeated))}. Each record needs its own key: mend the data."
        )


def _run(
    engine: DuckDBEngine,
    recipe: Recipe,
    source: _Source,
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
    steps = recipe.steps[:until]
    for number, step in enumerate(steps, start=1):
        share = part(progress, (number - 1) / len(steps), number / len(steps))
        share(0.0, f"Step {number} of {len(steps)}: {step.name}")
        context = StepContext(
            engine=engine, roles=source.roles, seed=recipe.seed, step_id=step.step_id,
            decisions=source.said.decisions, readings=source.said.readings, progress=share,
        )  # fmt: skip
        try:
            done = step.apply(relation, context)
        except CurationError as error:
            raise _at_step(number, step.name, error) from error
        result.steps.append(
            StepOutcome(
                id=step.step_id, name=step.name, rows_in=row_count(engine, relation),
                rows_out=row_count(engine, done.relation), touched=done.touched,
                counts=done.counts, note=done.note, queue=done.queue,
            )
        )  # fmt: skip
        relation = done.relation
        result._relations.append(relation)
    progress(1.0, "Done")
    return result


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

"""The rows that a preview looks at: all of a small dataset, evenly spread blocks of a large one."""

from __future__ import annotations

import pyarrow as pa

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UnknownNameError
from curation.lake.datasets import Dataset, class_counts, table_sql
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.workspace import Workspace
from curation.privacy import gate
from curation.privacy.gate import Viewer
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.drawing.population import condition_sql, label_of
from curation.sampling.rules.rule import Rule

MOST_EXACT = 200_000
"""Up to so many rows are all looked at."""
MOST_SPREAD = 50_000
"""Of more than that about so many are."""
MOST_WITH_MODEL = 20_000
"""So many at most where a model or a finder has to be asked about each."""

_BLOCK = 512
"""Rows that lie together in the table and are read together; a quarter of what DuckDB reads."""
_LEAST_BLOCKS = 100
_MOST_COLUMNS = 30


def asks_model(rule: Rule) -> bool:
    """Say whether a rule, or one within it, needs more of a row than its columns."""
    from curation.sampling.drawing.signals import needed_signals  # loads the finders

    parts = [part for part in rule.parts if isinstance(part, Rule)]
    if parts:
        return any(map(asks_model, parts))
    return rule.by == "diversity" or bool(needed_signals(rule))


def check_classes(workspace: Workspace, dataset: Dataset, rule: Rule) -> None:
    """Refuse a rule of whose classes none is in the data; rows of others are not even read.

    Raises:
        UnknownNameError: it is so of the rule, or of one within it.
    """
    for part in rule.parts:
        if isinstance(part, Rule):
            check_classes(workspace, dataset, part)
    if not rule.classes or dataset.roles.label is None:
        return
    known = class_counts(workspace, dataset.name, dataset.snapshot)
    if known and not set(rule.classes) & set(known):
        raise UnknownNameError("class", rule.classes[0], known)


def in_lake(dataset: Dataset) -> Relation:
    """Return a dataset as SQL on the lake's own connection names it."""
    return Relation(table_sql(dataset.name, dataset.snapshot), dataset.columns)


def scope_sql(rule: Rule, dataset: Dataset) -> str:
    """Return the SQL of which rows of a dataset a rule without a model may draw."""
    table = in_lake(dataset)
    said = [condition_sql(rule.where, table)] if rule.where is not None else []
    if rule.classes:
        listed = ", ".join(map(sql.literal, rule.classes))
        said.append(f"{label_of(dataset.roles, table, 'classes')} IN ({listed})")
    return f"coalesce({' AND '.join(said)}, FALSE)" if said else "TRUE"


def kept_sql(rule: Rule, dataset: Dataset) -> str:
    """Return the SQL of which rows of a dataset a rule always keeps."""
    said = []
    if rule.keep is not None:
        said.append(f"coalesce({condition_sql(rule.keep, in_lake(dataset))}, FALSE)")
    if rule.keep_keys:
        listed = ", ".join(map(sql.literal, rule.keep_keys))
        said.append(f"{key_sql(dataset.roles)} IN ({listed})")
    return f"({' OR '.join(said)})" if said else "FALSE"


def near_sql(rules: list[Rule], dataset: Dataset) -> str:
    """Return the SQL of the rows that the rules may draw or keep, as far as columns tell it.

    A model looks at all rows, so with one that is all of them.
    """
    if any(map(asks_model, rules)):
        return "TRUE"
    said = {_near(rule, dataset) for rule in rules}
    return "TRUE" if "TRUE" in said else " OR ".join(sorted(said))


def _near(rule: Rule, dataset: Dataset) -> str:
    parts = [part for part in rule.parts if isinstance(part, Rule)]
    scope = near_sql(parts, dataset) if parts else scope_sql(rule, dataset)
    if scope == "TRUE":
        return scope
    kept = kept_sql(rule, dataset)
    return f"({scope} OR {kept})" if kept != "FALSE" else f"({scope})"


def count_near(workspace: Workspace, dataset: Dataset, near: str) -> int:
    """Return how many rows of a dataset satisfy a condition."""
    if near == "TRUE":
        return dataset.rows
    with workspace.cursor() as cursor, sql.evaluating(near):
        row = cursor.execute(
            f"SELECT count(*) FROM {in_lake(dataset).name} WHERE {near}"
        ).fetchone()
    assert row is not None
    return int(row[0])


def rows_to_look_at(
    engine: DuckDBEngine,
    workspace: Workspace,
    dataset: Dataset,
    rules: list[Rule],
    near: str,
    rows: int,
) -> tuple[Relation, bool]:
    """Bring rows of a dataset into an engine, ready to be drawn from.

    Args:
        engine: where they go.
        workspace: where the dataset is.
        dataset: at which snapshot.
        rules: what will be drawn; written out. Only columns that they need are read.
        near: SQL of the rows that the rules may draw; `near_sql`.
        rows: how many these are.

    Returns:
        Rows with the columns that a draw needs beside the data, and whether they are all of them.
    """
    with_model = any(map(asks_model, rules))
    wanted, most = (MOST_WITH_MODEL,) * 2 if with_model else (MOST_SPREAD, MOST_EXACT)
    where = f"({near})"
    if rows > most:
        # Small blocks far apart: rows that came together are often alike.
        block = max(1, min(_BLOCK, wanted // _LEAST_BLOCKS))
        every = -(-rows // wanted)
        where += f" AND (rowid // {block}) % {every} = {every // 2}"
    # Rows to show come from what was read, where a second look at a large table would take longer.
    all_columns = with_model or (rows > most and _is_narrow(dataset))
    query = _query(dataset, None if all_columns else _columns(dataset, rules))
    with workspace.cursor() as cursor, sql.evaluating(near):
        reader = cursor.execute(f"{query} WHERE {where}").to_arrow_reader()
        return engine.put(reader), rows <= most


def example_rows(
    engine: DuckDBEngine,
    workspace: Workspace,
    viewer: Viewer,
    dataset: Dataset,
    drawn: Relation,
    most: int,
) -> pa.Table:
    """Return some drawn rows with all their columns, their chance and why they were drawn.

    They are spread over the drawn rows by the hash of their key, and in the order of the dataset.
    """
    ours = [PROBABILITY_COLUMN, REASON_COLUMN]
    kept = [c for c in dataset.columns if c.lower() not in ours]
    some = f"{drawn.name} ORDER BY md5({KEY_COLUMN}), {ROW_COLUMN} LIMIT {int(most)}"
    if set(kept) <= set(drawn.columns):
        query = f"SELECT {sql.identifiers([*kept, *ours])} FROM (FROM {some}) ORDER BY {ROW_COLUMN}"
        return gate.preview(viewer, engine.table(query), most)
    chosen = engine.table(f"SELECT {ROW_COLUMN}, {sql.identifiers(ours)} FROM {some}")
    listed = ", ".join(map(str, chosen[ROW_COLUMN].to_pylist())) or "NULL"
    with workspace.cursor() as cursor:
        cursor.register("chosen", chosen)
        table = cursor.execute(
            f"""SELECT d.* EXCLUDE ({ROW_COLUMN}), {sql.identifiers(ours)}
            FROM (SELECT {sql.identifiers(kept)}, rowid AS {ROW_COLUMN}
                FROM {in_lake(dataset).name} WHERE rowid IN ({listed})) d
            JOIN chosen USING ({ROW_COLUMN}) ORDER BY {ROW_COLUMN}"""
        ).to_arrow_table()
    return gate.preview(viewer, table, most)


def _is_narrow(dataset: Dataset) -> bool:
    """Say whether a row is small: few columns, and no vectors or images."""
    kinds = [kind.upper() for kind in dataset.columns.values()]
    return len(kinds) <= _MOST_COLUMNS and not any(k.endswith("]") or k == "BLOB" for k in kinds)


def _columns(dataset: Dataset, rules: list[Rule]) -> list[str] | None:
    """Return the columns that the rules need; None for all."""
    roles = dataset.roles
    if not roles.having("key"):
        return None  # rows with one content are told apart by all the rest
    named = {column.lower() for rule in rules for column in rule.columns_used()}
    named |= {column.lower() for column in roles.having("key", "label", "timestamp")}
    named |= {PROBABILITY_COLUMN, REASON_COLUMN}
    return [column for column in dataset.columns if column.lower() in named]


def _query(dataset: Dataset, columns: list[str] | None) -> str:
    roles = dataset.roles
    # Where there is a key the content tells nothing more, and takes long to hash.
    seen = "''" if roles.having("key") else fingerprint_sql(roles)
    return f"""
        SELECT {"*" if columns is None else sql.identifiers(columns)},
            {key_sql(roles)} AS {sql.identifier(KEY_COLUMN)},
            {seen} AS {sql.identifier(FINGERPRINT_COLUMN)},
            rowid AS {sql.identifier(ROW_COLUMN)}, 'given' AS {sql.identifier(SOURCE_COLUMN)}
        FROM {in_lake(dataset).name}"""

"""The rows of a file or a table as a recipe's contract has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from curation import sql
from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import ContractError
from curation.lake.profile import profile_relation
from curation.lake.records import key_sql, label_sql
from curation.lake.roles import Roles, detect_roles
from curation.recipe.contract import check_contract
from curation.recipe.model import ColumnSpec, Contract, Recipe
from curation.recipe.said import SaidAboutData, of_recipe

_NARROWER = {"VARCHAR": ("BIGINT", "BOOLEAN", "DATE"), "DOUBLE": ("BIGINT",)}
"""Types that a column may have where the contract has the first, which holds all their values."""


@dataclass(frozen=True)
class Source:
    """Rows inside an engine, and what the recipe needs to know of them."""

    relation: Relation
    roles: Roles
    said: SaidAboutData
    notes: list[str] = field(default_factory=list)


def from_contract(engine: DuckDBEngine, recipe: Recipe, table: str, notes: list[str]) -> Source:
    """Return the rows as the recipe's contract names and types them.

    Raises:
        ContractError: they do not satisfy it.
    """
    recipe, detected = _with_roles(engine, recipe, engine.relation(table))
    relation, changes = _as_contracted(engine, recipe, engine.relation(table))
    differences = check_contract(recipe, relation.columns)
    roles = recipe.contract.roles
    _check_key(engine, relation, roles)
    said = of_recipe(recipe, _labels(engine, relation, roles))
    return Source(relation, roles, said, [*notes, *detected, *changes, *differences])


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

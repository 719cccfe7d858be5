"""Whether data have what a recipe expects, said before the first step runs."""

from __future__ import annotations

from collections.abc import Mapping

from curation.errors import ContractError, suggest
from curation.recipe.model import Recipe


def check_contract(recipe: Recipe, columns: Mapping[str, str]) -> list[str]:
    """Return notes on what differs harmlessly.

    Args:
        recipe: with its contract and steps.
        columns: column name to DuckDB type of the data.

    Raises:
        ContractError: a column that a role or a step needs is missing.
    """
    present = {column.lower() for column in columns}
    needed = set(recipe.contract.roles.having("key", "label")) | set(recipe.contract.roles.content)
    for column, spec in recipe.contract.columns.items():
        if column in needed and column.lower() not in present:
            raise ContractError(
                _missing(column, f"the recipe's contract has as {spec.role}", columns)
            )
    added: set[str] = set()
    for number, step in enumerate(recipe.steps, start=1):
        for column in sorted(step.columns_used()):
            if column.lower() not in present | added:
                raise ContractError(_missing(column, f"step {number} ({step.name}) uses", columns))
        added |= {column.lower() for column in step.columns_added()}
        if step.needs_label and recipe.contract.roles.label is None:
            raise ContractError(
                f"Step {number} ({step.name}) needs a label column, and the recipe's contract "
                "names none. Give one the role, for example:\n"
                "contract: {columns: {intent: {role: label}}}"
            )
    return _differences(recipe, columns)


def _missing(column: str, who: str, columns: Mapping[str, str]) -> str:
    return (
        f"The data have no column '{column}', which {who}. "
        f"{suggest(column, columns)}Columns: {', '.join(columns)}."
    )


def _differences(recipe: Recipe, columns: Mapping[str, str]) -> list[str]:
    notes = []
    for column, spec in recipe.contract.columns.items():
        if column not in columns:
            notes.append(f"The data have no column '{column}' ({spec.role}); nothing needs it.")
        elif spec.type is not None and columns[column] != spec.type:
            notes.append(
                f"Column '{column}' is {columns[column]}; the recipe was written for {spec.type}."
            )
    return notes

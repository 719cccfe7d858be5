"""Rows as models take them: in an order of their own, and as points in one feature space."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import DataError
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.lake.roles import Roles
from curation.learn.arrays import Matrix
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress
from curation.sampling.drawing.columns import data_columns


def sorted_rows(engine: Engine, relation: Relation, columns: Iterable[str]) -> pa.Table:
    """Return some columns of all rows, sorted by record key, fingerprint and data.

    What is learned of the table does not depend on the order in which the rows came: rows that tie
    are equal.
    """
    order = sql.identifiers([KEY_COLUMN, FINGERPRINT_COLUMN, *data_columns(relation)])
    return engine.table(
        f"SELECT {sql.identifiers(dict.fromkeys(columns))} FROM {relation.name} ORDER BY {order}"
    )


def roles_in(roles: Roles, relation: Relation, *wanted: str) -> Roles:
    """Return the roles of the columns that are there and have one of the wanted roles."""
    return Roles(
        columns={
            column: role
            for column, role in roles.columns.items()
            if column in relation.columns and role in wanted
        },
        sensitive=roles.sensitive,
    )


def points(shared: Shared, progress: Progress = no_progress) -> Matrix | None:
    """Return the feature space, shape (n, d), or None where no row differs from another.

    Raises:
        UsageError: no column has content.
        DataError: a column of vectors of different lengths.
    """
    _ = shared.content  # what is wrong with the columns is told before rows are compared
    try:
        return shared.features(progress)
    except DataError:
        return None

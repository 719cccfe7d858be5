"""Two who put rows into one dataset at once: one of them is told, and nothing is mixed."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from curation.lake.conflicts import is_conflict
from curation.lake.datasets import get_dataset, store_roles
from curation.lake.imports import import_table
from curation.lake.putting import put_rows
from curation.lake.workspace import Workspace


def test_two_changes_of_the_same_rows_are_a_conflict_and_not_a_mixture(
    team: Workspace, address: str
) -> None:
    rows = pa.table({"id": range(30), "label": ["a", "b"] * 15})
    import_table(team, rows, "d", roles={"id": "key", "label": "label"}, author="ann")
    found = get_dataset(team, "d")
    with Workspace.open(address) as other:
        cursors = [workspace.cursor().connection for workspace in (team, other)]  # type: ignore[attr-defined]
        for key, cursor in zip((100, 200), cursors, strict=True):
            cursor.execute(
                "CREATE TEMP TABLE staged AS FROM lake.data.d ORDER BY rowid; "
                f"INSERT INTO staged VALUES ({key}, 'a'); BEGIN"
            )
            # Both only add a row, which alone the lake would let both do.
            assert put_rows(cursor, "d", "staged", found.columns, ["id"]).added == 1
            store_roles(cursor, "d", found.roles)
        cursors[0].execute("COMMIT")
        with pytest.raises(duckdb.TransactionException) as caught:
            cursors[1].execute("COMMIT")
    assert is_conflict(caught.value)
    with team.cursor() as cursor:
        more = cursor.execute("SELECT id FROM lake.data.d WHERE id >= 30").fetchall()
    assert more == [(100,)]

"""Annotations as files: what was said in one workspace, to be merged into another."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet

from curation.errors import SourceFileError, UsageError
from curation.lake.annotations import COLUMNS_SQL, Annotation
from curation.lake.branches import check_new_branch
from curation.lake.fold import Cut, visible_sql
from curation.lake.merging import Merge, merge_branch
from curation.lake.workspace import Workspace

_NAMES = [field.name for field in fields(Annotation)]


def export_events(
    workspace: Workspace, dataset: str, label: str, path: Path, cut: Cut | None = None
) -> int:
    """Write all events of a branch as a Parquet file; return how many.

    Raises:
        UsageError: the file cannot be written.
    """
    query = visible_sql(workspace, dataset, label, cut or Cut())
    with workspace.cursor() as cursor:
        table = cursor.execute(f"{query} ORDER BY created_at, annotation_id").to_arrow_table()
    try:
        pa.parquet.write_table(table, path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return len(table)


def merge_events(
    workspace: Workspace, dataset: str, label: str, path: Path, *, branch: str, author: str
) -> Merge:
    """Bring in the events of a file as a branch, and merge it.

    Events that are here already, told by their ids, are the base of the merge.

    Args:
        workspace: where they go.
        dataset: the dataset that they are about here; it may have had another name there.
        label: the label column.
        path: what `export_events` wrote.
        branch: what to call where they come from.
        author: who merges.

    Raises:
        SourceFileError: not such a file.
        UsageError: the branch's name is taken, or there is nothing new in the file.
    """
    check_new_branch(workspace, dataset, branch)
    events = _read(path)
    with workspace.cursor() as cursor:
        here = {
            one
            for (one,) in cursor.execute(
                f"SELECT annotation_id FROM (SELECT {COLUMNS_SQL} "
                "FROM lake.curation.annotations WHERE dataset = ?)",
                [dataset],
            ).fetchall()
        }
    is_new = [one not in here for one in events["annotation_id"].to_pylist()]
    new = events.filter(pa.array(is_new))
    if not len(new):
        raise UsageError(f"Every event in '{path.name}' is here already.")
    count = len(new)
    new = new.set_column(_NAMES.index("dataset"), "dataset", pa.array([dataset] * count))
    new = new.set_column(_NAMES.index("branch"), "branch", pa.array([branch] * count))

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(
            "INSERT INTO lake.curation.branches VALUES (?, ?, NULL, ?, now()::TIMESTAMP)",
            [branch, dataset, author],
        )
        cursor.register("incoming_events", new)
        names = ", ".join(_NAMES)
        cursor.execute(
            f"INSERT INTO lake.curation.annotations ({names}) SELECT {names} FROM incoming_events"
        )
        cursor.unregister("incoming_events")

    workspace.write(
        change, author=author, message=f"{count:,} events from {path.name}", operation="branch",
        dataset=dataset,
    )  # fmt: skip
    return merge_branch(
        workspace, dataset, label, branch, author=author,
        base=set(events["annotation_id"].to_pylist()) & here,
    )  # fmt: skip


def _read(path: Path) -> pa.Table:
    try:
        events = pa.parquet.read_table(path)
    except FileNotFoundError as error:
        raise SourceFileError(f"There is no file '{path}'.") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceFileError(f"'{path}' is not a Parquet file that can be read.") from error
    missing = [name for name in _NAMES if name not in events.column_names]
    if missing:
        raise SourceFileError(
            f"'{path}' has no events: it lacks {', '.join(missing)}. "
            "Make one: curation annotations export NAME --output FILE.parquet"
        )
    return events.select(_NAMES)

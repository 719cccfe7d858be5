"""Source files and frames into a temporary DuckDB table, in their order, with types found."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import IO, Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet

from curation import sql
from curation.errors import SourceFileError, UsageError
from curation.lake import column_types, file_kinds
from curation.lake.text_files import Batches, read_delimited, read_json_lines
from curation.progress import Progress, no_progress, part

__all__ = ["RefusedRow", "Staged", "stage_file", "stage_table", "write_refused"]

_BATCH_ROWS = 50_000
_FIRST_ROWS = 20
_NAMED_ROWS = 3
_IN_MEMORY_BYTES = 1_000_000


@dataclass(frozen=True)
class RefusedRow:
    """One row that was not taken: its 1-based line in the file, why, and its text."""

    line: int
    reason: str
    text: str


class RefusedRows:
    """All refused rows of one file, kept out of memory when they are many.

    Args:
        name: what messages call the file or table.
        allowed: how many rows may be refused; below 1 it is a fraction of all rows.
    """

    def __init__(self, name: str, allowed: float) -> None:
        self._name, self._allowed = name, allowed
        self.first: list[RefusedRow] = []
        self.count = 0
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed with this object
            _IN_MEMORY_BYTES, "w+", encoding="utf-8", newline=""
        )
        self._writer = csv.writer(cast("IO[str]", self._file))
        weakref.finalize(self, self._file.close)

    def add(self, line: int, reason: str, text: bytes) -> None:
        """Take note of a refused row."""
        row = RefusedRow(line, reason, text.decode())
        if self.count < _FIRST_ROWS:
            self.first.append(row)
        self.count += 1
        self._writer.writerow([row.line, row.reason, row.text])

    def __iter__(self) -> Iterator[RefusedRow]:
        self._file.seek(0)
        rows = csv.reader(cast("IO[str]", self._file))
        for line, reason, text in rows:
            yield RefusedRow(int(line), reason, text)
        self._file.seek(0, io.SEEK_END)

    def judge(self, rows: int) -> None:
        """Refuse the whole file when too many of its rows are refused, or none is left.

        Raises:
            SourceFileError: names the first refused lines and says how to go on.
        """
        allowed = self._allowed * (rows + self.count) if self._allowed < 1 else self._allowed
        if self.count <= allowed and rows:
            return
        if not self.count:
            raise SourceFileError(
                f"{self._name} has a header but no rows. Give a file with at least one row."
            )
        named = "; ".join(f"line {row.line:,}: {row.reason}" for row in self.first[:_NAMED_ROWS])
        more = "; …" if self.count > _NAMED_ROWS else ""
        do = "Mend them."
        if rows:
            limit = "1 refused row" if self.count == 1 else f"up to {self.count} refused rows"
            do = f"Mend them, or allow {limit} with --max-refused {self.count}."
        raise SourceFileError(
            f"{self._name}: {self.count:,} of {rows + self.count:,} rows cannot be read.\n"
            f"{named}{more}.\n{do}"
        )


@dataclass(frozen=True)
class Staged:
    """Rows in a temporary table, ready to be imported.

    Attributes:
        table: the table's quoted name; it lives on the cursor that it was staged with, which
            drops it when it is closed.
        rows: how many.
        columns: column to DuckDB type, in the file's order.
        refused: the first 20 rows that were not taken.
        refused_count: how many were not taken in all.
        all_refused: every row that was not taken; `write_refused` writes them.
        notes: what a person should know about how the file was read, one line each.
    """

    table: str
    rows: int
    columns: dict[str, str]
    refused: list[RefusedRow]
    refused_count: int
    all_refused: Iterable[RefusedRow]
    notes: list[str]


def stage_file(
    cursor: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    encoding: str | None = None,
    name: str | None = None,
    max_refused: float = 0.01,
    progress: Progress = no_progress,
) -> Staged:
    """Read a file into a new temporary table, out of core and in the file's order.

    Args:
        cursor: the connection that the temporary table belongs to.
        path: .csv, .tsv, .jsonl or .ndjson (also with .gz), .parquet, .arrow, .feather or .ipc.
        encoding: of a text file; UTF-8 if not given.
        name: what messages call the file, and whose extension counts if it has one.
        max_refused: how many rows may be refused; below 1 it is a fraction of all rows.
        progress: told the fraction done; may cancel, which leaves nothing behind.

    Raises:
        SourceFileError: the file cannot be read as what its name says, or too much is refused.
        UsageError: an extension or an encoding that is not known.
    """
    path = Path(path)
    called = name or path.name
    file_kinds.check_there(path, called)
    kind, packed = file_kinds.kind_of(called if PurePath(called).suffix else path.name)
    file_kinds.check_file(path, kind, packed, called)
    refused = RefusedRows(f"'{called}'", max_refused)
    progress(0.0, f"Reading {called}")
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        if kind in ("parquet", "arrow"):
            with _arrow_errors(f"'{called}'"), _open_arrow(path, kind) as source:
                batches = _kept(source, f"'{called}'")
                return _load(cursor, batches, refused, called, progress)
        lines = file_kinds.utf8_lines(path, packed, encoding, called, part(progress, 0.0, 0.5))
        if kind == "jsonl":
            batches = read_json_lines(lines, Path(folder), refused, called)
        else:
            batches = read_delimited(lines, Path(folder), refused, called, tabs=kind == "tsv")
        found = _load(cursor, batches, refused, called, part(progress, 0.6, 1.0))
        return _with_times(cursor, found) if kind == "jsonl" else found


def stage_table(cursor: duckdb.DuckDBPyConnection, frame: Any) -> Staged:
    """Put a pandas, polars or Arrow table into a new temporary table, in its order.

    An index of pandas is left out, unless it has a name: then it is a column.

    Raises:
        SourceFileError: column names or types that cannot be kept, or no rows.
        UsageError: an object that is not a table.
    """
    if hasattr(frame, "reset_index"):
        frame = _without_index(frame)
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if not hasattr(frame, "__arrow_c_stream__"):
        lazy = " Call .collect() on it first." if hasattr(frame, "collect") else ""
        raise UsageError(
            f"A {type(frame).__name__} is not a table. Give a pandas or polars DataFrame, "
            f"or an Arrow table.{lazy}"
        )
    with _arrow_errors("The table"):
        reader = pa.RecordBatchReader.from_stream(frame)
        batches = _kept(Batches(reader.schema, reader, None), "The table")
        return _load(cursor, batches, RefusedRows("The table", 0), "the table", no_progress)


def write_refused(staged: Staged, path: Path) -> None:
    """Write the refused rows as CSV with the columns line, reason and text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", "text"])
        writer.writerows([row.line, row.reason, row.text] for row in staged.all_refused)


def _without_index(frame: Any) -> Any:
    """Return a pandas frame with its named index levels as columns and no others."""
    names = [name for name in frame.index.names if name is not None]
    columns = [*map(str, names), *map(str, frame.columns)]
    column_types.check_names(columns, "The table")
    if names:
        frame = frame.reset_index(level=names)
    frame = frame.reset_index(drop=True)
    return frame.set_axis(columns, axis=1)


@contextlib.contextmanager
def _arrow_errors(where: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = " ".join(map(str, error.args)).splitlines()[0][:200]
        raise SourceFileError(f"{where} cannot be read: {said}.") from error


@contextlib.contextmanager
def _open_arrow(path: Path, kind: file_kinds.Kind) -> Iterator[Batches]:
    if kind == "parquet":
        with pa.parquet.ParquetFile(path) as file:
            rows = file.iter_batches(_BATCH_ROWS)
            yield Batches(file.schema_arrow, rows, file.metadata.num_rows)
        return
    with pa.OSFile(str(path)) as raw:
        if raw.read(6) == b"ARROW1":
            with pa.ipc.open_file(raw) as file:
                batches = map(file.get_batch, range(file.num_record_batches))
                yield Batches(file.schema, batches, None)
        else:
            raw.seek(0)
            with pa.ipc.open_stream(raw) as stream:
                yield Batches(stream.schema, stream, None)


def _kept(source: Batches, where: str) -> Batches:
    """Cast the columns to the types in which they are kept; a struct comes as it is."""
    column_types.check_names(source.schema.names, where)
    fields, notes, lost = [], [], []
    for field in source.schema:
        kept = column_types.kept_type(field.type)
        if kept is None:
            lost.append(f"'{field.name}' ({field.type})")
        elif pa.types.is_struct(kept):
            fields.append(field)
            notes.append(f"Column '{field.name}' holds nested values: they are kept as JSON text.")
        else:
            fields.append(pa.field(field.name, kept))
        if pa.types.is_timestamp(field.type) and field.type.tz:
            notes.append(f"Column '{field.name}' has times with a zone: they are kept in UTC.")
    if lost:
        raise SourceFileError(
            f"{where}: columns of a type that cannot be kept: {', '.join(lost)}.\n"
            "Allowed: numbers, text, booleans, dates, times, binary, and lists of these. "
            "Convert them or leave them out."
        )
    schema = pa.schema(fields)
    batches = (_cast(batch, schema) for batch in source.batches)
    return Batches(schema, batches, source.rows, notes)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = map(_cast_array, batch.columns, schema.types)
    return pa.record_batch(list(arrays), schema=schema)


def _cast_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if isinstance(array, pa.ExtensionArray):
        return _cast_array(array.storage, kind)
    if pa.types.is_dictionary(array.type) and pa.types.is_string_view(array.type.value_type):
        # Arrow cannot look up views yet.
        values = array.dictionary.cast(kind)
        return pa.DictionaryArray.from_arrays(array.indices, values).dictionary_decode()
    # Times may carry more digits than a microsecond has; those are dropped.
    return array.cast(kind, safe=False)


def _load(
    cursor: duckdb.DuckDBPyConnection,
    source: Batches,
    refused: RefusedRows,
    name: str,
    progress: Progress,
) -> Staged:
    """Put batches into a new temporary table; drop it again if that fails."""
    token = uuid.uuid4().hex
    table, view = sql.identifier(f"staged_{token}"), f"batch_{token}"
    selected = ",\n  ".join(map(_selected, source.schema))
    command = f"CREATE TEMP TABLE {table} AS"
    rows = 0
    try:
        for batch in itertools.chain([source.schema.empty_table()], source.batches):
            cursor.register(view, pa.table(batch))
            try:
                cursor.execute(f"{command}\nSELECT {selected}\nFROM {view}")
            finally:
                cursor.unregister(view)
            command = f"INSERT INTO {table}"
            rows += batch.num_rows
            progress(rows / max(source.rows or 2 * rows, rows, 1), f"Reading {name}: row {rows:,}")
        refused.judge(rows)
        described = cursor.execute(f"DESCRIBE {table}").fetchall()
    except BaseException:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        raise
    columns = {str(column): str(kind) for column, kind, *_ in described}
    return Staged(table, rows, columns, refused.first, refused.count, refused, source.notes)


def _selected(field: pa.Field) -> str:
    column = sql.identifier(field.name)
    kept = column_types.kept_type(field.type)
    if kept is None or not pa.types.is_struct(kept):
        return column
    text = f"CAST(to_json({column}) AS VARCHAR)"
    return f"CASE WHEN {column} IS NOT NULL THEN {text} END AS {column}"


def _with_times(cursor: duckdb.DuckDBPyConnection, staged: Staged) -> Staged:
    """Turn the text columns that hold only dates or times into such."""
    text = [column for column, kind in staged.columns.items() if kind == "VARCHAR"]
    types, notes = column_types.detect_text_types(cursor, staged.table, text, only_times=True)
    columns = staged.columns | types
    for column in text:
        if types[column] != "VARCHAR":
            cursor.execute(
                f"ALTER TABLE {staged.table} ALTER {sql.identifier(column)} "
                f"TYPE {types[column]} USING {column_types.cast(column, types[column])}"
            )
    notes = [*staged.notes, *(note for note in notes if note not in staged.notes)]
    return replace(staged, columns=columns, notes=notes)

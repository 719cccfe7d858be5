"""Curated rows into a file, by what its name says it holds."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet

from curation import sql
from curation.errors import UsageError
from curation.lake.file_kinds import Kind, kind_of

_TEXT_OPTIONS = {
    "csv": "FORMAT csv, HEADER, DELIMITER ','",
    "tsv": "FORMAT csv, HEADER, DELIMITER '\t'",
    "jsonl": "FORMAT json",
}


def write_rows(reader: pa.RecordBatchReader, path: Path) -> None:
    """Write rows as CSV, TSV, JSON Lines, Parquet or Arrow; the file is there whole or not at all.

    In CSV and TSV a missing value is empty and an empty text is ``""``; lists are JSON text.

    Args:
        reader: the rows; read batch by batch.
        path: its extension says the format; .csv, .tsv and .jsonl may be followed by .gz.

    Raises:
        UsageError: an extension that is not known, or a folder that cannot be written to.
    """
    kind, packed = kind_of(path.name)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        _write(reader, part, kind, packed)
        part.replace(path)
    except (OSError, duckdb.IOException) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UsageError(f"'{path}' cannot be written: {said}.") from error
    finally:
        part.unlink(missing_ok=True)


def _write(reader: pa.RecordBatchReader, path: Path, kind: Kind, packed: bool) -> None:
    # Opened here first, so that a folder which is missing is the same error for every kind.
    path.open("wb").close()
    if kind == "parquet":
        with pa.parquet.ParquetWriter(path, reader.schema) as parquet:
            for batch in reader:
                parquet.write_batch(batch)
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as raw, pa.ipc.new_file(raw, reader.schema) as file:
            for batch in reader:
                file.write_batch(batch)
    else:
        _write_text(reader, path, kind, packed)


def _write_text(reader: pa.RecordBatchReader, path: Path, kind: Kind, packed: bool) -> None:
    columns = ",\n  ".join(_selected(field, kind) for field in reader.schema)
    compression = "gzip" if packed else "none"
    with duckdb.connect() as connection:
        connection.register("curated", reader)
        connection.execute(
            f"COPY (SELECT {columns}\nFROM curated) TO {sql.literal(str(path))} "
            f"({_TEXT_OPTIONS[kind]}, COMPRESSION {compression})"
        )


def _selected(field: pa.Field, kind: Kind) -> str:
    column = sql.identifier(field.name)
    if pa.types.is_floating(field.type) and kind == "jsonl":
        # JSON has no word for these.
        return f"CASE WHEN isfinite({column}) THEN {column} END AS {column}"
    if pa.types.is_nested(field.type) and kind != "jsonl":
        text = f"CAST(to_json({column}) AS VARCHAR)"
        return f"CASE WHEN {column} IS NOT NULL THEN {text} END AS {column}"
    return column

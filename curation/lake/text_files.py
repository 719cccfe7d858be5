"""Delimited files and JSON Lines as typed Arrow batches, out of core, with what they refuse.

A file is first copied record by record: a record that fits goes into a copy with one dialect
(UTF-8, LF, every value that needs it in quotes), another goes to the refused rows. What follows
reads the copy, so a file with a few bad records is read as fast and as surely as one without.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import SourceFileError
from curation.lake import column_types

_DELIMITERS = (b",", b";", b"\t", b"|")
_BATCH_ROWS = 100_000
# Values of JSON are Python objects on their way, so fewer of them go at once.
_JSON_BATCH_ROWS = 20_000
_JSON_BATCH_BYTES = 8_000_000
# A quote that is still open after so much text was not meant as one.
_LONGEST_QUOTED = 16_000_000


class Refused(Protocol):
    """Takes the rows that cannot be read; see `source_files.RefusedRows`."""

    def add(self, line: int, reason: str, text: bytes) -> None:
        """Take note of a refused row."""

    def judge(self, rows: int) -> None:
        """Raise `SourceFileError` when too many were refused beside this many good rows."""


@dataclass(frozen=True)
class Batches:
    """Typed rows on their way in: their schema, how many if known, and what there is to say."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]
    rows: int | None
    notes: list[str] = field(default_factory=list)


class _Lines:
    """Numbered lines that can be put back."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._back: list[bytes] = []
        self.number = 0

    def next(self) -> bytes | None:
        line = self._back.pop() if self._back else next(self._lines, None)
        self.number += line is not None
        return line

    def put_back(self, lines: list[bytes]) -> None:
        self._back.extend(reversed(lines))
        self.number -= len(lines)


class _Dialect:
    """Splits records at one delimiter."""

    def __init__(self, delimiter: bytes) -> None:
        self.delimiter = delimiter
        inside = rb'[^"]*+(?:""[^"]*+)*+'
        text = rb'[ ]*"(' + inside + rb')"'
        self._inside = re.compile(inside)
        self._closed = re.compile(text)
        self._quoted = re.compile(text + rb"[ ]*(?=" + re.escape(delimiter) + rb"|\Z)")
        self._opens = re.compile(rb'[ ]*"')

    def whole(self, columns: int) -> re.Pattern[bytes]:
        """A pattern for records on one line which the copy can have as they are."""
        value = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"\r' + re.escape(self.delimiter) + rb"]*+)"
        rest = rb"(?:" + re.escape(self.delimiter) + value + rb"){%d}" % (columns - 1)
        return re.compile(value + rest)

    def split(self, record: bytes) -> list[bytes] | str | None:
        """Return the values as the copy has them, why to refuse, or None if a quote is open."""
        values, at = [], 0
        while True:
            if quoted := self._quoted.match(record, at):
                values.append(b'"' + quoted[1] + b'"')
                end = quoted.end()
            elif self._opens.match(record, at):
                is_closed = self._closed.match(record, at)
                return "text after a closing quote" if is_closed else None
            else:
                end = record.find(self.delimiter, at)
                end = len(record) if end < 0 else end
                values.append(_in_quotes(record[at:end]))
            if end == len(record):
                return values
            at = end + 1

    def record(self, first: bytes, lines: _Lines) -> list[bytes] | str:
        """Split the record that begins with a line; take from ``lines`` what belongs to it."""
        found = self.split(_chomp(first))
        taken, size = [first], len(first)
        while found is None and size < _LONGEST_QUOTED and (line := lines.next()) is not None:
            taken.append(line)
            size += len(line)
            if not self._inside.fullmatch(line):
                found = self.split(_chomp(b"".join(taken)))
        if isinstance(found, list):
            return found
        lines.put_back(taken[1:])
        return found if found and len(taken) == 1 else "a quote is opened and not closed"


def _in_quotes(value: bytes) -> bytes:
    if b'"' in value or b"\r" in value:
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def _chomp(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def read_delimited(
    lines: Iterator[bytes], folder: Path, refused: Refused, name: str, *, tabs: bool
) -> Batches:
    """Read a file with a header; see `column_types.detect_text_types` for the types.

    Args:
        lines: the file as UTF-8 lines.
        folder: a temporary folder, to live as long as the batches are read.
        refused: takes the records with another number of values than the header, or bad quotes.
        name: what messages call the file.
        tabs: the values have tabs between; else the header says.

    Raises:
        SourceFileError: no header, bad column names, no rows, or too many refused.
    """
    numbered = _Lines(lines)
    dialect, names = _header(numbered, name, tabs)
    column_types.check_names(names, f"'{name}'")
    copy = folder / "rows.csv"
    rows, longest = _copy_records(numbered, dialect, len(names), copy, refused)
    refused.judge(rows)
    return _typed(copy, dialect.delimiter.decode(), names, rows, longest)


def _header(lines: _Lines, name: str, tabs: bool) -> tuple[_Dialect, list[str]]:
    header = lines.next() or b""
    while not header.strip(b" \r\n") and (line := lines.next()) is not None:
        header = line
    bare = re.sub(rb'"[^"]*"', b"", header)
    delimiter = b"\t" if tabs else max(_DELIMITERS, key=bare.count)
    dialect = _Dialect(delimiter)
    values = dialect.record(header, lines)
    if isinstance(values, str):
        raise SourceFileError(f"'{name}': the header, line {lines.number:,}: {values}. Mend it.")
    row = next(csv.reader([b",".join(map(_always_quoted, values)).decode()], strict=True))
    return dialect, [column.strip() for column in row]


def _always_quoted(value: bytes) -> bytes:
    return value if value.startswith(b'"') else b'"' + value + b'"'


def _copy_records(
    lines: _Lines, dialect: _Dialect, columns: int, copy: Path, refused: Refused
) -> tuple[int, int]:
    """Copy the records that fit; return how many they are and the bytes of the longest."""
    rows = longest = 0
    delimiters, whole = columns - 1, dialect.whole(columns)
    with copy.open("wb", 1 << 20) as file:
        while (line := lines.next()) is not None:
            number, record = lines.number, _chomp(line)
            if columns > 1 and not record.strip(b" "):
                continue
            if b'"' not in record and b"\r" not in record:
                count = record.count(dialect.delimiter)
                reason = "" if count == delimiters else _count(count + 1, columns)
            elif whole.fullmatch(record):
                reason = ""
            else:
                values = dialect.record(line, lines)
                reason = values if isinstance(values, str) else ""
                if not reason:
                    record = dialect.delimiter.join(values)  # type: ignore[arg-type]  # not a str here
                    reason = "" if len(values) == columns else _count(len(values), columns)
            if reason:
                refused.add(number, reason, record)
            else:
                file.write(record + b"\n")
                longest = max(longest, len(record))
                rows += 1
    return rows, longest


def _count(values: int, columns: int) -> str:
    return f"{values} value{'' if values == 1 else 's'}, the header has {columns}"


def _typed(copy: Path, delimiter: str, names: list[str], rows: int, longest: int) -> Batches:
    text = "".join(f"{sql.literal(column)}: 'VARCHAR', " for column in names)
    relation = f"""read_csv({sql.literal(str(copy))}, columns = {{{text}}}, auto_detect = false,
      header = false, delim = {sql.literal(delimiter)}, quote = '"', escape = '"', nullstr = '',
      allow_quoted_nulls = false, new_line = '\\n', strict_mode = true,
      max_line_size = {max(longest + 2, 2_097_152)})"""
    connection = duckdb.connect()
    types, notes = column_types.detect_text_types(connection, relation, names)
    selected = ",\n  ".join(
        f"{column_types.cast(column, kind)} AS {sql.identifier(column)}"
        for column, kind in types.items()
    )
    reader = connection.execute(f"SELECT {selected}\nFROM {relation}").to_arrow_reader(_BATCH_ROWS)
    return Batches(reader.schema, _closing(reader, connection), rows, notes)


def _closing(
    reader: pa.RecordBatchReader, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    finally:
        connection.close()


def read_json_lines(lines: Iterator[bytes], folder: Path, refused: Refused, name: str) -> Batches:
    """Read one JSON object a line; a key of any line is a column, in order of first appearance.

    Lists of numbers or of texts stay lists; objects and other lists become their JSON text.

    Args:
        lines: the file as UTF-8 lines.
        folder: a temporary folder, to live as long as the batches are read.
        refused: takes the lines that are not one JSON object.
        name: what messages call the file.

    Raises:
        SourceFileError: bad column names, no rows, or too many lines refused.
    """
    copy = folder / "rows.jsonl"
    rows, classes = _copy_objects(lines, copy, refused)
    refused.judge(rows)
    column_types.check_names(classes, f"'{name}'")
    types = {column: column_types.json_type(found) for column, found in classes.items()}
    schema = pa.schema([(column, kind or pa.string()) for column, kind in types.items()])
    return Batches(schema, _json_batches(copy, schema, types), rows, _json_notes(classes, types))


def _copy_objects(
    lines: Iterator[bytes], copy: Path, refused: Refused
) -> tuple[int, dict[str, set[str]]]:
    """Copy the lines that are objects; return how many, and each column's classes of value."""
    rows = 0
    classes: dict[str, set[str]] = {}
    with copy.open("wb", 1 << 20) as file:
        for number, line in enumerate(map(bytes.strip, lines), 1):
            if not line:
                continue
            record = _object(line)
            if isinstance(record, str):
                refused.add(number, record, line)
                continue
            for key, value in record.items():
                classes.setdefault(key, set()).add(column_types.json_class(value))
            file.write(line + b"\n")
            rows += 1
    return rows, classes


def _object(line: bytes) -> dict[str, Any] | str:
    """Return the object on a line, or the reason to refuse it."""
    try:
        value = json.loads(line)
        if b"\\u" in line:
            # An escape may stand for half a character, which no text can hold.
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except UnicodeEncodeError:
        return "an escape \\u… stands for half a character"
    except (ValueError, RecursionError):
        return "a number is too long or the nesting too deep"
    if isinstance(value, dict):
        return value
    return f"a JSON {_JSON_NAMES[type(value)]}, not an object"


_JSON_NAMES = {
    list: "array", str: "text", int: "number", float: "number", bool: "boolean", type(None): "null",
}  # fmt: skip


def _json_batches(
    copy: Path, schema: pa.Schema, types: dict[str, pa.DataType | None]
) -> Iterator[pa.RecordBatch]:
    records: list[dict[str, Any]] = []
    size = 0
    with copy.open("rb") as file:
        for line in file:
            records.append(json.loads(line))
            size += len(line)
            if len(records) >= _JSON_BATCH_ROWS or size >= _JSON_BATCH_BYTES:
                yield _json_batch(records, schema, types)
                records, size = [], 0
    if records:
        yield _json_batch(records, schema, types)


def _json_batch(
    records: list[dict[str, Any]], schema: pa.Schema, types: dict[str, pa.DataType | None]
) -> pa.RecordBatch:
    arrays = []
    for column, kind in types.items():
        values = [record.get(column) for record in records]
        if kind is None:
            values = [column_types.json_text(value) for value in values]
        arrays.append(pa.array(values, kind or pa.string()))
    return pa.record_batch(arrays, schema=schema)


def _json_notes(classes: dict[str, set[str]], types: dict[str, pa.DataType | None]) -> list[str]:
    notes = []
    for column, kind in types.items():
        found = classes[column] - {"null"}
        if not found:
            notes.append(f"Column '{column}' is empty in every row.")
        elif kind is None and found == {"json"}:
            notes.append(f"Column '{column}' holds nested values: they are kept as JSON text.")
        elif kind is None:
            notes.append(f"Column '{column}' mixes kinds of value: it is kept as text.")
    return notes

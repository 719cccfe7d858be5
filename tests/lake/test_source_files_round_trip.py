"""Any small table comes back from a file with equal values."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import SourceFileError, UsageError
from curation.lake.source_files import stage_file
from curation.lake.target_files import write_rows

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TABLES = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.datetimes(),
    ),
    min_size=1,
    max_size=8,
)
TYPES = {"t": pa.string(), "i": pa.int64(), "f": pa.float64(), "at": pa.timestamp("us")}


def arrow(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = zip(*[("a", *row) for row in rows], strict=True)
    schema = pa.schema([("first", pa.string()), *TYPES.items()])
    arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def staged_rows(path: Path) -> tuple[list[tuple[object, ...]], dict[str, str]]:
    cursor = CONNECTION.cursor()
    staged = stage_file(cursor, path)
    found = cursor.execute(f"FROM {staged.table}").fetchall()
    cursor.execute(f"DROP TABLE {staged.table}")
    return found, staged.columns


def as_written(value: object, wanted: str) -> object:
    """Undo the type rules: whole numbers may stand for floats, days for times."""
    if wanted == "DOUBLE" and isinstance(value, int):
        return float(value)
    if wanted == "TIMESTAMP" and type(value) is dt.date:
        return dt.datetime.combine(value, dt.time())
    return value


WANTED = ["VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP"]
CONNECTION = duckdb.connect()


@QUICK
@given(rows=TABLES)
@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
def test_binary_files_come_back_as_they_were(tmp_path, name, rows):
    write_rows(arrow(rows).to_reader(), tmp_path / name)
    back, columns = staged_rows(tmp_path / name)
    assert back == [("a", *row) for row in rows]
    assert list(columns.values()) == ["VARCHAR", *WANTED]


@QUICK
@given(rows=TABLES)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz", "a.ndjson"])
def test_text_files_come_back_with_equal_values(tmp_path, name, rows):
    rows = [("text", None, None, None), *rows]
    write_rows(arrow(rows).to_reader(), tmp_path / name)
    back, columns = staged_rows(tmp_path / name)
    assert [tuple(map(as_written, row[1:], WANTED)) for row in back] == rows
    assert columns["t"] == "VARCHAR"


@QUICK
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=8), end=st.sampled_from(["\n", "\r\n"]))
def test_what_pythons_csv_writes_is_read_the_same(tmp_path, rows, end):
    rows = [("text", "text"), *rows]
    out = io.StringIO()
    # Before 3.13 Python does not quote this of itself: nobody could tell it from a line's end.
    is_open = end == "\n" and any(last.endswith("\r") for _, last in rows)
    quoting = csv.QUOTE_ALL if is_open else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([("x", "y"), *rows])
    (tmp_path / "a.csv").write_bytes(out.getvalue().encode())
    back, _ = staged_rows(tmp_path / "a.csv")
    assert [tuple(value or "" for value in row) for row in back] == rows


@QUICK
@given(content=st.text(st.sampled_from('a,"\n\r 1'), max_size=40))
def test_every_row_is_taken_or_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n" + content.encode() + b"\nend,end\n")
    with duckdb.connect() as connection:
        staged = stage_file(connection, tmp_path / "a.csv", max_refused=100)
        rows = connection.execute(f"FROM {staged.table}").fetchall()
    assert [str(value) for value in rows[0]] == ["1", "2"]
    assert len(rows) == staged.rows
    assert rows[-1][1].endswith("end") or staged.refused[-1].text.endswith("end")


def test_lists_and_numbers_that_are_not_finite(tmp_path):
    table = pa.table({"e": [[1.0, 2.5], None], "f": [math.nan, math.inf], "t": ["", None]})
    write_rows(table.to_reader(), tmp_path / "a.jsonl")
    assert staged_rows(tmp_path / "a.jsonl")[0] == [([1.0, 2.5], None, ""), (None, None, None)]
    write_rows(table.to_reader(), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == 'e,f,t\n"[1.0,2.5]",nan,""\n,inf,\n'


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    def batches():
        yield pa.record_batch({"a": [1]})
        raise pa.ArrowInvalid("broken")

    (tmp_path / "a.parquet").write_text("old")
    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    with pytest.raises(pa.ArrowInvalid, match="broken"):
        write_rows(reader, tmp_path / "a.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert (tmp_path / "a.parquet").read_text() == "old"


def test_a_target_that_cannot_be_written(tmp_path):
    reader = pa.table({"a": [1]}).to_reader()
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory"):
        write_rows(reader, tmp_path / "none" / "a.csv")
    with pytest.raises(UsageError, match=r"'a\.xls' has the extension '\.xls'\. Allowed: \.csv"):
        write_rows(reader, tmp_path / "a.xls")


def test_no_rows_can_be_written_though_not_read(tmp_path):
    write_rows(pa.table({"a": pa.array([], pa.int64())}).to_reader(), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "a\n"
    with pytest.raises(SourceFileError, match="has a header but no rows"):
        staged_rows(tmp_path / "a.csv")

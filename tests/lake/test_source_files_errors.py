"""What is said about source files that cannot be read: got, allowed, what to do."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from curation.errors import CurationError, SourceFileError
from curation.lake.source_files import stage_file, stage_table


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    return content.getvalue()


def parquet(**columns: pa.Array) -> bytes:
    content = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), content)
    return content.getvalue()


EMPTY = "'{}' is empty. Give a file with a header and at least one row."
NO_ROWS = "'{}' has a header but no rows. Give a file with at least one row."
LISTED = ".csv, .tsv, .jsonl, .ndjson, .parquet, .arrow, .feather, .ipc; text also as .gz."
CASES: list[tuple[str, bytes, str]] = [
    ("a.csv", b"", EMPTY),
    ("a.csv", b" \n\n", EMPTY),
    ("a.parquet", b"", EMPTY),
    ("a.csv", b"a,b", NO_ROWS),
    ("a.csv", b"a,b\n\n", NO_ROWS),
    ("a.parquet", parquet(a=pa.array([], pa.int64())), NO_ROWS),
    ("a.csv", b"id,Text,text\n1,a,b\n", "'a.csv' has two columns named 'Text' and 'text'; upper "
     "and lower case count as the same. Rename one or leave it out."),
    ("a.csv", b",text\n1,a\n", "'a.csv': column 1 has no name. Give it one in the header "
     "(pandas writes such a column for its index: use index=False)."),
    ("a.jsonl", b'{"_curation_x":1}\n', "'a.jsonl': column '_curation_x' begins with "
     "'_curation_', which is reserved. Rename it or leave it out."),
    ("a.csv", b'a,"b\n1,2\n', "'a.csv': the header, line 1: a quote is opened and not closed. "
     "Mend it."),
    ("a.csv", "a,b\n1,2\né,1\n".encode("latin1"), "'a.csv' is not UTF-8: byte 0xe9 in line 3.\n"
     "It is likely Windows-1252: add --encoding windows-1252 (in the workbench: How to read it), or save it as UTF-8."),
    ("a.csv", "a,b\né,1\n".encode("utf-16"), "'a.csv' is not UTF-8: byte 0xff in line 1.\n"
     "It is likely UTF-16: add --encoding utf-16 (in the workbench: How to read it), or save it as UTF-8."),
    ("a.csv", b"a,b\n\0,1\n", "'a.csv' holds a NUL character in line 2, which no text has. "
     "Is it a text file?"),
    ("a.csv", parquet(a=pa.array([1])), "'a.csv' is named .csv but holds Parquet. "
     "Name it .parquet."),
    ("a.csv", workbook(), "'a.csv' is named .csv but holds an Excel workbook. "
     "Save the sheet as CSV UTF-8."),
    ("a.csv", gzip.compress(b"a", mtime=0), "'a.csv' is named .csv but holds gzip. "
     "Add .gz to its name, or unpack it first."),
    ("a.tsv", b"%PDF-1.7", "'a.tsv' is named .tsv but holds a PDF document. "
     "Export its table as CSV."),
    ("a.csv", b'{"a":1}\n', "'a.csv' is named .csv but holds JSON. "
     "Write one JSON object a line and name it .jsonl."),
    ("a.jsonl", b'[{"a":1}]\n', "'a.jsonl' is named .jsonl but holds one JSON array. "
     "Write one JSON object a line."),
    ("a.parquet", b"a,b\n1,2\n", "'a.parquet' is named .parquet but holds text. "
     "If it is a table, name it .csv, .tsv or .jsonl."),
    ("a.parquet", parquet(a=pa.array([1]))[:-9], "'a.parquet' is named .parquet but its end is "
     "missing: the file is cut off. Copy or download it again."),
    ("a.feather", b"a,b\n1,2\n", "'a.feather' is named .feather but holds text. "
     "If it is a table, name it .csv, .tsv or .jsonl."),
    ("a.csv.gz", b"a,b\n", "'a.csv.gz' is named .gz but is not packed with gzip. "
     "Take .gz off its name."),
    ("a.xlsx", b"PK", f"'a.xlsx' has the extension '.xlsx'. Allowed: {LISTED} "
     "Save the sheet as CSV UTF-8 and name it .csv."),
    ("a.parquet.gz", b"x", f"'a.parquet.gz' has the extension '.parquet.gz'. Allowed: {LISTED}"),
    ("data", b"x", f"'data' has no extension. Allowed: {LISTED}"),
    ("a.parquet", parquet(m=pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))),
     "'a.parquet': columns of a type that cannot be kept: 'm' (map<string, int64 ('m')>).\n"
     "Allowed: numbers, text, booleans, dates, times, binary, and lists of these. "
     "Convert them or leave them out."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), CASES)
def test_what_is_said_about_a_file(cursor, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CurationError) as error:
        stage_file(cursor, tmp_path / name)
    assert str(error.value) == message.format(name)
    assert cursor.execute("SELECT * FROM duckdb_tables()").fetchall() == []


@pytest.mark.parametrize("size", [1, 100, 4_000, 30_000])
def test_a_damaged_arrow_or_parquet_file_is_an_error_of_ours(cursor, tmp_path, size):
    table = pa.table({"a": range(100_000)})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
        file.write_table(table)
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    for path in (tmp_path / "a.arrow", tmp_path / "a.parquet"):
        content = path.read_bytes()
        path.write_bytes(content[:size] + content[-8:])
        with pytest.raises(SourceFileError, match=path.name):
            stage_file(cursor, path)


def test_a_missing_file_gets_the_nearest_name(cursor, tmp_path: Path):
    (tmp_path / "messages.csv").write_text("a\n1\n")
    with pytest.raises(SourceFileError) as error:
        stage_file(cursor, tmp_path / "mesages.csv")
    assert str(error.value) == (
        "There is no file 'mesages.csv'. Did you mean 'messages.csv'? Check its path."
    )
    with pytest.raises(SourceFileError, match=r"is a folder. Give a file: "):
        stage_file(cursor, tmp_path)


def test_an_upload_is_called_by_its_own_name(cursor, tmp_path: Path):
    (tmp_path / "tmp123").write_bytes(b"a,b\n")
    with pytest.raises(SourceFileError, match=r"'mine\.csv' has a header but no rows"):
        stage_file(cursor, tmp_path / "tmp123", name="mine.csv")


def test_an_encoding_that_is_not_known_or_does_not_fit(cursor, tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n\x81,1\n")
    with pytest.raises(CurationError, match=r"There is no encoding 'utf8000'"):
        stage_file(cursor, tmp_path / "a.csv", encoding="utf8000")
    with pytest.raises(SourceFileError, match=r"'a.csv' is not CP1252: byte 0x81 in line 2"):
        stage_file(cursor, tmp_path / "a.csv", encoding="windows-1252")


def test_what_is_said_about_a_frame(cursor):
    with pytest.raises(SourceFileError, match=r"The table has two columns named 'a' and 'A'"):
        stage_table(cursor, pd.DataFrame([[1, 2]], columns=["a", "A"]))
    with pytest.raises(SourceFileError, match=r"The table.* Conversion failed for column a"):
        stage_table(cursor, pd.DataFrame({"a": [1, "x"]}))
    with pytest.raises(SourceFileError, match=r"The table has a header but no rows"):
        stage_table(cursor, pd.DataFrame({"a": []}))
    with pytest.raises(CurationError, match=r"A list is not a table. Give a pandas or polars"):
        stage_table(cursor, [1])

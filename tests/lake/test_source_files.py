"""Reading source files: types, refused rows, and what is left behind."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from curation.errors import SourceFileError, UsageError
from curation.lake.source_files import Staged, stage_file, stage_table, write_refused
from curation.progress import Cancelled


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        yield connection


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def rows(cursor: duckdb.DuckDBPyConnection, staged: Staged) -> list[tuple[object, ...]]:
    return cursor.execute(f"FROM {staged.table}").fetchall()


def test_types_are_found_without_changing_a_value(cursor, tmp_path):
    path = write(
        tmp_path,
        "a.csv",
        "id,zip,x,ok,day,at,big,text\n"
        "1,007,1.5,true,2024-02-29,2024-01-01T10:00,99999999999999999999,1\n"
        "-2,12,2e3,False,2024-03-01,2024-01-02,1,one\n",
    )
    staged = stage_file(cursor, path)
    assert staged.columns == {
        "id": "BIGINT", "zip": "VARCHAR", "x": "DOUBLE", "ok": "BOOLEAN", "day": "DATE",
        "at": "TIMESTAMP", "big": "VARCHAR", "text": "VARCHAR",
    }  # fmt: skip
    assert rows(cursor, staged)[0] == (
        1, "007", 1.5, True, dt.date(2024, 2, 29), at("2024-01-01T10:00"),
        "99999999999999999999", "1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "9223372036854775807"], "BIGINT"),
        (["1", "9223372036854775808"], "VARCHAR"),
        (["1234567890123456", "0.5"], "VARCHAR"),
        (["+1", "2"], "DOUBLE"),
        (["-0", "2"], "DOUBLE"),
        (["1e999", "2"], "VARCHAR"),
        (["nan", "1.5"], "DOUBLE"),
        (["nan", "nan"], "VARCHAR"),
        (["true", "1"], "VARCHAR"),
        (["2024-02-30"], "VARCHAR"),
        (["2024-1-1"], "VARCHAR"),
        (["10:00"], "VARCHAR"),
        (["1_000"], "VARCHAR"),
    ],
)
def test_a_column_has_a_type_only_if_every_value_is_canonical(cursor, tmp_path, values, kind):
    path = write(tmp_path, "a.csv", "\n".join(["x,y", *(f"{value},a" for value in values)]))
    assert stage_file(cursor, path).columns["x"] == kind


def test_a_late_text_makes_a_column_text(cursor, tmp_path):
    path = write(tmp_path, "a.csv", "x,y\n" + "1,2\n" * 30_000 + "n/a,2\n")
    assert stage_file(cursor, path).columns == {"x": "VARCHAR", "y": "BIGINT"}


def test_zoned_times_become_utc_with_a_note(cursor, tmp_path):
    path = write(
        tmp_path, "a.csv", "at,x\n2024-01-01T10:00:00+02:00,1\n2024-01-01 10:00:00Z,1\n2024-01-01,1"
    )
    staged = stage_file(cursor, path)
    assert [row[0] for row in rows(cursor, staged)] == [
        at("2024-01-01T08:00"), at("2024-01-01T10:00"), at("2024-01-01T00:00"),
    ]  # fmt: skip
    assert staged.notes == ["Column 'at' has times with a zone: they are kept in UTC."]


def test_empty_is_missing_and_quoted_empty_is_empty_text(cursor, tmp_path):
    path = write(tmp_path, "a.csv", 'x,t,none\n,"",\n"",b,\n3,,\n')
    staged = stage_file(cursor, path)
    assert rows(cursor, staged) == [(None, "", None), (None, "b", None), (3, None, None)]
    assert staged.notes == ["Column 'none' is empty in every row."]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_line_ends_and_byte_order_mark(cursor, tmp_path, delimiter, end):
    text = "\ufeff" + end.join(
        delimiter.join(row) for row in [("id", "né"), ("1", "ü"), ("2", "b")]
    )
    staged = stage_file(cursor, write(tmp_path, "a.csv", text))
    assert rows(cursor, staged) == [(1, "ü"), (2, "b")]
    assert list(staged.columns) == ["id", "né"]


def test_tsv_has_tabs_whatever_the_header_holds(cursor, tmp_path):
    staged = stage_file(cursor, write(tmp_path, "a.tsv", "a,b,c\tz\n1,5\t2\n"))
    assert rows(cursor, staged) == [("1,5", 2)]


def test_quotes(cursor, tmp_path):
    path = write(
        tmp_path,
        "a.csv",
        b'id,text\n1,"a ""b"", c\nd\r\ne"\n2, "spaced, too"\n3,5" nail\n\n4,a\rb\n5,"x"\n',
    )
    assert rows(cursor, stage_file(cursor, path)) == [
        (1, 'a "b", c\nd\r\ne'), (2, "spaced, too"), (3, '5" nail'), (4, "a\rb"), (5, "x"),
    ]  # fmt: skip


def test_a_value_larger_than_the_readers_line_limit(cursor, tmp_path):
    text = ("x" * 99 + "\n") * 30_000
    staged = stage_file(cursor, write(tmp_path, "a.csv", f'id,text\n1,"{text}"\n2,b\n'))
    assert rows(cursor, staged) == [(1, text), (2, "b")]


def test_refused_rows_have_their_line_and_reason(cursor, tmp_path):
    path = write(tmp_path, "a.csv", 'a,b\n1,"x\ny"\n1,2,3\n"open,1\n3,4\n5\n"a"b,1\n6,z\n')
    staged = stage_file(cursor, path, max_refused=4)
    assert rows(cursor, staged) == [(1, "x\ny"), (3, "4"), (6, "z")]
    assert staged.refused_count == 4
    assert [(row.line, row.reason, row.text) for row in staged.refused] == [
        (4, "3 values, the header has 2", "1,2,3"),
        (5, "a quote is opened and not closed", '"open,1'),
        (7, "1 value, the header has 2", "5"),
        (8, "text after a closing quote", '"a"b,1'),
    ]
    write_refused(staged, tmp_path / "refused.csv")
    assert list(staged.all_refused) == staged.refused
    refused = stage_file(cursor, tmp_path / "refused.csv")
    assert rows(cursor, refused)[0] == (4, "3 values, the header has 2", "1,2,3")


def test_many_refused_rows_are_all_kept(cursor, tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n" + "1,2\n" + f"{'x' * 50}\n" * 40_000)
    staged = stage_file(cursor, path, max_refused=40_000)
    assert (staged.rows, staged.refused_count, len(staged.refused)) == (1, 40_000, 20)
    assert [row.line for row in staged.all_refused] == list(range(3, 40_003))


def test_too_many_refused_rows(cursor, tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n1,2\n1,2,3\n1\n1\n1\n")
    with pytest.raises(SourceFileError) as error:
        stage_file(cursor, path, max_refused=3)
    assert str(error.value) == (
        "'a.csv': 4 of 5 rows cannot be read.\n"
        "line 3: 3 values, the header has 2; line 4: 1 value, the header has 2; "
        "line 5: 1 value, the header has 2; ….\n"
        "Mend them, or allow up to 4 refused rows with --max-refused 4."
    )


def test_packed_text(cursor, tmp_path):
    path = write(tmp_path, "a.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    assert rows(cursor, stage_file(cursor, path)) == [(1, 2)]
    path = write(tmp_path, "a.jsonl.gz", gzip.compress(b'{"a":1}\n'))
    assert rows(cursor, stage_file(cursor, path)) == [(1,)]


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "utf-16-le", "latin1"])
def test_encoding_is_used_when_given(cursor, tmp_path, encoding):
    path = write(tmp_path, "a.csv", "a,b\r\né,1\r\n".encode(encoding))
    assert rows(cursor, stage_file(cursor, path, encoding=encoding)) == [("é", 1)]


def test_json_lines(cursor, tmp_path):
    path = write(
        tmp_path,
        "a.jsonl",
        '{"id":1,"e":[1,2.5],"o":{"é":[1]},"at":"2024-01-01T10:00:00Z","t":"5","m":1}\n\n'
        '{"id":2,"e":[],"late":true,"at":null,"w":["a",null],"m":"x"}\n',
    )
    staged = stage_file(cursor, path)
    assert staged.columns == {
        "id": "BIGINT", "e": "DOUBLE[]", "o": "VARCHAR", "at": "TIMESTAMP", "t": "VARCHAR",
        "m": "VARCHAR", "late": "BOOLEAN", "w": "VARCHAR[]",
    }  # fmt: skip
    assert rows(cursor, staged) == [
        (1, [1.0, 2.5], '{"é": [1]}', at("2024-01-01T10:00"), "5", "1", None, None),
        (2, [], None, None, None, "x", True, ["a", None]),
    ]
    assert staged.notes == [
        "Column 'o' holds nested values: they are kept as JSON text.",
        "Column 'm' mixes kinds of value: it is kept as text.",
        "Column 'at' has times with a zone: they are kept in UTC.",
    ]


def test_json_lines_that_are_not_objects_are_refused(cursor, tmp_path):
    path = write(tmp_path, "a.jsonl", '{"a":1}\n\n[1]\n{"a":\n"x"\n{"a":"\\ud800"}\n{"a":2}\n')
    staged = stage_file(cursor, path, max_refused=4)
    assert rows(cursor, staged) == [(1,), (2,)]
    assert [(row.line, row.reason) for row in staged.refused] == [
        (3, "a JSON array, not an object"),
        (4, "not JSON: Expecting value at character 6"),
        (5, "a JSON text, not an object"),
        (6, "an escape \\u… stands for half a character"),
    ]


def arrow_table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([1, None], pa.int32()),
            "class": pa.array(["a", None]).dictionary_encode(),
            "at": pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")),
            "e": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
            "s": pa.array([{"x": 1}, None]),
            "f": pa.array([float("nan"), None]),
            "view": pa.array(["é", None], pa.string_view()),
        }
    )


ARROW_COLUMNS = {
    "id": "INTEGER", "class": "VARCHAR", "at": "TIMESTAMP", "e": "FLOAT[]", "s": "VARCHAR",
    "f": "DOUBLE", "view": "VARCHAR",
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather", "a.ipc", "frame"])
def test_arrow_types_are_kept(cursor, tmp_path, name):
    table, path = arrow_table(), tmp_path / name
    if name == "frame":
        staged = stage_table(cursor, table)
    else:
        if name == "a.parquet":
            pa.parquet.write_table(table, path)
        elif name == "a.ipc":
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)
        else:
            pa.feather.write_feather(table, str(path))
        staged = stage_file(cursor, path)
    assert staged.columns == ARROW_COLUMNS
    first, second = rows(cursor, staged)
    assert first[:5] == (1, "a", at("1970-01-01T00:00"), [1.0, 2.0], '{"x":1}')
    assert str(first[5]) == "nan"
    assert second == (None,) * 7
    assert staged.notes == [
        "Column 'at' has times with a zone: they are kept in UTC.",
        "Column 's' holds nested values: they are kept as JSON text.",
    ]


def test_pandas(cursor):
    frame = pd.DataFrame(
        {"t": ["a", None], "c": pd.Categorical(["x", "y"]), "f": [1.5, float("nan")]}, index=[7, 9]
    )
    assert rows(cursor, stage_table(cursor, frame)) == [("a", "x", 1.5), (None, "y", None)]
    named = frame.rename_axis("key")
    assert list(stage_table(cursor, named).columns) == ["key", "t", "c", "f"]
    ranged = frame.reset_index(drop=True).rename_axis("key")
    assert [row[0] for row in rows(cursor, stage_table(cursor, ranged))] == [0, 1]
    assert list(stage_table(cursor, pd.DataFrame([[1, 2]])).columns) == ["0", "1"]


def test_polars(cursor):
    frame = pl.DataFrame(
        {"t": ["a", None], "e": [[1.0], []], "c": pl.Series(["x", "y"], dtype=pl.Categorical)}
    )
    staged = stage_table(cursor, frame)
    assert rows(cursor, staged) == [("a", [1.0], "x"), (None, [], "y")]


def test_the_order_of_the_file_is_kept(cursor, tmp_path):
    text = "i,t\n" + "".join(f'{i},"{i}\nx"\n' for i in range(120_000))
    staged = stage_file(cursor, write(tmp_path, "a.csv", text))
    assert cursor.execute(
        f"SELECT count(*), bool_and(i = rowid AND t = i || chr(10) || 'x') FROM {staged.table}"
    ).fetchone() == (120_000, True)


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6])
def test_cancelled_staging_leaves_nothing_behind(cursor, tmp_path, monkeypatch, moment):
    def cancel(fraction: float, message: str) -> None:
        if fraction >= moment:
            raise Cancelled

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = write(tmp_path, "a.csv", "a,b\n" + "1,2\n" * 200_000)
    with pytest.raises(Cancelled):
        stage_file(cursor, path, progress=cancel)
    assert list(temporary.iterdir()) == []
    assert cursor.execute("SELECT * FROM duckdb_tables()").fetchall() == []
    assert cursor.execute("SELECT * FROM duckdb_views() WHERE NOT internal").fetchall() == []


def test_a_lazy_frame_says_what_to_call(cursor):
    with pytest.raises(UsageError, match=r"A LazyFrame is not a table.*Call \.collect\(\) on it"):
        stage_table(cursor, pl.DataFrame({"a": [1]}).lazy())

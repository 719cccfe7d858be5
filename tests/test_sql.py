"""Names and values survive quoting, and an expression is a scalar expression or is refused."""

from __future__ import annotations

import math
from datetime import date

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation import sql
from curation.errors import CurationError, ExpressionError, UnknownNameError

COLUMNS = [
    "id", "intent", "message", "score", "flag", "received", "tags", "select", "Order", 'say "hi"',
    "it's", "größe",
]  # fmt: skip

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=30)


@pytest.fixture(scope="module")
def duck() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@given(TEXT.filter(str.strip))
@example('a"b')
@example("select")
@example('"; DROP TABLE x; --')
def test_a_quoted_name_is_that_name(duck: duckdb.DuckDBPyConnection, name: str) -> None:
    [column] = duck.execute(f"SELECT 1 AS {sql.identifier(name)}").description
    assert column[0] == name


@given(
    st.one_of(
        TEXT,
        st.booleans(),
        st.none(),
        st.integers(-(2**127) + 1, 2**127 - 1),
        st.floats(allow_nan=False),
    )
)
@example("it's")
@example("'; DROP TABLE x; --")
@example(float("inf"))
@example(float("-inf"))
@example(-0.0)
@example(5e-324)
def test_a_literal_is_that_value(duck: duckdb.DuckDBPyConnection, value: object) -> None:
    row = duck.execute(f"SELECT {sql.literal(value)}").fetchone()  # type: ignore[arg-type]
    assert row == (value,)
    assert type(row[0]) is type(value)


def test_a_literal_may_be_not_a_number(duck: duckdb.DuckDBPyConnection) -> None:
    row = duck.execute(f"SELECT {sql.literal(math.nan)}").fetchone()
    assert row is not None
    assert math.isnan(row[0])


@pytest.mark.parametrize("quote", [sql.identifier, sql.literal])
def test_a_nul_character_is_refused(quote: object) -> None:
    with pytest.raises(ExpressionError, match="NUL"):
        quote("a\x00b")  # type: ignore[operator]


@given(st.lists(TEXT.filter(str.strip), min_size=1, max_size=4, unique_by=str.lower))
def test_quoted_names_are_columns_of_a_row(names: list[str]) -> None:
    with duckdb.connect() as connection:
        listed = ", ".join(f"{n} AS {sql.identifier(name)}" for n, name in enumerate(names))
        rows = connection.execute(f"SELECT {sql.identifiers(names)} FROM (SELECT {listed})")
        assert rows.fetchone() == tuple(range(len(names)))


HOSTILE = [
    # what the issue names
    "read_csv('/etc/passwd')", "id IN (SELECT id FROM t)", "id = 1; drop table t", "; drop table t",
    # files and settings
    "read_text('/etc/passwd') = 'x'", "read_blob('/etc/passwd') IS NULL", "glob('/*')",
    "read_parquet('x.parquet')", "read_json('x.json')", "getenv('HOME') = 'x'",
    "current_setting('temp_directory') = 'x'", "COPY t TO '/tmp/x'", "ATTACH '/tmp/x' AS x",
    "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "PRAGMA database_list",
    "EXPORT DATABASE '/tmp/x'", "CALL duckdb_settings()", "CREATE TABLE x AS SELECT 1",
    "DELETE FROM t", "UPDATE t SET id = 1", "INSERT INTO t VALUES (1)", "EXPLAIN SELECT 1",
    "DESCRIBE t", "VACUUM", "CHECKPOINT", "BEGIN",
    # queries inside
    "(SELECT 1) = 1", "EXISTS (SELECT 1)", "id = ANY (SELECT 1)", "id = ALL (SELECT 1)", "SELECT 1",
    "FROM t", "VALUES (1)", "WITH x AS (SELECT 1) SELECT * FROM x", "id IN (FROM t)",
    "1 UNION SELECT 2", "ARRAY(SELECT 1) IS NULL", "id = (TABLE t)",
    "CASE WHEN (SELECT true) THEN 1 END = 1", "coalesce((SELECT 1), 2) = 2", "id IN t",
    # what is not scalar
    "*", "count(*) > 1", "sum(id) > 1", "max(id) = 1", "row_number() OVER () = 1",
    "id > 1 ORDER BY id", "id = 1 LIMIT 1", "COLUMNS(*) = 1", "unnest(tags) = 'a'", "id AS other",
    "id, intent", "id = 1 GROUP BY id", "list_transform(tags, x -> x) IS NULL",
    "[x FOR x IN tags] = tags",
    # functions that are not listed
    "random() < 0.5", "now() > received", "current_date = received", "version() = ''", "uuid() = ''",
    "query('SELECT 1')", "query_table('t')", "eval('1')", "nextval('s') = 1", "pg_sleep(10)",
    "repeat('a', 1000000000) = ''", "range(1000000000) IS NULL", "generate_series(1, 9) IS NULL",
    "error('x')", "md5(message) = ''", "format('{}', id) = ''", "sha256(message) = ''",
    "main.read_csv('x')", "system.main.getenv('HOME') = ''", "current_user = 'x'",
    "message.read_csv('x')", "list_sort(tags) = tags", "json_extract(message, '$') = ''",
    # other tables, places and forms
    "t.id = 1", "lake.data.support.id = 1", "tags[1] = 'a'", "id::STRUCT(a INT) IS NULL",
    "id::BIT IS NULL", "cast(id AS DECIMAL(5, 2)) = 1", "cast(id AS oid) = 1", "$1 = id", "? = id",
    ":name = id", "@x = 1", "id COLLATE nocase = 1", "{'a': id} IS NULL", "MAP {'a': 1} IS NULL",
    "id = 1 -- comment\n; drop table t", "/* */ SELECT 1", "id = 1; --", "id = 1;;", "id := 1",
    "message SIMILAR TO 'a'", "id AT TIME ZONE 'UTC' IS NULL", "TABLESAMPLE 1", "e'\\x41' = intent",
    # not an expression at all
    "", "   ", "\n", "--", "-- only a comment", "/* only a comment */", ";", "'", '"', "(", ")", "((id = 1)",
    "id =", "= 1", "AND", "id = 1 AND", "intent = 'a", 'intent = "a', "id id", "1 2", "\\", "`id` = 1",
    "intent = 'a\x00b'", "\x00", "🙂", "id = 1 🙂",
    # too big
    "(" * 5_000 + "id = 1" + ")" * 5_000, "NOT " * 3_000 + "flag", "id" + " + 1" * 2_000,
    "id = 1 OR " * 2_000 + "id = 1", "-" * 9_000 + "1", "message = '" + "a" * 20_000 + "'",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:40]))
def test_what_is_no_scalar_expression_is_refused_in_a_few_lines(text: str) -> None:
    with pytest.raises(CurationError) as caught:
        sql.scalar_expression(text, COLUMNS)
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 3
    assert len(message) < 1_000


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_curation_error(text: str) -> None:
    try:
        sql.scalar_expression(text, COLUMNS)
    except CurationError:
        return


ROWS = pa.table(
    {
        "id": [1, 2, None, -4],
        "intent": ["refund", "it's", None, ""],
        "message": ["Where is my refund?", "no", None, "Ärger  "],
        "score": [0.5, float("nan"), None, -2.25],
        "flag": [True, False, None, True],
        "received": [date(2026, 9, 1), date(2024, 2, 29), None, date(1999, 12, 31)],
        "select": [1, 2, 3, 4],
        "Order": ["a", "b", "c", "d"],
        'say "hi"': [1, 0, 1, 0],
        "it's": [1, 0, 1, 0],
        "größe": [1, 0, 1, 0],
        "user": ["u", "v", "w", None],
        "year": [2020, 2021, 2022, None],
    }
)

ALLOWED = [
    "id = 1", "id <> 1", "id >= 1 AND id < 3", "id = 1 OR flag", "NOT flag", "flag", "id IS NULL",
    "id IS NOT NULL", "id IS DISTINCT FROM 1", "id IS NOT DISTINCT FROM NULL", "id IN (1, 2)",
    "id NOT IN (1, 2)", "id BETWEEN 1 AND 2", "intent LIKE 're%'", "intent ILIKE 'RE%'",
    "intent NOT LIKE '%!_%' ESCAPE '!'", "intent = 'it''s'", "id + 1 = 2", "id - 1 - 1 = 0",
    "id * 2 / 3 > 1", "id // 2 = 1", "-id % 3 = 1", "(id + 1) * 2 = 4", "- - id = 1",
    "intent || '!' = 'refund!'", "length(message) > 3", "len(message) > 3", "lower(intent) = 'refund'",
    "upper(intent) = 'REFUND'", "trim(message) = 'Ärger'", "substring(message, 1, 2) = 'no'",
    "substr(message, 2) = 'o'", "replace(intent, 're', 'x') = 'xfund'", "contains(message, 'refund')",
    "starts_with(intent, 're')", "ends_with(intent, 'nd')", "regexp_matches(message, '^Where')",
    "regexp_matches(message, '^where', 'i')", "regexp_full_match(intent, '[a-z]+')", "intent ~ 'ref.*'",
    "concat(intent, '-', id) = 'refund-1'", "coalesce(id, 0) = 0", "ifnull(id, 0) = 0",
    "nullif(id, 1) IS NULL", "abs(id) = 4", "round(score) = 1", "round(score, 1) = 0.5",
    "floor(score) = 0", "ceil(score) = 1", "greatest(id, 2) = 2", "least(id, 2) = 1", "isnan(score)",
    "year(received) = 2026", "month(received) = 9", "day(received) = 29", "received > '2020-01-01'",
    "received = DATE '2026-09-01'", "received + INTERVAL 1 DAY > DATE '2026-09-01'",
    "received > TIMESTAMP '2020-01-01 12:00:00'", "cast(id AS VARCHAR) = '1'", "id::DOUBLE = 1.0",
    "try_cast(intent AS INTEGER) IS NULL", "CASE WHEN id = 1 THEN flag ELSE false END",
    "CASE id WHEN 1 THEN 'a' ELSE 'b' END = 'a'", "if(flag, id = 1, id = 2)", "TRUE", "NULL",
    '"select" = 1', '"Order" = \'a\'', '"say ""hi""" = 1', '"it\'s" = 1',
    "größe = 1", "INTENT = 'refund'", '"iNTENT" = \'refund\'', "(id, flag) = (1, true)", "id = 1;",
    "id = 1 -- why\n", "/* why */ id = 1", "id == 1", "id != 1", "score > 1e-3", "score = -2.25",
    "id = 9223372036854775808", "user = 'u'", "year = 2020", "year(received) = year + 6",
    "intent = 'a;b'", "intent = 'drop table t'", "intent = '--'", "message = '/*'", "flag AND id = 1 OR id = 2",
    "flag AND (id = 1 OR id = 2)", "NOT (flag AND id = 1)", "NOT flag = false",
]  # fmt: skip


@pytest.mark.parametrize("text", ALLOWED)
def test_an_allowed_expression_means_what_duckdb_says(
    duck: duckdb.DuckDBPyConnection, text: str
) -> None:
    duck.register("rows_", ROWS)
    raw = text.rstrip(";")
    if raw.startswith("user"):  # alone, DuckDB reads this word as who is logged in
        raw = f'"user"{raw[4:]}'
    written = sql.scalar_expression(text, ROWS.column_names)
    got = duck.execute(f"SELECT {written} FROM rows_").fetchall()
    assert repr(got) == repr(duck.execute(f"SELECT {raw}\nFROM rows_").fetchall())


OPERATORS = st.sampled_from(["=", "<>", "<", ">=", "+", "-", "*", "%", "//"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        pairs.map(lambda t: f"coalesce({t[0]}, {t[1]})"),
        st.tuples(inner, inner, inner).map(
            lambda t: f"CASE WHEN ({t[0]}) > 1 THEN {t[1]} ELSE {t[2]} END"
        ),
        inner.map(lambda t: f"-({t})"),
        pairs.map(lambda t: f"CAST({t[0]} IN (1, {t[1]}) AS INT)"),
        pairs.map(lambda t: f"CAST(NOT ({t[0]}) = 1 AND ({t[1]}) IS NOT NULL AS INT)"),
    )


@given(
    st.recursive(
        st.sampled_from(["id", '"select"', "1", "2.5", "NULL", "length(message)"]),
        _grown,
        max_leaves=8,
    )
)
def test_an_expression_keeps_its_meaning(duck: duckdb.DuckDBPyConnection, text: str) -> None:
    duck.register("rows_", ROWS)

    def computed(expression: str) -> str:
        try:
            return repr(duck.execute(f"SELECT {expression} FROM rows_").fetchall())
        except duckdb.Error as error:
            return type(error).__name__

    assert computed(sql.scalar_expression(text, ROWS.column_names)) == computed(text)


def test_a_misspelt_column_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no column 'intnet'\. Did you mean 'intent'\?"):
        sql.scalar_expression("intnet = 'refund'", COLUMNS)


def test_a_function_that_is_not_listed_is_told_the_list() -> None:
    with pytest.raises(
        ExpressionError, match=r"read_csv\(\).*\nFunctions: abs|read_csv\(\).*Functions: abs"
    ):
        sql.scalar_expression("read_csv('/etc/passwd')", COLUMNS)


@pytest.mark.parametrize("name", sql.FUNCTIONS)
def test_a_listed_function_is_known_to_duckdb(duck: duckdb.DuckDBPyConnection, name: str) -> None:
    if name in ("cast", "try_cast", "coalesce"):
        return
    query = "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?"
    assert duck.execute(query, [name]).fetchone() != (0,)


def test_columns_of_an_expression_are_those_it_names() -> None:
    assert sql.columns_of("lower(Intent) = 'a' AND (score > 1 OR \"select\" = 2)") == {
        "Intent", "score", "select",
    }  # fmt: skip


def test_reading_an_expression_twice_gives_the_same() -> None:
    # The tree is cached, and its columns are replaced: that must not reach the cached one.
    first = sql.scalar_expression("INTENT = 'a'", ["Intent"])
    assert sql.scalar_expression("INTENT = 'a'", ["intent"]) == "\"intent\" = 'a'"
    assert sql.scalar_expression("INTENT = 'a'", ["Intent"]) == first == "\"Intent\" = 'a'"


@pytest.mark.parametrize(
    "text",
    ["message > 3", "cast(message AS INT) = 1", "abs(id + 9223372036854775807) = 1", "regexp_matches(message, '(')",
     "isnan(message)", "interval '1' foo = id", "id LIKE 3", "length(id) = 1", "year(message) = 1"],
)  # fmt: skip
def test_what_duckdb_cannot_compute_is_told_with_the_expression(
    duck: duckdb.DuckDBPyConnection, text: str
) -> None:
    duck.register("rows_", ROWS)
    with pytest.raises(ExpressionError, match="cannot be computed on these data") as caught:  # noqa: SIM117
        with sql.evaluating(text):
            duck.execute(
                f"SELECT {sql.scalar_expression(text, ROWS.column_names)} FROM rows_"
            ).fetchall()
    assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3

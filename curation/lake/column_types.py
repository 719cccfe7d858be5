"""Which DuckDB type a column gets: from its text, from its JSON values, from its Arrow type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from curation import sql
from curation.errors import SourceFileError

RESERVED_PREFIX = "_curation_"
_TAKEN = frozenset({"rowid", "row_id", "begin_snapshot", "end_snapshot"})

_SAMPLE_ROWS = 20_000
_INTEGER = r"-?[1-9]\d{0,18}|0"
# A whole number of more than 15 digits is an identifier sooner than a measurement.
_NUMBER = r"[-+]?(0|[1-9]\d{0,14})(\.\d*)?([eE][-+]?\d+)?|[-+]?(0|[1-9]\d*)?\.\d+([eE][-+]?\d+)?"
_DAY = r"\d{4}-\d{2}-\d{2}"
_TIME = r"\d{2}:\d{2}(:\d{2}([.]\d{1,9})?)?"
_ZONED = r"\d{2}:\d{2}:\d{2}([.]\d{1,9})?(Z|[+-]\d{2}(:?\d{2})?)"
# The letters are those of `_class`.
_TIME_CLASSES = {"DATE": {"d"}, "TIMESTAMP": {"d", "t", "z"}}
_OTHER_CLASSES = {"BIGINT": {"i", "I"}, "DOUBLE": {"i", "n", "f"}, "BOOLEAN": {"b"}}


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse column names that are empty, double without regard to case, or reserved.

    Raises:
        SourceFileError: names the columns and says what to do.
    """
    seen: dict[str, str] = {}
    for position, name in enumerate(names, 1):
        if not name.strip():
            raise SourceFileError(
                f"{where}: column {position} has no name. Give it one in the header "
                "(pandas writes such a column for its index: use index=False)."
            )
        if name.lower().startswith(RESERVED_PREFIX):
            raise SourceFileError(
                f"{where}: column '{name}' begins with '{RESERVED_PREFIX}', which is reserved. "
                "Rename it or leave it out."
            )
        if name.lower() in _TAKEN:
            raise SourceFileError(
                f"{where}: the name of column '{name}' is taken by the lake, which numbers rows "
                "and snapshots. Rename it."
            )
        if name.lower() in seen:
            raise SourceFileError(
                f"{where} has two columns named '{seen[name.lower()]}' and '{name}'; upper and "
                "lower case count as the same. Rename one or leave it out."
            )
        seen[name.lower()] = name


def detect_text_types(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[str],
    *,
    only_times: bool = False,
) -> tuple[dict[str, str], list[str]]:
    """Find the type of each VARCHAR column, so that no value of it would be lost or changed.

    Args:
        connection: where the relation can be read.
        relation: SQL for a table or table function.
        columns: the columns to look at, all VARCHAR.
        only_times: look for DATE and TIMESTAMP only, for text whose numbers are meant as text.

    Returns:
        Column to type (BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP or VARCHAR), and notes.
    """
    sample = f"(SELECT * FROM {relation} LIMIT {_SAMPLE_ROWS})"
    classes = _classes(connection, sample, columns)
    types = {column: _type(classes[column], only_times) for column in columns}
    # Text stays text whatever follows, so only the other columns are read to the end.
    unsettled = [column for column in columns
                 if types[column] != "VARCHAR" or not classes[column]]  # fmt: skip
    classes |= _classes(connection, relation, unsettled)
    types |= {column: _type(classes[column], only_times) for column in unsettled}
    notes = [f"Column '{column}' is empty in every row." for column in columns
             if not classes[column]]  # fmt: skip
    times = [column for column in columns if types[column] == "TIMESTAMP"]
    zoned = [column for column in times if "z" in classes[column]]
    notes += [f"Column '{column}' has times with a zone: they are kept in UTC." for column in zoned]
    return types, notes


def _classes(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]
) -> dict[str, str]:
    """Column to the letters of the classes of value that it has; see `_class`."""
    if not columns:
        return {}
    selected = ",\n  ".join(
        f"coalesce(string_agg(DISTINCT {_class(sql.identifier(column))}, ''), '')"
        for column in columns
    )
    row = connection.execute(f"SELECT {selected}\nFROM {relation}").fetchone()
    return dict(zip(columns, row or (), strict=True))


def _class(column: str) -> str:
    """SQL for one letter: integer, number, float word, boolean, day, time, zoned time, or x."""
    return f"""CASE
    WHEN {column} IS NULL OR {column} = '' THEN NULL
    WHEN regexp_full_match({column}, '{_INTEGER}')
      THEN CASE WHEN try_cast({column} AS BIGINT) IS NULL THEN 'x'
                WHEN length({column}) > 15 THEN 'I' ELSE 'i' END
    WHEN regexp_full_match({column}, '{_NUMBER}')
      THEN CASE WHEN isfinite(try_cast({column} AS DOUBLE)) THEN 'n' ELSE 'x' END
    WHEN length({column}) > 40 THEN 'x'
    WHEN lower({column}) IN ('nan', 'inf', '-inf') THEN 'f'
    WHEN lower({column}) IN ('true', 'false') THEN 'b'
    WHEN regexp_full_match({column}, '{_DAY}')
      THEN CASE WHEN try_cast({column} AS DATE) IS NULL THEN 'x' ELSE 'd' END
    WHEN regexp_full_match({column}, '{_DAY}[ T]{_TIME}')
      THEN CASE WHEN try_cast({column} AS TIMESTAMP) IS NULL THEN 'x' ELSE 't' END
    WHEN regexp_full_match({column}, '{_DAY}[ T]{_ZONED}')
      THEN CASE WHEN try_cast({column} AS TIMESTAMPTZ) IS NULL THEN 'x' ELSE 'z' END
    ELSE 'x' END"""


def _type(classes: str, only_times: bool) -> str:
    found = set(classes)
    if not found or found == {"f"}:
        return "VARCHAR"
    kinds = _TIME_CLASSES if only_times else _TIME_CLASSES | _OTHER_CLASSES
    return next((kind for kind, allowed in kinds.items() if found <= allowed), "VARCHAR")


def cast(column: str, kind: str) -> str:
    """SQL that turns a VARCHAR column into a type which `detect_text_types` found."""
    quoted = sql.identifier(column)
    if kind == "VARCHAR":
        return quoted
    if kind != "TIMESTAMP":
        return f"CAST(nullif({quoted}, '') AS {kind})"
    # A plain cast to TIMESTAMP drops the zone without a word, so zoned times go by the epoch.
    return f"""CASE WHEN regexp_full_match({quoted}, '{_DAY}[ T]{_ZONED}')
      THEN make_timestamp(epoch_us(CAST({quoted} AS TIMESTAMPTZ)))
      ELSE CAST(nullif({quoted}, '') AS TIMESTAMP) END"""


def json_class(value: Any) -> str:
    """Name a JSON value's class: null, bool, int, float, text, [], [int], [float], [text], json."""
    if isinstance(value, list):
        found = {json_class(item) for item in value} - {"null"}
        if not found:
            return "[]"
        if found <= {"int", "float"}:
            return "[int]" if found == {"int"} else "[float]"
        return "[text]" if found == {"text"} else "json"
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if -(2**63) <= value < 2**63 else "json"
    return _JSON_CLASSES[type(value)]


_JSON_CLASSES: Mapping[type, str] = {
    type(None): "null", bool: "bool", float: "float", str: "text", dict: "json",
}  # fmt: skip
_JSON_TYPES: tuple[tuple[set[str], pa.DataType], ...] = (
    ({"text"}, pa.string()),
    ({"bool"}, pa.bool_()),
    ({"int"}, pa.int64()),
    ({"int", "float"}, pa.float64()),
    ({"[]", "[int]"}, pa.list_(pa.int64())),
    ({"[]", "[int]", "[float]"}, pa.list_(pa.float64())),
    ({"[]", "[text]"}, pa.list_(pa.string())),
)


def json_type(classes: set[str]) -> pa.DataType | None:
    """Return the Arrow type that holds all these classes of value; None means as JSON text."""
    found = classes - {"null"}
    return next((kind for allowed, kind in _JSON_TYPES if found <= allowed), None)


def json_text(value: Any) -> str | None:
    """Write a value as JSON, a text as it is."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def kept_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the Arrow type to keep a column in; a struct means as JSON text, None not at all."""
    is_a = pa.types
    kept: pa.DataType | None = None
    if isinstance(kind, pa.BaseExtensionType):
        kept = kind if kind.extension_name == "arrow.uuid" else kept_type(kind.storage_type)
    elif is_a.is_dictionary(kind) or is_a.is_run_end_encoded(kind):
        kept = kept_type(kind.value_type)
    elif _is_list(kind):
        item = kept_type(kind.value_type)
        is_nested = item is not None and (_is_list(item) or is_a.is_struct(item))
        kept = pa.struct([]) if is_nested else item and pa.list_(item)
    elif is_a.is_decimal(kind):
        kept = pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else None
    elif is_a.is_boolean(kind) or is_a.is_integer(kind):
        kept = kind
    else:
        kept = next((kept for same, kept in _KEPT if same(kind)), None)
    return kept


_KEPT: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_timestamp, pa.timestamp("us")), (pa.types.is_null, pa.string()),
    (pa.types.is_float16, pa.float32()), (pa.types.is_float32, pa.float32()),
    (pa.types.is_float64, pa.float64()), (pa.types.is_date, pa.date32()),
    (pa.types.is_time, pa.time64("us")), (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.large_string()), (pa.types.is_string_view, pa.large_string()),
    (pa.types.is_binary, pa.binary()), (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_large_binary, pa.large_binary()), (pa.types.is_binary_view, pa.large_binary()),
    (pa.types.is_struct, pa.struct([])),
)  # fmt: skip


def _is_list(kind: pa.DataType) -> bool:
    is_a = pa.types
    tests = (is_a.is_list, is_a.is_large_list, is_a.is_fixed_size_list,
             is_a.is_list_view, is_a.is_large_list_view)  # fmt: skip
    return any(test(kind) for test in tests)

"""The engine runs SELECTs and functions, and once locked reaches nothing outside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from curation.engines.duckdb import DuckDBEngine

TABLE = pa.table({"id": [1, 2, 3], "select": ["a", "b", None]})


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


def test_rows_come_out_as_they_went_in(engine: DuckDBEngine) -> None:
    relation = engine.put(TABLE)
    assert dict(relation.columns) == {"id": "BIGINT", "select": "VARCHAR"}
    assert engine.table(f"FROM {relation.name}").to_pylist() == TABLE.to_pylist()
    assert engine.reader(f"FROM {relation.name}").read_all().to_pylist() == TABLE.to_pylist()
    assert engine.values(f"SELECT count(*), sum(id) FROM {relation.name}") == (3, 6)


def test_a_reader_goes_in_batch_by_batch(engine: DuckDBEngine) -> None:
    relation = engine.put(TABLE.to_reader(max_chunksize=1))
    assert engine.values(f"SELECT count(*) FROM {relation.name}") == (3,)


def test_a_relation_never_changes(engine: DuckDBEngine) -> None:
    first = engine.put(TABLE)
    second = engine.select(f"SELECT * FROM {first.name} WHERE id > 1")
    assert first.name != second.name
    assert engine.values(f"SELECT count(*) FROM {first.name}") == (3,)


def test_a_function_sees_all_rows(engine: DuckDBEngine) -> None:
    engine.lock()
    told: list[float] = []
    result = engine.map_table(
        engine.put(TABLE),
        lambda rows: pa.table({"rows": [rows.num_rows]}),
        lambda fraction, _: told.append(fraction),
    )
    assert engine.values(f"SELECT rows FROM {result.name}") == (3,)
    assert told


REFUSED = {
    "read a file": "SELECT * FROM read_text('{file}')",
    "read a table file": "SELECT * FROM '{file}'",
    "list files": "SELECT * FROM glob('{folder}/*')",
    "write a file": "COPY (SELECT 1) TO '{folder}/out.csv'",
    "attach": "ATTACH '{folder}/other.duckdb' AS other",
    "install": "INSTALL httpfs",
    "load": "LOAD '{file}'",
    "allow again": "SET enable_external_access = true",
    "allow a folder": "SET allowed_directories = ['/']",
    "unlock": "SET lock_configuration = false",
    "other settings": "SET memory_limit = '1TB'",
    "reset": "RESET enable_external_access",
    "export": "EXPORT DATABASE '{folder}/export'",
    "network": "SELECT * FROM read_csv('https://example.org/x.csv')",
    "python variables": "SELECT * FROM TABLE_IN_PYTHON",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_locked_engine_refuses(engine: DuckDBEngine, tmp_path: Path, what: str) -> None:
    TABLE_IN_PYTHON = TABLE  # noqa: N806, F841 - DuckDB would find it by its name
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    engine.lock()
    with pytest.raises(duckdb.Error):
        engine.table(REFUSED[what].format(file=secret, folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv"]


def test_a_locked_engine_still_works(engine: DuckDBEngine) -> None:
    relation = engine.put(TABLE)
    engine.lock()
    assert engine.select(f"SELECT id FROM {relation.name} ORDER BY id").columns == {"id": "BIGINT"}
    assert engine.values(f"SELECT count(*) FROM {engine.put(TABLE).name}") == (3,)


def test_closing_removes_what_was_spilled() -> None:
    with DuckDBEngine("100MB") as engine:
        folder = Path(engine.values("SELECT current_setting('temp_directory')")[0])
        assert folder.is_dir()
    assert not folder.exists()

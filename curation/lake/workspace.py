"""The workspace: one DuckLake, its catalog in SQLite, its data in Parquet files beside it."""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import tenacity

from curation import sql
from curation.errors import WorkspaceError

T = TypeVar("T")

DEFAULT_PATH = Path(".curation")
ENVIRONMENT_VARIABLE = "CURATION_WORKSPACE"

METADATA = "__ducklake_metadata_lake"
"""What SQL calls the database that holds the lake's catalog."""

_CATALOG_FILE = "catalog.sqlite"
_RETRY_SECONDS = 20.0
_EXTENSIONS = ("sqlite_scanner", "ducklake")

# Our own tables lie in the same lake as the data, so that one snapshot id pins both.
_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS lake.data;
CREATE SCHEMA IF NOT EXISTS lake.curation;
CREATE TABLE IF NOT EXISTS lake.curation.datasets (
    name VARCHAR, roles VARCHAR, created_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS lake.curation.annotations (
    annotation_id VARCHAR, dataset VARCHAR, label_column VARCHAR, record_key VARCHAR,
    fingerprint VARCHAR, given VARCHAR, decision VARCHAR, value VARCHAR, annotator VARCHAR,
    source VARCHAR, taxonomy_version INTEGER, workflow_version INTEGER, reason VARCHAR,
    seconds DOUBLE, suggestion VARCHAR, score DOUBLE, created_at TIMESTAMP, reverts VARCHAR);
CREATE TABLE IF NOT EXISTS lake.curation.findings (
    finding_id VARCHAR, dataset VARCHAR, snapshot BIGINT, finder VARCHAR, parameters VARCHAR,
    summary VARCHAR, created_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS lake.curation.finding_rows (
    finding_id VARCHAR, row_number BIGINT, record_key VARCHAR, fingerprint VARCHAR,
    given_label VARCHAR, label_quality DOUBLE, is_label_issue BOOLEAN, suggested_label VARCHAR,
    given_label_probability DOUBLE, probabilities FLOAT[]);
CREATE TABLE IF NOT EXISTS lake.curation.recipes (
    dataset VARCHAR, text VARCHAR, author VARCHAR, created_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS lake.curation.runs (
    run_id VARCHAR, dataset VARCHAR, manifest VARCHAR, created_at TIMESTAMP);
"""


class Workspace:
    """One lake. Safe to share between threads; several processes may open the same one.

    Writes of one process go one after the other. A write that meets another process's write is
    tried again for up to 20 seconds, since a SQLite catalog refuses a second writer at once.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._write_lock = threading.Lock()
        self._kept: dict[Hashable, Any] = {}

    @classmethod
    def open(cls, path: str | Path | None = None, *, create: bool = True) -> Workspace:
        """Open a workspace, or make one where there is none.

        Args:
            path: the folder; without one, ``$CURATION_WORKSPACE``, else ``./.curation``.
            create: whether a new one may be made.

        Raises:
            WorkspaceError: no workspace there and none may be made, or it cannot be opened.
        """
        folder = Path(path or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_PATH)
        if folder.exists() and not folder.is_dir():
            raise WorkspaceError(f"The workspace '{folder}' is a file. Name a folder.")
        is_new = not (folder / _CATALOG_FILE).exists()
        if is_new and not create:
            raise WorkspaceError(
                f"There is no workspace in '{folder}'. Import a file into it first: "
                f"curation --workspace {folder} import FILE --dataset NAME"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            workspace = cls(folder.resolve(), _attach(folder.resolve()))
        except (OSError, duckdb.Error) as error:
            raise WorkspaceError(f"The workspace '{folder}' cannot be opened: {error}") from error
        # Another process may be between the catalog and its tables, or have died there.
        if not workspace._retry(workspace._has_tables):
            workspace._retry(lambda: workspace._connection.execute(_SCHEMA))
        return workspace

    def _has_tables(self) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM duckdb_tables() "
            "WHERE database_name = 'lake' AND schema_name = 'curation'"
        ).fetchone()
        return row == (_SCHEMA.count("CREATE TABLE"),)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own, for reading; the lake is called ``lake``."""
        return self._connection.cursor()

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` gave for this key the first time.

        Only for what can never change, such as the columns of a dataset at a snapshot.
        """
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def write(
        self,
        change: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        author: str,
        message: str,
        operation: str,
        dataset: str | None = None,
        cursor: duckdb.DuckDBPyConnection | None = None,
        **details: Any,
    ) -> tuple[T, int]:
        """Run a change and the record of it in one transaction.

        Args:
            change: gets a cursor inside the transaction; it may be called again after a conflict
                with another process, so it must not keep state between calls.
            author: who.
            message: what and why, one line.
            operation: the kind of change, for example ``"import"``.
            dataset: the dataset that is changed, if one is.
            cursor: the connection to write on, when the change reads temporary tables of it.
            details: kept with the snapshot as JSON.

        Returns:
            What ``change`` returned, and the id of the new snapshot.

        Raises:
            WorkspaceError: other processes kept the catalog busy all the time.
        """
        extra = json.dumps({"operation": operation, "dataset": dataset, **details})

        def attempt() -> tuple[T, int]:
            with self._write_lock:
                connection.execute("BEGIN")
                try:
                    result = change(connection)
                    connection.execute(
                        "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                        [author, message, extra],
                    )
                    connection.execute("COMMIT")
                except BaseException:
                    _roll_back(connection)
                    raise
                return result, _one(connection.execute("FROM lake.last_committed_snapshot()"))

        connection = cursor or self.cursor()
        try:
            return self._retry(attempt)
        finally:
            if cursor is None:
                connection.close()

    def close(self) -> None:
        """Close the connection; open cursors end with it."""
        self._connection.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _retry(attempt: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_conflict),
            wait=tenacity.wait_random_exponential(multiplier=0.02, max=1.0),
            stop=tenacity.stop_after_delay(_RETRY_SECONDS),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except duckdb.Error as error:
            if not _is_conflict(error):
                raise
            raise WorkspaceError(
                f"Other processes kept the workspace busy for {_RETRY_SECONDS:.0f} seconds; "
                "nothing was written. Try again."
            ) from error


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the extensions from the files in their Python packages, else let DuckDB fetch them."""
    for name in _EXTENSIONS:
        try:
            package = importlib.import_module(f"duckdb_extension_{name}")
        except ModuleNotFoundError:
            connection.execute(f"INSTALL {name}; LOAD {name}")
            continue
        folder = Path(str(package.__file__)).parent
        file = next(folder.glob(f"extensions/*/{name}.duckdb_extension"))
        connection.execute(f"LOAD {sql.literal(str(file))}")


def _attach(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # A timestamp without a zone is UTC everywhere in the lake.
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    spill = folder / "spill"
    connection.execute(f"SET temp_directory = {sql.literal(str(spill))}")
    load_extensions(connection)
    catalog = sql.literal(f"ducklake:sqlite:{folder / _CATALOG_FILE}")
    Workspace._retry(
        lambda: connection.execute(
            f"ATTACH {catalog} AS lake "
            # The catalog keeps the path of the data; the folder may have been moved since.
            f"(DATA_PATH {sql.literal(str(folder / 'data'))}, OVERRIDE_DATA_PATH true, "
            "META_JOURNAL_MODE 'WAL')"
        )
    )
    return connection


def _is_conflict(error: BaseException) -> bool:
    text = str(error).lower()
    if isinstance(error, duckdb.TransactionException):
        # A reader may come between the statements with which another process writes the catalog.
        if "failed to load ducklake" in text:
            return True
    elif not isinstance(error, duckdb.Error) or isinstance(error, duckdb.DataError):
        return False
    return (
        "database is locked" in text
        or "conflict" in text
        or ("constraint" in text and "snapshot" in text)
    )


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.TransactionException:
        # The failed statement already ended the transaction.
        return


def _one(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.fetchone()
    if row is None:
        raise WorkspaceError("The lake gave no snapshot id.")
    return int(row[0])

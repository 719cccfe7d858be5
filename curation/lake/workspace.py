"""The workspace: one DuckLake, its catalog in SQLite or PostgreSQL, its data in Parquet files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

import duckdb

from curation import sql
from curation.errors import UsageError, WorkspaceError
from curation.lake import catalogs, file_hashes, schema
from curation.lake.catalogs import METADATA, Catalog
from curation.lake.conflicts import (
    RetryingCursor,
    first_line,
    is_alone,
    mark_open,
    retried,
    turn,
)

T = TypeVar("T")

DEFAULT_PATH = Path(".curation")
ENVIRONMENT_VARIABLE = "CURATION_WORKSPACE"

__all__ = ["DEFAULT_PATH", "ENVIRONMENT_VARIABLE", "METADATA", "Workspace"]


class Workspace:
    """One lake. Safe to share between threads; several processes may open the same one.

    Writes of one process go one after the other. A statement that meets another process's write is
    tried again for up to 20 seconds, since a SQLite catalog refuses a second writer at once.
    """

    def __init__(self, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> None:
        self.catalog = catalog
        self.data = catalogs.data_path(connection, catalog)
        """Folder or address of the data files, with a slash at its end."""
        self.path = catalogs.local_folder(catalog, self.data)
        """A folder on this machine for what belongs to the workspace and is not in the lake."""
        self._connection = connection
        self._write_lock = threading.Lock()
        self._turn = self.path / "write.lock" if catalog.kind == "sqlite" else None
        self._kept: dict[Hashable, Any] = {}
        self._made_at: int | None = None
        self._mark = mark_open(catalog.folder / "open.lock") if catalog.folder else None

    @property
    def name(self) -> str:
        """Where it is, for people; without a password."""
        return self.catalog.name

    @classmethod
    def open(cls, path: str | Path | None = None, *, create: bool = True) -> Workspace:
        """Open a workspace, or make one in a folder where there is none.

        Args:
            path: a folder or ``postgresql://…``; without one, ``$CURATION_WORKSPACE``, else
                ``./.curation``.
            create: whether a new one may be made. In PostgreSQL only `init` makes one, since it
                has to be told where the data go.

        Raises:
            WorkspaceError: no workspace there and none may be made, or it cannot be opened.
        """
        catalog = catalogs.locate(path or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_PATH)
        if not catalog.may_be_there and not create:
            raise WorkspaceError(
                f"There is no workspace in '{catalog.name}'. Import a file into it first: "
                f"curation --workspace {catalog.name} import FILE --dataset NAME"
            )
        return cls._attached(catalog, create=catalog.kind == "sqlite")

    @classmethod
    def init(cls, path: str | Path | None = None, *, data: Path | None = None) -> Workspace:
        """Make a workspace.

        Args:
            path: as for `open`.
            data: for PostgreSQL, a folder that all who share the workspace can read and write.

        Raises:
            UsageError: there is one already, or ``data`` is missing, or given for a folder.
            WorkspaceError: it cannot be made.
        """
        catalog = catalogs.locate(path or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_PATH)
        if catalog.kind == "sqlite" and data is not None:
            raise UsageError("A workspace in a folder keeps its data there; leave out --data.")
        if catalog.kind == "postgres" and data is None:
            raise UsageError(
                "A workspace in PostgreSQL needs a folder for its data, which all who share it "
                f"can reach: curation workspace init {catalog.name} --data DIR"
            )
        if catalogs.exists(catalog):
            raise UsageError(
                f"There is a workspace in '{catalog.name}' already. Use it, or name another place."
            )
        return cls._attached(catalog, create=True, data=data)

    @classmethod
    def _attached(cls, catalog: Catalog, *, create: bool, data: Path | None = None) -> Workspace:
        is_new = create and not catalog.may_be_there
        files = data.resolve() / "data" if data is not None else catalog.folder
        connection = None
        try:
            if files is not None:
                files.mkdir(parents=True, exist_ok=True)
            connection = catalogs.connect(catalog)
            workspace = cls._on(catalog, connection, create=create, data=f"{files}/")
        except (OSError, duckdb.Error) as error:
            if connection is not None:
                connection.close()
            raise _not_opened(catalog, error) from error
        if is_new:
            workspace._made_at = workspace._newest_snapshot()
        return workspace

    @classmethod
    def _on(
        cls, catalog: Catalog, connection: duckdb.DuckDBPyConnection, *, create: bool, data: str
    ) -> Workspace:
        retried(lambda: catalogs.attach(connection, catalog, create=create, data=data))
        workspace = cls(catalog, connection)
        connection.execute(f"SET temp_directory = {sql.literal(workspace._spill())}")
        # Another process may be between the catalog and its tables, or have died there.
        if not retried(lambda: schema.is_current(connection)):
            retried(lambda: schema.bring_up_to_date(connection))
        return workspace

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own, for reading; the lake is called ``lake``.

        Its statements are tried again when they meet another process's write.
        """
        # It does all that a DuckDB connection does, and DuckDB's class cannot be derived from.
        return cast(
            "duckdb.DuckDBPyConnection", RetryingCursor(self._connection.cursor(), self.data)
        )

    def keep_newest(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` gave for this key since the lake last changed, and forget older."""
        with self._connection.cursor() as cursor:
            snapshot = retried(lambda: _newest_snapshot(cursor))
        held = self._kept.get(key)
        if held is None or held[0] != snapshot:
            held = self._kept[key] = (snapshot, make())
        kept: T = held[1]
        return kept

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
            WorkspaceError: other processes kept the catalog busy all the time, or it cannot be
                written; then nothing of the change is in it.
        """
        extra = json.dumps({"operation": operation, "dataset": dataset, **details})

        def attempt() -> tuple[T, int]:
            with self._write_lock, turn(self._turn):
                connection.execute("BEGIN")
                try:
                    result = change(connection)
                    connection.execute(
                        "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                        [author, message, extra],
                    )
                    connection.execute("COMMIT")
                except BaseException:
                    schema.roll_back(connection)
                    raise
                # DuckLake tells the last snapshot of all this process's threads, so it is asked
                # before another may write; on its own, since an error here must not make the
                # change a second time.
                return result, retried(lambda: _last_snapshot(connection))

        given = cursor.connection if isinstance(cursor, RetryingCursor) else cursor
        connection = given or self._connection.cursor()
        try:
            result, snapshot = retried(attempt)
            # The change is in; what is not recorded now is noted and recorded by the next check.
            with contextlib.suppress(OSError, duckdb.Error):
                file_hashes.record(connection, self.data, self.path, snapshot)
        except (OSError, duckdb.IOException, duckdb.TransactionException) as error:
            raise WorkspaceError(
                f"The workspace '{self.name}' cannot be written, so nothing was changed: "
                f"{first_line(error)}\nSee whether its disk is full, read-only or out of reach."
            ) from error
        finally:
            if cursor is None:
                connection.close()
        return result, snapshot

    def close(self) -> None:
        """Close the connection; open cursors end with it."""
        self._connection.close()
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        is_unused = (
            error is not None
            and self._made_at is not None
            and self._made_at == self._newest_snapshot()
        )
        if is_unused and is_alone(self._mark):
            self._remove()
        self.close()

    def _newest_snapshot(self) -> int:
        row = self._connection.execute("SELECT id FROM lake.current_snapshot()").fetchone()
        assert row is not None, "a lake always has a snapshot"
        return int(row[0])

    def _spill(self) -> str:
        """Return where a query may put what does not fit into memory; no two processes share it."""
        folder = self.path if self.catalog.kind == "sqlite" else Path(tempfile.gettempdir())
        return str(folder / "spill" / str(os.getpid()))

    def _remove(self) -> None:
        """Remove the folder's workspace that this call made and nothing was written to."""
        self._connection.close()
        for lock in ("write.lock", "open.lock"):
            (self.path / lock).unlink(missing_ok=True)
        self.catalog.file.unlink(missing_ok=True)
        for name in ("data", "spill"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        with contextlib.suppress(OSError):  # something else lies there
            self.path.rmdir()


def _not_opened(catalog: Catalog, error: Exception) -> WorkspaceError:
    if "does not exist - and creating" in str(error):
        return WorkspaceError(
            f"There is no workspace in '{catalog.name}'. Make one: "
            f"curation workspace init {catalog.name} --data DIR"
        )
    said = "\n".join(str(error).strip().splitlines()[:2])
    return WorkspaceError(f"The workspace '{catalog.name}' cannot be opened: {said}")


def _newest_snapshot(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("FROM lake.current_snapshot()").fetchone()
    assert row is not None
    return int(row[0])


def _last_snapshot(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the snapshot that this process made last; the lake's newest where it made none."""
    row = connection.execute(
        "SELECT coalesce((FROM lake.last_committed_snapshot()), (FROM lake.current_snapshot()))"
    ).fetchone()
    assert row is not None
    return int(row[0])

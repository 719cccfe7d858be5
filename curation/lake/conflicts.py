"""What to do when another process is in the way: try again for a while, then say so."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import duckdb
import tenacity

try:
    import fcntl
except ImportError:  # Windows: writers then meet in SQLite, and try again
    fcntl = None  # type: ignore[assignment]

from curation.errors import WorkspaceError

T = TypeVar("T")

RETRY_SECONDS = 20.0
# Were the waits to grow further, those who waited longest would come least.
_LONGEST_WAIT = 0.15


def retried(attempt: Callable[[], T]) -> T:
    """Return what an attempt gives, made again as long as it meets another process's change.

    Raises:
        WorkspaceError: others kept the catalog busy for 20 seconds.
    """
    try:
        return attempt()
    except duckdb.Error as error:
        if not is_conflict(error):
            raise
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_conflict),
        wait=tenacity.wait_random_exponential(multiplier=0.02, max=_LONGEST_WAIT),
        stop=tenacity.stop_after_delay(RETRY_SECONDS),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except duckdb.Error as error:
        if not is_conflict(error):
            raise
        raise WorkspaceError(
            f"Other processes kept the workspace busy for {RETRY_SECONDS:.0f} seconds; "
            "nothing was written. Try again."
        ) from error


def is_conflict(error: BaseException) -> bool:
    """Say whether an error means that another process was in the way, and not that this is wrong.

    DuckDB has no error class of its own for it; SQLite, PostgreSQL and DuckLake each say it in
    their own words.
    """
    text = str(error).lower()
    if isinstance(error, duckdb.TransactionException):
        # A reader may come between the statements with which another process writes the catalog.
        if "failed to load ducklake" in text and "connect" not in text:
            return True
    elif not isinstance(error, duckdb.Error) or isinstance(error, duckdb.DataError):
        return False
    return (
        "database is locked" in text
        or "conflict" in text
        or "could not serialize" in text
        or "deadlock detected" in text
        or ("constraint" in text and "snapshot" in text)
    )


@contextmanager
def turn(file: Path | None) -> Iterator[None]:
    """Wait until no other process writes, for at most 20 seconds.

    A SQLite catalog refuses whoever began before another's commit, so a long write would never end
    while others make short ones. This is a courtesy: that no write is lost is SQLite's doing, so
    who cannot have the lock goes on without it.

    Args:
        file: what to lock; None where the catalog's server sees to it.
    """
    if file is None or fcntl is None:
        yield
        return
    try:
        lock = file.open("ab")
    except OSError:
        yield
        return
    with lock:
        end = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < end:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(random.uniform(0.002, 0.01))  # noqa: S311
            except OSError:
                break
            else:
                break
        yield


def mark_open(file: Path) -> int | None:
    """Tell other processes that a workspace is open here; return what `is_alone` asks for.

    The mark goes when its descriptor is closed, or this process ends in whatever way.
    """
    if fcntl is None:
        return None
    try:
        mark = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # a folder that may only be read
        return None
    fcntl.flock(mark, fcntl.LOCK_SH)
    return mark


def is_alone(mark: int | None) -> bool:
    """Say whether no other process, and nothing else in this one, has the workspace open."""
    if mark is None:
        return False
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class RetryingCursor:
    """A DuckDB cursor for reading, whose statements are tried again after a conflict.

    Outside a transaction a statement that fails has changed nothing, so it may run again. Inside
    one it may not: `Workspace.write` repeats the transaction, on the cursor in `connection`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, data: str) -> None:
        self.connection = connection
        self._data = data

    def execute(self, query: Any, parameters: object = None) -> RetryingCursor:
        """Run a statement.

        Raises:
            WorkspaceError: a file of the lake is missing or damaged, or others kept it busy.
        """
        try:
            retried(lambda: self.connection.execute(query, parameters))
        except duckdb.Error as error:
            if self._data in str(error):
                raise WorkspaceError(
                    f"A file of the workspace cannot be read: {first_line(error)}\n"
                    "See which snapshots need it: curation workspace check"
                ) from error
            raise
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def __enter__(self) -> RetryingCursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.connection.close()


def first_line(error: BaseException) -> str:
    """Return the first line of a message, without DuckDB's name for its kind."""
    text = str(error).strip().splitlines()[0]
    return text.partition(" Error: ")[2] or text

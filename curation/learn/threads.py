"""Work on many pieces by all cores, with results in order and few of them waiting."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield `work` of each item in the order of the items; at most two a core are under way."""
    cores = os.cpu_count() or 1
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


class _SingleThreadedBlas:
    """How many ask for it now; sessions are threads, and the setting is the process's.

    threadpoolctl lets only the thread that changed the setting change it back, so one thread of
    ours does both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._setter: ThreadPoolExecutor | None = None
        self._limits = ExitStack()

    def enter(self) -> None:
        with self._lock:
            if self._setter is None:
                self._setter = ThreadPoolExecutor(1)
                self._setter.submit(self._limit).result()
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._setter is not None and not self._users:
                self._setter.submit(self._limits.close).result()
                self._setter.shutdown()
                self._setter = None

    def _limit(self) -> None:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

        self._limits.enter_context(threadpool_limits(1, user_api="blas"))


_blas = _SingleThreadedBlas()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep each matrix product on one core, for work that is spread over the cores by itself.

    The threads of one product wait for each other many times, which on a busy machine takes several
    times as long as the product.
    """
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()

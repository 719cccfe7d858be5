"""Keep the warning filters of the process as they were, whatever scikit-learn's checks leave.

Before Python 3.14 `warnings.catch_warnings` swaps one list that all threads share. scikit-learn
enters it in nearly every check of an input; where the checks of two threads overlap, the one that
ends last puts back the other's filters, and they stay.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from numpy.exceptions import ComplexWarning, VisibleDeprecationWarning

_STRAYS = [("error", None, kind, None, 0) for kind in (ComplexWarning, VisibleDeprecationWarning)]
"""What scikit-learn's checks set for their own length."""


class _Users:
    """How many threads are inside now, and what to leave when the last of them goes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._set_by_others: list[object] = []

    def enter(self) -> None:
        with self._lock:
            if not self._count:
                self._set_by_others = [one for one in warnings.filters if one in _STRAYS]
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                # In place: a check of another thread may put this very list back.
                warnings.filters[:] = [  # type: ignore[index]  # it is a list
                    one
                    for one in warnings.filters
                    if one not in _STRAYS or one in self._set_by_others
                ]


_users = _Users()


@contextmanager
def clean_warning_filters() -> Iterator[None]:
    """Take scikit-learn's own filters out again when the last thread inside has left."""
    _users.enter()
    try:
        yield
    finally:
        _users.leave()

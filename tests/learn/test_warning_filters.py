"""The warning filters of the process, after checks of scikit-learn that overlapped."""

from __future__ import annotations

import threading
import warnings

import pytest
from numpy.exceptions import ComplexWarning, VisibleDeprecationWarning

from curation.learn.warning_filters import clean_warning_filters


def _overlapping_checks() -> None:
    """Two threads check as scikit-learn does; the one that began first ends first."""
    inside, began, ended = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", VisibleDeprecationWarning)
            inside.set()
            began.wait(10)
        ended.set()

    one = threading.Thread(target=first)
    one.start()
    inside.wait(10)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComplexWarning)
        began.set()
        ended.wait(10)
    one.join()


@pytest.fixture(autouse=True)
def _put_back() -> object:
    before = list(warnings.filters)
    yield
    warnings.filters[:] = before  # type: ignore[index]


def test_overlapping_checks_leave_filters_behind() -> None:
    """The trouble itself; where this fails, Python has mended it and the module can go."""
    before = list(warnings.filters)
    _overlapping_checks()
    assert list(warnings.filters) != before


def test_they_are_gone_when_the_last_user_leaves() -> None:
    before = list(warnings.filters)
    with clean_warning_filters(), clean_warning_filters():
        _overlapping_checks()
    assert list(warnings.filters) == before


def test_filters_of_others_stay() -> None:
    with clean_warning_filters():
        warnings.simplefilter("ignore", FutureWarning)
        _overlapping_checks()
    assert ("ignore", None, FutureWarning, None, 0) in warnings.filters


def test_a_filter_that_was_there_before_stays() -> None:
    warnings.simplefilter("error", ComplexWarning)
    with clean_warning_filters():
        _overlapping_checks()
    assert ("error", None, ComplexWarning, None, 0) in warnings.filters

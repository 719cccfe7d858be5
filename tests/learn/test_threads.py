"""Work on many pieces by all cores."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from curation.learn.threads import in_threads, single_threaded_blas


def blas_threads() -> set[int]:
    # numpy's and scipy's; the one that faiss brings runs on OpenMP, which each thread sets for itself.
    return {
        one["num_threads"]
        for one in threadpool_info()
        if one["user_api"] == "blas" and one["threading_layer"] == "pthreads"
    }


def test_results_come_in_order_whichever_ends_first() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_threads(work, range(50))) == [item * item for item in range(50)]
    assert list(in_threads(work, [])) == []


def test_few_pieces_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    taken: list[int] = []

    def items() -> object:
        for item in range(100):
            taken.append(item)
            yield item

    for result in in_threads(lambda item: item, items()):  # type: ignore[arg-type, var-annotated]
        assert len(taken) - result <= 5


def test_an_error_in_one_piece_comes_through_and_stops_the_rest() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 3:
            raise ZeroDivisionError
        done.append(item)

    with pytest.raises(ZeroDivisionError):
        list(in_threads(work, range(1_000)))
    assert len(done) < 100


def test_products_have_all_cores_again_when_the_last_session_is_done() -> None:
    before = blas_threads()
    assert before
    inside = threading.Barrier(4)

    def session(pause: float) -> set[int]:
        with single_threaded_blas():
            inside.wait()
            time.sleep(pause)
            return blas_threads()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(session, [0, 0.01, 0.02, 0.03])) == [{1}] * 4
    assert blas_threads() == before

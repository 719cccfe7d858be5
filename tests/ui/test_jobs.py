"""Background jobs: attach, cancel, keep what came of them."""

from __future__ import annotations

import threading
import time

from curation.errors import LabelError
from curation.progress import Progress
from curation.ui.jobs import JobKey, Jobs

KEY = JobKey("/lake", "tickets", "find")


def test_a_result_survives_until_somebody_asks() -> None:
    jobs = Jobs()
    job = jobs.start(KEY, lambda progress: 42, title="Find")
    assert job.wait(30)
    again = jobs.get(KEY)
    assert again is job
    assert (job.state, job.result, job.error) == ("done", 42, None)


def test_starting_a_running_job_attaches_to_it() -> None:
    jobs, gate, calls = Jobs(), threading.Event(), []

    def work(progress: Progress) -> None:
        calls.append(1)
        gate.wait(10)

    first = jobs.start(KEY, work, title="Find", inputs="seed 0")
    second = jobs.start(KEY, work, title="Find", inputs="seed 0")
    gate.set()
    assert first is second
    assert first.wait(30)
    assert len(calls) == 1


def test_other_inputs_stop_the_old_job() -> None:
    jobs = Jobs()
    old = jobs.start(KEY, _endless, title="Run", inputs="a")
    new = jobs.start(KEY, lambda progress: "new", title="Run", inputs="b")
    assert old.wait(30)
    assert new.wait(30)
    assert (old.state, new.result) == ("cancelled", "new")


def test_a_result_with_the_same_inputs_is_not_computed_again() -> None:
    jobs, calls = Jobs(), []
    for _ in range(3):
        jobs.result_of(KEY, lambda progress: calls.append(1), title="Run", inputs="a").wait(30)
    assert len(calls) == 1


def test_cancel_ends_the_work_at_its_next_report() -> None:
    job = Jobs().start(KEY, _endless, title="Find")
    job.cancel()
    assert job.wait(30)
    assert (job.state, job.error) == ("cancelled", None)


def test_errors_are_kept_with_their_type() -> None:
    jobs = Jobs()

    def mendable(progress: Progress) -> None:
        raise LabelError("only one class")

    def bug(progress: Progress) -> None:
        raise ZeroDivisionError("oops")

    for work, kind in ((mendable, LabelError), (bug, ZeroDivisionError)):
        job = jobs.start(KEY, work, title="Find")
        assert job.wait(30)
        assert job.state == "failed"
        assert isinstance(job.error, kind)


def test_time_left_follows_the_fraction_done() -> None:
    gate = threading.Event()

    def work(progress: Progress) -> None:
        progress(0.5, "half")
        gate.wait(10)

    job = Jobs().start(KEY, work, title="Find")
    assert job.seconds_left is None
    while job.fraction < 0.5:
        time.sleep(0.01)
    job.started = time.monotonic() - 10
    left = job.seconds_left
    assert left is not None
    assert 9 < left < 12
    gate.set()
    assert job.wait(30)
    assert job.seconds_left is None


def test_progress_never_runs_back() -> None:
    def work(progress: Progress) -> None:
        progress(0.8, "late")
        progress(0.1, "early")

    job = Jobs().start(KEY, work, title="Find")
    assert job.wait(30)
    assert job.fraction == 0.8


def _endless(progress: Progress) -> None:
    for _ in range(1000):
        progress(0.1, "working")
        time.sleep(0.01)

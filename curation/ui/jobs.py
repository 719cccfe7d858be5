"""Long work in background threads that outlives a rerun, a page switch and a session.

A job is known by (workspace, dataset, kind). Starting it again while it runs attaches to it, if its
inputs are the same; with other inputs the old one is told to stop and a new one starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from curation.errors import CurationError
from curation.progress import Cancelled, Progress
from curation.ui import imports

State = Literal["running", "done", "failed", "cancelled"]
Work = Callable[[Progress], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobKey:
    """What a job works on and what it does, for example ``("…/lake", "tickets", "find")``."""

    workspace: str
    dataset: str
    kind: str


@dataclass(eq=False)
class Job:
    """One piece of long work: how far it is, and what came of it. Read by many threads."""

    key: JobKey
    title: str
    inputs: str
    """What the work depends on besides its key; another job with the same inputs does the same."""
    started: float = field(default_factory=time.monotonic)
    fraction: float = 0.0
    message: str = "Starting"
    state: State = "running"
    seconds: float = 0.0
    result: Any = None
    error: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        """Whether the work still goes on."""
        return not self._ended.is_set()

    @property
    def cancelling(self) -> bool:
        """Whether the work was told to stop and has not yet stopped."""
        return self.running and self._stop.is_set()

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds left, or None while there is too little to go by."""
        elapsed = time.monotonic() - self.started
        if not self.running or self.fraction < 0.05 or elapsed < 1:
            return None
        return elapsed * (1 - self.fraction) / self.fraction

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next report of progress."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the work has ended and return whether it has."""
        return self._ended.wait(seconds)

    def report(self, fraction: float, message: str) -> None:
        """Take a report of progress from the work.

        Raises:
            Cancelled: a person asked the work to stop.
        """
        self.fraction, self.message = min(max(fraction, self.fraction, 0.0), 1.0), message
        if self._stop.is_set():
            raise Cancelled

    def run(self, work: Work) -> None:
        """Do the work in this thread and keep what came of it, an error as well."""
        try:
            imports.wait_for_learning()
            self.result, ended = work(self.report), "done"
        except Cancelled:
            ended = "cancelled"
        except CurationError as error:
            self.error, ended = error, "failed"
        except BaseException as error:  # noqa: BLE001 - kept, logged and shown as a bug
            _log.exception("The job %s ended with a bug", self.key)
            self.error, ended = error, "failed"
        self.seconds = time.monotonic() - self.started
        self.state = ended  # type: ignore[assignment]  # one of the literals above
        self._ended.set()


class Jobs:
    """All jobs of this process, the latest one under each key."""

    _MOST_KEPT: Final = 200

    def __init__(self) -> None:
        self._jobs: dict[JobKey, Job] = {}
        self._lock = threading.Lock()

    def start(self, key: JobKey, work: Work, *, title: str, inputs: str = "") -> Job:
        """Start the work, or attach to the job that does the same work already."""
        with self._lock:
            known = self._jobs.get(key)
            if (
                known is not None
                and known.running
                and known.inputs == inputs
                and not known.cancelling
            ):
                return known
            if known is not None:
                known.cancel()
            job = Job(key, title, inputs)
            self._jobs.pop(key, None)
            self._jobs[key] = job
            self._forget_oldest()
        name = f"job {key.kind}"
        threading.Thread(target=job.run, args=(work,), name=name, daemon=True).start()
        return job

    def result_of(self, key: JobKey, work: Work, *, title: str, inputs: str) -> Job:
        """Return the job with these inputs, running or ended; start it where there is none."""
        known = self.get(key)
        if known is not None and known.inputs == inputs and known.state != "cancelled":
            return known
        return self.start(key, work, title=title, inputs=inputs)

    def get(self, key: JobKey) -> Job | None:
        """Return the latest job under this key, or None."""
        with self._lock:
            return self._jobs.get(key)

    def of(self, workspace: str, dataset: str | None = None) -> list[Job]:
        """Return the jobs of a workspace, or of one of its datasets, newest first."""
        with self._lock:
            jobs = list(self._jobs.values())
        mine = [
            j for j in jobs if j.key.workspace == workspace and dataset in (None, j.key.dataset)
        ]
        return sorted(mine, key=lambda job: -job.started)

    def forget(self, key: JobKey) -> None:
        """Drop an ended job and its result."""
        with self._lock:
            if (job := self._jobs.get(key)) is not None and not job.running:
                del self._jobs[key]

    def _forget_oldest(self) -> None:
        ended = [key for key, job in self._jobs.items() if not job.running]
        for key in ended[: max(0, len(self._jobs) - self._MOST_KEPT)]:
            del self._jobs[key]


JOBS: Final = Jobs()
"""The registry of this process; Streamlit's sessions are threads of it."""

"""Children that are forked before their job is known, so that a job does not wait for a fork and an engine.

Each child is still used once. After a job with ``ahead``, one child of its kind is started for the next one; it holds nothing
of any user. It ends with this process, or when it has waited for ten minutes.
"""

from __future__ import annotations

import atexit
import os
from threading import Lock, Thread

from app.processes.child import Job
from app.processes.children import Child, start_child


class Spares:
    """At most one waiting child for each module of a job. Usable from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner = os.getpid()
        self._waiting: dict[str, Child] = {}
        self._starting: set[str] = set()

    def take(self, job: Job) -> Child:
        """Return a child that waits, or a new one."""
        with self._lock:
            self._forget_copies()
            spare = self._waiting.pop(job.module, None) if job.ahead else None
        if spare is not None:
            if spare.is_waiting():
                return spare
            spare.close()
        return _new(job)

    def refill(self, job: Job) -> None:
        """Start a child for the next job of the kind in a thread, unless one waits."""
        with self._lock:
            self._forget_copies()
            if job.module in self._waiting or job.module in self._starting:
                return
            self._starting.add(job.module)
        Thread(target=self._fill, args=(job,), daemon=True).start()

    def end(self) -> None:
        """End the children that wait."""
        with self._lock:
            self._forget_copies()
            left, self._waiting = list(self._waiting.values()), {}
        for child in left:
            child.close()

    def _fill(self, job: Job) -> None:
        try:
            child = _new(job)
        except OSError:  # no process, no descriptor: the next job tries it itself, and reports it
            child = None
        with self._lock:
            self._starting.discard(job.module)
            if child is not None:
                self._waiting[job.module] = child

    def _forget_copies(self) -> None:
        """Forget the children of the process that this one is a copy of."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._waiting, self._starting = {}, set()


def _new(job: Job) -> Child:
    return start_child(job.preload or job.module, job.module if job.ahead else "")


SPARES = Spares()
atexit.register(SPARES.end)

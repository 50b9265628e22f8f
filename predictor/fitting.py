"""Runs model fits in worker processes; results are collected when they are there, never awaited."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from predictor.worker_process import end_with_parent, worker_pool

#: Lower priority by this much: ticks come first.
NICENESS = 10
#: Fits for each worker: one waits for its turn. What is asked for later learns from newer steps.
_UNDER_WAY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One finished fit: its result, or what went wrong."""

    key: str
    result: object = None
    error: str | None = None


class FitPool:
    """At most ``max_workers`` processes, one fit a key in flight, and few that wait.

    ``crashes`` counts pools lost to a worker that died.
    """

    def __init__(self, *, max_workers: int) -> None:
        """Keep the limit; processes start with the first fit.

        Raises:
            ValueError: if there is to be none.
        """
        if max_workers < 1:
            raise ValueError(f"max_workers: {max_workers} is not at least 1")
        self._max_workers = max_workers
        self._pool: ProcessPoolExecutor | None = None
        # With the pool that does it: what a dead one leaves behind says nothing of the next.
        self._in_flight: dict[str, tuple[ProcessPoolExecutor, Future[object]]] = {}
        self._is_closed = False
        self.crashes = 0

    def submit(self, key: str, function: Callable[..., object], *args: object) -> bool:
        """Begin a fit; False if there is no room, or the key's last one was not collected yet.

        The function and its arguments must be picklable, the function at a module's top level.
        """
        if self._is_closed or self._is_full() or key in self._in_flight:
            return False
        pool = self._living_pool()
        try:
            self._in_flight[key] = pool, pool.submit(function, *args)
        except BrokenProcessPool:
            # Broken, but not noticed by `collect` yet: what is in flight is lost with it.
            self._discard(pool)
            pool = self._living_pool()
            self._in_flight[key] = pool, pool.submit(function, *args)
        return True

    def collect(self) -> list[Fit]:
        """Return the fits that finished since the last call. Never waits."""
        finished = []
        for key, (pool, future) in list(self._in_flight.items()):
            if not future.done():
                continue
            del self._in_flight[key]
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                self._discard(pool)
            if error is None:
                finished.append(Fit(key=key, result=future.result()))
            else:
                finished.append(Fit(key=key, error=f"{type(error).__name__}: {error}"))
        return finished

    def close(self) -> None:
        """End the workers; fits under way are lost, and none begins any more."""
        # A tick's thread may outlive the loop that it belonged to, and ask for one more fit.
        self._is_closed = True
        if self._pool is None:
            return
        workers = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join(timeout=5)
        self._pool = None
        self._in_flight.clear()

    def _is_full(self) -> bool:
        under_way = sum(not future.done() for _, future in self._in_flight.values())
        return under_way >= _UNDER_WAY * self._max_workers

    def _living_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = worker_pool(self._max_workers, prepare=_become_worker)
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Let go of a broken pool, once."""
        if self._pool is pool:
            pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self.crashes += 1


def _become_worker() -> None:
    """Leave Ctrl-C to the parent, and the processor to the ticks; end when the parent is gone."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # OpenMP's threads spin while they wait for each other: on two busy cores a fit took 15 s with
    # two threads, 3 s with one. Read when scikit-learn is loaded, which is with the first fit.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if hasattr(os, "nice"):
        os.nice(NICENESS)

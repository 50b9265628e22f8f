"""Worker processes that end when the process that they work for is gone."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

#: How often a worker looks whether its parent is still there.
_LOOK_SECONDS = 2.0


def end_with_parent() -> None:
    """See to it that this spawned process ends soon after its parent, however that ends.

    Nobody else would tell it: a worker that computes reads from no pipe meanwhile.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_end_with, args=(parent.pid,), daemon=True).start()


def worker_pool(
    workers: int, *, prepare: Callable[[], object] = end_with_parent
) -> ProcessPoolExecutor:
    """Return a pool of spawned processes, each of which calls ``prepare`` first.

    Spawned, not forked: threads and connections don't follow.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=prepare)


def _end_with(parent: int) -> None:
    """Wait until another process adopts this one."""
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_SECONDS)
    os._exit(1)

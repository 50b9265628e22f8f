"""Processes that benchmarks work through traces with."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from predictor.worker_process import end_with_parent


def pool_of(workers: int) -> ProcessPoolExecutor:
    """Return a pool of spawned processes, which end with this one, however that ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=end_with_parent, initargs=(os.getpid(),)
    )

"""A worker process that ends when the process that it works for is gone."""

from __future__ import annotations

import os
import threading

#: How often a worker looks whether its parent is still there.
_LOOK_SECONDS = 2.0


def end_with_parent(parent: int) -> None:
    """See to it that this process ends soon after its ``parent``, a process number, was killed.

    Nobody else would tell it: a worker that computes reads from no pipe meanwhile.
    """
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Wait until another process adopts this one."""
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_SECONDS)
    os._exit(1)

"""What a process has read of its cluster when it begins is not looked through for cycles again.

Thousands of objects as plain mappings make each full collection of garbage take a fifth of a
second, in the midst of a tick. They hold no cycles: whatever goes is freed when it goes.
"""

from __future__ import annotations

import gc

from controller.tick_report import TickReport


class SettledMemory:
    """``observe`` is to be subscribed to the reconciler's reports."""

    def __init__(self) -> None:
        """Wait for the first view of the cluster."""
        self._is_settled = False

    def observe(self, report: TickReport) -> None:
        """After the first tick that saw the cluster have what there is passed over from then on."""
        if report.fleet is None or self._is_settled:
            return
        self._is_settled = True
        gc.collect()
        gc.freeze()

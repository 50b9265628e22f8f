"""Outlooks that say so when the cluster's clock and this machine's differ.

Plans, claims and pods are dated by the API server. Prometheus says which time it has, but events of
Kafka are dated by whoever sends them. Which clock is wrong nobody here knows: people must be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.ports import Outlooks
from models.forecast import WorkloadName
from models.outlook import Outlook

#: Less moves no demand out of its step. What is doubted stays so until it is clearly less: each
#: measurement differs by a little.
_TOLERATED_SECONDS, _MENDED_SECONDS = 5.0, 3.0


class ClockDoubts:
    """The outlooks of ``outlooks``; ``ahead_seconds`` is by how much the cluster's clock is."""

    def __init__(self, outlooks: Outlooks, ahead_seconds: Callable[[], float]) -> None:
        """Have doubted nothing yet."""
        self._outlooks, self._ahead_seconds = outlooks, ahead_seconds
        self._doubted: dict[WorkloadName, tuple[Outlook, float, Outlook]] = {}

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return the newest outlook, the same one as long as nothing changes."""
        outlook, seconds = self._outlooks.latest(workload), self._ahead_seconds()
        known = self._doubted.get(workload)
        most = _MENDED_SECONDS if known else _TOLERATED_SECONDS
        if outlook is None or abs(seconds) <= most:
            self._doubted.pop(workload, None)
            return outlook
        if known is None or known[0] is not outlook or known[1] != seconds:
            doubted = replace(outlook, degraded=(*outlook.degraded, doubt_of(seconds)))
            known = self._doubted[workload] = (outlook, seconds, doubted)
        return known[2]


def doubt_of(ahead_seconds: float) -> str:
    """Return what is to be told of clocks that differ so much."""
    where = "ahead of" if ahead_seconds > 0 else "behind"
    return (
        f"the API server's clock is {abs(ahead_seconds):.0f} s {where} this machine's: demand is"
        " that of the server's time, and another one's where events of Kafka have this machine's"
    )

"""The time as the API server has it, so that a machine whose clock is wrong does no harm.

Times on pods, nodes and claims are compared with it by every controller, whichever wrote them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import parsedate_to_datetime

_log = logging.getLogger(__name__)
#: A server tells its time to the second; what differs by less than this is let be.
TOLERATED_SECONDS = 2.0
_RESOLUTION_SECONDS = 1.0


class ServerClock:
    """Our own clock, moved by what it differs from the server's once that is seconds.

    ``own`` gives seconds since the epoch, as calling this does.
    """

    def __init__(self, own: Callable[[], float]) -> None:
        """Trust our own clock until a server says otherwise."""
        self.own = own
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.own() + self.ahead_seconds

    def hear(self, date: str | None, *, sent_at: float, received_at: float) -> None:
        """Take in the Date of an answer to a request; both times are by our own clock."""
        told = _seconds(date)
        if told is None:
            return
        # The server looked at its clock at some time in between.
        least = told - received_at
        most = told + _RESOLUTION_SECONDS - sent_at
        if least - TOLERATED_SECONDS <= self.ahead_seconds <= most + TOLERATED_SECONDS:
            return
        is_fine = least - TOLERATED_SECONDS <= 0.0 <= most + TOLERATED_SECONDS
        self.ahead_seconds = 0.0 if is_fine else (least + most) / 2.0
        _log.warning(
            "the API server's clock is %.0f s ahead of this machine's: times are the server's",
            self.ahead_seconds,
        )


def _seconds(date: str | None) -> float | None:
    """Return an HTTP date (RFC 9110) in seconds since the epoch, None if it is none."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None

"""The time as the API server has it, so that a machine whose clock is wrong does no harm.

Times on pods, nodes and claims are compared with it by every controller, whichever wrote them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from models.server_time import ahead_seconds

_log = logging.getLogger(__name__)
#: What differs by less than this is let be.
TOLERATED_SECONDS = 2.0


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
        ahead = ahead_seconds(
            self.ahead_seconds,
            date,
            sent_at=sent_at,
            received_at=received_at,
            tolerated_seconds=TOLERATED_SECONDS,
        )
        if ahead == self.ahead_seconds:
            return
        self.ahead_seconds = ahead
        _log.warning(
            "the API server's clock is %.0f s ahead of this machine's: times are the server's",
            self.ahead_seconds,
        )

"""The connections to one Prometheus, which all workloads that are measured there share.

Prometheus refuses to hold more than some hundreds, and evaluates twenty queries at once by default;
the others wait here instead of there. Who was too late before waits in a line of its own, so that
queries that hang hold up none that don't. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from predictor.adapters.prometheus_client import PrometheusClient
from predictor.settings import PrometheusSettings

#: Queries at once: as many as Prometheus evaluates, and a few of those that were late before.
AT_ONCE, LATE_AT_ONCE = 20, 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connection:
    """A connection that is lent out, and the line that it is given back to."""

    client: PrometheusClient
    line: asyncio.Semaphore


class PrometheusConnections:
    """Lends connections; keeps those given back open while anybody is left who may ask."""

    def __init__(self, settings: PrometheusSettings) -> None:
        """Connect to nothing yet."""
        self.settings = settings
        self._line = asyncio.Semaphore(AT_ONCE)
        self._late_line = asyncio.Semaphore(LATE_AT_ONCE)
        self._idle: list[PrometheusClient] = []
        self._users = 0

    def join(self) -> None:
        """Count one more who may ask."""
        self._users += 1

    def leave(self) -> None:
        """Count one less; the last one closes what is open."""
        self._users -= 1
        while self._idle and self._users <= 0:
            self._idle.pop().close()

    async def lend(self, *, was_late: bool) -> Connection:
        """Return a connection as soon as there is one; it must be given back."""
        line = self._late_line if was_late else self._line
        await line.acquire()
        client = self._idle.pop() if self._idle else PrometheusClient(self.settings)
        return Connection(client=client, line=line)

    def give_back(self, connection: Connection) -> None:
        """Let the next one have it."""
        connection.line.release()
        if self._users > 0:
            self._idle.append(connection.client)
        else:
            connection.client.close()

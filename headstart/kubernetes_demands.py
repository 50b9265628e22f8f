"""The demands of watched policies, handed to the predictor in the same process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from controller.adapters.kubernetes.policy_book import PolicyBook
from controller.policy import Demand
from headstart.demand_sources import Connections, demands_of
from headstart.errors import UsageError
from models.forecast import WorkloadName
from predictor.service import ForecastService
from predictor.workload import WorkloadDemand

_log = logging.getLogger(__name__)


class WatchedDemands:
    """Forecasts exactly the demands of the policies in force; what did not change goes on."""

    def __init__(
        self, service: ForecastService, connections: Connections, clock: Callable[[], float]
    ) -> None:
        """Forecast nothing yet; ``clock`` gives seconds since the epoch."""
        self._service, self._connections, self._clock = service, connections, clock
        self._book = PolicyBook()
        self._made: dict[WorkloadName, tuple[Demand, WorkloadDemand | None]] = {}
        self._changed = asyncio.Event()

    def receive(self, book: PolicyBook) -> None:
        """Take in other policies."""
        self._book = book
        self._changed.set()

    async def run_forever(self) -> None:
        """Hand demands over whenever they change, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            demands = self._demands(self._book)
            await self._service.set_workloads(demands, now=self._clock())

    def _demands(self, book: PolicyBook) -> list[WorkloadDemand]:
        made: dict[WorkloadName, tuple[Demand, WorkloadDemand | None]] = {}
        for name, policy in book.good.items():
            known = self._made.get(name)
            if known is not None and known[0] == policy.demand:
                made[name] = known  # sources under way are not begun anew
                continue
            try:
                [demand] = demands_of([policy], self._connections)
            except UsageError as error:
                _log.warning("%s is not forecast: %s", name, error)
                made[name] = (policy.demand, None)
            else:
                made[name] = (policy.demand, demand)
        self._made = made
        return [demand for _, demand in made.values() if demand is not None]

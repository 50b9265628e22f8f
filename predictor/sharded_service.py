"""One predictor of several: forecasts the workloads of its partitions, and publishes them.

What it must not know is how partitions come and go: that is the group's, behind a port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from models.forecast import Forecast, WorkloadName
from models.forecast_record import Fence, ForecastRecord
from predictor.ports import ForecastLog, Membership
from predictor.publication import Published, is_due
from predictor.service import ForecastService
from predictor.sharding import Holding, ShardReport
from predictor.workload import WorkloadDemand

LOGGER = logging.getLogger(__name__)
#: How often partitions are looked at: what was lost is forecast no longer than this.
LOOK_SECONDS = 0.25


class ShardedService:
    """Keeps a ForecastService at the workloads that are ours, and publishes what it says."""

    def __init__(
        self,
        service: ForecastService,
        member: Membership,
        log: ForecastLog,
        *,
        workloads: Iterable[WorkloadName],
        demand_of: Callable[[WorkloadName], WorkloadDemand],
        least_seconds: float,
    ) -> None:
        """Know all ``workloads``; demand sources are only made for those that are ours.

        A workload is published at most every ``least_seconds``.
        """
        self._service, self._member, self._log = service, member, log
        self._workloads = frozenset(workloads)
        self._demand_of = demand_of
        self._least_seconds = least_seconds
        self._demands: dict[WorkloadName, WorkloadDemand] = {}
        self._published: dict[WorkloadName, Published] = {}
        self._buried: set[tuple[WorkloadName, Fence]] = set()
        self._followed: frozenset[int] = frozenset()

    def report(self) -> ShardReport:
        """Return what this predictor has now."""
        holding = self._member.holding()
        may_publish = holding.problem is None
        return ShardReport(
            partitions=holding.partitions,
            assigned=tuple(sorted(holding.assigned)),
            publishing=tuple(sorted(holding.taken.keys() & self._followed)) if may_publish else (),
            workloads=tuple(sorted(self._demands)),
            problem=holding.problem,
        )

    async def run_forever(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        """Follow the group and publish until cancelled."""
        while True:
            await self.turn(clock())
            await sleep(LOOK_SECONDS)

    async def turn(self, now: float) -> None:
        """Forecast what is ours now, no more; publish what is due of it."""
        await self._follow(self._member.holding(), now)
        records = self._due(self._member.holding(), now)
        if records:
            sent = await asyncio.to_thread(self._log.publish, records)
            self._note(records[:sent], now)

    async def _follow(self, holding: Holding, now: float) -> None:
        ours = {workload for workload in self._workloads if self._is_ours(workload, holding)}
        if ours == self._demands.keys():
            self._followed = frozenset(holding.taken)
            return
        gone, new = self._demands.keys() - ours, ours - self._demands.keys()
        LOGGER.info("shard: %d workloads: %d new, %d let go", len(ours), len(new), len(gone))
        for workload in gone:
            del self._demands[workload]
            self._published.pop(workload, None)
        self._demands.update({workload: self._demand_of(workload) for workload in sorted(new)})
        await self._service.set_workloads(
            self._demands.values(), now=now, inherited=_inherited(new, holding)
        )
        self._followed = frozenset(holding.taken)

    def _is_ours(self, workload: WorkloadName, holding: Holding) -> bool:
        """Say whether to forecast; one that is, goes on while its partition is read once more."""
        partition = holding.partition_of(workload)
        known = workload in self._demands and partition in holding.assigned
        return known or partition in holding.taken

    def _due(self, holding: Holding, now: float) -> list[tuple[int, ForecastRecord]]:
        records = []
        for workload in self._demands:
            partition = holding.partition_of(workload)
            outlook = self._service.latest(workload)
            if partition is None or partition not in holding.taken or outlook is None:
                continue
            fence, before = holding.taken[partition].fence, self._published.get(workload)
            if is_due(outlook, fence, before, now=now, least_seconds=self._least_seconds):
                record = ForecastRecord(workload=workload, fence=fence, outlook=outlook)
                records.append((partition, record))
        return records + self._burials(holding) if holding.problem is None else []

    def _burials(self, holding: Holding) -> list[tuple[int, ForecastRecord]]:
        """Return a record without a value for each workload that is none any more."""
        return [
            (partition, ForecastRecord(workload=workload, fence=takeover.fence, outlook=None))
            for partition, takeover in holding.taken.items()
            for workload in takeover.workloads
            if not self._belongs(workload, partition, holding)
            and (workload, takeover.fence) not in self._buried
        ]

    def _belongs(self, workload: WorkloadName, partition: int, holding: Holding) -> bool:
        return workload in self._workloads and holding.partition_of(workload) == partition

    def _note(self, records: Iterable[tuple[int, ForecastRecord]], now: float) -> None:
        for _, record in records:
            if record.outlook is None:
                self._buried.add((record.workload, record.fence))
            else:
                self._published[record.workload] = Published(
                    outlook=record.outlook, fence=record.fence, at=now
                )


def _inherited(
    workloads: Iterable[WorkloadName], holding: Holding
) -> Mapping[WorkloadName, Forecast]:
    found = {}
    for workload in workloads:
        partition = holding.partition_of(workload)
        takeover = holding.taken.get(partition) if partition is not None else None
        outlook = takeover.outlooks.get(workload) if takeover is not None else None
        if outlook is not None and outlook.forecast is not None:
            found[workload] = outlook.forecast
    return found

"""Hands finished steps on to the forecaster: those of many workloads at once.

A forecaster reckons many workloads together for a fraction of what they cost one by one. So whoever
has read its sources waits here until the tick lets all of them learn.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.forecast import Forecast, WorkloadName
from models.series import DemandSeries
from predictor.ports import DemandArchive, Forecaster
from predictor.workload import Track


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """What one workload hands on, None if nothing was finished; and who waits for it."""

    track: Track
    steps: DemandSeries | None
    learned: asyncio.Future[None]


class Learning:
    """Where workloads wait to learn. Belongs to the service's loop."""

    def __init__(self, forecaster: Forecaster, archive: DemandArchive | None) -> None:
        """Begin with nobody waiting."""
        self._forecaster, self._archive = forecaster, archive
        self._waiting: list[_Handed] = []
        # A cancelled tick leaves its thread behind; the forecaster must not notice.
        self._one_thread = threading.Lock()

    async def hand_on(self, track: Track, steps: DemandSeries | None) -> None:
        """Return once the steps were learned, and the track has its newest forecast.

        Raises:
            Exception: whatever the forecaster raised.
        """
        learned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(
            _Handed(track=track, steps=_from_first_known(track, steps), learned=learned)
        )
        await learned

    async def learn(self) -> None:
        """Let all who wait learn. A workload's fault is its own."""
        handed = [one for one in self._waiting if not one.learned.done()]
        self._waiting = []
        if not handed:
            return
        try:
            faults, forecasts = await asyncio.to_thread(self._learned, handed)
        except Exception as error:
            faults, forecasts = {one.track.demand.workload: error for one in handed}, {}
        for one in handed:
            workload = one.track.demand.workload
            if one.learned.done():
                continue  # the workload has ended meanwhile
            if workload in faults:
                one.learned.set_exception(faults[workload])
                continue
            one.track.has_demand = one.track.has_demand or one.steps is not None
            one.track.forecast = forecasts.get(workload, one.track.forecast)
            one.learned.set_result(None)

    def _learned(
        self, handed: list[_Handed]
    ) -> tuple[dict[WorkloadName, Exception], Mapping[WorkloadName, Forecast]]:
        faults: dict[WorkloadName, Exception] = {}
        with self._one_thread:
            for one in handed:
                try:
                    self._extend(one)
                except Exception as error:
                    faults[one.track.demand.workload] = error
            ready = [one.track for one in handed if not one.track.is_behind]
            names = [one.demand.workload for one in ready]
            return faults, self._forecaster.forecast([one for one in names if one not in faults])

    def _extend(self, handed: _Handed) -> None:
        demand, steps = handed.track.demand, handed.steps
        if steps is None:
            return
        if self._archive is not None:
            self._archive.record_demand(demand.workload, demand.archived_as, steps)
        self._forecaster.extend(demand.workload, steps)


def _from_first_known(track: Track, steps: DemandSeries | None) -> DemandSeries | None:
    """Return finished steps from the first known one of all."""
    if track.has_demand or steps is None:
        return steps
    known = np.flatnonzero(~np.isnan(steps.values))
    if not len(known):
        return None
    return steps.between(steps.start + int(known[0]) * steps.step_seconds, steps.end)

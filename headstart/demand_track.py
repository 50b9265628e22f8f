"""A trace as the loop would have measured it: in steps, late, and with outages masked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.environment import Metrics
from models.forecast import FloatArray
from models.outlook import DemandReading
from models.series import DemandSeries, without_outages

#: Demand is forecast in steps of at least this: finer ones are mostly noise.
SHORTEST_STEP_SECONDS = 10.0


def step_of(bin_seconds: float) -> float:
    """Return the step in which demand of such bins is forecast."""
    return max(bin_seconds, SHORTEST_STEP_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandTrack:
    """Demand of bins that arrives evenly inside each; times in seconds since the epoch.

    ``cumulative[i]`` is what arrived before bin i, ``missing[i]`` how many bins before it are
    missing, or are zeros that an outage explains better.
    """

    origin: float
    bin_seconds: float
    cumulative: FloatArray
    missing: FloatArray
    metrics: Metrics

    @classmethod
    def of(
        cls, requests: FloatArray, *, origin: float, bin_seconds: float, metrics: Metrics
    ) -> DemandTrack:
        """Prepare the requests of each bin, NaN where missing."""
        zero = np.zeros(1)
        bins = DemandSeries(start=origin, step_seconds=bin_seconds, values=requests)
        requests = without_outages(bins).values
        return cls(
            origin=origin,
            bin_seconds=bin_seconds,
            cumulative=np.concatenate([zero, np.cumsum(np.nan_to_num(requests))]),
            missing=np.concatenate([zero, np.cumsum(np.isnan(requests))]),
            metrics=metrics,
        )

    @property
    def end(self) -> float:
        """Where the last bin ends."""
        return self.origin + self.bin_seconds * (len(self.cumulative) - 1)

    def series(self, step_seconds: float) -> DemandSeries:
        """Return demand in steps; one that a missing bin touches is missing.

        So is one of which the first ten seconds were not measured for an outage: they tell it.
        """
        count = int((self.end - self.origin) / step_seconds + 1e-9)
        edges = np.arange(count + 1, dtype=np.float64) * step_seconds
        values = np.diff(self._arrived(edges)) / step_seconds
        values[np.diff(self._lost(edges)) > 0] = np.nan
        for outage in self.metrics.outages:
            told = edges[:-1] + SHORTEST_STEP_SECONDS
            hit = (told > outage.from_seconds) & (edges[:-1] < outage.to_seconds)
            values[hit] = np.nan
        return DemandSeries(
            start=self.origin, step_seconds=step_seconds, values=np.maximum(values, 0.0)
        )

    def reading(self, now: float, window_seconds: float) -> DemandReading | None:
        """Return what was measured of the window that ended one delay ago; None if nothing."""
        until = now - self.metrics.delay_seconds - self.origin
        since = until - window_seconds
        if since < 0 or any(
            since < outage.to_seconds and until > outage.from_seconds
            for outage in self.metrics.outages
        ):
            return None
        low, high = self._at(since), self._at(until)
        if self._between(self.missing, *high) > self._between(self.missing, *low):
            return None
        arrived = self._between(self.cumulative, *high) - self._between(self.cumulative, *low)
        return DemandReading(
            measured_at=self.origin + until,
            window_seconds=window_seconds,
            per_second=max(arrived, 0.0) / window_seconds,
        )

    def _at(self, seconds: float) -> tuple[int, float]:
        place = min(seconds / self.bin_seconds, len(self.cumulative) - 1.000001)
        index = int(place)
        return index, place - index

    @staticmethod
    def _between(running: FloatArray, index: int, share: float) -> float:
        return float(running[index] + share * (running[index + 1] - running[index]))

    def _arrived(self, seconds: FloatArray) -> FloatArray:
        bins = np.arange(len(self.cumulative)) * self.bin_seconds
        return np.asarray(np.interp(seconds, bins, self.cumulative))

    def _lost(self, seconds: FloatArray) -> FloatArray:
        bins = np.arange(len(self.missing)) * self.bin_seconds
        return np.asarray(np.interp(seconds, bins, self.missing))

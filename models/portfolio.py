"""The portfolio: cheap experts and learned ones, blended online and calibrated.

Every step: score what was forecast for it earlier, learn, forecast again. Arrays run over
workloads, so that one pass serves many. Feedback for a horizon of h steps arrives h steps late,
and nothing is learned from a step that is missing. While the blend loses to a plain mean, that
mean is what is published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend, pinball
from models.forecast import QUANTILES, FloatArray
from models.gate import AccuracyGate
from models.horizons import HorizonGrid
from models.profiles import Profile
from models.residuals import ResidualWindow
from models.smoothing import DampedHolt, Levels

_HALF_LIVES_STEPS = (0.7, 4.0, 20.0, 120.0)
_SLOW = 3  # the level that profiles are relative to
_POINT_EXPERTS = ("ewma 0.7", "ewma 4", "ewma 20", "holt", "day profile", "hour profile", "ar")
_EWMA, _AR = 1, 6
_EXPERTS = (*_POINT_EXPERTS, "boosted")
_WINDOW = 2000
# Before there are residuals: spread in units of the square root of the count (Poisson-like).
_FIRST_SPREAD = np.asarray([0.0, 0.9, 1.4, 1.9, 2.8])
_ENOUGH_RESIDUALS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What fitted models say for one origin; NaN where there is none yet.

    ``points`` [workloads, horizons] of the autoregression, ``quantiles``
    [workloads, horizons, quantiles] of the boosted trees, all in demand per second.
    """

    points: FloatArray
    quantiles: FloatArray


class Portfolio:
    """Forecasts of several workloads that share a step and a grid of horizons."""

    def __init__(self, grid: HorizonGrid, *, step_seconds: float, workloads: int = 1) -> None:
        """Begin with nothing known."""
        self._grid, self._step = grid, step_seconds
        self._steps = grid.steps.astype(float)
        self._levels = np.asarray(QUANTILES)
        self._ewma = Levels(_HALF_LIVES_STEPS, workloads=workloads)
        self._holt = DampedHolt(workloads=workloads)
        self._day = Profile(
            workloads=workloads,
            cycle_seconds=86400.0,
            slot_seconds=300.0,
            step_seconds=step_seconds,
        )
        self._hour = Profile(
            workloads=workloads, cycle_seconds=3600.0, slot_seconds=60.0, step_seconds=step_seconds
        )
        shape = (len(_EXPERTS), workloads, len(grid), len(QUANTILES))
        # The last row is the calibrated blend, scored beside its experts.
        scored = (len(_EXPERTS) + 1, *shape[1:])
        points = (len(_POINT_EXPERTS), workloads, len(grid))
        self._rows = np.arange(len(grid))
        self._point_ring = np.full((grid.last + 1, *points), np.nan)
        self._expert_ring = np.full((grid.last + 1, *scored), np.nan)
        self._blend_ring = np.full((grid.last + 1, *shape[1:]), np.nan)
        self._residuals = ResidualWindow((*points, 1), QUANTILES, size=_WINDOW)
        self._blend = Blend(shape)
        self._calibration = ResidualWindow(shape[1:], QUANTILES, size=_WINDOW)
        self._gate = AccuracyGate(workloads=workloads)
        self._time = 0
        self.quantiles: FloatArray = np.full(shape[1:], np.nan)
        #: What the plain exponentially weighted mean says, for whoever compares.
        self.ewma_quantiles: FloatArray = self.quantiles

    @property
    def is_gated(self) -> NDArray[np.bool_]:
        """Say of each workload whether its quantiles are the plain mean's: the blend lost."""
        return self._gate.is_shut

    def advance(self, end: float, demand: FloatArray, learned: Learned | None = None) -> None:
        """Take in the step that ended at ``end`` and renew ``quantiles``.

        ``demand`` [workloads] is per second, NaN where missing. ``quantiles`` is then
        [workloads, horizons, quantiles] per second, as seen from ``end``; a workload whose
        step is missing keeps the forecast that it had.
        """
        offset = self._offset()
        self._score(demand, offset)
        self._ewma.update(demand)
        self._holt.update(demand)
        slow = self._ewma.values[_SLOW]
        deviation = np.log((self._ewma.values[0] + offset) / (slow + offset))
        ratio = np.log((demand + offset) / (slow + offset))
        self._day.update(end, ratio)
        self._hour.update(end, ratio)
        known = ~np.isnan(demand)
        points = self._points(end, slow, offset, deviation, learned)
        experts = self._experts(points, offset, learned)
        blended, calibrated = self._blended(experts, offset)
        self._remember(points, np.concatenate([experts, calibrated[None]]), blended, known)
        if self.is_gated.any():
            plain = np.sort(experts[_EWMA], axis=-1)
            calibrated = np.where(self.is_gated[:, None, None], plain, calibrated)
        self.quantiles = np.where(known[:, None, None], calibrated, self.quantiles)
        self.ewma_quantiles = experts[_EWMA]
        self._time += 1

    def _offset(self) -> FloatArray:
        """Return what is added before a logarithm: one request a step, or 2 % of the level."""
        # A level that is not known yet is NaN, which fmax passes over.
        return np.asarray(np.fmax(1.0 / self._step, 0.02 * self._ewma.values[_SLOW]))

    def _gather(self, ring: FloatArray) -> FloatArray:
        """Return what was forecast for this step, horizon by horizon; horizons come first."""
        when = (self._time - self._grid.steps) % len(ring)
        if ring is self._blend_ring:
            return ring[when, :, self._rows].swapaxes(0, 1)
        return ring[when, :, :, self._rows].swapaxes(0, 1).swapaxes(1, 2)

    def _score(self, demand: FloatArray, offset: FloatArray) -> None:
        if np.isnan(demand).all():
            return
        actual, extra = demand[:, None], offset[:, None]
        points = self._gather(self._point_ring)
        self._residuals.add(np.log((actual + extra) / (points + extra))[..., None])
        experts = self._gather(self._expert_ring)
        losses = pinball(actual[..., None] - experts, self._levels)
        self._blend.learn(losses[:-1])
        self._gate.learn(losses[-1], losses[_EWMA], demand + offset)
        blended = self._gather(self._blend_ring)
        self._calibration.add(np.log((actual + extra)[..., None] / (blended + extra[..., None])))

    def _points(
        self,
        end: float,
        slow: FloatArray,
        offset: FloatArray,
        deviation: FloatArray,
        learned: Learned | None,
    ) -> FloatArray:
        points = np.empty(self._point_ring.shape[1:])
        points[:3] = self._ewma.values[:3, :, None]
        points[3] = self._holt.points(self._steps)
        base = (slow + offset)[:, None]
        for row, profile in ((4, self._day), (5, self._hour)):
            ahead = profile.log_ratios(end, self._steps, deviation)
            points[row] = np.maximum(base * np.exp(ahead) - offset[:, None], 0.0)
        points[_AR] = np.nan if learned is None else learned.points
        return points

    def _experts(
        self, points: FloatArray, offset: FloatArray, learned: Learned | None
    ) -> FloatArray:
        experts = np.empty((len(_EXPERTS), *self._expert_ring.shape[2:]))
        extra = offset[:, None, None]
        spread = (points[..., None] + extra) * np.exp(self._residuals.quantiles) - extra
        young = self._residuals.count < _ENOUGH_RESIDUALS
        if young.any():
            first = points[..., None] + _FIRST_SPREAD * np.sqrt(
                np.maximum(points, 0.0)[..., None] / self._step
            )
            spread = np.where(young, first, spread)
        experts[:-1] = np.maximum(spread, 0.0)
        experts[-1] = np.nan if learned is None else learned.quantiles
        return experts

    def _blended(self, experts: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        awake = ~np.isnan(experts)
        weights = self._blend.weights(awake)
        blended = np.sort((weights * np.where(awake, experts, 0.0)).sum(axis=0), axis=-1)
        # Few residuals say little about a tail: trust the correction as they come in.
        trust = self._calibration.count / (self._calibration.count + 100.0)
        extra = offset[:, None, None]
        corrected = (blended + extra) * np.exp(trust * self._calibration.quantiles) - extra
        return blended, np.sort(np.maximum(corrected, 0.0), axis=-1)

    def _remember(
        self, points: FloatArray, experts: FloatArray, blended: FloatArray, known: NDArray[np.bool_]
    ) -> None:
        now = self._time % len(self._point_ring)
        hidden = ~known
        self._point_ring[now] = points
        self._expert_ring[now] = experts
        self._blend_ring[now] = blended
        if hidden.any():
            self._point_ring[now, :, hidden] = np.nan
            self._expert_ring[now, :, hidden] = np.nan
            self._blend_ring[now, hidden] = np.nan

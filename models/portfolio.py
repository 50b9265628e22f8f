"""The portfolio: cheap experts and learned ones, blended online and calibrated.

Every step: score what was forecast for it earlier, learn, forecast again. Arrays run over
workloads, so that one pass serves many. Feedback for a horizon of h steps arrives h steps late,
and nothing is learned from a step that is missing. While the blend loses to a plain mean, that
mean is what is published.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend, pinball
from models.calibration import Calibration
from models.fitted import Learned
from models.forecast import QUANTILES, FloatArray
from models.gate import AccuracyGate
from models.horizons import HorizonGrid
from models.point_experts import POINT_EXPERTS, PointExperts
from models.residuals import ResidualQuantiles

_POINTS = (*POINT_EXPERTS, "autoregression")
# Residuals are logarithms. Of relative noise they spread alike at every level, of arrivals by
# chance with one over the root of their count (Poisson): points have quantiles of either kind.
_RELATIVE = ("ewma 0.7", "ewma 4", "ewma 20")
_COUNTED = ("ewma 4", "ewma 20", "holt", "day profile", "hour profile", "autoregression")
_POINT_OF = np.asarray([_POINTS.index(name) for name in (*_RELATIVE, *_COUNTED)])
_IS_COUNTED = np.arange(len(_POINT_OF)) >= len(_RELATIVE)
_EWMA = _RELATIVE.index("ewma 4")
_EXPERTS = len(_POINT_OF) + 2  # and the fitted quantiles: boosted, linear
_MEMORY_STEPS = 1000.0
# Before there are residuals: spread in units of the square root of the count (Poisson-like).
_FIRST_SPREAD = np.asarray([0.0, 0.9, 1.4, 1.9, 2.8])
_ENOUGH_RESIDUALS = 8


class Portfolio:
    """Forecasts of several workloads that share a step and a grid of horizons."""

    def __init__(self, grid: HorizonGrid, *, step_seconds: float, workloads: int = 1) -> None:
        """Begin with nothing known."""
        self._grid, self._step = grid, step_seconds
        self._steps = grid.steps.astype(float)
        self._levels = np.asarray(QUANTILES)
        self._points = PointExperts(self._steps, step_seconds=step_seconds, workloads=workloads)
        shape = (_EXPERTS, workloads, len(grid), len(QUANTILES))
        points = (len(_POINT_OF), workloads, len(grid))
        self._rows = np.arange(len(grid))
        self._point_ring = np.full((grid.last + 1, *points), np.nan)
        # The last row is the calibrated blend, scored beside its experts.
        self._expert_ring = np.full((grid.last + 1, _EXPERTS + 1, *shape[1:]), np.nan)
        self._blend_ring = np.full((grid.last + 1, 1, *shape[1:]), np.nan)
        self._residuals = ResidualQuantiles(points, memory_steps=_MEMORY_STEPS)
        self._blend = Blend(shape, reference=_EWMA)
        self._calibration = Calibration(shape[1:3])
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
        offset = self._points.offset
        self._score(demand, offset)
        known = ~np.isnan(demand)
        points = np.empty(self._point_ring.shape[1:])
        fresh = self._points.update(end, demand)
        missing = np.full((1, *fresh.shape[1:]), np.nan)
        ar = missing if learned is None else learned.points[None]
        points = np.concatenate([fresh, ar])[_POINT_OF]
        experts = self._experts(points, offset, learned)
        blended = self._blended(experts)
        calibrated = self._calibration.apply(blended, offset)
        self._remember(points, np.concatenate([experts, calibrated[None]]), blended, known)
        if self.is_gated.any():
            plain = np.sort(experts[_EWMA], axis=-1)
            calibrated = np.where(self.is_gated[:, None, None], plain, calibrated)
        self.quantiles = np.where(known[:, None, None], calibrated, self.quantiles)
        self.ewma_quantiles = experts[_EWMA]
        self._time += 1

    def _gather(self, ring: FloatArray) -> FloatArray:
        """Return what was forecast for this step, [experts, workloads, horizons, ...]."""
        when = (self._time - self._grid.steps) % len(ring)
        return np.moveaxis(ring[when, :, :, self._rows], 0, 2)

    def _score(self, demand: FloatArray, offset: FloatArray) -> None:
        if np.isnan(demand).all():
            return
        points = self._gather(self._point_ring) + offset[:, None]
        excess = np.log((demand + offset)[:, None] / points)
        self._residuals.add(excess / self._noise(points))
        experts = self._gather(self._expert_ring)
        losses = pinball(demand[:, None, None] - experts, self._levels)
        self._blend.learn(losses[:-1])
        self._gate.learn(losses[-1], losses[_EWMA], demand + offset)
        self._calibration.learn(demand, self._gather(self._blend_ring)[0], offset)

    def _noise(self, points: FloatArray) -> FloatArray:
        """Return the unit of each point's residuals; ``points`` have their offset."""
        chance = 1.0 / np.sqrt(points * self._step)
        return np.where(_IS_COUNTED[:, None, None], chance, 1.0)

    def _experts(
        self, points: FloatArray, offset: FloatArray, learned: Learned | None
    ) -> FloatArray:
        experts = np.full((_EXPERTS, *self._expert_ring.shape[2:]), np.nan)
        extra = offset[:, None]
        raised = (points + extra)[..., None]
        logs = self._residuals.quantiles * self._noise(raised[..., 0])[..., None]
        spread = raised * np.exp(logs) - extra[..., None]
        young = (self._residuals.count < _ENOUGH_RESIDUALS)[..., None]
        if young.any():
            chance = np.sqrt(np.maximum(points, 0.0)[..., None] / self._step)
            spread = np.where(young, points[..., None] + _FIRST_SPREAD * chance, spread)
        experts[:-2] = np.maximum(spread, 0.0)
        if learned is not None:
            experts[-2], experts[-1] = learned.boosted, learned.linear
        return experts

    def _blended(self, experts: FloatArray) -> FloatArray:
        awake = ~np.isnan(experts)
        weights = self._blend.weights(awake)
        return np.sort((weights * np.where(awake, experts, 0.0)).sum(axis=0), axis=-1)

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
            self._blend_ring[now, :, hidden] = np.nan

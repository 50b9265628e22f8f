"""The portfolio: cheap experts and learned ones, blended online and calibrated.

Every step: score what was forecast for it earlier, learn, forecast again. Arrays run over
workloads, so that one pass serves many; they are the last axis, [quantiles, horizons, experts,
workloads], for what lies together in memory is reckoned fastest. Feedback for a horizon of h steps
arrives h steps late, and nothing is learned from a step that is missing. While the blend loses to
a plain mean, that mean is what is published.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.awaited import Awaited
from models.blend import Blend, pinball
from models.calibration import Calibration
from models.conditional_residuals import ConditionalResiduals, kinds_of
from models.fitted import Learned
from models.forecast import QUANTILES, FloatArray
from models.gate import AccuracyGate
from models.horizons import HorizonGrid
from models.point_experts import POINT_EXPERTS, PointExperts
from models.residuals import ascending, levels_for
from models.rows import Rows

_POINTS = (*POINT_EXPERTS, "autoregression")
# Residuals are logarithms. Of relative noise they spread alike at every level, of arrivals by
# chance with one over the root of their count (Poisson): points have quantiles of either kind.
_RELATIVE = ("ewma 0.7", "ewma 4", "ewma 20")
_COUNTED = ("ewma 4", "ewma 20", "day profile", "hour profile", "autoregression")
_POINT_OF = np.asarray([_POINTS.index(name) for name in (*_RELATIVE, *_COUNTED)])
_EWMA = _RELATIVE.index("ewma 4")
_EXPERTS = len(_POINT_OF) + 2  # and the fitted quantiles: boosted, linear
_MEMORY_STEPS = 1000.0
# Before there are residuals: spread in units of the square root of the count (Poisson-like).
_FIRST_SPREAD = np.asarray([0.0, 0.9, 1.4, 1.9, 2.8]).reshape(-1, 1, 1, 1)
_ENOUGH_RESIDUALS = 8
# Nothing is forecast beyond thrice the highest demand of late: what would be is an expert's error.
_MOST_TIMES_PEAK = 3.0
_PEAK_KEPT = 1.0 - 1e-4
_LEVELS = levels_for(3)


class Portfolio(Rows):
    """Forecasts of several workloads that share a step and a grid of horizons.

    ``time`` counts steps since the epoch: the next one to take in, None before the first.
    """

    _arrays = ("_peak", "_published", "_plain")
    _parts = (
        "_points",
        "_awaited_points",
        "_awaited",
        "_residuals",
        "_blend",
        "_calibration",
        "_gate",
    )

    def __init__(self, grid: HorizonGrid, *, step_seconds: float, workloads: int = 1) -> None:
        """Begin with nothing known."""
        self._grid, self._step = grid, step_seconds
        self._points = PointExperts(
            grid.steps.astype(float), step_seconds=step_seconds, workloads=workloads
        )
        horizons, levels = len(grid), len(QUANTILES)
        cells = (horizons, len(_POINT_OF), workloads)
        self._awaited_points = Awaited(grid.steps, cells[1:])
        # The last two are the blend, and the blend calibrated.
        self._awaited = Awaited(grid.steps, (levels, _EXPERTS + 2, workloads))
        self._residuals = ConditionalResiduals(cells, memory_steps=_MEMORY_STEPS)
        self._blend = Blend((levels, horizons, _EXPERTS, workloads), reference=_EWMA)
        self._calibration = Calibration((horizons, workloads))
        self._gate = AccuracyGate(workloads=workloads)
        self._peak = np.zeros(workloads)
        self.time: int | None = None
        self._published: FloatArray = np.full((levels, horizons, workloads), np.nan)
        self._plain: FloatArray = self._published

    @property
    def quantiles(self) -> FloatArray:
        """The forecast in force, [workloads, horizons, quantiles], demand per second."""
        return self._published.T

    @property
    def ewma_quantiles(self) -> FloatArray:
        """What the plain exponentially weighted mean says: in force while the blend loses to it."""
        return self._plain.T

    @property
    def is_gated(self) -> NDArray[np.bool_]:
        """Say of each workload whether its quantiles are the plain mean's: the blend lost."""
        return self._gate.is_shut

    def joined(self, others: Sequence[Self]) -> Self:
        """Return one portfolio for the workloads of all; any that knows nothing yet comes last.

        Raises:
            ValueError: if another is at another time.
        """
        if any(other.time not in (None, self.time) for other in others):
            raise ValueError("others: a portfolio is joined with those at the same time alone")
        return super().joined(others)

    def advance(self, end: float, demand: FloatArray, learned: Learned | None = None) -> None:
        """Take in the step that ended at ``end`` and renew ``quantiles``.

        ``demand`` [workloads] is per second, NaN where missing. ``quantiles`` is then
        [workloads, horizons, quantiles] per second, as seen from ``end``; a workload whose
        step is missing keeps the forecast that it had.
        """
        offset = self._points.offset
        known = demand == demand
        if self.time is None:
            # A quarter: where steps end is a sum of floats, and must not fall on either side.
            self.time = math.floor(end / self._step + 0.25)
        if known.any():
            self._score(demand, offset, self.time)
        self._peak = np.fmax(self._peak * _PEAK_KEPT, demand)
        most = _MOST_TIMES_PEAK * (self._peak + offset)
        points = self._all_points(end, demand, learned)
        experts = np.empty((len(QUANTILES), len(self._grid), _EXPERTS + 2, len(demand)))
        self._fill_experts(experts, points, offset, learned)
        np.minimum(experts, most, out=experts)
        blended = self._blended(experts[:, :, :_EXPERTS])
        calibrated = np.minimum(self._calibration.apply(blended, offset), most)
        experts[:, :, -2], experts[:, :, -1] = blended, calibrated
        self._awaited_points.put(self.time, points, known)
        self._awaited.put(self.time, experts.swapaxes(0, 1), known)
        self._plain = ascending(experts[:, :, _EWMA].copy())
        if self._gate.is_shut.any():
            calibrated = np.where(self._gate.is_shut, self._plain, calibrated)
        self._published = np.where(known, calibrated, self._published)
        self.time += 1

    def _all_points(self, end: float, demand: FloatArray, learned: Learned | None) -> FloatArray:
        """Return points as the experts take them, [horizons, experts, workloads]."""
        points = np.full((len(_POINTS), len(self._grid), len(demand)), np.nan)
        points[:-1] = self._points.update(end, demand)
        if learned is not None:
            points[-1] = learned.points.T
        return np.asarray(points[_POINT_OF].swapaxes(0, 1))

    def _score(self, demand: FloatArray, offset: FloatArray, time: int) -> None:
        points = self._awaited_points.due(time)
        raised = points + offset
        residuals = np.log((demand + offset) / raised) / self._noise(raised)
        # By what is usual now: so far ahead that it has moved since, a tenth are filed beside.
        self._residuals.add(residuals, kinds_of(points, self._points.usual))
        experts = self._awaited.due(time).swapaxes(0, 1)
        losses = pinball(demand - experts, _LEVELS)
        self._blend.learn(losses[:, :, :_EXPERTS])
        self._gate.learn(losses[:, :, -1], losses[:, :, _EWMA], demand + offset)
        self._calibration.learn(demand, experts[:, :, -2], offset)

    def _noise(self, points: FloatArray) -> FloatArray:
        """Return the unit of each point's residuals; ``points`` have their offset."""
        chance = 1.0 / np.sqrt(points * self._step)
        chance[:, : len(_RELATIVE)] = 1.0
        return np.asarray(chance)

    def _fill_experts(
        self, experts: FloatArray, points: FloatArray, offset: FloatArray, learned: Learned | None
    ) -> None:
        """Write down what each expert says, NaN of one that sleeps."""
        raised = points + offset
        residuals = self._residuals.of(kinds_of(points, self._points.usual))
        spread = raised * np.exp(residuals.quantiles * self._noise(raised)) - offset
        young = residuals.count < _ENOUGH_RESIDUALS
        if young.any():
            chance = np.sqrt(np.maximum(points, 0.0) / self._step)
            spread = np.where(young, points + _FIRST_SPREAD * chance, spread)
        np.maximum(spread, 0.0, out=experts[:, :, : len(_POINT_OF)])
        if learned is None:
            experts[:, :, len(_POINT_OF) : _EXPERTS] = np.nan
        else:
            experts[:, :, _EXPERTS - 2] = learned.boosted.T
            experts[:, :, _EXPERTS - 1] = learned.linear.T

    def _blended(self, experts: FloatArray) -> FloatArray:
        awake = experts == experts
        weights = self._blend.weights(awake)
        return ascending((weights * np.where(awake, experts, 0.0)).sum(axis=2))

"""Notes during a replay what was forecast one lead time ahead, for the report's fan."""

from __future__ import annotations

from array import array

import numpy as np

from headstart.replay import ReplayTick
from headstart.report.content import Fan
from models.forecast import QUANTILES, FloatArray


class FanRecorder:
    """An observer of replay ticks."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        # Plain numbers, one after the other: small arrays by the hundred thousand would take MiBs.
        self._times = array("d")
        self._values = array("d")
        self._issued_at = float("-inf")

    def see(self, tick: ReplayTick) -> None:
        """Note what the forecast says of the moment when a restore decided now would serve."""
        forecast = tick.forecast
        if forecast is None:
            return
        # Within a step that is known the look ahead may pass its end.
        if forecast.issued_at == self._issued_at and not forecast.known_steps:
            return
        self._issued_at = forecast.issued_at
        lead = tick.plan.lead_time_seconds
        # The forecast is older than the tick; steps are counted from when it was issued.
        age = max(0.0, tick.plan.at - forecast.issued_at)
        step = min(int((age + lead) / forecast.step_seconds), len(forecast.values) - 1)
        self._times.append(tick.now + lead)
        self._values.extend(forecast.values[step])

    def fan(self, times: FloatArray) -> Fan | None:
        """Return the fan at ascending times; NaN before the first and after the last one known."""
        if len(self._times) < 2:
            return None
        # A lead time that shrinks could make a later forecast fall before an earlier one.
        order = np.argsort(self._times, kind="stable")
        at = np.array(self._times)[order]
        noted = np.array(self._values).reshape(len(order), -1)[order]
        values = [
            np.interp(times, at, noted[:, column], left=np.nan, right=np.nan)
            for column in range(noted.shape[1])
        ]
        return Fan(quantiles=QUANTILES, values=np.array(values))

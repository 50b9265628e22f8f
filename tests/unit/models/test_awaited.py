from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.awaited import Awaited

STEPS = np.array([1, 2, 5])
flags = st.lists(st.booleans(), min_size=2, max_size=2)


@given(st.lists(flags, min_size=1, max_size=30))
def test_what_is_due_was_forecast_its_horizon_before_by_those_known_then(
    history: list[list[bool]],
) -> None:
    awaited = Awaited(STEPS, (2,))
    for time, _ in enumerate(history):
        expected = np.full((3, 2), np.nan)
        for row, ahead in enumerate(STEPS):
            if time >= ahead:
                was_known = np.array(history[time - ahead])
                expected[row] = np.where(was_known, 100 * row + time - ahead, np.nan)
        assert_array_equal(awaited.due(time), expected)
        forecast = 100.0 * np.arange(3)[:, None] + np.full((3, 2), time)
        awaited.put(time, forecast, np.array(history[time]))

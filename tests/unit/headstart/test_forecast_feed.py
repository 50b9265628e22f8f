"""When each forecast is seen, and what it says of a step that is under way."""

import numpy as np
import pytest

from headstart.forecast_blocks import ForecastBlock
from headstart.forecast_feed import ForecastFeed
from models.forecast import QUANTILES
from models.horizons import grid_of
from models.series import DemandSeries
from tests.builders import CHAT

START, DELAY = 1000.0, 5.0
DEMAND = np.array([1.0, 2.0, np.nan, 4.0])


def feed(step_seconds: float) -> ForecastFeed:
    """Return forecasts of two steps ahead; that of step i says ten times i + 1 of the first."""
    grid = grid_of((1, 2))
    first = np.arange(1.0, len(DEMAND) + 1.0)[:, None] * 10.0 + np.arange(len(QUANTILES))
    block = ForecastBlock(
        end=len(DEMAND),
        quantiles=np.stack([first, first + 5.0], axis=-1),
        is_gated=np.zeros(len(DEMAND), dtype=bool),
    )
    series = DemandSeries(start=START, step_seconds=step_seconds, values=DEMAND)
    return ForecastFeed(CHAT, series, grid, iter([block]), delay_seconds=DELAY)


def test_a_step_of_ten_seconds_is_known_once_it_is_over_and_was_measured() -> None:
    known = feed(10.0)
    assert known.at(START + 10.0 + DELAY - 0.1) is None
    forecast = known.at(START + 10.0 + DELAY)
    assert forecast is not None
    assert (forecast.issued_at, forecast.known_steps) == (START + 10.0, 0)
    assert forecast.values[:, 0].tolist() == [10.0, 15.0]


@pytest.mark.parametrize("step_seconds", [15.0, 60.0, 300.0])
def test_of_a_longer_step_the_first_ten_seconds_tell_the_rest(step_seconds: float) -> None:
    known = feed(step_seconds)
    assert known.at(START + 10.0 + DELAY - 0.1) is None
    forecast = known.at(START + 10.0 + DELAY)
    assert forecast is not None
    assert (forecast.issued_at, forecast.known_steps) == (START, 1)
    assert forecast.values[0].tolist() == [1.0] * len(QUANTILES)
    assert forecast.values[1:, 0].tolist() == [10.0, 15.0]


def test_a_missing_bin_leaves_the_forecast_before_it_in_force() -> None:
    known = feed(300.0)
    for bins, issued in ((1, 1), (2, 1), (3, 3)):
        forecast = known.at(START + 300.0 * bins + 10.0 + DELAY)
        assert forecast is not None
        assert forecast.issued_at == START + 300.0 * issued

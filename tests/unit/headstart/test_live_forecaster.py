"""The live forecaster: where its forecasts start, and what they are made of."""

from __future__ import annotations

import numpy as np

from headstart.live_forecaster import LiveForecaster
from models.forecast import Forecast
from models.series import DemandSeries
from predictor.fitting import FitPool
from tests.builders import CHAT

NAN = float("nan")


def a_forecaster() -> LiveForecaster:
    return LiveForecaster(FitPool(max_workers=1), reach_seconds=300.0)


def steps(start: float, values: list[float]) -> DemandSeries:
    return DemandSeries(start=start, step_seconds=10.0, values=np.array(values))


def made(forecaster: LiveForecaster) -> Forecast:
    forecast = forecaster.forecast(CHAT)
    assert forecast is not None
    return forecast


def test_missing_steps_do_not_make_an_old_forecast_young_again() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    before = made(forecaster)
    forecaster.extend(CHAT, steps(600.0, [NAN] * 10))
    assert made(forecaster) is before
    assert before.issued_at == 600.0


def test_a_forecast_starts_at_the_last_known_step_though_missing_ones_follow_it() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60 + [NAN] * 5))
    assert made(forecaster).issued_at == 600.0


def test_the_first_known_step_after_a_gap_brings_a_new_forecast() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    before = made(forecaster)
    forecaster.extend(CHAT, steps(600.0, [NAN] * 10 + [44.0]))
    assert made(forecaster).issued_at == 710.0
    assert made(forecaster).values[0, 0] > before.values[0, 0]


def test_nothing_but_missing_steps_is_no_forecast() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [NAN] * 10))
    assert forecaster.forecast(CHAT) is None


def test_a_workload_that_was_let_go_begins_anew() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.forget(CHAT)
    forecaster.forget(CHAT)
    assert forecaster.forecast(CHAT) is None
    forecaster.extend(CHAT, steps(600.0, [4.0]))
    assert made(forecaster).values[0, 0] < 10


def test_without_a_fit_the_online_experts_speak() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 300))
    assert made(forecaster).basis == "online experts"


def test_a_portfolio_that_lost_says_that_a_moving_average_speaks() -> None:
    forecaster = a_forecaster()
    chance = np.random.default_rng(0)
    # Of a walk the newest value says most; of what keeps returning to its mean it says little.
    walk = np.exp(np.cumsum(chance.normal(0.0, 0.3, 300)))
    returning = 400.0 * chance.gamma(4.0, 0.25, 250)
    counts = np.concatenate([400.0 * walk / walk[-1], returning])
    forecaster.extend(CHAT, steps(0.0, list(counts / 10.0)))
    assert made(forecaster).basis == "moving average"

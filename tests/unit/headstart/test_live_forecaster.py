"""The live forecaster: where its forecasts start, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.live_forecaster import LiveForecaster
from models.forecast import FloatArray, Forecast, WorkloadName
from models.horizons import grid_reaching
from models.portfolio import Portfolio
from models.series import DemandSeries
from predictor.fitting import Fit, FitPool
from tests.builders import CHAT

NAN = float("nan")


def a_forecaster(clock: Callable[[], float] = lambda: 0.0) -> LiveForecaster:
    """Return a forecaster that has all the time it wants, unless a clock goes on."""
    pool = FitPool(max_workers=1)
    return LiveForecaster(pool, reach_seconds=300.0, tick_seconds=2.0, clock=clock)


def steps(start: float, values: list[float]) -> DemandSeries:
    return DemandSeries(start=start, step_seconds=10.0, values=np.array(values))


def made(forecaster: LiveForecaster) -> Forecast:
    return forecaster.forecast([CHAT])[CHAT]


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


def test_steps_that_are_handed_on_again_are_not_learned_again() -> None:
    forecaster, undisturbed = a_forecaster(), a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.extend(CHAT, steps(600.0, [44.0]))
    forecaster.extend(CHAT, steps(600.0, [44.0, 48.0]))
    undisturbed.extend(CHAT, steps(0.0, [40.0] * 60 + [44.0, 48.0]))
    assert made(forecaster).issued_at == 620.0
    assert np.array_equal(made(forecaster).values, made(undisturbed).values)


def test_nothing_but_missing_steps_is_no_forecast() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [NAN] * 10))
    assert not forecaster.forecast([CHAT])


def test_a_workload_that_was_let_go_begins_anew() -> None:
    forecaster = a_forecaster()
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.forget(CHAT)
    forecaster.forget(CHAT)
    assert not forecaster.forecast([CHAT])
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


def alone(history: DemandSeries) -> FloatArray:
    """Return what one portfolio makes of a history by itself, the way a replay does."""
    grid = grid_reaching(300.0, step_seconds=10.0)
    portfolio = Portfolio(grid, step_seconds=10.0)
    for step, value in enumerate(history.values, start=1):
        portfolio.advance(history.start + 10.0 * step, np.array([value]))
    return np.maximum.accumulate(grid.dense @ portfolio.quantiles[0], axis=1)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_workloads_that_come_and_go_are_each_forecast_as_if_they_were_alone(
    data: st.DataObject,
) -> None:
    forecaster = a_forecaster()
    chance = np.random.default_rng(data.draw(st.integers(0, 99)))
    known: dict[WorkloadName, DemandSeries] = {}
    names = [WorkloadName(f"w{number}") for number in range(6)]
    for _ in range(data.draw(st.integers(1, 5), label="ticks")):
        for name in data.draw(st.sets(st.sampled_from(names)), label="let go"):
            forecaster.forget(name)
            known.pop(name, None)
        for name in data.draw(st.sets(st.sampled_from(names)), label="with new steps"):
            count = data.draw(st.integers(1, 12))
            begin = 86_400.0 * 19_000 - 10.0 * data.draw(st.integers(0, 9))
            before = known.get(name, steps(begin, []))
            series = steps(before.end, list(chance.gamma(4.0, 2.0, count)))
            forecaster.extend(name, series)
            known[name] = before.between(before.start, series.end)
            known[name].values[len(before.values) :] = series.values
        made = forecaster.forecast([*known, WorkloadName("unknown")])
        assert made.keys() == known.keys()
        for name, history in known.items():
            assert made[name].workload == name
            assert made[name].issued_at == history.end
            assert made[name].values == pytest.approx(alone(history), rel=1e-9)


class Ticking:
    """A clock that goes on by so much at each look."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_long_history_is_forecast_from_its_newest_hour_until_all_of_it_is_learned() -> None:
    clock = Ticking(1.0)
    forecaster = a_forecaster(clock)
    chance = np.random.default_rng(1)
    history = steps(0.0, list(chance.gamma(4.0, 2.0, 1200)))
    forecaster.extend(CHAT, history)
    newest = history.between(history.end - 3600.0, history.end)
    seen = [forecaster.forecast([CHAT]) for _ in range(60)]
    first = next(one[CHAT].values for one in seen if one)
    assert not seen[0]
    assert first == pytest.approx(alone(newest), rel=1e-9)
    assert seen[-1][CHAT].values == pytest.approx(alone(history), rel=1e-9)
    assert seen[-1][CHAT].issued_at == history.end
    # What is learned by then goes on like any other.
    forecaster.extend(CHAT, steps(history.end, [7.0]))
    longer = steps(0.0, [*history.values, 7.0])
    assert made(forecaster).values == pytest.approx(alone(longer), rel=1e-9)


def test_those_who_are_up_to_date_are_forecast_while_others_read_back_their_history() -> None:
    forecaster, code = a_forecaster(Ticking(1.0)), WorkloadName("code")
    forecaster.extend(code, steps(11_940.0, [5.0] * 6))
    forecaster.forecast([code])
    forecaster.extend(CHAT, steps(0.0, [40.0] * 1200))
    forecaster.extend(code, steps(12_000.0, [5.0]))
    assert forecaster.forecast([CHAT, code]).keys() == {code}
    assert forecaster.forecast([code, CHAT])[code].issued_at == 12_010.0


class FitsInHand(FitPool):
    """Keeps what is to be fitted until the test has it done, here and now."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.asked: list[tuple[str, Callable[..., object], tuple[object, ...]]] = []
        self.done: list[Fit] = []

    def submit(self, key: str, function: Callable[..., object], *args: object) -> bool:
        self.asked.append((key, function, args))
        return True

    def collect(self) -> list[Fit]:
        done, self.done = self.done, []
        return done

    def finish(self) -> None:
        self.done += [Fit(key=key, result=fit(*args)) for key, fit, args in self.asked]
        self.asked = []


def test_a_fit_that_ends_after_its_workload_began_anew_is_of_no_use_to_it() -> None:
    pool = FitsInHand()
    forecaster = LiveForecaster(pool, reach_seconds=300.0, tick_seconds=2.0, clock=lambda: 0.0)
    demand = np.random.default_rng(1).gamma(4.0, 2.0, 800)
    forecaster.extend(CHAT, steps(0.0, list(demand)))
    made(forecaster)
    # With another step the grid of horizons is another one too.
    slower = DemandSeries(start=8000.0, step_seconds=30.0, values=demand[:60])
    forecaster.extend(CHAT, slower)
    pool.finish()
    assert made(forecaster).basis == "online experts"
    forecaster.extend(CHAT, DemandSeries(start=9800.0, step_seconds=30.0, values=demand[:800]))
    made(forecaster)
    pool.finish()
    forecaster.extend(CHAT, DemandSeries(start=33_800.0, step_seconds=30.0, values=demand[:1]))
    assert made(forecaster).basis == "blend"


def test_workloads_of_different_steps_are_forecast_side_by_side() -> None:
    forecaster, code = a_forecaster(), WorkloadName("code")
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.extend(code, DemandSeries(start=0.0, step_seconds=30.0, values=np.array([4.0] * 20)))
    found = forecaster.forecast([CHAT, code])
    assert (found[CHAT].step_seconds, found[code].step_seconds) == (10.0, 30.0)
    assert found[code].values[0, 0] == pytest.approx(4.0)
    forecaster.extend(CHAT, DemandSeries(start=600.0, step_seconds=30.0, values=np.array([9.0])))
    assert forecaster.forecast([CHAT])[CHAT].step_seconds == 30.0

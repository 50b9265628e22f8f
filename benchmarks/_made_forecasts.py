"""The forecasts of a trace, made once for replays that differ in restores or objective alone."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.forecast_blocks import ForecastBlock
from headstart.forecast_feed import ForecastFeed
from headstart.scenario import Scenario, feed_of, forecast_blocks_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeForecasts:
    """Every step's forecasts of one series, which reach ``last`` steps ahead."""

    last: int
    blocks: tuple[ForecastBlock, ...]

    def feed(self, scenario: Scenario) -> ForecastFeed:
        """Return them as a replay asks for them, from the first on."""
        if scenario.grid().last != self.last:
            raise ValueError("scenario: forecasts were made for another reach")
        return feed_of(scenario, iter(self.blocks))


def made_forecasts(scenario: Scenario) -> MadeForecasts:
    """Make the forecasts that a replay of the scenario would make of its demand."""
    steps = len(scenario.series().values)
    with forecast_blocks_of(scenario) as blocks:
        # One process sends them and never says that it was the last.
        taken, end = [], 0
        while end < steps:
            taken.append(next(blocks))
            end = taken[-1].end
    return MadeForecasts(last=scenario.grid().last, blocks=tuple(taken))

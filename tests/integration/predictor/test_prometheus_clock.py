"""The Prometheus source where the server's clock and ours differ."""

from __future__ import annotations

import math
import time
from email.utils import formatdate

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.adapters.prometheus_span import PARTIAL_PATIENCE_SECONDS
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading
from predictor.settings import PrometheusSettings
from tests.conftest import StartPrometheus
from tests.integration.predictor.loopback import Answer, Handler, web_server
from tests.integration.predictor.prometheus_answers import START, STEP, a_source_at, matrix
from tests.parts.remote_write import WrittenSeries

NOW = START + 206.0


def a_server(ahead_seconds: float, **extra: object) -> Answer:
    """Answer each time asked for with its own step's number, none that is to come by its clock."""

    def answer(handler: Handler) -> None:
        start, end, step = (float(handler.form[name]) for name in ("start", "end", "step"))
        times = np.arange(start, min(end, NOW + ahead_seconds) + 1e-3, step).tolist()
        body = matrix([[at, str((at - START) / step)] for at in times], **extra)
        handler.reply(body, headers={"Date": formatdate(NOW + ahead_seconds, usegmt=True)})

    return answer


async def read_twice(answer: Answer) -> tuple[SourceReading, int]:
    """Return the newest five steps, and how often the server was asked for them and one more."""
    with web_server(answer) as (url, requests):
        source = a_source_at(lambda: NOW, url)
        reading = await source.read(start=START + 150, end=START + 200, step_seconds=STEP)
        await source.read(start=START + 150, end=START + 210, step_seconds=STEP)
        return reading, len(requests)


@pytest.mark.parametrize(
    ("ahead_seconds", "steps", "said"),
    [
        (3600.0, 360, "the server's clock is 3600 s ahead of ours: asked by the server's"),
        (3608.0, 361, "the server's clock is 3608 s ahead of ours: asked by the server's"),
        (-100.0, -10, "the server's clock is 100 s behind ours: asked by the server's"),
    ],
)
async def test_demand_is_asked_for_by_the_servers_clock_and_dated_by_ours(
    ahead_seconds: float, steps: int, said: str
) -> None:
    reading, _ = await read_twice(a_server(ahead_seconds))
    assert reading.series.start == START + 150
    assert_array_equal(reading.series.values, np.arange(16, 21) + steps)
    assert START + 190 <= reading.complete_until <= START + 200
    assert reading.warnings == (said,)


@pytest.mark.parametrize("ahead_seconds", [-4.0, 0.0, 4.0])
async def test_a_clock_that_is_seconds_off_is_let_be(ahead_seconds: float) -> None:
    reading, asked = await read_twice(a_server(ahead_seconds))
    assert_array_equal(reading.series.values, np.arange(16, 21))
    assert (reading.complete_until, reading.warnings, asked) == (START + 200, (), 1)


async def test_only_the_first_answer_is_asked_for_again() -> None:
    _, asked = await read_twice(a_server(3600.0))
    assert asked == 2


def answers_by(*ahead_seconds: float) -> Answer:
    """Answer by one clock after the other, and by the last one from then on."""
    waiting = [a_server(seconds) for seconds in ahead_seconds]

    def answer(handler: Handler) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)

    return answer


@pytest.mark.parametrize("first", [-100.0, 3600.0])
async def test_an_answer_that_another_contradicts_is_not_built_upon(first: float) -> None:
    with web_server(answers_by(first, 0.0)) as (url, _):
        source = a_source_at(lambda: NOW, url)
        with pytest.raises(SourceUnavailableError, match="another time than the one before"):
            await source.read(start=START + 150, end=START + 200, step_seconds=STEP)
        reading = await source.read(start=START + 150, end=START + 200, step_seconds=STEP)
    assert_array_equal(reading.series.values, np.arange(16, 21))
    assert reading.warnings == ()


@pytest.mark.parametrize("ahead_seconds", [-3600.0, 3600.0])
async def test_partial_answers_are_waited_for_as_long_as_by_one_clock(ahead_seconds: float) -> None:
    now = [NOW]

    def answer(handler: Handler) -> None:
        start, end, step = (float(handler.form[name]) for name in ("start", "end", "step"))
        times = np.arange(start, end + 1e-3, step).tolist()
        body = matrix([[at, "1"] for at in times], isPartial=True)
        handler.reply(body, headers={"Date": formatdate(now[0] + ahead_seconds, usegmt=True)})

    with web_server(answer) as (url, _):
        source = a_source_at(lambda: now[0], url)
        complete = []
        for _ in range(2):
            end = math.floor(now[0] / STEP) * STEP
            reading = await source.read(start=end - 1500, end=end, step_seconds=STEP)
            complete.append(end - reading.complete_until)
            now[0] += 1200.0
    assert complete[0] == 1500.0
    assert complete[1] == pytest.approx(PARTIAL_PATIENCE_SECONDS, abs=2 * STEP)


async def test_what_is_known_in_part_is_dated_by_our_clock_too() -> None:
    reading, _ = await read_twice(a_server(3600.0, isPartial=True))
    assert reading.recent is not None
    assert (reading.recent.measured_at, reading.recent.per_second) == (START + 200, 380.0)


@pytest.mark.parametrize("ours_seconds", [-3600.0, 3600.0])
async def test_a_machine_whose_clock_is_an_hour_off_has_the_newest_demand_of_a_real_server(
    start_prometheus: StartPrometheus, ours_seconds: float
) -> None:
    server, end = start_prometheus([]), math.floor(time.time() / STEP) * STEP
    times = end - STEP * np.arange(900, -1, -1)
    samples = [(float(at), float(at - times[0])) for at in times]
    server.remote_write([WrittenSeries(name="demand", labels={}, samples=samples)])
    source = PrometheusSource(
        PrometheusConnections(PrometheusSettings(url=server.url)),
        query="demand",
        clock=lambda: time.time() + ours_seconds,
    )
    ours = end + ours_seconds
    reading = await source.read(start=ours - 600, end=ours, step_seconds=STEP)
    behind = (samples[-1][1] - reading.series.values[-1]) / STEP
    assert 0 <= behind <= 1
    assert reading.complete_until <= time.time() + ours_seconds
    assert len(reading.warnings) == 1

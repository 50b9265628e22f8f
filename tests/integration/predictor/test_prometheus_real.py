"""The Prometheus source against a real server."""

from __future__ import annotations

import math
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from prometheus_client import generate_latest

from models.outlook import DemandReading, Outlook
from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.errors import SourceUnavailableError
from predictor.metrics import PredictorMetrics
from predictor.ports import KafkaCounts
from predictor.settings import PrometheusSettings
from tests.conftest import StartPrometheus
from tests.parts.ports import free_port
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries
from tests.unit.predictor.builders import CHAT, START, a_forecast

STEP = 60.0


def a_source(server: PrometheusServer, query: str) -> PrometheusSource:
    return PrometheusSource(PrometheusConnections(PrometheusSettings(url=server.url)), query=query)


async def test_ten_days_of_minutes_come_back_as_written(start_prometheus: StartPrometheus) -> None:
    server = start_prometheus([])
    end = math.floor(time.time() / STEP) * STEP
    times = end - STEP * np.arange(14_400, 0, -1)
    values = 50 + np.arange(14_400) % 1440
    # Ten minutes without samples: longer than the five for which Prometheus repeats the last.
    kept = (times < end - 3000) | (times > end - 2400)
    server.remote_write(
        [
            WrittenSeries(
                name="demand",
                labels={"app": app},
                samples=[
                    (float(at), float(value))
                    for at, value in zip(times[kept], values[kept], strict=True)
                ],
            )
            for app in "ab"
        ]
    )
    reading = await a_source(server, "sum(demand)").read(
        start=float(times[0]) - STEP, end=end, step_seconds=STEP
    )
    assert_array_equal(reading.series.values[:-61], 2.0 * values[:-60])
    missing = np.flatnonzero(np.isnan(reading.series.values))
    assert 4 <= len(missing) <= 6
    with pytest.raises(SourceUnavailableError, match=r"^the query returns 2 series, one is needed"):
        await a_source(server, "demand").read(start=end - 600, end=end, step_seconds=STEP)


async def test_the_servers_words_about_a_bad_query_are_passed_on(
    prometheus_server: PrometheusServer,
) -> None:
    with pytest.raises(SourceUnavailableError, match=r"^HTTP 400: bad_data: .*parse error"):
        await a_source(prometheus_server, "sum(").read(start=0, end=600, step_seconds=STEP)


async def test_a_server_that_is_killed_and_comes_back_answers_again(
    start_prometheus: StartPrometheus,
) -> None:
    server = start_prometheus([])
    source = a_source(server, "vector(7)")
    span = {"start": 0.0, "end": 600.0, "step_seconds": STEP}
    assert_array_equal((await source.read(**span)).series.values, [7] * 10)
    server.kill()
    span["end"] += STEP
    with pytest.raises(SourceUnavailableError, match=r"^connection refused$"):
        await source.read(**span)
    server.start()
    span["start"] += STEP
    assert_array_equal((await source.read(**span)).series.values, [7] * 10)


async def test_a_frozen_server_is_given_up_in_time(start_prometheus: StartPrometheus) -> None:
    server = start_prometheus([])
    settings = PrometheusSettings(url=server.url, read_timeout_seconds=0.3)
    server.freeze()
    try:
        with pytest.raises(SourceUnavailableError, match=r"^timed out$"):
            await PrometheusSource(PrometheusConnections(settings), query="vector(1)").read(
                start=0, end=600, step_seconds=STEP
            )
    finally:
        server.thaw()


def test_our_metrics_are_named_as_prometheus_wants_them(folder_of_prometheus: Path) -> None:
    metrics = PredictorMetrics()
    forecast = a_forecast(*[5.0] * 400)
    reading = DemandReading(
        measured_at=START, window_seconds=10, per_second=3.0, sources=(("kafka", 3.0),)
    )
    metrics.show(Outlook(workload=CHAT, published_at=START + 1, reading=reading, forecast=forecast))
    metrics.source_answered(CHAT, "kafka")
    metrics.source_failed(CHAT, "prometheus")
    metrics.events_counted(CHAT, "kafka", KafkaCounts(events=4))
    metrics.tick_took(0.1)
    metrics.tick_failed(CHAT)
    check = subprocess.run(
        [folder_of_prometheus / "promtool", "check", "metrics"],
        input=generate_latest(metrics.registry),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (check.returncode, check.stderr) == (0, b"")


async def test_an_odd_step_in_what_was_recorded_costs_itself_alone(
    start_prometheus: StartPrometheus,
) -> None:
    server = start_prometheus([])
    end = math.floor(time.time() / STEP) * STEP
    times = (end - STEP * np.arange(60, -1, -1)).tolist()
    odd = {"below": -0.5, "beyond": 2e12}
    server.remote_write(
        [
            WrittenSeries(
                name=name,
                labels={},
                samples=[(at, value if number == 30 else 20.0) for number, at in enumerate(times)],
            )
            for name, value in odd.items()
        ]
        + [WrittenSeries(name="below", labels={"pod": "b"}, samples=[(times[40], 1.0)])]
    )
    for name, value in odd.items():
        reading = await a_source(server, name).read(start=times[0], end=end, step_seconds=STEP)
        missing = np.flatnonzero(np.isnan(reading.series.values)).tolist()
        # A series that ended is repeated for five minutes: Prometheus 2 counts both ends of them.
        assert missing[:6] == ([29, *range(39, 44)] if name == "below" else [29])
        assert len(missing) <= 7
        assert f"answered a demand of {value:g} at {times[30]:.3f}" in " ".join(reading.warnings)


async def test_a_remote_store_that_is_not_reached_makes_a_partial_answer(
    folder_of_prometheus: Path,
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/read"
    end = math.floor(time.time() / STEP) * STEP
    with PrometheusServer([], binaries=folder_of_prometheus, remote_stores=[nowhere]) as server:
        source = a_source(server, "sum(demand) or vector(3)")
        reading = await source.read(start=end - 600, end=end, step_seconds=STEP)
    assert reading.warnings[0].startswith("a partial answer, whose steps count as missing: ")
    assert np.isnan(reading.series.values).all()
    assert reading.complete_until == end - 600
    assert reading.recent is not None
    assert (reading.recent.per_second, reading.recent.is_at_least) == (3.0, True)

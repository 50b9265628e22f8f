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

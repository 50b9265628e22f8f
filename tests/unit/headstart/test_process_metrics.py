"""What the parts of a process count is shown as it is when it is asked for."""

from __future__ import annotations

import httpx
from prometheus_client import CollectorRegistry

from controller.adapters.predictor import PredictorStream
from headstart.live_forecaster import LiveForecaster
from headstart.process_metrics import show_connection, show_predictor
from predictor.fitting import FitPool
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import ServiceSettings


def test_crashed_fits_are_counted_when_asked() -> None:
    registry, pool = CollectorRegistry(), FitPool(max_workers=1)
    service = ForecastService(
        forecaster=LiveForecaster(pool, reach_seconds=900.0, tick_seconds=2.0),
        settings=ServiceSettings(),
        metrics=PredictorMetrics(registry),
    )
    show_predictor(registry, pool, service)
    assert registry.get_sample_value("headstart_fit_crashes_total") == 0
    pool.crashes += 2
    assert registry.get_sample_value("headstart_fit_crashes_total") == 2
    assert registry.get_sample_value("headstart_stream_clients_dropped_total") == 0


async def test_a_controller_says_whether_it_hears_its_predictor() -> None:
    registry = CollectorRegistry()
    async with httpx.AsyncClient() as client:
        stream = PredictorStream(client, luck=lambda: 0.0)
        show_connection(registry, lambda: stream.is_connected)
        assert registry.get_sample_value("headstart_predictor_connected") == 0
        stream.is_connected = True
        assert registry.get_sample_value("headstart_predictor_connected") == 1

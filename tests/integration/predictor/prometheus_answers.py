"""A Prometheus source, and answers to it."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.settings import PrometheusSettings
from tests.integration.predictor.loopback import Handler

START, STEP = 1_000_000.0, 10.0


def a_source_at(clock: Callable[[], float], url: str) -> PrometheusSource:
    connections = PrometheusConnections(PrometheusSettings(url=url, settle_seconds=5))
    return PrometheusSource(connections, query="x", clock=clock)


def matrix(*series: list[list[object]], **extra: object) -> str:
    result = [{"metric": {"job": f"app-{i}"}, "values": one} for i, one in enumerate(series)]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}, **extra}
    return json.dumps(answer)


def echoing(handler: Handler) -> None:
    """Answer each time asked for with the number of its step."""
    start, end, step = (float(handler.form[name]) for name in ("start", "end", "step"))
    times = np.arange(start, end + step / 2, step)
    handler.reply(matrix([[at, str((at - START) / step)] for at in times.tolist()]))

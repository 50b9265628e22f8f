"""Demand of many workloads as gauges: the same function of time as history and as scraped."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tests.parts.loopback_server import LoopbackServer
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries

NAME = "demand_per_second"


def demand(number: int, at: float) -> float:
    """Return the demand of a workload: a slow wave of its own, and a small quick one."""
    slow = math.sin(2 * math.pi * (at / 600.0 + number / 7.0))
    quick = math.sin(2 * math.pi * (at / 37.0 + number / 3.0))
    return (20.0 + number % 10) * (1.0 + 0.3 * slow + 0.03 * quick)


class DemandGauges:
    """Serves the demand of ``names`` as it is now; a context manager. ``target`` is its address."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take a port; nothing is served before ``with``."""
        self._names = list(names)
        self._server = LoopbackServer(("127.0.0.1", 0), _exposition_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="gauges")
        self.target = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def text(self) -> str:
        """Return the exposition."""
        now = time.time()
        lines = [
            f'{NAME}{{workload="{name}"}} {demand(number, now)!r}\n'
            for number, name in enumerate(self._names)
        ]
        return f"# TYPE {NAME} gauge\n{''.join(lines)}"

    def write_history(
        self, server: PrometheusServer, *, seconds: float, step_seconds: float
    ) -> None:
        """Give Prometheus what was before now; it must not have scraped anything yet."""
        end = time.time()
        times = [end - seconds + step_seconds * i for i in range(round(seconds / step_seconds))]
        server.remote_write(
            [
                WrittenSeries(
                    name=NAME,
                    labels={"workload": name, "job": "app"},
                    samples=[(at, demand(number, at)) for at in times],
                )
                for number, name in enumerate(self._names)
            ]
        )


def _exposition_of(gauges: DemandGauges) -> type[BaseHTTPRequestHandler]:
    class Exposition(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = gauges.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked was ended meanwhile
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Exposition

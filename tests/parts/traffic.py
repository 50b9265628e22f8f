"""Requests that arrive in wall time: as events in Kafka, and in a counter that can be scraped."""

from __future__ import annotations

import csv
import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

import numpy as np
from kafka import KafkaProducer

from tests.parts.loopback_server import LoopbackServer

PACE_SECONDS = 0.02
ACKNOWLEDGED_WITHIN_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Recorded demand, played in wall time: ``rates`` [bins] in requests per second.

    A rate is that of its bin's middle; between two middles demand is a straight line.
    ``began_at`` is when the first bin began, in seconds since the epoch. From ``stays_at`` on
    demand stays what it is then, at the latest from the last bin on.
    """

    rates: Sequence[float]
    bin_seconds: float
    began_at: float
    stays_at: float = math.inf

    def per_second(self, at: float) -> float:
        """Return the demand of a moment."""
        bins = (min(at, self.stays_at) - self.began_at) / self.bin_seconds - 0.5
        bins = min(max(bins, 0.0), len(self.rates) - 1.0)
        left = min(math.floor(bins), len(self.rates) - 2)
        low, high = self.rates[left], self.rates[left + 1]
        return low + (high - low) * (bins - left)

    def counter(self, end: float) -> list[tuple[float, float]]:
        """Return what a counter would have shown each second since the trace began, from 0."""
        start, shown = math.floor(self.began_at), 0.0
        samples: list[tuple[float, float]] = []
        for second in range(math.floor(end - start)):
            samples.append((start + second, float(math.floor(shown))))
            shown += self.per_second(start + second + 0.5)
        return samples


def recorded(path: Path, *, per_rate: float) -> list[float]:
    """Return the rates [bins] of a file of ``second,requests``, ``per_rate`` requests being 1.

    A bin with 0 requests is a gap in the record: a straight line leads across it.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        counts = [int(row["requests"]) for row in csv.DictReader(lines)]
    known = [at for at, count in enumerate(counts) if count]
    rates = np.interp(range(len(counts)), known, [counts[at] / per_rate for at in known])
    return [float(rate) for rate in rates]


class Traffic:
    """Plays a trace until closed; a context manager.

    ``trace`` may be replaced meanwhile. ``target`` is the ``host:port`` whose ``/metrics`` has
    the counter ``requests_total``.
    """

    def __init__(self, trace: Trace, *, broker: str, topic: str) -> None:
        """Connect to the broker; nothing is sent before ``with``."""
        self.trace = trace
        self.sent = 0
        self.acknowledged = 0
        self.failures: list[BaseException] = []
        self._topic = topic
        self._is_over = threading.Event()
        self._producer = KafkaProducer(
            bootstrap_servers=broker,
            linger_ms=5,
            reconnect_backoff_max_ms=500,
            delivery_timeout_ms=ACKNOWLEDGED_WITHIN_SECONDS * 1000,
            metrics_enabled=False,
        )
        self._exporter = LoopbackServer(("127.0.0.1", 0), _exposition_of(self))
        self._threads = [
            threading.Thread(target=self._play, name="traffic"),
            threading.Thread(target=self._exporter.serve_forever, name="exporter"),
        ]
        self.target = f"127.0.0.1:{self._exporter.server_port}"

    def __enter__(self) -> Self:
        """Begin to play."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, whether the broker is there or not."""
        self.stop()
        self._exporter.shutdown()
        self._threads[1].join()
        self._exporter.server_close()
        self._producer.close(timeout=2)

    def stop(self) -> None:
        """Send nothing more; the counter stays."""
        self._is_over.set()
        self._threads[0].join()

    def settle(self) -> None:
        """Wait until the broker has acknowledged everything that was sent."""
        self._producer.flush(timeout=ACKNOWLEDGED_WITHIN_SECONDS)

    def _play(self) -> None:
        due, until = 0.0, time.time()
        while not self._is_over.wait(PACE_SECONDS):
            now = time.time()
            due += self.trace.per_second((until + now) / 2) * (now - until)
            until = now
            while self.sent < math.floor(due):
                self._send(now)

    def _send(self, now: float) -> None:
        value = json.dumps({"request": self.sent, "at": now}).encode()
        self.sent += 1
        try:
            future = self._producer.send(self._topic, value, timestamp_ms=round(now * 1000))
        except Exception as error:
            self.failures.append(error)
            return
        future.add_callback(self._note_acknowledged)
        future.add_errback(self.failures.append)

    def _note_acknowledged(self, _: object) -> None:
        self.acknowledged += 1


def _exposition_of(traffic: Traffic) -> type[BaseHTTPRequestHandler]:
    class Exposition(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"# TYPE requests_total counter\nrequests_total {traffic.sent}\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Exposition

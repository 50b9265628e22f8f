"""Metrics whose values a test sets, to be scraped."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tests.parts.loopback_server import LoopbackServer


class Exporter:
    """Shows ``values``, by series as text; a context manager. ``target`` is its ``host:port``.

    ``rates`` has counters: so much they grow by in a second.
    """

    def __init__(self, values: dict[str, float], rates: dict[str, float]) -> None:
        """Take a port; nothing is answered before ``with``."""
        self.values, self.rates = values, rates
        self._counted = dict.fromkeys(rates, 0.0)
        self._counted_at = time.monotonic()
        self._server = LoopbackServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="exporter")
        self.target = f"127.0.0.1:{self._server.server_port}"

    def exposition(self) -> str:
        """Return everything as it is now; for the thread that answers scrapes."""
        now, since = time.monotonic(), self._counted_at
        self._counted_at = now
        for series, rate in self.rates.items():
            self._counted[series] += rate * (now - since)
        shown = {**self.values, **self._counted}
        return "".join(f"{series} {value}\n" for series, value in shown.items())

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exporter.exposition().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler

"""A Prometheus that answers KEDA's instant queries with one number."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any

from tests.parts.loopback_server import LoopbackServer


class Reactive:
    """What KEDA's own prometheus trigger asks; ``close`` it."""

    def __init__(self) -> None:
        """Begin to answer zero on a free port."""
        self._value = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sample = {"metric": {}, "value": [0, str(outer._value)]}
                data = {"resultType": "vector", "result": [sample]}
                body = json.dumps({"status": "success", "data": data}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = LoopbackServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def turn_to(self, value: float) -> None:
        """Answer this from now on."""
        self._value = value

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

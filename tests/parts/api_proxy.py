"""An API server's front that is too busy for a share of what it is asked, as told by a test."""

from __future__ import annotations

import random
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self

import requests

from tests.parts.loopback_server import LoopbackServer

ANSWER_SECONDS = 600
_NOT_PASSED_ON = {"host", "connection", "content-length", "accept-encoding"}
_NOT_PASSED_BACK = {"transfer-encoding", "connection", "content-length", "date", "server"}


class ApiProxy:
    """Passes requests on, streams too; ``busy_share`` of them get 429. A context manager."""

    def __init__(self, url: str, authority: Path) -> None:
        """Stand in front of the API server at ``url``, on a free port of 127.0.0.1."""
        self.busy_share = 0.0
        self.refused = 0
        self._luck = random.Random(11)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outer._luck.random() < outer.busy_share:
                    outer.refused += 1
                    self.send_response(429)
                    self.send_header("Retry-After", "1")
                    self.end_headers()
                    return
                try:
                    self._pass_on()
                except (OSError, requests.RequestException):
                    self.close_connection = True

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def _pass_on(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_PASSED_ON}
                with requests.request(
                    self.command,
                    f"{url}{self.path}",
                    data=self.rfile.read(length),
                    headers={**headers, "Accept-Encoding": "identity"},
                    verify=str(authority),
                    stream=True,
                    timeout=ANSWER_SECONDS,
                ) as answer:
                    self.send_response(answer.status_code)
                    for name, value in answer.headers.items():
                        if name.lower() not in _NOT_PASSED_BACK:
                            self.send_header(name, value)
                    self.end_headers()
                    for chunk in answer.raw.stream(amt=None):
                        self.wfile.write(chunk)
                        self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = LoopbackServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

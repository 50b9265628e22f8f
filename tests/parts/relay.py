"""A relay before a server: notes what passes, and answers with an error itself when told to."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import requests

from tests.parts.loopback_server import LoopbackServer

FORWARD_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One request: its body, and the status that it was answered with."""

    body: bytes
    status: int


class Relay:
    """Hands each POST on to ``target``; a context manager.

    ``faults`` are statuses that the next requests are answered with instead. Without an answer
    from the target the sender gets none either, as if the relay were not there.
    """

    def __init__(self, target: str) -> None:
        """Take a port; nothing is answered before ``with``."""
        self.target = target
        self.passed: list[Passed] = []
        self.faults: deque[int] = deque()
        self._server = LoopbackServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="relay")
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def accepted(self) -> list[Passed]:
        """Return the requests that were answered with success."""
        return [one for one in tuple(self.passed) if one.status < 300]


def _handler_of(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = self._answer(body)
            if not status:
                self.close_connection = True
                return
            relay.passed.append(Passed(body=body, status=status))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _answer(self, body: bytes) -> tuple[int, bytes]:
            if relay.faults:
                return relay.faults.popleft(), b""
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() in ("authorization", "content-type")
            }
            try:
                answer = requests.post(
                    f"{relay.target}{self.path}", body, headers=headers, timeout=FORWARD_SECONDS
                )
            except requests.RequestException:
                return 0, b""
            return answer.status_code, answer.content

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler

"""A web server on a free port of 127.0.0.1 whose answers a test chooses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.parts.loopback_server import LoopbackServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Has the request's form or query ready for the answer."""

    answer: Answer
    asked: list[Handler]
    protocol_version = "HTTP/1.0"
    timeout = 10

    def handle_any(self) -> None:
        """Read the request and have it answered."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        parts = urlsplit(self.path)
        text = body or parts.query
        self.form = {name: values[0] for name, values in parse_qs(text).items()}
        self.asked.append(self)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            type(self).answer(self)

    do_GET = do_POST = handle_any  # noqa: N815

    def reply(
        self, body: bytes | str, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send a whole answer, without a Date if given none: tests have times of their own."""
        raw = body.encode() if isinstance(body, str) else body
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def web_server(answer: Answer) -> Iterator[tuple[str, list[Handler]]]:
    """Serve; yield the address and the requests as they come."""
    asked: list[Handler] = []
    handler = type("Answering", (Handler,), {"answer": staticmethod(answer), "asked": asked})
    server = LoopbackServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

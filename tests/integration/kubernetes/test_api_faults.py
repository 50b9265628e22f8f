"""What a real API server rarely does when asked to: cut answers short, fall silent, be too busy."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.errors import GoneError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import ApiSettings, Exchange, Json
from controller.errors import InvalidFileError
from tests.parts.loopback_server import LoopbackServer

Answer = Callable[[BaseHTTPRequestHandler], None]
IMPATIENT = ApiSettings(timeout_seconds=0.5, silence_seconds=0.5)


class Server:
    """Answers every request as told, on a free port."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler: reply(handler, {})
        self.paths: list[str] = []
        self.ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                outer.answer(self)

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.http = LoopbackServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.ended.set()
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
async def api(server: Server, tmp_path: Path) -> AsyncIterator[KubernetesApi]:
    made = await KubernetesApi.connect(a_kubeconfig(tmp_path, server.url), IMPATIENT)
    yield made
    await made.close()


def a_kubeconfig(folder: Path, url: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def reply(handler: BaseHTTPRequestHandler, body: object, status: int = 200, **headers: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def a_stream(*lines: bytes, then_wait: threading.Event | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for line in lines:
            handler.wfile.write(line)
            handler.wfile.flush()
        if then_wait is not None:
            then_wait.wait(30)
        handler.close_connection = True

    return answer


async def watched(api: KubernetesApi) -> list[Json | None]:
    return [event async for event in api.watch("/things", {}, resource_version="5")]


async def test_the_token_goes_along_and_answers_come_as_they_are(
    api: KubernetesApi, server: Server
) -> None:
    server.answer = lambda handler: reply(handler, {"told": handler.headers["authorization"]})
    assert await api.get("/api/v1/nodes/a") == {"told": "Bearer secret"}
    assert api.requests == 1


async def test_a_list_is_read_page_by_page(api: KubernetesApi, server: Server) -> None:
    pages = [
        {"items": [{"a": 1}], "metadata": {"resourceVersion": "7", "continue": "x y"}},
        {"items": [{"b": 2}], "metadata": {"resourceVersion": "7"}},
    ]
    server.answer = lambda handler: reply(handler, pages.pop(0))
    listing = await api.list("/api/v1/nodes", {"labelSelector": "a=b"})
    assert (listing.items, listing.resource_version) == (({"a": 1}, {"b": 2}), "7")
    assert server.paths[1] == "/api/v1/nodes?limit=500&labelSelector=a%3Db&continue=x+y"


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"{", "the answer is not JSON"), (b"[]", "the answer is no object")],
)
async def test_an_answer_that_is_none_is_unavailable(
    api: KubernetesApi, server: Server, body: bytes, said: str
) -> None:
    server.answer = lambda handler: reply(handler, body)
    with pytest.raises(UnavailableError, match=said):
        await api.get("/x")


async def test_no_answer_in_time_ends_the_call(api: KubernetesApi, server: Server) -> None:
    server.answer = a_stream(then_wait=server.ended)
    with pytest.raises(UnavailableError, match="GET /slow: no answer in time"):
        await api.get("/slow")


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    api = await KubernetesApi.connect(a_kubeconfig(tmp_path, "http://127.0.0.1:9"), IMPATIENT)
    try:
        with pytest.raises(UnavailableError, match=r"GET /x: .+"):
            await api.get("/x")
    finally:
        await api.close()


async def test_a_server_that_is_too_busy_gets_the_pause_it_asks_for(
    api: KubernetesApi, server: Server
) -> None:
    server.answer = lambda handler: reply(handler, {}, 429, Retry_After="1")
    with pytest.raises(UnavailableError) as caught:
        await api.get("/x")
    assert (caught.value.retry_after_seconds, caught.value.is_pause_kept) == (1.0, True)
    server.answer = lambda handler: reply(handler, {})
    before = time.monotonic()
    await api.get("/x")
    assert time.monotonic() - before >= 0.5


async def test_events_come_as_they_are_and_the_end_is_the_end(
    api: KubernetesApi, server: Server
) -> None:
    event = {"type": "ADDED", "object": {"metadata": {"name": "a"}}}
    server.answer = a_stream(json.dumps(event).encode() + b"\n", b"\n")
    assert await watched(api) == [None, event, None]
    assert "resourceVersion=5" in server.paths[0]
    assert "allowWatchBookmarks=true" in server.paths[0]


async def test_a_large_event_is_read_whole(api: KubernetesApi, server: Server) -> None:
    event = {"type": "ADDED", "object": {"metadata": {"name": "a"}, "data": "x" * 1_500_000}}
    server.answer = a_stream(json.dumps(event).encode() + b"\n")
    assert await watched(api) == [None, event]


async def test_an_event_cut_short_ends_the_stream(api: KubernetesApi, server: Server) -> None:
    server.answer = a_stream(b'{"type": "ADDED", "obj')
    with pytest.raises(UnavailableError, match="an event is cut short"):
        await watched(api)


async def test_a_silent_stream_is_given_up(api: KubernetesApi, server: Server) -> None:
    server.answer = a_stream(then_wait=server.ended)
    async with asyncio.timeout(20):
        with pytest.raises(UnavailableError, match="no answer in time"):
            await watched(api)


@pytest.mark.parametrize(
    ("code", "kind"), [(410, GoneError), (403, RefusedError), (500, UnavailableError)]
)
async def test_an_error_in_the_stream_is_raised_by_its_code(
    api: KubernetesApi, server: Server, code: int, kind: type[Exception]
) -> None:
    event = {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "why"}}
    server.answer = a_stream(json.dumps(event).encode() + b"\n")
    with pytest.raises(kind, match=r"GET /things: .* why"):
        await watched(api)


async def test_every_request_is_told_with_its_outcome(api: KubernetesApi, server: Server) -> None:
    seen: list[Exchange] = []
    api.subscribe(seen.append)
    await api.get("/x")
    server.answer = lambda handler: reply(handler, {"message": "no"}, 404)
    with pytest.raises(RefusedError):
        await api.delete("/x", seen={"metadata": {"uid": "u", "resourceVersion": "1"}})
    assert [(one.verb, one.outcome) for one in seen] == [("get", "ok"), ("delete", "404")]


async def test_a_kubeconfig_that_can_t_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    for text in ("", "[]", "clusters: []", "current-context: x\ncontexts: []\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidFileError, match=f"{path}: can't be used: "):
            await KubernetesApi.connect(path)
    with pytest.raises(InvalidFileError, match="can't be used"):
        await KubernetesApi.connect(tmp_path / "none")

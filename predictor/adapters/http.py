"""Serves outlooks over HTTP: JSON, server-sent events, health and metrics. Read-only."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from models.codec import encode_outlook
from models.forecast import WorkloadName
from predictor.adapters.connections import BoundedConnection, ConnectionLimits, say_seldom
from predictor.errors import ListenError
from predictor.ports import Outlooks
from predictor.sharding import ShardReport

HEARTBEAT_SECONDS = 10
#: A client that does not take an event within this is dropped.
SEND_SECONDS = 10.0
#: Streams are cut this long after a stop was asked for.
STOP_SECONDS = 1
#: Connections that are taken in one go. They count only some turns of the loop later, so that many
#: at once would pass any limit; the others wait in the system's queue.
TAKEN_AT_ONCE, QUEUED = 16, 128


def routes(
    outlooks: Outlooks,
    registry: CollectorRegistry,
    *,
    shard: Callable[[], ShardReport] | None = None,
) -> list[Route]:
    """Return the routes, to be mounted alone or beside others; ``shard`` of one of several."""
    handlers = _Handlers(outlooks, registry, shard)
    own = [] if shard is None else [Route("/v1/shard", handlers.of_shard)]
    return [
        *own,
        Route("/v1/forecasts", handlers.list_all),
        Route("/v1/forecasts/{workload:path}", handlers.one),
        Route("/v1/stream", handlers.stream),
        Route("/healthz", handlers.health),
        Route("/readyz", handlers.ready),
        Route("/metrics", handlers.metrics),
    ]


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    on_listening: Callable[[int], None] | None = None,
    limits: ConnectionLimits | None = None,
) -> None:
    """Serve until cancelled, then end cleanly. Port 0 takes a free one: ``on_listening`` has it.

    Raises:
        ListenError: if the address can't be listened on.
    """
    listener = _listen(host, port)
    limits = limits or ConnectionLimits.of_process()
    config = uvicorn.Config(
        app,
        # Whatever makes a connection will do.
        http=functools.partial(BoundedConnection, limits=limits),  # type: ignore[arg-type]
        backlog=TAKEN_AT_ONCE,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    if on_listening is not None:
        on_listening(listener.getsockname()[1])
    undo = say_seldom(asyncio.get_running_loop(), limits.log)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()
        undo()


class _Server(uvicorn.Server):
    """A server that leaves signals to the process's own shell."""

    capture_signals = contextlib.nullcontext  # type: ignore[assignment]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as ever, but let more wait than are taken at once: for uvicorn they are one."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"can't listen on {host}:{port}: {reason.lower()}") from error


class _Handlers:
    """The routes' endpoints; each answers from memory."""

    def __init__(
        self,
        outlooks: Outlooks,
        registry: CollectorRegistry,
        shard: Callable[[], ShardReport] | None,
    ) -> None:
        self._outlooks = outlooks
        self._registry = registry
        self._shard = shard

    async def list_all(self, _: Request) -> Response:
        found = [self._outlooks.latest(name) for name in sorted(self._outlooks.workloads())]
        return JSONResponse(
            {"forecasts": [encode_outlook(outlook) for outlook in found if outlook]}
        )

    async def one(self, request: Request) -> Response:
        workload = WorkloadName(request.path_params["workload"])
        if workload not in self._outlooks.workloads():
            return _problem(404, f"workload: {workload!r} is not forecast here")
        outlook = self._outlooks.latest(workload)
        if outlook is None:
            return _problem(503, f"workload: {workload!r} has no outlook yet")
        return JSONResponse(encode_outlook(outlook))

    async def stream(self, request: Request) -> Response:
        name = request.query_params.get("workload")
        workload = WorkloadName(name) if name else None
        if workload is not None and workload not in self._outlooks.workloads():
            return _problem(404, f"workload: {workload!r} is not forecast here")
        return EventSourceResponse(
            _events(self._outlooks, workload), ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS
        )

    async def health(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def of_shard(self, _: Request) -> Response:
        assert self._shard is not None
        return JSONResponse(asdict(self._shard()))

    async def ready(self, _: Request) -> Response:
        report = self._shard() if self._shard is not None else None
        if report is not None and (why := report.why_unready()):
            return PlainTextResponse(f"{why}\n", status_code=503)
        lacking = [name for name in self._outlooks.workloads() if not self._is_ready(name)]
        if lacking:
            names = ", ".join(sorted(lacking)[:10])
            return PlainTextResponse(f"no demand or forecast yet: {names}\n", status_code=503)
        return PlainTextResponse("ready\n" if report is None else f"ready: {report.summary()}\n")

    async def metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"Content-Type": content_type})

    def _is_ready(self, workload: WorkloadName) -> bool:
        outlook = self._outlooks.latest(workload)
        return outlook is not None and bool(outlook.forecast or outlook.reading)


async def _events(
    outlooks: Outlooks, workload: WorkloadName | None
) -> AsyncIterator[ServerSentEvent]:
    async for publication in outlooks.subscribe(workload):
        data = json.dumps(encode_outlook(publication.outlook), allow_nan=False)
        yield ServerSentEvent(data, event="outlook", id=str(publication.number))


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"error": detail}, status_code=status)

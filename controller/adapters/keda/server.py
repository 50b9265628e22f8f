"""The gRPC server of KEDA's external scaler: address, TLS, keepalive, health, a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from controller.adapters.keda.answers import Known
from controller.adapters.keda.credentials import TlsFiles, server_credentials
from controller.adapters.keda.pulse import Pulse
from controller.adapters.keda.service import SERVICE_NAME, ExternalScaler
from controller.adapters.keda.watchdog import watched_loop
from controller.errors import ControllerError
from controller.plan import Plan
from controller.policy import WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)

#: A connection is ended after this long, so that KEDA looks for replicas that have come since: it
#: looks for them only when it loses one. Calls and streams under way have as long again to end.
CONNECTION_SECONDS = 300.0
_OPTIONS = (
    # Two processes on one address would each get half of KEDA's connections, unnoticed.
    ("grpc.so_reuseport", 0),
    # KEDA sends no keepalive of its own: a peer that has gone is noticed from here.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # What KEDA sends is a name and a trigger's metadata.
    ("grpc.max_receive_message_length", 64 * 1024),
)


class ScalerListenError(ControllerError):
    """The scaler's address or certificates can't be had; the command line says so and ends."""


class PlanSource(Protocol):
    """Who knows the plans and tells of each tick; the reconciler does, whether it acts or not."""

    @property
    def plans(self) -> Mapping[WorkloadName, Plan]:
        """The newest plans."""
        ...

    def subscribe(self, receive: Callable[[TickReport], None]) -> Callable[[], None]:
        """Have every report handed over; calling what is returned ends that."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerSettings:
    """Where to listen and how; without ``tls`` anybody who reaches the address is answered.

    A plan older than ``stale_after_seconds`` is refused: give it a few ticks. Calls that are under
    way get ``grace_seconds`` at the end. A loop stuck for ``stuck_after_seconds`` ends the process.
    Connections live for about ``connection_seconds``, streams for less.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: TlsFiles | None = None
    stale_after_seconds: float = 30.0
    grace_seconds: float = 2.0
    stuck_after_seconds: float = 20.0
    connection_seconds: float = CONNECTION_SECONDS


async def serve_scaler(
    source: PlanSource,
    policies: Callable[[], Mapping[WorkloadName, WorkloadPolicy]],
    settings: ScalerSettings,
    clock: Callable[[], float],
    *,
    on_listening: Callable[[int], None] | None = None,
) -> None:
    """Serve until cancelled; then streams end well, and calls under way are finished.

    ``policies`` returns those in force. Port 0 takes a free one: ``on_listening`` has it.

    Raises:
        ScalerListenError: if the address or a certificate can't be had.
    """
    pulse = Pulse()

    def known() -> Known:
        return Known(
            plans=source.plans,
            policies=policies(),
            now=clock(),
            stale_after_seconds=settings.stale_after_seconds,
        )

    server, healths = _server(known, pulse, settings)
    port = _bind(server, settings)
    await server.start()
    unsubscribe = source.subscribe(lambda _report: pulse.beat())
    try:
        async with watched_loop(settings.stuck_after_seconds):
            for name in ("", SERVICE_NAME):
                await healths.set(name, health_pb2.HealthCheckResponse.SERVING)
            _log.info("KEDA's scaler on %s:%d", settings.host, port)
            if on_listening is not None:
                on_listening(port)
            await asyncio.Event().wait()
    finally:
        unsubscribe()
        pulse.end()
        await healths.enter_graceful_shutdown()
        await server.stop(settings.grace_seconds)


def _server(
    known: Callable[[], Known], pulse: Pulse, settings: ScalerSettings
) -> tuple[grpc.aio.Server, Any]:
    """Return a server of the scaler, health and reflection, and what says how healthy it is."""
    server = grpc.aio.server(options=(*_OPTIONS, *_age_options(settings.connection_seconds)))
    # KEDA waits longer and longer before it opens a stream that did not end well.
    scaler = ExternalScaler(known, pulse, stream_seconds=0.8 * settings.connection_seconds)
    server.add_generic_rpc_handlers((scaler.handler(),))
    healths = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs lack it
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return server, healths


def _age_options(seconds: float) -> tuple[tuple[str, int], ...]:
    milliseconds = round(seconds * 1e3)
    return (
        ("grpc.max_connection_age_ms", milliseconds),
        ("grpc.max_connection_age_grace_ms", milliseconds),
    )


def _bind(server: grpc.aio.Server, settings: ScalerSettings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.port}"
    try:
        if settings.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(settings.tls))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ScalerListenError(f"can't read {error.filename}: {why}") from error
    except (RuntimeError, ValueError) as error:
        raise ScalerListenError(f"can't listen on {address}: {error}") from error

"""A client that calls an external scaler in the order in which KEDA 2.21 does.

On creation the metric is asked for twice, then both streams are opened; each poll asks for the
metric's spec, its value and whether it is active. After an error both streams are closed, and
opened again by the first poll that goes well. A value is read as KEDA reads it: the float if it
is above zero, otherwise the integer.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from controller.adapters.keda import externalscaler_pb2 as wire

SERVICE = "/externalscaler.ExternalScaler"
CALL_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one poll brought: the replicas asked for, and whether any shall exist."""

    replicas: float
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A ScaledObject and its trigger's metadata."""

    name: str = "chat"
    namespace: str = "inference"
    metadata: dict[str, str] = field(default_factory=lambda: {"policy": "chat"})

    def ref(self) -> wire.ScaledObjectRef:
        """Return it as it is sent."""
        return wire.ScaledObjectRef(
            name=self.name, namespace=self.namespace, scalerMetadata=self.metadata
        )


class KedaClient:
    """One trigger of type external-push. Use it in a ``with`` block, then call ``create``."""

    def __init__(self, channel: grpc.aio.Channel, trigger: Trigger | None = None) -> None:
        """Call over ``channel``, which is closed at the end."""
        self._channel = channel
        self._ref = (trigger or Trigger()).ref()
        self._streams: list[asyncio.Task[None]] = []
        self.pushes: asyncio.Queue[bool] = asyncio.Queue()
        self.specs: asyncio.Queue[wire.GetMetricSpecResponse] = asyncio.Queue()
        #: How each stream ended, in order.
        self.ends: list[grpc.StatusCode] = []
        self.streams_opened = 0

    async def __aenter__(self) -> KedaClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close_streams()
        await self._channel.close(None)

    async def create(self) -> Poll:
        """Do what KEDA does for a new ScaledObject."""
        await self.spec()
        await self.spec()
        self.open_streams()
        return await self.poll()

    async def poll(self) -> Poll:
        """Ask as each poll and each of the HPA's requests does; an error closes the streams."""
        try:
            spec = await self.spec()
            value = await self.value(spec.metricName)
            active = await self.is_active()
        except grpc.aio.AioRpcError:
            await self.close_streams()
            # KEDA makes the scaler anew and tries once more.
            await self.spec()
            await self.spec()
            raise
        if not self._streams:
            self.open_streams()
        return Poll(replicas=value, is_active=active)

    async def spec(self) -> wire.MetricSpec:
        """Return the metric, of which there must be one with a target of one."""
        answer = await self._unary("GetMetricSpec", self._ref, wire.GetMetricSpecResponse)
        [spec] = answer.metricSpecs
        assert isinstance(spec, wire.MetricSpec)
        assert (spec.targetSize, spec.targetSizeFloat) == (1, 1.0)
        return spec

    async def value(self, metric: str) -> float:
        """Return the metric's value."""
        request = wire.GetMetricsRequest(scaledObjectRef=self._ref, metricName=metric)
        answer = await self._unary("GetMetrics", request, wire.GetMetricsResponse)
        [value] = answer.metricValues
        assert value.metricName == metric
        as_float, as_integer = float(value.metricValueFloat), int(value.metricValue)
        return as_float if as_float > 0 else as_integer

    async def is_active(self) -> bool:
        """Return whether the trigger is active."""
        answer = await self._unary("IsActive", self._ref, wire.IsActiveResponse)
        return bool(answer.result)

    def open_streams(self) -> None:
        """Open both streams, whose messages go into ``pushes`` and ``specs``."""
        self.streams_opened += 1
        self._streams = [
            asyncio.create_task(self._follow("StreamIsActive", wire.IsActiveResponse)),
            asyncio.create_task(self._follow("StreamMetricSpec", wire.GetMetricSpecResponse)),
        ]

    async def close_streams(self) -> None:
        """Cancel both streams."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def ended(self) -> None:
        """Wait until the server has ended both streams."""
        await asyncio.wait_for(asyncio.gather(*self._streams), CALL_SECONDS)

    async def _unary(self, method: str, request: Any, answer: Any) -> Any:
        call = self._channel.unary_unary(
            f"{SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return await call(request, timeout=CALL_SECONDS)

    async def _follow(self, method: str, answer: Any) -> None:
        call = self._channel.unary_stream(
            f"{SERVICE}/{method}",
            request_serializer=wire.ScaledObjectRef.SerializeToString,
            response_deserializer=answer.FromString,
        )(self._ref)
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for message in call:
                if isinstance(message, wire.IsActiveResponse):
                    self.pushes.put_nowait(message.result)
                else:
                    self.specs.put_nowait(message)
        self.ends.append(await call.code())


def tls_channel(
    port: int, folder: Path, *, ca: str = "ca.crt", client: str | None = "keda"
) -> grpc.aio.Channel:
    """Return a channel to 127.0.0.1 that trusts ``ca`` and shows the certificate of ``client``."""
    pair: tuple[bytes | None, bytes | None] = (None, None)
    if client is not None:
        pair = ((folder / f"{client}.key").read_bytes(), (folder / f"{client}.crt").read_bytes())
    credentials = grpc.ssl_channel_credentials((folder / ca).read_bytes(), *pair)
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials)

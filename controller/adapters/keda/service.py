"""The five calls of KEDA's external scaler, answered from the newest plans in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import grpc

from controller.adapters.keda import answers
from controller.adapters.keda import externalscaler_pb2 as wire
from controller.adapters.keda.pulse import Pulse

SERVICE_NAME: str = wire.DESCRIPTOR.services_by_name["ExternalScaler"].full_name

_STATUS = {
    answers.Refusal.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    answers.Refusal.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    answers.Refusal.FORBIDDEN: grpc.StatusCode.FAILED_PRECONDITION,
    answers.Refusal.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}

_Context: TypeAlias = "grpc.aio.ServicerContext[object, object]"


class ExternalScaler:
    """Answers KEDA with what ``known`` says at each call; ``pulse`` beats when that changes."""

    def __init__(
        self, known: Callable[[], answers.Known], pulse: Pulse, *, stream_seconds: float
    ) -> None:
        """Serve what ``known`` returns; it must not wait for anything.

        A stream ends well after ``stream_seconds``, to be opened again.
        """
        self._known = known
        self._pulse = pulse
        self._stream_seconds = stream_seconds

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """Return what a gRPC server is to be given."""
        ref, asked = wire.ScaledObjectRef.FromString, wire.GetMetricsRequest.FromString
        spec = wire.GetMetricSpecResponse.SerializeToString
        active = wire.IsActiveResponse.SerializeToString
        one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        values = wire.GetMetricsResponse.SerializeToString
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "IsActive": one(self.is_active, ref, active),
                "StreamIsActive": many(self.stream_is_active, ref, active),
                "GetMetricSpec": one(self.get_metric_spec, ref, spec),
                "GetMetrics": one(self.get_metrics, asked, values),
                "StreamMetricSpec": many(self.stream_metric_spec, ref, spec),
            },
        )

    async def get_metric_spec(
        self, _request: wire.ScaledObjectRef, _context: _Context
    ) -> wire.GetMetricSpecResponse:
        """Return the one metric there is; the same for whoever asks, at any time."""
        return _metric_spec()

    async def get_metrics(
        self, request: wire.GetMetricsRequest, context: _Context
    ) -> wire.GetMetricsResponse:
        """Return how many replicas there shall be, or end the call with the reason."""
        trigger = _trigger(request.scaledObjectRef)
        answer = answers.measured(trigger, request.metricName, self._known())
        if isinstance(answer, answers.Refused):
            await context.abort(_STATUS[answer.refusal], answer.why)
        # KEDA before 2.17 reads the integer alone; later ones too where the other is zero.
        value = wire.MetricValue(
            metricName=answers.METRIC_NAME, metricValue=answer, metricValueFloat=float(answer)
        )
        return wire.GetMetricsResponse(metricValues=[value])

    async def is_active(
        self, request: wire.ScaledObjectRef, _context: _Context
    ) -> wire.IsActiveResponse:
        """Say whether a replica shall exist; not while nobody knows, when GetMetrics refuses."""
        active = answers.is_active(_trigger(request), self._known())
        return wire.IsActiveResponse(result=bool(active))

    async def stream_is_active(
        self, request: wire.ScaledObjectRef, _context: _Context
    ) -> AsyncIterator[wire.IsActiveResponse]:
        """Say what is known at once, then each change; end well when the server stops.

        Nothing is said while nobody knows: a KEDA before 2.18 goes to zero upon a false.
        """
        trigger = _trigger(request)
        said: bool | None = None
        said_at = 0.0
        end = self._known().now + self._stream_seconds
        while not self._has_ended(end):
            known = self._known()
            active = answers.is_active(trigger, known)
            is_due = known.now - said_at >= answers.REPEAT_SECONDS
            is_news = active is not None and active != said
            if is_news or (is_due and answers.wants_repeat(trigger, known)):
                said, said_at = active, known.now
                # Waits for a slow reader; what changes meanwhile is read again after it.
                yield wire.IsActiveResponse(result=bool(active))
            else:
                await self._pulse.wait(min(answers.REPEAT_SECONDS, end - known.now))

    async def stream_metric_spec(
        self, _request: wire.ScaledObjectRef, _context: _Context
    ) -> AsyncIterator[wire.GetMetricSpecResponse]:
        """Say the metric at once; it never changes, so only the end comes after it."""
        end = self._known().now + self._stream_seconds
        yield _metric_spec()
        while not self._has_ended(end):
            await self._pulse.wait(answers.REPEAT_SECONDS)

    def _has_ended(self, end: float) -> bool:
        return self._pulse.has_ended or self._known().now >= end


def _metric_spec() -> wire.GetMetricSpecResponse:
    spec = wire.MetricSpec(
        metricName=answers.METRIC_NAME,
        targetSize=answers.TARGET_SIZE,
        targetSizeFloat=float(answers.TARGET_SIZE),
    )
    return wire.GetMetricSpecResponse(metricSpecs=[spec])


def _trigger(ref: wire.ScaledObjectRef) -> answers.Trigger:
    return answers.trigger_of(ref.scalerMetadata, ref.namespace)

"""What one replica of the scaler answers, asked past KEDA, as KEDA would ask."""

from __future__ import annotations

from pathlib import Path

import grpc

from controller.adapters.keda import externalscaler_pb2 as wire
from tests.integration.kubernetes.keda.scaled import NAME, NAMESPACE

CALL_SECONDS = 20.0


def replicas_asked_of(host: str, port: int, certificates: Path) -> int | None:
    """Return how many replicas the scaler asks for, None while it says that it does not know."""
    credentials = grpc.ssl_channel_credentials(
        (certificates / "ca.crt").read_bytes(),
        (certificates / "keda.key").read_bytes(),
        (certificates / "keda.crt").read_bytes(),
    )
    ref = wire.ScaledObjectRef(name=NAME, namespace=NAMESPACE, scalerMetadata={"policy": NAME})
    with grpc.secure_channel(f"{host}:{port}", credentials) as channel:
        ask = channel.unary_unary(
            "/externalscaler.ExternalScaler/GetMetrics",
            request_serializer=wire.GetMetricsRequest.SerializeToString,
            response_deserializer=wire.GetMetricsResponse.FromString,
        )
        request = wire.GetMetricsRequest(scaledObjectRef=ref, metricName="headstart-target")
        try:
            [value] = ask(request, timeout=CALL_SECONDS, wait_for_ready=True).metricValues
        except grpc.RpcError:
            return None
        return int(value.metricValue)

"""KEDA's scaler with 500 push streams open and every plan changing each second.

Run it with `python benchmarks/keda_scaler.py`; `--seconds 28800` watches its memory for a working
day. The server is a process of its own; one connection carries everything, as KEDA's does. Each
second every workload's target goes from 0 to 1 or back, so that every stream is pushed to; the
number of pushes read says whether they came. Latencies are the client's, its own time included; how
late the client itself woke up from its pauses says how busy the machine was with other things.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import grpc
import numpy as np

from controller.adapters.keda import externalscaler_pb2 as wire
from controller.adapters.keda.server import ScalerSettings, serve_scaler
from controller.plan import Plan, Reason
from controller.policy import Actuator, Mode, WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName

_WORKLOADS = 500
_SERVICE = "/externalscaler.ExternalScaler"
_CALLS_PER_SECOND = 200
_REPORTS = 10
_REOPEN_SECONDS = 2.0


class ChangingPlans:
    """Plans of all workloads that change each second."""

    def __init__(self) -> None:
        names = [WorkloadName(f"bench/chat-{number:03d}") for number in range(_WORKLOADS)]
        self.policies: Mapping[WorkloadName, WorkloadPolicy] = {
            name: WorkloadPolicy(
                workload=name, demand_per_replica=1.0, mode=Mode.ACT, actuator=Actuator.KEDA
            )
            for name in names
        }
        self.plans: Mapping[WorkloadName, Plan] = MappingProxyType({})
        self._receivers: list[Callable[[TickReport], None]] = []

    def subscribe(self, receive: Callable[[TickReport], None]) -> Callable[[], None]:
        self._receivers.append(receive)
        return lambda: self._receivers.remove(receive)

    async def run_forever(self) -> None:
        tick = 0
        while True:
            tick += 1
            plan = _plan(tick % 2)
            self.plans = MappingProxyType(
                {name: plan._replace(workload=name) for name in self.policies}
            )
            for receive in self._receivers:
                receive(TickReport(now=plan.at, fleet=None))
            await asyncio.sleep(1.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve())
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            asyncio.run(_measure(port, server.pid, options.seconds))
        finally:
            server.terminate()


async def _serve() -> None:
    plans = ChangingPlans()

    def say(port: int) -> None:
        print(port, flush=True)

    async with asyncio.TaskGroup() as group:
        group.create_task(plans.run_forever())
        group.create_task(
            serve_scaler(
                plans, lambda: plans.policies, ScalerSettings(), time.time, on_listening=say
            )
        )


async def _measure(port: int, server: int, seconds: float) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        pushes = [0]
        streams = [
            asyncio.create_task(_follow(channel, number, pushes)) for number in range(_WORKLOADS)
        ]
        await asyncio.sleep(2.0)
        for part in range(_REPORTS):
            pushes[0] = 0
            asked = await _ask(channel, seconds / _REPORTS)
            took, late = (np.asarray(column) * 1e3 for column in zip(*asked, strict=True))
            length = seconds / _REPORTS
            rate = pushes[0] / length
            print(
                f"{(part + 1) * length:6.0f} s: GetMetrics p50 {np.median(took):.2f} ms,"
                f" p99 {np.quantile(took, 0.99):.2f} ms of {len(took)};"
                f" woke up p99 {np.quantile(late, 0.99):.2f} ms late;"
                f" {rate:.0f} pushes/s; server {_resident_mebibytes(server):.1f} MiB"
            )
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def _follow(channel: grpc.aio.Channel, number: int, pushes: list[int]) -> None:
    follow = channel.unary_stream(
        f"{_SERVICE}/StreamIsActive",
        request_serializer=wire.ScaledObjectRef.SerializeToString,
        response_deserializer=wire.IsActiveResponse.FromString,
    )
    while True:
        async for _ in follow(_ref(number)):
            pushes[0] += 1
        # A stream ends after minutes, and KEDA opens the next one two seconds later.
        await asyncio.sleep(_REOPEN_SECONDS)


async def _ask(channel: grpc.aio.Channel, seconds: float) -> list[tuple[float, float]]:
    """Return how long each call took, and how late the pause after it ended."""
    ask = channel.unary_unary(
        f"{_SERVICE}/GetMetrics",
        request_serializer=wire.GetMetricsRequest.SerializeToString,
        response_deserializer=wire.GetMetricsResponse.FromString,
    )
    asked: list[tuple[float, float]] = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        await ask(wire.GetMetricsRequest(scaledObjectRef=_ref(len(asked) % _WORKLOADS)))
        answered = time.monotonic()
        pause = max(0.0, began + 1.0 / _CALLS_PER_SECOND - answered)
        await asyncio.sleep(pause)
        asked.append((answered - began, time.monotonic() - answered - pause))
    return asked


def _ref(number: int) -> wire.ScaledObjectRef:
    policy = {"policy": f"chat-{number:03d}"}
    return wire.ScaledObjectRef(name="chat", namespace="bench", scalerMetadata=policy)


def _plan(target: int) -> Plan:
    return Plan(
        workload=WorkloadName(""),
        at=time.time(),
        target=target,
        floor=target,
        reactive=0,
        ready=target,
        restoring=0,
        demand_per_second=1.0,
        lead_time_seconds=60.0,
        quantile_level=0.99,
        reason=Reason.FORECAST,
    )


def _resident_mebibytes(pid: int) -> float:
    lines = (Path("/proc") / str(pid) / "status").read_text(encoding="ascii").splitlines()
    [resident] = [line for line in lines if line.startswith("VmRSS:")]
    return int(resident.split()[1]) / 1024


if __name__ == "__main__":
    main()

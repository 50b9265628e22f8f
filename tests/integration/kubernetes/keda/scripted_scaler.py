"""KEDA's scaler as a process whose plans a test writes: the real server, without a loop behind it.

Run as a module with the file of targets, the folder of certificates, and where to listen.
SIGUSR1 gets its event loop stuck.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType, MappingProxyType

from controller.adapters.keda.credentials import TlsFiles
from controller.adapters.keda.server import ScalerSettings, serve_scaler
from controller.plan import Plan
from controller.policy import Actuator, WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName
from tests.builders import a_plan
from tests.unit.controller.builders import a_policy

TARGETS = "targets.json"
TICK_SECONDS = 0.1
STALE_SECONDS = 2.0
STUCK_SECONDS = 4.0


class ScriptedPlans:
    """Plans as the file says; a workload's target that is null is planned no more."""

    def __init__(self, file: Path) -> None:
        """Know nothing yet."""
        self._file = file
        self.plans: Mapping[WorkloadName, Plan] = MappingProxyType({})
        self.policies: dict[WorkloadName, WorkloadPolicy] = {}
        self._receivers: list[Callable[[TickReport], None]] = []

    def subscribe(self, receive: Callable[[TickReport], None]) -> Callable[[], None]:
        """Have every report handed over."""
        self._receivers.append(receive)
        return lambda: self._receivers.remove(receive)

    async def run_forever(self) -> None:
        """Tick until cancelled."""
        while True:
            self._tick(time.time())
            await asyncio.sleep(TICK_SECONDS)

    def _tick(self, now: float) -> None:
        targets = json.loads(self._file.read_text(encoding="ascii"))
        plans = dict(self.plans)
        for text, target in targets.items():
            name = WorkloadName(text)
            self.policies[name] = replace(a_policy(name), actuator=Actuator.KEDA)
            if target is not None:
                plans[name] = a_plan(workload=name, at=now, target=target)._replace(ready=0)
        self.plans = MappingProxyType(plans)
        for receive in self._receivers:
            receive(TickReport(now=now, fleet=None))


def _stand_still(_number: int, _frame: FrameType | None) -> None:
    time.sleep(3600)


async def _serve(targets: Path, certificates: Path, host: str, port: int) -> None:
    plans = ScriptedPlans(targets)
    tls = TlsFiles(
        certificate=certificates / "scaler.crt",
        key=certificates / "scaler.key",
        client_ca=certificates / "ca.crt",
    )
    settings = ScalerSettings(
        host=host,
        port=port,
        tls=tls,
        stale_after_seconds=STALE_SECONDS,
        stuck_after_seconds=STUCK_SECONDS,
    )

    async with asyncio.TaskGroup() as group:
        group.create_task(plans.run_forever())
        group.create_task(serve_scaler(plans, lambda: plans.policies, settings, time.time))


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _stand_still)
    targets, certificates, host, port = sys.argv[1:]
    asyncio.run(_serve(Path(targets), Path(certificates), host, int(port)))

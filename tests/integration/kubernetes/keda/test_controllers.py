"""Two real processes of `headstart up` answer KEDA, one of them leading; the shipped example."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started
from tests.integration.kubernetes.keda.asked import replicas_asked_of
from tests.integration.kubernetes.keda.conftest import REPLICAS
from tests.integration.kubernetes.keda.scaled import NAME, NAMESPACE, SCALER, Scaled
from tests.integration.kubernetes.loop_stand import Demand
from tests.integration.kubernetes.shipped import install_definition
from tests.parts.control_plane import ControlPlane
from tests.parts.name_server import NameServer
from tests.parts.ports import free_port
from tests.parts.service import HeadstartUp

#: From the policy to the event that its calendar has, and the longest lead time that it allows.
AHEAD_SECONDS = 60
LEAD_SECONDS = 20
PER_REPLICA = 10.0


class Controllers:
    """The two processes, and what each answers."""

    def __init__(self, processes: dict[str, HeadstartUp], port: int, certificates: Path) -> None:
        self.processes = processes
        self._port, self._certificates = port, certificates

    def asked(self) -> dict[str, int | None]:
        """Return what each that lives asks for, by its host."""
        return {
            host: replicas_asked_of(host, self._port, self._certificates)
            for host, process in self.processes.items()
            if process.is_alive
        }

    def leader(self) -> str:
        """Return the host of the one that leads; empty if none says so."""
        leads = (
            host
            for host, process in self.processes.items()
            if process.is_alive and process.metrics().get("headstart_leader") == 1.0
        )
        return next(leads, "")


@pytest.fixture
def demand() -> Iterator[Demand]:
    made = Demand()
    made.changes = [(0.0, 0.0)]
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def controllers(
    control_plane: ControlPlane, inference: str, demand: Demand, certificates: Path, port: int
) -> Iterator[Controllers]:
    install_definition(control_plane)
    with ExitStack() as stack:
        processes = {
            host: HeadstartUp(options(control_plane, demand, certificates, host, port), {})
            for host in REPLICAS
        }
        for process in processes.values():
            started(process, stack)
        yield Controllers(processes, port, certificates)
        control_plane.kubectl("delete", "prp", "--all", "-n", inference)


def options(
    plane: ControlPlane, demand: Demand, certificates: Path, host: str, port: int
) -> list[str]:
    return [
        "--kubernetes",
        f"--kubeconfig={plane.admin}",
        f"--namespace={NAMESPACE}",
        f"--identity={host}",
        f"--prometheus={demand.url}",
        "--tick-seconds=1",
        f"--keda-listen={host}:{port}",
        f"--keda-certificate={certificates / 'scaler.crt'}",
        f"--keda-key={certificates / 'scaler.key'}",
        f"--keda-client-ca={certificates / 'ca.crt'}",
    ]


def an_event(folder: Path, begin: datetime) -> Path:
    """Lay down a calendar with one event of an hour."""
    stamp = begin.strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:tests", "BEGIN:VEVENT", "UID:launch",
        f"DTSTAMP:{stamp}", f"DTSTART:{stamp}", "DURATION:PT1H", "SUMMARY:launch",
        "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    file = folder / "events.ics"
    file.write_text("\r\n".join(lines) + "\r\n", encoding="ascii")
    return file


def a_policy(calendar: Path) -> dict[str, Any]:
    launch = {"name": "launch", "ical": str(calendar), "floorPerSecond": 3.5 * PER_REPLICA}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "mode": "Act",
            "demand": {
                "prometheus": {"query": "d", "stepSeconds": 5, "historyDays": 0.01},
                "calendar": [launch],
            },
            "capacity": {"demandPerReplica": PER_REPLICA},
            "target": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
            },
            "actuator": "Keda",
            "restore": {"driver": "Scale", "timeoutSeconds": LEAD_SECONDS},
            "limits": {"minReplicas": 0, "maxReplicas": 24},
            "scaleDown": {"holdSeconds": 5, "drainSeconds": 1},
        },
    }


@pytest.mark.timeout(600)
def test_two_controllers_scale_ahead_of_demand_agree_and_one_may_die(
    chat: Scaled,
    controllers: Controllers,
    demand: Demand,
    name_server: NameServer,
    port: int,
    tmp_path: Path,
) -> None:
    begins_at = float(int(time.time()) + AHEAD_SECONDS)
    calendar = an_event(tmp_path, datetime.fromtimestamp(begins_at, UTC))
    chat.plane.apply(a_policy(calendar))
    chat.scale_by("push", f"dns://127.0.0.1:{name_server.port}/{SCALER}:{port}")
    chat.plane.until(lambda: set(controllers.asked().values()) == {0}, "both ask for none yet")
    chat.becomes("Ready", "True/ScaledObjectReady")
    assert chat.replicas() == 0
    chat.reaches(4)
    assert time.time() < begins_at, "it was scaled only once the event had begun"
    assert time.time() > begins_at - 2 * LEAD_SECONDS
    demand.turn_to(6.5 * PER_REPLICA)
    all_reach(chat, controllers, at_least=6, at_most=14)
    controllers.processes[controllers.leader()].kill()
    demand.turn_to(15.5 * PER_REPLICA)
    all_reach(chat, controllers, at_least=15, at_most=24)


def all_reach(chat: Scaled, controllers: Controllers, *, at_least: int, at_most: int) -> None:
    """Wait until every controller asks for the same number, and the Deployment has it."""

    def agree() -> bool:
        asked = set(controllers.asked().values())
        return asked == {chat.replicas()} and at_least <= chat.replicas() <= at_most

    what = f"all ask for {at_least} to {at_most}, and there are so many"
    chat.plane.until(agree, what, within_seconds=180.0)

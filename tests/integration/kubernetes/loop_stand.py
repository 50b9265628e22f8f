"""What tests of the whole loop share: a demand to turn, policies, and controllers as processes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import requests

from tests.integration.kubernetes.shipped import NAMESPACE
from tests.parts.control_plane import ControlPlane
from tests.parts.loopback_server import LoopbackServer
from tests.parts.service import HeadstartUp

POOL = "headstart.dev/pool"
#: A third of the usual, so that hand-overs are worth waiting for.
LEASE_SECONDS = 5.0
#: Runs the program by a clock that is wrong; nothing else of it is changed.
_BY_A_WRONG_CLOCK = """
import sys, time
right, ahead = time.time, float(sys.argv.pop(1))
time.time = lambda: right() + ahead
from headstart.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
_CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:launch
DTSTAMP:20260101T000000Z
DTSTART:{start}
DTEND:{end}
END:VEVENT
END:VCALENDAR
"""


class Demand:
    """A Prometheus that answers every range with the demand that it is told, per second.

    Its address with ``/calendar`` is an iCalendar with one event, ``event``: from, to.
    """

    def __init__(self) -> None:
        self.changes: list[tuple[float, float]] = [(0.0, 5.0)]
        self.event = (0.0, 1.0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
                count = int((end - start) / step + 1e-6) + 1
                times = [start + number * step for number in range(count)]
                values = [[at, str(outer.at(at))] for at in times]
                data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}
                self._say(json.dumps({"status": "success", "data": data}))

            def do_GET(self) -> None:
                start, end = map(_calendar_time, outer.event)
                self._say(_CALENDAR.format(start=start, end=end).replace("\n", "\r\n"))

            def _say(self, text: str) -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = LoopbackServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def at(self, when: float) -> float:
        return [rate for since, rate in self.changes if since <= when][-1]

    def turn_to(self, per_second: float) -> None:
        self.changes.append((time.time(), per_second))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Controller(HeadstartUp):
    """One `headstart up` on the cluster; ``clock_ahead`` is by how much its clock is wrong."""

    def __init__(
        self,
        config: Path,
        demand: Demand,
        name: str,
        *,
        lease_in: str = NAMESPACE,
        clock_ahead: float = 0.0,
        options: Sequence[str] = (),
    ) -> None:
        words = ["--kubernetes", "--kubeconfig", str(config), "--namespace", lease_in]
        words += ["--identity", name, "--prometheus", demand.url]
        words += ["--tick-seconds", "1", "--lease-seconds", f"{LEASE_SECONDS}", *options]
        super().__init__(words, {})
        self.name = f"headstart up {name}"
        self._clock_ahead = clock_ahead

    def command(self) -> list[str]:
        """Run it as its user does, but for the clock."""
        _, _, _, *arguments = super().command()
        if not self._clock_ahead:
            return super().command()
        return [sys.executable, "-c", _BY_A_WRONG_CLOCK, f"{self._clock_ahead}", *arguments]

    @property
    def leads(self) -> bool:
        """Whether it may act now; one that does not answer may not."""
        try:
            return self.metrics().get("headstart_leader") == 1.0
        except requests.RequestException:
            return False


def a_policy(
    namespace: str,
    *,
    notes: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a policy in Act for 10 demand per replica; ``notes`` are annotations of its pods.

    A restore takes some 2 s, a cold start some 20 s, unless they say otherwise.
    """
    told = {"lab/restore-seconds": "2", "lab/cold-seconds": "20", **(notes or {})}
    containers = [{"name": "worker", "image": "none"}]
    template = {
        "metadata": {"annotations": told},
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 1},
    }
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {
            "mode": "Act",
            "demand": {"prometheus": {"query": "d", "stepSeconds": 5, "historyDays": 0.01}},
            "capacity": {"demandPerReplica": 10},
            "target": {"podTemplate": template, "podSnapshotName": "chat-warm"},
            "restore": {"driver": "NvidiaSnapshot", "sizeGiB": 1, "timeoutSeconds": 60},
            "standby": {"nodeSelector": {POOL: namespace}},
            "limits": {"minReplicas": 1, "maxReplicas": 4},
            "scaleDown": {"holdSeconds": 2, "drainSeconds": 1},
            **(spec or {}),
        },
    }


def _calendar_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"


def pods_of(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    """Return Headstart's pods that nobody has deleted."""
    found: list[dict[str, Any]] = plane.get("pods", "-n", namespace, "-l", "headstart.dev/policy")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Say whether a pod takes traffic."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def ready_pods(plane: ControlPlane, namespace: str) -> int:
    """Return how many pods take traffic."""
    return sum(map(is_ready, pods_of(plane, namespace)))


def nodes_of(plane: ControlPlane, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return nodes by name."""
    found = {node["metadata"]["name"]: node for node in plane.get("nodes")}
    return {name: found[name] for name in names}


def states(plane: ControlPlane, names: list[str]) -> list[str]:
    """Return what Headstart calls the nodes, in order."""
    labels = (node["metadata"]["labels"] for node in nodes_of(plane, names).values())
    return sorted(found.get("headstart.dev/state", "") for found in labels)


def claims(plane: ControlPlane, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the claims that stand on nodes, by node."""
    notes = {
        name: node["metadata"].get("annotations", {})
        for name, node in nodes_of(plane, names).items()
    }
    return {name: json.loads(note.get("headstart.dev/claim", "[]")) for name, note in notes.items()}


def told(plane: ControlPlane, namespace: str) -> set[str]:
    """Return the reasons of all events of a namespace."""
    return {event["reason"] for event in plane.get("events", "-n", namespace)}

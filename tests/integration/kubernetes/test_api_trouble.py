"""The whole loop while the API server is away, forgets, is too busy, or has other writers."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import started
from tests.integration.kubernetes.loop_stand import (
    Controller,
    Demand,
    a_policy,
    pods_of,
    ready_pods,
    states,
)
from tests.integration.kubernetes.pool_watch import PoolWatch
from tests.integration.kubernetes.shipped import Caller
from tests.parts.api_proxy import ApiProxy
from tests.parts.cluster_files import write_kubeconfig
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.trial

#: How long the API server is away; `make soak` has it away for half a minute.
AWAY_SECONDS = float(os.environ.get("HEADSTART_AWAY_SECONDS", "3"))
MINUTES_OFF_SECONDS = 300.0
WITHIN_SECONDS = 120.0


def test_restores_outlive_an_api_server_that_dies_and_forgets_its_history(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    demand.turn_to(35.0)
    plane.apply(a_policy(namespace, notes={"lab/restore-seconds": "6"}))
    with ExitStack() as stack:
        watch = stack.enter_context(PoolWatch(plane, namespace, most=4))
        controller = started(Controller(account, demand, "only"), stack)
        plane.until(lambda: len(pods_of(plane, namespace)) == 4, "four restores run")
        before = {pod["metadata"]["uid"] for pod in pods_of(plane, namespace)}
        plane.kill_api_server()
        try:
            plane.forget_old_revisions()
            plane.until(
                lambda: controller.metrics().get("headstart_leader") == 0.0,
                "it stops acting",
            )
            time.sleep(AWAY_SECONDS)
        finally:
            plane.start_api_server()
        plane.until(
            lambda: ready_pods(plane, namespace) == 4, "four serve", within_seconds=WITHIN_SECONDS
        )
        assert {pod["metadata"]["uid"] for pod in pods_of(plane, namespace)} == before
        plane.until(lambda: controller.leads, "it leads again")
        plane.until(lambda: states(plane, pool).count("serving") == 4, "four nodes serve")
        assert states(plane, pool).count("standby") == 2
        assert watch.objections == watch.doubled == []


def test_nothing_is_lost_or_doubled_with_a_busy_server_other_writers_and_a_wrong_clock(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    demand.turn_to(35.0)
    plane.apply(a_policy(namespace))
    with ExitStack() as stack:
        watch = stack.enter_context(PoolWatch(plane, namespace, most=4))
        proxy = stack.enter_context(ApiProxy(plane.url, plane.authority))
        config = write_kubeconfig(
            plane.folder, f"{namespace}-busy", server=proxy.url, token=token_of(account)
        )
        stack.enter_context(written_to_by_others(plane, namespace, pool))
        proxy.busy_share = 0.2
        late = Controller(config, demand, "late", clock_ahead=-MINUTES_OFF_SECONDS)
        controller = started(late, stack)
        plane.until(
            lambda: ready_pods(plane, namespace) == 4, "four serve", within_seconds=WITHIN_SECONDS
        )
        demand.turn_to(1.0)
        plane.until(
            lambda: len(pods_of(plane, namespace)) == 1,
            "all but one released",
            within_seconds=WITHIN_SECONDS,
        )
        seen = controller.metrics()
        assert abs(seen["headstart_server_clock_ahead_seconds"] - MINUTES_OFF_SECONDS) < 3.0
        assert any("headstart_api_requests_total 429" in name for name in seen)
        assert proxy.refused > 0
        assert watch.objections == watch.doubled == []
        # A wrong clock has not called any of them late.
        notes = [one["message"] for one in plane.get("events", "-n", namespace)]
        assert [note for note in notes if "not ready after" in note] == []


@contextmanager
def written_to_by_others(plane: ControlPlane, namespace: str, nodes: list[str]) -> Iterator[None]:
    """Have another client write to every node and pod, all the time."""
    admin, is_over = Caller(plane, plane.admin), threading.Event()

    def write() -> None:
        turn = 0
        while not is_over.wait(0.1):
            turn += 1
            body = {"metadata": {"annotations": {"lab/touched": str(turn)}}}
            pods = admin.call("GET", f"/api/v1/namespaces/{namespace}/pods").body["items"]
            for pod in pods:
                admin.merge(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", body)
            for node in nodes:
                admin.merge(f"/api/v1/nodes/{node}", body)

    thread = threading.Thread(target=write, name="other writer")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def token_of(config: Path) -> str:
    """Return the token of a kubeconfig file of ours."""
    [user] = json.loads(config.read_text(encoding="ascii"))["users"]
    return str(user["user"]["token"])

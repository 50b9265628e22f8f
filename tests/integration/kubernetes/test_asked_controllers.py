"""Two controllers on a real control plane, both asked as KEDA asks, and told of an alert."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
import requests

from tests.conftest import started
from tests.integration.controller.keda_client import KedaClient, Trigger
from tests.integration.kubernetes.loop_stand import Demand, a_policy
from tests.integration.kubernetes.shipped import install_definition
from tests.parts.control_plane import ControlPlane
from tests.parts.ports import free_port
from tests.parts.service import HeadstartUp

pytestmark = pytest.mark.trial

TOKEN = "s3cret"


class AskedController(HeadstartUp):
    """A controller that answers KEDA, and takes alerts that show the token."""

    def __init__(self, plane: ControlPlane, namespace: str, demand: Demand, name: str) -> None:
        self.keda_port = free_port()
        options = {
            "kubeconfig": str(plane.admin),
            "namespace": namespace,
            "identity": name,
            "prometheus": demand.url,
            "tick-seconds": "1",
            "keda-listen": f"127.0.0.1:{self.keda_port}",
        }
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        super().__init__(["--kubernetes", *words], {})

    def environment(self) -> dict[str, str]:
        """Give it the token."""
        return {**super().environment(), "HEADSTART_ALERTS_TOKEN": TOKEN}

    def told(self, namespace: str) -> str:
        """Return what KEDA is told: a number, or why there is none."""
        try:
            return str(asyncio.run(_asked(self.keda_port, namespace)))
        except grpc.aio.AioRpcError as error:
            return error.details() or str(error.code())

    def plan(self, workload: str) -> dict[str, Any]:
        """Return the last plan, empty before the first."""
        answer = requests.get(f"{self.url}/v1/plans/{workload}", timeout=20)
        return dict(answer.json()) if answer.status_code == 200 else {}

    def alert(self, policy: str) -> int:
        """Have an alert fire; return the answer's status."""
        labels = {"headstart_policy": policy, "headstart_boost_replicas": "3"}
        body = {"alerts": [{"status": "firing", "labels": labels}]}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(f"{self.url}/v1/alerts", json=body, headers=headers, timeout=20)
        return answer.status_code


async def _asked(port: int, namespace: str) -> float:
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    async with KedaClient(channel, Trigger(namespace=namespace)) as keda:
        return (await keda.create()).replicas


def test_leader_and_standby_both_answer_keda_and_plan_for_alerts(
    control_plane: ControlPlane, namespace: str, demand: Demand
) -> None:
    plane, workload = control_plane, f"{namespace}/chat"
    install_definition(plane)
    plane.apply(a_policy(namespace, spec={"mode": "Recommend"}))
    with ExitStack() as stack:
        for name in ("first", "second"):
            one = started(AskedController(plane, namespace, demand, name), stack)
            see_it_answer(plane, one, namespace, workload)
    plane.kubectl("delete", "prp", "chat", "-n", namespace)


def see_it_answer(plane: ControlPlane, one: AskedController, namespace: str, workload: str) -> None:
    refused = f"{workload}: mode: Recommend changes no replicas: must be Act"
    plane.until(lambda: one.told(namespace) == refused, "KEDA is answered")
    plane.until(lambda: bool(one.plan(workload)), "there is a plan")
    assert one.alert(workload) == 200
    # One replica by demand, once that is known, and three more.
    plane.until(
        lambda: (plan := one.plan(workload))["reason"] == "boost" and plan["target"] == 4,
        "it is boosted",
    )

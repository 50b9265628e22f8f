"""An alert that one of several controllers on a real control plane hears."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.conftest import started
from tests.integration.kubernetes.loop_stand import Controller, Demand, a_policy
from tests.parts.control_plane import ControlPlane
from tests.parts.service import HeadstartUp

pytestmark = pytest.mark.trial


def test_an_alert_that_one_controller_hears_boosts_the_plans_of_all(
    control_plane: ControlPlane,
    account: Path,
    namespace: str,
    demand: Demand,
    tmp_path: Path,
) -> None:
    plane = control_plane
    plane.apply(a_policy(namespace, spec={"mode": "Recommend"}))
    token = tmp_path / "token"
    token.write_text("s3cret", encoding="utf-8")
    options = ("--alerts-token-file", str(token))
    labels = {"headstart_policy": f"{namespace}/chat", "headstart_boost_replicas": "2"}

    def tell(controller: HeadstartUp, status: str) -> None:
        alert = {"status": status, "labels": labels, "startsAt": "1"}
        answer = requests.post(
            f"{controller.url}/v1/alerts",
            json={"alerts": [alert]},
            headers={"Authorization": "Bearer s3cret"},
            timeout=30,
        )
        assert (answer.status_code, answer.json()["faults"]) == (200, [])

    def reasons(*controllers: HeadstartUp) -> set[str]:
        plans = [one.get(f"/v1/plans/{namespace}/chat") or {} for one in controllers]
        return {plan.get("reason", "none yet") for plan in plans}

    with ExitStack() as stack:
        one, other = (
            started(Controller(account, demand, name, options=options), stack)
            for name in ("one", "other")
        )
        plane.until(lambda: "none yet" not in reasons(one, other), "plans of both")
        tell(one, "firing")
        plane.until(lambda: reasons(one, other) == {"boost"}, "a boost in both plans")
        one.kill()
        one.start()
        plane.until(lambda: reasons(one) == {"boost"}, "the boost again after a crash")
        tell(other, "resolved")
        plane.until(lambda: "boost" not in reasons(one, other), "the boost's end in both")

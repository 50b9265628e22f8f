"""Scales read in turns and written: what is forgotten, and what a scale that says nothing does."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from controller.adapters.kubernetes.errors import NotFoundError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.scale_reads import READ_SECONDS, ScaleReads
from controller.errors import ActionRefusedError
from controller.policy import Actuator, Restore, WorkloadPolicy
from tests.unit.controller.kubernetes.cluster_objects import CHAT, NOW, a_policy_value
from tests.unit.controller.kubernetes.watched import HandClock

POLICY = a_policy_value(
    pods=None,
    actuator=Actuator.SCALE,
    scale_target=("Deployment", "chat"),
    restore=Restore(driver="Scale"),
)
PATH = "/apis/apps/v1/namespaces/team/deployments/chat/scale"


@dataclass
class Scales:
    """Has Deployments, and the scale of one, if any."""

    scale: Json | None = None
    written: list[Json] = field(default_factory=list)

    async def get(self, path: str) -> Json:
        if path == "/apis/apps/v1":
            return {"resources": [{"kind": "Deployment", "name": "deployments"}]}
        if path != PATH or self.scale is None:
            raise NotFoundError(f"{path}: 404", status=404)
        return self.scale

    async def patch(self, path: str, body: Json) -> Json:
        assert path == PATH
        assert self.scale is not None
        self.written.append(body)
        return {**self.scale, "spec": body["spec"]}


def a_scale(selector: str = "app=chat") -> Json:
    return {
        "metadata": {"resourceVersion": "7"},
        "spec": {"replicas": 2},
        "status": {"replicas": 2, "selector": selector},
    }


async def test_of_a_policy_that_went_nothing_is_kept_though_its_scale_never_was_read() -> None:
    api, clock, policies = Scales(), HandClock(NOW), [POLICY]
    reads = ScaleReads(api, lambda: policies, clock)
    assert reads._due() == [POLICY]
    assert await reads.read(POLICY) is None
    assert reads.troubles == {CHAT: f"{PATH}: 404"}
    assert reads._due() == []
    policies.clear()
    assert reads._due() == []
    assert (reads.troubles, reads._read_at) == ({}, {})
    policies.append(POLICY)
    assert reads._due() == [POLICY]
    await reads.read(POLICY)
    clock.now += READ_SECONDS
    assert reads._due() == [POLICY]


async def test_a_target_is_written_once_and_one_that_says_not_whose_its_pods_are_refused() -> None:
    api = Scales(scale=a_scale())
    policies: list[WorkloadPolicy] = [POLICY]
    reads = ScaleReads(api, lambda: policies, HandClock(NOW))
    assert await reads.write(POLICY, 5, api.patch)
    assert not await reads.write(POLICY, 2, api.patch)
    assert api.written == [{"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 5}}]
    api.scale = a_scale("")
    with pytest.raises(ActionRefusedError, match=r"^team/chat: its target's scale can't be used"):
        await reads.write(POLICY, 6, api.patch)
    assert len(api.written) == 1

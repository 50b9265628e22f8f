"""The cluster's adapter against an API server in memory: claims, gates, drains, marks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from controller.actions import Cancel, Park, Release
from controller.adapters.kubernetes.cluster import KubernetesCluster
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import DRAIN_UNTIL
from controller.cluster_view import Phase, ReplicaName
from controller.errors import ActionRefusedError, ClusterUnavailableError
from controller.policy import Mode, Standby, WorkloadPolicy
from models.forecast import WorkloadName
from tests.unit.controller.kubernetes.cluster_objects import (
    NOW,
    a_condition,
    a_foreign_pod,
    a_node_object,
    a_policy_value,
    a_start,
)
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.watched import HandClock

POD = "team/chat-restore-"
PLAIN = {"unschedulable": False}


@dataclass
class Leads:
    held: bool = True
    epoch: int = 7

    def is_held(self) -> bool:
        return self.held

    def write_seconds(self) -> float:
        if not self.held:
            raise ActionRefusedError("not the leader any more")
        return 5.0


@asynccontextmanager
async def running(
    server: FakeServer,
    *,
    clock: HandClock | None = None,
    leader: Leads | None = None,
    policies: tuple[WorkloadPolicy, ...] | None = None,
) -> AsyncIterator[KubernetesCluster]:
    known = (a_policy_value(),) if policies is None else policies
    cluster = KubernetesCluster(
        server,
        leader or Leads(),
        lambda: known,
        clock=clock or HandClock(NOW),
        luck=lambda: 0.0,
    )
    parts = [*(cache.run_forever() for cache in cluster.caches), cluster.run_forever()]
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*(cache.synced() for cache in cluster.caches))
        yield cluster
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(ask: Callable[[], object], what: str) -> None:
    for _ in range(500):
        if ask():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not in time: {what}")


async def looked(server: FakeServer, cluster: KubernetesCluster) -> None:
    """Have the housekeeping look once more, when it knows everything that is stored."""
    caches = {cache.path.rpartition("/")[2]: cache for cache in cluster.caches}

    def is_known() -> bool:
        return all(dict(caches[kind].objects) == server.all(kind) for kind in ("nodes", "pods"))

    await until(is_known, "everything is known")
    await cluster._housekeeping.look_after_pods()
    await cluster._housekeeping.mark_nodes()


def only_pod(server: FakeServer) -> Json:
    [pod] = server.all("pods").values()
    return pod


def say(server: FakeServer, pod: Json, *conditions: tuple[str, str, str]) -> None:
    """Let kubelet and agent say something of a pod."""
    fresh = server.all("pods")[f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"]
    status = fresh.setdefault("status", {"phase": "Running"})
    status.setdefault("conditions", []).extend(map(a_condition, conditions))
    fresh["spec"]["nodeName"] = "n1"
    server.put("pods", fresh)


def gate(server: FakeServer) -> str:
    found = only_pod(server).get("status", {}).get("conditions", [])
    return next((one["status"] for one in found if one["type"] == "headstart.dev/serving"), "")


async def serving(server: FakeServer, cluster: KubernetesCluster) -> None:
    await cluster.act(a_start())
    restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
    say(server, only_pod(server), restored, ("ContainersReady", "True", ""))
    await until(lambda: gate(server) == "True", "the gate is open")


async def test_nothing_is_known_before_everything_was_read() -> None:
    cluster = KubernetesCluster(
        FakeServer(), Leads(), tuple, clock=HandClock(NOW), luck=lambda: 0.0
    )
    with pytest.raises(ClusterUnavailableError, match="/api/v1/nodes and /api/v1/pods"):
        await cluster.observe()


async def test_a_start_claims_its_node_and_creates_its_pod_once() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await cluster.act(a_start())
        await cluster.act(a_start())
        fleet = await cluster.observe()
    assert [replica.phase for replica in fleet.replicas] == [Phase.RESTORING]
    assert fleet.free_gpus() == {"n1": 0}
    assert (
        '"epoch":7' in server.all("nodes")["n1"]["metadata"]["annotations"]["headstart.dev/claim"]
    )
    assert [verb for verb, _ in server.calls].count("create") == 1


async def test_no_pod_is_parked_before_it_has_its_gpu() -> None:
    start = a_start()
    park = Park(
        name=start.name,
        workload=start.workload,
        node=start.node,
        decided_at=NOW,
        deadline_at=NOW + 60.0,
        reason="target 1 workers",
    )
    server = FakeServer()
    async with running(server) as cluster:
        with pytest.raises(ActionRefusedError, match="a pod is restored in one stage"):
            await cluster.act(park)
        assert (await cluster.observe()).parking is None
    assert server.all("pods") == {}


async def test_of_two_that_race_for_one_gpu_one_wins() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as one, running(server) as other:
        answers = await asyncio.gather(
            one.act(a_start("team/chat-1-0")),
            other.act(a_start("team/chat-2-0")),
            return_exceptions=True,
        )
    refused = [answer for answer in answers if answer is not None]
    assert len(refused) == 1
    assert isinstance(refused[0], ActionRefusedError)
    assert len(server.all("pods")) == 1


async def test_a_heartbeat_between_look_and_claim_refuses_nothing() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server, policies=(a_policy_value(),)) as cluster:
        await until(lambda: "headstart.dev/state" in labels(server), "the node is marked")
        server.heartbeats = 3
        await cluster.act(a_start())
    assert len(server.all("pods")) == 1


async def test_the_gate_opens_once_restored_and_ready_and_the_phases_are_written() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await cluster.act(a_start())
        say(server, only_pod(server), ("ContainersReady", "True", ""))
        await looked(server, cluster)
        assert gate(server) == ""
        say(server, only_pod(server), ("nvidia.com/Restored", "True", "RestoreSucceeded"))
        await until(lambda: gate(server) == "True", "the gate is open")
        [replica] = (await cluster.observe()).replicas
    assert replica.phase is Phase.READY
    assert replica.ready_at == NOW + 5.0


async def test_a_failed_restore_is_told_and_never_gets_through_the_gate() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await cluster.act(a_start())
        failed = ("nvidia.com/Restored", "False", "RestoreIncompatible")
        say(server, only_pod(server), failed, ("ContainersReady", "True", ""))
        await looked(server, cluster)
        [replica] = (await cluster.observe()).replicas
        assert (replica.phase, gate(server)) == (Phase.FAILED, "")
        assert "RestoreIncompatible" in replica.failure
        await cluster.act(Cancel(name=replica.name, reason="failed"))
        await until(lambda: labels(server)["headstart.dev/state"] == "standby", "node is free")
        assert (await cluster.observe()).free_gpus() == {"n1": 1}
    assert "headstart.dev/claim" not in server.all("nodes")["n1"]["metadata"]["annotations"]


async def test_a_release_shuts_the_gate_drains_evicts_and_gives_the_node_back() -> None:
    server, clock = FakeServer(), HandClock(NOW)
    server.put("nodes", a_node_object())
    async with running(server, clock=clock) as cluster:
        await serving(server, cluster)
        release = Release(name=ReplicaName("team/chat-1-0"), drain_seconds=30.0, reason="less")
        await cluster.act(release)
        assert gate(server) == "False"
        [replica] = (await cluster.observe()).replicas
        assert replica.phase is Phase.DRAINING
        await looked(server, cluster)
        assert ("evict", "team/" + only_pod(server)["metadata"]["name"]) not in server.calls
        clock.now += 31.0
        await until(lambda: not server.all("pods"), "evicted")
        await until(lambda: labels(server)["headstart.dev/state"] == "standby", "node is free")


async def test_an_eviction_that_a_budget_forbids_is_tried_again() -> None:
    server, clock = FakeServer(budget=True), HandClock(NOW)
    server.put("nodes", a_node_object())
    async with running(server, clock=clock) as cluster:
        await serving(server, cluster)
        await cluster.act(Release(name=ReplicaName("team/chat-1-0"), drain_seconds=0.0, reason=""))
        await until(lambda: any(verb == "evict" for verb, _ in server.calls), "tried")
        assert server.all("pods")
        server.budget = False
        clock.now += 5.0
        await until(lambda: not server.all("pods"), "evicted")


async def test_another_controller_goes_on_with_what_it_finds() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as first:
        await first.act(a_start())
    async with running(server) as second:
        [replica] = (await second.observe()).replicas
        assert replica.name == "team/chat-1-0"
        restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
        say(server, only_pod(server), restored, ("ContainersReady", "True", ""))
        await until(lambda: gate(server) == "True", "the gate is open")


async def test_who_does_not_lead_writes_nothing() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object(spec=PLAIN))
    async with running(server, leader=Leads(held=False)) as cluster:
        with pytest.raises(ActionRefusedError, match=r"not cordoned|not the leader"):
            await cluster.act(a_start())
        await looked(server, cluster)
    async with running(server, leader=Leads(held=False)) as cluster:
        server.put("nodes", a_node_object())
        await looked(server, cluster)
        with pytest.raises(ActionRefusedError, match="not the leader any more"):
            await cluster.act(a_start())
    assert server.calls == []


async def test_a_new_node_of_the_pool_is_cordoned_tainted_and_protected_only_in_act() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object(spec=PLAIN))
    async with running(server, policies=(a_policy_value(mode=Mode.RECOMMEND),)) as cluster:
        await looked(server, cluster)
    assert server.calls == []
    async with running(server):
        await until(lambda: labels(server).get("headstart.dev/state") == "standby", "marked")
    node = server.all("nodes")["n1"]
    assert node["spec"]["unschedulable"] is True
    assert node["spec"]["taints"] == [{"key": "headstart.dev/standby", "effect": "NoSchedule"}]
    notes = node["metadata"]["annotations"]
    assert notes["headstart.dev/cordoned-by"] == "headstart"
    assert notes["karpenter.sh/do-not-disrupt"] == "true"
    assert notes["cluster-autoscaler.kubernetes.io/scale-down-disabled"] == "true"


async def test_a_node_that_somebody_uncordoned_is_left_so_and_named_unfit() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object(spec=PLAIN))
    async with running(server) as cluster:
        await until(lambda: labels(server).get("headstart.dev/state") == "standby", "marked")
        node = server.all("nodes")["n1"]
        node["spec"]["unschedulable"] = False
        server.put("nodes", node)
        await until(lambda: labels(server).get("headstart.dev/state") == "unfit", "unfit")
        await looked(server, cluster)
    node = server.all("nodes")["n1"]
    assert node["spec"]["unschedulable"] is False
    assert "uncordoned" in node["metadata"]["annotations"]["headstart.dev/unfit-reason"]


async def test_a_start_is_refused_in_one_line_where_it_cannot_be() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    server.put("pods", a_foreign_pod())
    async with running(server) as cluster:
        for start, why in (
            (a_start(), "GPU taken by a foreign pod"),
            (a_start(node="n9"), "n9: is not in the pool"),
            (replace(a_start(), workload=WorkloadName("team/other")), "has no policy any more"),
        ):
            with pytest.raises(ActionRefusedError, match=why):
                await cluster.act(start)
        with pytest.raises(ActionRefusedError, match="is gone"):
            await cluster.act(Release(name=ReplicaName("x"), drain_seconds=1.0, reason=""))
        await cluster.act(Cancel(name=ReplicaName("x"), reason=""))
    assert not any(verb == "create" for verb, _ in server.calls)


async def test_a_pod_that_changed_since_it_was_seen_is_acted_upon_only_if_it_means_the_same() -> (
    None
):
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await cluster.act(a_start())
        server.is_deaf = True
        restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
        say(server, only_pod(server), ("PodScheduled", "True", ""))
        assert (await cluster.observe()).replicas[0].phase is Phase.RESTORING
        say(server, only_pod(server), restored, ("headstart.dev/serving", "True", ""))
        say(server, only_pod(server), ("ContainersReady", "True", ""))
        with pytest.raises(ActionRefusedError, match="has changed since it was seen"):
            await cluster.act(Cancel(name=a_start().name, reason="too slow"))
        assert (await cluster.observe()).replicas[0].phase is Phase.READY
        say(server, only_pod(server), ("Initialized", "True", ""))
        await cluster.act(Release(name=a_start().name, drain_seconds=9.0, reason="less"))
        assert gate(server) == "False"


async def test_who_begins_to_lead_sees_what_the_watch_has_not_told_yet() -> None:
    server, leader = FakeServer(), Leads(held=False)
    server.put("nodes", a_node_object())
    async with running(server, leader=leader) as cluster:
        server.is_deaf = True
        async with running(server) as before:
            await before.act(a_start())
        assert (await cluster.observe()).replicas == ()
        leader.held, leader.epoch = True, 8
        assert [one.name for one in (await cluster.observe()).replicas] == ["team/chat-1-0"]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
async def test_a_policy_that_may_not_act_any_more_has_its_pods_left_as_they_are(mode: Mode) -> None:
    server, clock = FakeServer(), HandClock(NOW)
    server.put("nodes", a_node_object())
    async with running(server, clock=clock) as cluster:
        await serving(server, cluster)
        await cluster.act(Release(name=a_start().name, drain_seconds=1.0, reason="less"))
    server.calls.clear()
    clock.now += 60.0
    async with running(server, clock=clock, policies=(a_policy_value(mode=mode),)) as cluster:
        await looked(server, cluster)
    assert server.calls == []


async def test_only_nodes_that_a_policy_in_act_selects_are_marked() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object(spec=PLAIN))
    elsewhere = Standby(node_selector=(("headstart.dev/pool", "b"),))
    async with running(server, policies=(a_policy_value(standby=elsewhere),)) as cluster:
        await looked(server, cluster)
    assert server.calls == []


async def test_a_node_that_vanishes_takes_its_replicas_out_of_the_count() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await serving(server, cluster)
        server.drop("nodes", "n1")
        await looked(server, cluster)
        fleet = await cluster.observe()
    assert (fleet.nodes, fleet.replicas) == ((), ())


async def test_a_gate_stays_shut_of_a_pod_that_somebody_began_to_drain_meanwhile() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await cluster.act(a_start())
        restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
        say(server, only_pod(server), restored, ("ContainersReady", "True", ""))
        drain_unseen(server, until=NOW + 900.0)
        await looked(server, cluster)
    assert gate(server) == ""


async def test_a_stray_keeps_the_time_to_drain_that_somebody_gave_it_meanwhile() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        await serving(server, cluster)
        await looked(server, cluster)
        drain_unseen(server, until=NOW + 900.0)
        server.drop("nodes", "n1")
        await looked(server, cluster)
    assert only_pod(server)["metadata"]["annotations"][DRAIN_UNTIL] == repr(NOW + 900.0)


def drain_unseen(server: FakeServer, *, until: float) -> None:
    """Let somebody begin a drain that no watch tells of yet."""
    pod = only_pod(server)
    pod["metadata"]["annotations"][DRAIN_UNTIL] = repr(until)
    server.is_deaf = True
    server.put("pods", pod)
    server.is_deaf = False


def labels(server: FakeServer) -> dict[str, str]:
    found: dict[str, str] = server.all("nodes")["n1"]["metadata"].get("labels", {})
    return found

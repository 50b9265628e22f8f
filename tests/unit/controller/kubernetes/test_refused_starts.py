"""A pod that the server refuses holds no GPU: its claim goes at once, and its workload waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.adapters.kubernetes.claims import claims_of
from controller.adapters.kubernetes.refused_starts import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    RefusedStarts,
)
from controller.cluster_view import Fleet
from controller.errors import ActionRefusedError, StartRefusedError
from controller.policy import Limits, PodTarget
from models.forecast import WorkloadName
from tests.unit.controller.kubernetes.cluster_objects import (
    CHAT,
    NOW,
    a_node_object,
    a_policy_value,
    a_start,
)
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.test_cluster import Leads, running
from tests.unit.controller.kubernetes.watched import HandClock

PODS = "/api/v1/namespaces/team/pods"
QUOTA = "exceeded quota: gpus, requested: 1, used: 8, limited: 8"


def count(server: FakeServer, verb: str) -> int:
    return [one for one, _ in server.calls].count(verb)


def barred(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    return {node.name: tuple(who for who, _ in node.unfit_for) for node in fleet.nodes}


async def test_a_refused_pod_gives_its_claim_back_at_once_and_says_the_server_s_reason() -> None:
    server = FakeServer(forbidden={PODS: QUOTA})
    server.put("nodes", a_node_object())
    async with running(server) as cluster:
        server.heartbeats = 3
        with pytest.raises(StartRefusedError, match=r"team/chat: its pod is refused: .*exceeded"):
            await cluster.act(a_start())
        fleet = await cluster.observe()
        told = cluster.refused_starts()[CHAT]
    assert claims_of(server.all("nodes")["n1"]) == ()
    assert (fleet.replicas, fleet.free_gpus()) == ((), {"n1": 1})
    assert (told.reason, QUOTA in told.message) == ("StartRefused", True)


async def test_the_claims_of_others_on_that_node_stay() -> None:
    server = FakeServer()
    server.put("nodes", a_node_object(gpus=2))
    other = a_policy_value(workload=WorkloadName("else/chat"))
    async with running(server, policies=(a_policy_value(), other)) as cluster:
        await cluster.act(replace(a_start("else/chat-1-0"), workload=other.workload))
        server.forbidden[PODS] = QUOTA
        with pytest.raises(StartRefusedError):
            await cluster.act(a_start())
    assert [one.workload for one in claims_of(server.all("nodes")["n1"])] == ["else/chat"]


async def test_a_refused_workload_gets_no_node_until_the_server_would_take_its_pod() -> None:
    server, clock = FakeServer(forbidden={PODS: QUOTA}), HandClock(NOW)
    server.put("nodes", a_node_object())
    async with running(server, clock=clock) as cluster:
        with pytest.raises(StartRefusedError):
            await cluster.act(a_start())
        with pytest.raises(ActionRefusedError, match="exceeded quota"):
            await cluster.act(a_start("team/chat-2-0"))
        for pause in (FIRST_PAUSE_SECONDS, 2.0 * FIRST_PAUSE_SECONDS):
            assert barred(await cluster.observe()) == {"n1": (CHAT,)}
            await cluster._starts.ask_again()
            tries = count(server, "try")
            clock.now += pause
            await cluster._starts.ask_again()
            assert count(server, "try") == tries + 1
        server.forbidden.clear()
        clock.now += LONGEST_PAUSE_SECONDS
        await cluster._starts.ask_again()
        assert (server.all("pods"), count(server, "create")) == ({}, 1)
        assert barred(await cluster.observe()) == {"n1": ()}
        await cluster.act(a_start("team/chat-3-0"))
        assert cluster.refused_starts() == {}


async def test_where_a_webhook_can_t_judge_without_a_pod_a_true_one_tells() -> None:
    server, clock = FakeServer(forbidden={PODS: QUOTA}), HandClock(NOW)
    server.put("nodes", a_node_object())
    async with running(server, clock=clock) as cluster:
        with pytest.raises(StartRefusedError):
            await cluster.act(a_start())
        server.forbidden[PODS] = 'admission webhook "x.y" does not support dry run'
        clock.now += FIRST_PAUSE_SECONDS
        await cluster._starts.ask_again()
        assert barred(await cluster.observe()) == {"n1": ()}


async def test_who_does_not_lead_does_not_ask() -> None:
    server, clock, leader = FakeServer(forbidden={PODS: QUOTA}), HandClock(NOW), Leads()
    server.put("nodes", a_node_object())
    async with running(server, clock=clock, leader=leader) as cluster:
        with pytest.raises(StartRefusedError):
            await cluster.act(a_start())
        leader.held = False
        clock.now += FIRST_PAUSE_SECONDS
        await cluster._starts.ask_again()
        assert (count(server, "try"), barred(await cluster.observe())) == (0, {"n1": (CHAT,)})


async def test_a_template_of_which_no_pod_can_be_made_is_its_own_workload_s_trouble() -> None:
    server, clock = FakeServer(), HandClock(NOW)
    server.put("nodes", a_node_object())
    spec = {"containers": [{"image": "none"}]}
    policy = a_policy_value(pods=PodTarget(template={"spec": spec}, snapshot="s"))
    async with running(server, clock=clock, policies=(policy,)) as cluster:
        with pytest.raises(StartRefusedError, match=r"podTemplate can't be made a pod \(KeyError"):
            await cluster.act(a_start())
        clock.now += FIRST_PAUSE_SECONDS
        await cluster._starts.ask_again()
        assert "can't be made a pod" in cluster.refused_starts()[CHAT].message
        assert (count(server, "create"), count(server, "try")) == (0, 0)


def test_refusals_in_a_row_are_tried_again_later_and_later_those_of_one_tick_count_once() -> None:
    policy, known, now, pauses = a_policy_value(), RefusedStarts(), NOW, []
    for _ in range(7):
        for start in (a_start(), a_start("team/chat-1-1")):
            known = known.after_refusal(policy, start, "no", now)
        pauses.append(known.by_workload[CHAT].until - now)
        now = known.by_workload[CHAT].until
    assert pauses == [5.0, 10.0, 20.0, 40.0, 80.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert known.after_start(CHAT) == RefusedStarts()
    assert known.after_start(WorkloadName("team/other")) is known


def test_a_policy_that_has_changed_is_tried_at_once() -> None:
    known = RefusedStarts().after_refusal(a_policy_value(), a_start(), "no", NOW)
    mended = a_policy_value(limits=Limits(max_replicas=3))
    assert known.why_not(a_policy_value()) == "no"
    assert known.why_not(mended) == ""
    assert known.obstacles([mended]) == {}
    assert known.to_ask([mended], NOW + LONGEST_PAUSE_SECONDS) == []


def test_a_pod_that_is_refused_although_it_would_be_taken_is_asked_for_later_next_time() -> None:
    policy = a_policy_value()
    known = RefusedStarts().after_refusal(policy, a_start(), "no", NOW).after_consent(policy)
    again = known.after_refusal(policy, a_start(), "no", NOW + 60.0)
    assert (known.why_not(policy), again.why_not(policy)) == ("", "no")
    assert known.obstacles([policy]) == {}
    assert again.obstacles([policy])[CHAT].message == "no"
    assert again.by_workload[CHAT].until == NOW + 60.0 + 2.0 * FIRST_PAUSE_SECONDS
    assert RefusedStarts().after_consent(policy) == RefusedStarts()

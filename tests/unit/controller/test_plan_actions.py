"""A plan as actions: of targets that scale themselves only the size is set, of KEDA's nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.actions import Resize
from controller.cluster_view import Fleet, Phase, Replica
from controller.plan import Plan
from controller.policy import Actuator, Mode
from controller.start_endings import ended_starts
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState, WorkloadState
from tests.builders import CHAT, a_fleet, a_replica
from tests.unit.controller.builders import NOW, a_policy, replicas_of
from tests.unit.controller.test_tick import demands

SETTINGS = TickSettings(fixed_lead_time_seconds=55.0, has_scale_targets=True)


def decided(fleet: Fleet, per_second: float, actuator: Actuator = Actuator.SCALE) -> TickResult:
    policy = replace(a_policy(), actuator=actuator)
    seen = replace(fleet, seen_at=NOW)
    outlooks = demands(chat=per_second)
    known = TickState(workloads={CHAT: WorkloadState(began_at=NOW - 600.0)})
    return tick(seen, outlooks, known, NOW, policies=(policy,), settings=SETTINGS)


def resize(result: TickResult) -> Resize:
    (action,) = result.actions
    assert isinstance(action, Resize)
    return action


def the_plan(result: TickResult) -> Plan:
    (planned,) = result.plans
    return planned


def test_a_target_is_given_the_plan_s_number_in_one_step_and_no_node_is_taken() -> None:
    result = decided(a_fleet(*replicas_of(Phase.READY, 1), nodes=9), 4.0)
    assert resize(result).replicas == the_plan(result).target == 4
    assert resize(result).decided_at == NOW
    assert resize(result).reason == f"{the_plan(result).reason}: target 4"
    assert (the_plan(result).starts, the_plan(result).waiting) == (3, 0)


def test_a_target_of_the_right_size_is_left_alone() -> None:
    assert decided(a_fleet(*replicas_of(Phase.READY, 4)), 4.0).actions == ()


def test_a_target_shrinks_to_the_plan_s_number_and_knows_who_is_to_go() -> None:
    result = decided(a_fleet(*replicas_of(Phase.READY, 3)), 2.0)
    assert resize(result).replicas == 2
    assert resize(result).retired == the_plan(result).releases
    assert len(resize(result).retired) == 1


@pytest.mark.parametrize(
    "over",
    [
        a_replica("chat-bad", phase=Phase.FAILED),
        a_replica("chat-bad", phase=Phase.RESTORING, deadline_at=NOW),
    ],
)
def test_what_failed_or_hangs_is_replaced_by_its_owner_and_not_added_to(over: Replica) -> None:
    result = decided(a_fleet(*replicas_of(Phase.READY, 1), over), 2.0)
    assert resize(result).replicas == 2
    assert resize(result).retried == (over.name,)


def test_of_what_keda_owns_nothing_is_asked_and_no_node_is_taken() -> None:
    result = decided(a_fleet(nodes=9), 4.0, Actuator.KEDA)
    assert result.actions == ()
    assert (the_plan(result).starts, the_plan(result).waiting) == (4, 0)


def test_a_replica_that_was_asked_for_and_never_created_is_no_lost_start() -> None:
    to_come = a_replica("chat/+1", node="", phase=Phase.RESTORING)
    assert ended_starts(a_fleet(to_come), a_fleet()) == ()


def test_a_hung_replica_that_its_owner_replaces_counts_as_hung() -> None:
    hung = a_replica("chat-bad", phase=Phase.RESTORING, deadline_at=NOW)
    before = a_fleet(hung, seen_at=NOW)
    (ended,) = ended_starts(before, a_fleet(), decided(before, 2.0).actions)
    assert ended.ending == "hung"


def test_a_policy_that_may_not_act_has_its_size_held_back_by_the_loop() -> None:
    policy = replace(a_policy(mode=Mode.RECOMMEND), actuator=Actuator.SCALE)
    result = tick(
        a_fleet(seen_at=NOW),
        demands(chat=2.0),
        TickState(),
        NOW,
        policies=(policy,),
        settings=SETTINGS,
    )
    assert the_plan(result).workload == CHAT
    assert the_plan(result).target == 2

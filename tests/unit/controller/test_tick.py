from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.actions import Cancel, Release, Start
from controller.cluster_view import Fleet, Phase, ReplicaName, StartKind
from controller.failure_streak import FailureStreak
from controller.forecast_trust import Awaited, ForecastTrust
from controller.objective import Calibration
from controller.outcomes import Outcomes
from controller.pair_memory import PairMemory
from controller.plan import Reason
from controller.policy import Cost, Limits, Mode, Objective, Restore, WorkloadPolicy
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState, WorkloadState
from models.forecast import WorkloadName
from models.lead_time import estimate, measurements
from models.lead_time_values import LeadTimeKey
from models.outlook import Outlook
from tests.builders import CHAT, a_fleet, a_node, a_replica
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

SEARCH = "search"


def demands(**per_second: float) -> dict[WorkloadName, Outlook]:
    """Return outlooks in which each workload's demand is and stays as said."""
    return {
        WorkloadName(name): an_outlook(
            workload=name, reading=a_reading(rate), forecast=a_forecast(rate, workload=name)
        )
        for name, rate in per_second.items()
    }


def a_tick(
    fleet: Fleet,
    outlooks: Mapping[WorkloadName, Outlook],
    *policies: WorkloadPolicy,
    state: TickState | None = None,
    settings: TickSettings | None = None,
) -> TickResult:
    return tick(
        replace(fleet, seen_at=NOW),
        outlooks,
        state or TickState(),
        NOW,
        policies=policies or (a_policy(),),
        settings=settings or TickSettings(fixed_lead_time_seconds=55.0),
    )


def starts(result: TickResult) -> list[tuple[str, str]]:
    """Return which workload starts a replica on which node."""
    return [(a.workload, a.node) for a in result.actions if isinstance(a, Start)]


def a_failed_replica(workload: str = CHAT, node: str = "node-00", *, attempt: int = 1) -> Fleet:
    """Return a fleet with a start on one of two nodes that has just failed."""
    failed = a_replica(
        f"{workload}-1", workload=workload, node=node, phase=Phase.FAILED, attempt=attempt
    )
    return a_fleet(replace(failed, decided_at=NOW - 30.0, failure="no image"), nodes=2)


def test_what_a_plan_asks_for_is_started_where_there_is_room() -> None:
    result = a_tick(a_fleet(nodes=3), demands(chat=2.0))
    assert starts(result) == [("chat", "node-00"), ("chat", "node-01")]
    assert [plan.starts for plan in result.plans] == [2]


def test_a_start_says_when_it_was_decided_and_why() -> None:
    (start,) = a_tick(a_fleet(), demands(chat=1.0)).actions
    assert isinstance(start, Start)
    assert (start.decided_at, start.attempt, start.kind) == (NOW, 1, StartKind.RESTORE)
    assert start.reason == "forecast: target 1"
    assert NOW < start.deadline_at <= NOW + 600.0


def test_every_start_has_a_name_of_its_own() -> None:
    policies = (a_policy(), a_policy(SEARCH))
    result = a_tick(a_fleet(nodes=9), demands(chat=3.0, search=3.0), *policies)
    names = {action.name for action in result.actions if isinstance(action, Start)}
    assert len(names) == 6


def test_no_start_is_waited_for_beyond_the_users_timeout() -> None:
    impatient = a_policy(restore=Restore(timeout_seconds=20.0))
    settings = TickSettings()
    result = a_tick(a_fleet(), demands(chat=1.0), impatient, settings=settings)
    (start,) = result.actions
    assert isinstance(start, Start)
    assert start.deadline_at == NOW + 20.0
    assert result.plans[0].lead_time_seconds == 20.0


def test_a_cold_start_is_waited_for_longer_than_restores_may_take() -> None:
    impatient = a_policy(restore=Restore(timeout_seconds=20.0))
    failing = FailureStreak(
        workload=CHAT, restores=6, restore_failed_at=NOW, failed_at=NOW, restore_hangs=9
    )
    state = TickState(memory=PairMemory(streaks=(failing,)))
    (start,) = a_tick(a_fleet(), demands(chat=1.0), impatient, state=state).actions
    assert isinstance(start, Start)
    assert (start.kind, start.deadline_at - NOW) == (StartKind.COLD, 1800.0)


def test_the_lead_time_is_learned_unless_it_is_fixed() -> None:
    quick = [
        replace(a_replica(f"chat-{number}", node="node-00"), decided_at=0.0, ready_at=12.0)
        for number in range(30)
    ]
    fleet = a_fleet(*quick, nodes=(a_node(gpus=40),))
    learned = a_tick(fleet, demands(chat=1.0), settings=TickSettings()).plans[0]
    fixed = a_tick(fleet, demands(chat=1.0)).plans[0]
    assert 11.0 < learned.lead_time_seconds < 20.0
    assert fixed.lead_time_seconds == 55.0


def test_each_workload_has_its_own_lead_time_demand_and_replicas() -> None:
    fleet = a_fleet(a_replica(), a_replica("search-1", workload=SEARCH, node="node-01"))
    result = a_tick(fleet, demands(chat=1.0, search=2.0), a_policy(), a_policy(SEARCH))
    assert [(p.workload, p.ready, p.target) for p in result.plans] == [
        ("chat", 1, 1),
        ("search", 1, 2),
    ]
    assert set(result.state.workloads) == {"chat", "search"}
    assert {m.key for m in measurements(result.state.lead_times)} == {
        LeadTimeKey(snapshot="chat"),
        LeadTimeKey(snapshot="search"),
    }


def test_replicas_of_a_workload_without_a_policy_are_left_alone_but_hold_their_gpus() -> None:
    strangers = [
        a_replica(f"other-{phase}", workload="other", node=f"node-0{number}", phase=phase)
        for number, phase in enumerate((Phase.FAILED, Phase.READY))
    ]
    result = a_tick(a_fleet(*strangers, nodes=3), demands(chat=3.0))
    assert starts(result) == [("chat", "node-02")]
    assert len(result.actions) == 1


def test_a_workload_nothing_is_known_of_keeps_what_it_has() -> None:
    result = a_tick(a_fleet(a_replica()), {})
    assert (result.actions, result.plans[0].target) == ((), 1)


def test_a_failed_start_is_retried_elsewhere_in_the_same_tick() -> None:
    result = a_tick(a_failed_replica(), demands(chat=1.0))
    cancel, start = result.actions
    assert isinstance(cancel, Cancel)
    assert isinstance(start, Start)
    assert (cancel.name, cancel.reason) == ("chat-1", "failed: no image")
    assert (start.node, start.attempt) == ("node-01", 2)
    assert result.events == ("chat: chat-1 on node-00 failed after 30 s: no image",)


def test_a_retry_is_made_once() -> None:
    state = a_tick(a_failed_replica(), demands(chat=1.0)).state
    assert state.memory.owed_attempts(CHAT) == ()


def a_hung_replica() -> Fleet:
    """Return a fleet with a start on one of two nodes whose deadline has just passed."""
    hung = a_replica("chat-1", node="node-00", phase=Phase.RESTORING, deadline_at=NOW - 1.0)
    return a_fleet(replace(hung, decided_at=NOW - 30.0), nodes=2)


def test_after_a_hang_a_start_is_given_more_time_and_after_a_failure_it_is_not() -> None:
    def deadline(fleet: Fleet) -> float:
        patient = a_policy(restore=Restore(size_gib=13.0, timeout_seconds=1e6))
        result = a_tick(fleet, demands(chat=1.0), patient)
        (start,) = [a for a in result.actions if isinstance(a, Start)]
        return start.deadline_at - NOW

    usual = deadline(a_fleet(nodes=2))
    assert deadline(a_hung_replica()) > 1.5 * usual
    assert deadline(a_failed_replica()) < 1.5 * usual


def test_a_gpu_that_is_given_up_may_be_taken_in_the_same_tick() -> None:
    only_node = replace(a_failed_replica(), nodes=(a_node(),))
    assert starts(a_tick(only_node, demands(chat=1.0))) == [("chat", "node-00")]


def test_what_goes_is_asked_to_go_before_anything_is_started() -> None:
    fleet = a_fleet(
        a_replica("search-1", workload=SEARCH),
        a_replica("chat-1", node="node-01", phase=Phase.FAILED),
        nodes=3,
    )
    known = TickState(workloads={WorkloadName(SEARCH): WorkloadState(began_at=NOW - 600.0)})
    policies = (a_policy(), a_policy(SEARCH))
    result = a_tick(fleet, demands(chat=1.0, search=0.0), *policies, state=known)
    assert [type(action) for action in result.actions] == [Cancel, Release, Start]
    assert result.actions[1] == Release(
        name=ReplicaName("search-1"), drain_seconds=30.0, reason="target 0"
    )


def test_who_comes_up_holds_what_it_finds() -> None:
    fleet = a_fleet(a_replica("chat-1"), a_replica("chat-2", node="node-01"))
    first = a_tick(fleet, demands(chat=0.0))
    assert (first.plans[0].target, first.plans[0].reason, first.actions) == (2, Reason.HOLD, ())
    later = tick(
        replace(fleet, seen_at=NOW + 61.0),
        demands(chat=0.0),
        first.state,
        NOW + 61.0,
        policies=(a_policy(hold_seconds=60.0),),
        settings=TickSettings(),
    )
    assert later.plans[0].target == 0


def test_a_forecast_that_is_far_off_is_not_planned_with() -> None:
    far_off = ForecastTrust(excess=1.0, seconds=600.0)
    state = TickState(workloads={CHAT: WorkloadState(began_at=NOW - 600.0, trust=far_off)})
    settings = TickSettings()
    outlooks = {CHAT: an_outlook(reading=a_reading(2.0), forecast=a_forecast(30.0))}
    lost = a_tick(a_fleet(nodes=40), outlooks, state=state, settings=settings).plans[0]
    assert (lost.floor, lost.target, lost.reason) == (0, 3, Reason.NO_FORECAST)
    trusting = a_tick(a_fleet(nodes=40), outlooks, settings=settings).plans[0]
    assert trusting.floor == 30


def test_a_forecast_that_is_far_off_does_not_say_who_gets_the_gpus() -> None:
    far_off = ForecastTrust(excess=1.0, seconds=600.0)
    state = TickState(workloads={CHAT: WorkloadState(began_at=NOW - 600.0, trust=far_off)})
    few = a_forecast(0.9, spread=0.01)
    outlooks = {
        # By its forecast the two GPUs there are would help nobody.
        CHAT: an_outlook(reading=a_reading(2.0), forecast=a_forecast(30.0)),
        WorkloadName(SEARCH): an_outlook(workload=SEARCH, reading=a_reading(0.9), forecast=few),
    }
    policies = (a_policy(), a_policy(SEARCH))
    result = a_tick(a_fleet(nodes=2), outlooks, *policies, state=state, settings=TickSettings())
    assert [plan.target for plan in result.plans] == [2, 0]


def test_the_loop_says_once_that_a_forecast_is_not_used() -> None:
    nearly = ForecastTrust(
        awaited=(Awaited(due_at=NOW, said=30.0, plain=2.0, seconds=10.0),),
        excess=-1.0,
        seconds=600.0,
    )
    state = TickState(workloads={CHAT: WorkloadState(began_at=NOW - 600.0, trust=nearly)})
    first = a_tick(a_fleet(), demands(chat=2.0), state=state, settings=TickSettings())
    assert first.events == ("chat: the forecast is not used, it is far off",)
    again = a_tick(a_fleet(), demands(chat=2.0), state=first.state, settings=TickSettings())
    assert again.events == ()


def test_who_is_below_the_smallest_number_of_replicas_comes_first() -> None:
    greedy = a_policy(SEARCH, limits=Limits(priority=9))
    needy = a_policy(limits=Limits(min_replicas=1))
    result = a_tick(a_fleet(nodes=2), demands(chat=0.0, search=9.0), greedy, needy)
    assert sorted(starts(result)) == [("chat", "node-00"), ("search", "node-01")]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
def test_who_may_not_act_plans_but_takes_no_gpu_from_who_may(mode: Mode) -> None:
    watched = a_policy(SEARCH, mode=mode, limits=Limits(priority=9, min_replicas=2))
    result = a_tick(a_fleet(nodes=2), demands(chat=2.0, search=9.0), watched, a_policy())
    assert result.plans[0].starts == 9
    assert starts(result) == [("chat", "node-00"), ("chat", "node-01")]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
def test_what_may_not_be_cancelled_keeps_its_gpu(mode: Mode) -> None:
    watched = a_policy(SEARCH, mode=mode)
    fleet = a_failed_replica(SEARCH, "node-00")
    result = a_tick(fleet, demands(chat=2.0, search=1.0), watched, a_policy())
    assert starts(result) == [("chat", "node-01")]


def test_a_backlog_shows_in_the_plan() -> None:
    waiting = Outcomes(
        until=NOW - 5.0,
        queue=300.0,
        ready_log=((0.0, 1),),
        seen_seconds=60.0,
        smooth_per_second=1.0,
    )
    state = TickState(workloads={CHAT: WorkloadState(outcomes=waiting)})
    calm = a_tick(a_fleet(a_replica()), demands(chat=1.0)).plans[0]
    busy = a_tick(a_fleet(a_replica()), demands(chat=1.0), state=state).plans[0]
    assert (calm.target, busy.target, busy.reason) == (1, 11, "backlog")


def test_what_was_seen_of_demand_so_far_bounds_and_backs_the_plan() -> None:
    def target(level: float, outcomes: Outcomes) -> int:
        known = WorkloadState(calibration=Calibration(level=level), outcomes=outcomes)
        state = TickState(workloads={CHAT: known})
        return a_tick(a_fleet(), demands(chat=10.0), state=state).plans[0].target

    assert target(0.0, Outcomes()) == 10
    assert target(0.0, Outcomes(smooth_per_second=30.0)) == 29
    assert target(16.0, Outcomes(peak_per_second=20.0)) == 22


def test_a_tick_is_a_function_of_its_arguments() -> None:
    fleet, outlooks, state = a_failed_replica(), demands(chat=3.0), TickState()
    first = a_tick(fleet, outlooks, state=state)
    second = a_tick(fleet, outlooks, state=state)
    assert (first.plans, first.actions, first.events) == (
        second.plans,
        second.actions,
        second.events,
    )
    assert (state.workloads, state.memory.failures) == ({}, ())
    key = LeadTimeKey(snapshot="chat")
    assert estimate(state.lead_times, key).measurements == 0


def floor_at_price(missed_request: float) -> int:
    """Return the floor where a GPU-hour costs 3.6 and a replica serves one request a second."""
    cost = Cost(gpu_hour=3.6, missed_request=missed_request)
    policy = a_policy(objective=Objective(cost=cost))
    spread = an_outlook(forecast=a_forecast(10.0, spread=0.5), reading=a_reading(10.0))
    return a_tick(a_fleet(nodes=30), {policy.workload: spread}, policy).plans[0].floor


def test_money_decides_how_sure_to_be() -> None:
    # A GPU-second costs 0.001: worth it down to a chance of 50 %, 20 % and 1 % of being needed.
    assert [floor_at_price(price) for price in (0.002, 0.005, 0.1)] == [10, 15, 30]


def ticks_without_replicas(
    policy: WorkloadPolicy, per_second: float, *, count: int
) -> tuple[list[int], TickState]:
    """Return the targets of ticks in which demand stays and nothing ever serves, and the state."""
    state, targets = TickState(), []
    for number in range(count):
        now = NOW + 5.0 * number
        outlook = an_outlook(
            reading=a_reading(per_second, at=now),
            forecast=a_forecast(per_second, issued_at=now),
        )
        result = tick(
            replace(a_fleet(nodes=40), seen_at=now),
            {policy.workload: outlook},
            state,
            now,
            policies=(policy,),
            settings=TickSettings(fixed_lead_time_seconds=55.0),
        )
        state = result.state
        targets.append(result.plans[0].target)
    return targets, state


def test_plans_that_nobody_carries_out_are_judged_as_if_they_were() -> None:
    policy = a_policy(mode=Mode.OBSERVE)
    targets, state = ticks_without_replicas(policy, 15.0, count=20)
    assert targets == [15] * 20
    assert state.workloads[policy.workload].outcomes.late == 0


def test_starts_that_find_no_room_are_said_to_wait() -> None:
    planned = a_tick(a_fleet(nodes=2), demands(chat=5.0)).plans[0]
    assert (planned.target, planned.starts, planned.waiting) == (5, 2, 3)


def test_a_step_limit_leads_a_plan_that_nobody_carries_out_up_all_the_same() -> None:
    policy = a_policy(mode=Mode.OBSERVE, limits=Limits(max_step=2))
    targets, _ = ticks_without_replicas(policy, 10.0, count=8)
    assert targets[:5] == [2, 4, 6, 8, 10]


def test_after_two_dozen_failures_in_a_row_one_start_at_a_time_is_tried() -> None:
    hopeless = FailureStreak(
        workload=CHAT, starts=24, is_repeated=True, failed_at=NOW, fails_since=NOW
    )
    memory = PairMemory(streaks=(hopeless,))
    trying = a_replica("try", phase=Phase.RESTORING, deadline_at=NOW + 60.0)
    for fleet, started, waiting in ((a_fleet(nodes=9), 1, 4), (a_fleet(trying, nodes=9), 0, 4)):
        result = a_tick(fleet, demands(chat=5.0), state=TickState(memory=memory))
        assert (len(starts(result)), result.plans[0].waiting) == (started, waiting)


def test_after_two_dozen_restores_that_fail_at_once_all_are_started_cold() -> None:
    failed = [a_replica(f"chat-{n}", node=f"node-{n:02d}", phase=Phase.FAILED) for n in range(24)]
    fleet = a_fleet(*(replace(one, decided_at=NOW - 60.0) for one in failed), nodes=24)
    kinds = [
        one.kind for one in a_tick(fleet, demands(chat=24.0)).actions if isinstance(one, Start)
    ]
    assert kinds == [StartKind.COLD] * 24


def test_a_gpu_budget_holds_while_starts_that_failed_are_slow_to_go() -> None:
    policy = a_policy(limits=Limits(min_replicas=1, max_replicas=1, gpu_budget=1))
    going = replace(a_fleet(nodes=6), ending_gpus=((CHAT, 1),))
    others = replace(going, ending_gpus=((WorkloadName(SEARCH), 1),))
    for fleet, count in ((a_failed_replica(), 0), (going, 0), (others, 1), (a_fleet(nodes=6), 1)):
        assert len(starts(a_tick(fleet, {}, policy))) == count


def test_a_loop_that_comes_up_takes_what_it_finds_for_nobodys_fault() -> None:
    """Nothing serves yet that it started: there is no backlog to clear, and nothing to learn."""
    policy = a_policy()
    targets, state = ticks_without_replicas(policy, 10.0, count=11)
    assert targets == [10] * 11
    assert state.workloads[policy.workload].outcomes.late == 0

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from controller.boosts import Boost
from controller.cluster_view import Phase, Replica
from controller.feedback import begun, key_of
from controller.jumps import Jumps
from controller.observation import START_QUARTERS
from controller.observing import observed
from controller.outcomes import Outcomes
from controller.policy import Mode, Restore, WorkloadPolicy
from controller.tick_state import TickSettings, TickState
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn
from tests.builders import CHAT, a_replica
from tests.unit.controller.builders import NOW, a_forecast, a_reading, an_outlook


def a_policy(*, timeout_seconds: float = 600.0) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=CHAT,
        demand_per_replica=1.0,
        restore=Restore(timeout_seconds=timeout_seconds),
    )


def start_seconds(
    *replicas: Replica,
    policy: WorkloadPolicy | None = None,
    fixed_lead_time_seconds: float | None = None,
) -> tuple[float, ...]:
    """Return what starts take, after forty that took 40 to 90 s, evenly spread in logarithms."""
    policy = policy or a_policy()
    lead_times = LeadTimes()
    for number in range(40):
        seconds = 40.0 * (90.0 / 40.0) ** ((number * 7 % 40) / 39)
        measured = LeadTimeMeasurement(
            key=key_of(policy), at=NOW - 4000.0 + 100.0 * number, seconds=seconds, ready=True
        )
        lead_times = learn(lead_times, measured)
    state = TickState(lead_times=lead_times, workloads={CHAT: begun(policy)})
    settings = TickSettings(tick_seconds=5.0, fixed_lead_time_seconds=fixed_lead_time_seconds)
    seen, _ = observed(replicas, None, state, NOW, policy, settings)
    return seen.start_seconds


def test_a_share_of_starts_takes_what_the_middle_of_that_share_was_measured_to() -> None:
    starts = start_seconds()
    assert len(starts) == START_QUARTERS
    assert starts == tuple(sorted(starts))
    for share, seconds in enumerate(starts):
        measured = 40.0 * (90.0 / 40.0) ** ((share + 0.5) / START_QUARTERS)
        assert seconds == pytest.approx(measured, rel=0.1)


def test_no_share_of_starts_takes_longer_than_the_timeout() -> None:
    starts = start_seconds(policy=a_policy(timeout_seconds=60.0))
    assert starts[0] < 50.0
    assert starts[-1] == 60.0


def test_while_starts_overrun_all_shares_are_slower_alike() -> None:
    overrunning = [
        a_replica(
            f"chat-{number}",
            phase=Phase.RESTORING,
            started_at=NOW - 400.0,
            deadline_at=NOW + 600.0,
        )
        for number in range(3)
    ]
    usual, slow = start_seconds(), start_seconds(*overrunning)
    ratios = [after / before for before, after in zip(usual, slow, strict=True)]
    assert ratios == pytest.approx([ratios[0]] * START_QUARTERS)
    assert ratios[0] > 2.0


def test_where_nothing_is_learned_no_shares_are_told() -> None:
    assert start_seconds(fixed_lead_time_seconds=math.pi) == ()


def test_all_that_is_known_is_told() -> None:
    """Field by field: nothing is left as it would be if nobody had said anything."""
    policy = replace(a_policy(), mode=Mode.OBSERVE)
    ready = [a_replica(name) for name in "ab"]
    coming = a_replica("c", phase=Phase.RESTORING, started_at=NOW - 5.0, deadline_at=NOW + 600.0)
    outlook = an_outlook(reading=a_reading(30.0, at=NOW - 5.0), forecast=a_forecast())
    before = Outcomes(
        until=NOW - 20.0,
        seen_seconds=900.0,
        smooth_per_second=9.0,
        peak_per_second=40.0,
        jumps=Jumps(share=0.3),
    )
    state = begun(policy)._replace(outcomes=before, began_at=NOW - 900.0, target=5)
    known = TickState(workloads={CHAT: state})
    settings = TickSettings(boosts={CHAT: Boost(replicas=4.0)})
    seen, outcomes = observed([*ready, coming], outlook, known, NOW, policy, settings)
    told = seen._asdict()
    lead, shares = told.pop("lead_time_seconds"), told.pop("start_seconds")
    assert 0.0 < shares[0] < lead < told.pop("overdue_seconds")
    assert told.pop("backlog") > 30.0
    assert told == {
        "workload": CHAT,
        "now": NOW,
        "ready": tuple(ready),
        "others": (coming,),
        "outlook": outlook,
        "assumed": 2,
        "boost_per_second": 4.0,
        "smooth_per_second": outcomes.smooth_per_second,
        "peak_per_second": outcomes.peak_per_second,
        "jumps": outcomes.jumps,
        "silent_seconds": 5.0,
        "seen_seconds": outcomes.seen_seconds,
        "ending_gpus": 0,
    }
    assert outcomes.smooth_per_second > before.smooth_per_second
    assert outcomes.jumps.share == 0.3
    assert outcomes.seen_seconds > before.seen_seconds
    assert outcomes.ready_log[-1] == (NOW, 4)
